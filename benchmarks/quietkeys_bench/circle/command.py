"""`quietkeys bench circle` and what it prints."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.circle.bench import Settings, run
from quietkeys_bench.common.circles import circle_training
from quietkeys_bench.common.command import (
    Frozen,
    HalfOfLists,
    Json,
    Limit,
    MisspellingLists,
    People,
    Words,
    machine_of,
    measuring,
    say,
    table,
)
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.misspellings import Half, read_misspellings
from quietkeys_bench.common.subject import Mode, shipped_subject
from quietkeys_bench.common.texts import find_people, spread


def circle(
    people: People,
    json: Json,
    mode: Annotated[
        Mode, typer.Option(help="clear: no encryption; execute: real keys, two devices")
    ] = Mode.EXECUTE,
    limit: Limit = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands")] = 0,
    words: Words = 2500,
    misspellings: MisspellingLists = None,
    half: HalfOfLists = Half.ALL,
    frozen: Frozen = False,
) -> None:
    """Type one person's text on two devices: each alone, both joined under shared keys, all of it on one."""
    with measuring() as tell:
        known = read_misspellings(misspellings or (), half)
        settings = Settings(spread(find_people(people), limit), seed, words, mode, known, half, frozen)
        if mode is Mode.SIMULATE:
            raise ValueError("a circle is measured in clear or in execute mode")
        with circle_training(mode) as training:
            run(settings, json, shipped_subject(), training, tell)
    show(Console(), read_figures(json, "circle"))


def show(console: Console, figures: Figures) -> None:
    """Print a row for every rung."""
    people = len(figures["people"])
    shown = table(
        f"{people} people on two devices each, {figures['mode']} mode, seeds {figures['seeds']}",
        ("update",),
        ("words right", "(P^q - 1) / q"),
    )
    for row in figures["totals"]:
        shown.add_row(row["rung"], f"{row['right'] / row['words']:.2%}", f"{row['gain']:.4f}")
    console.print(shown)
    say(console, machine_of(figures))
