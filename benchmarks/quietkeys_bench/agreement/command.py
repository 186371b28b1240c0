"""`quietkeys bench agreement` and what it prints."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from quietkeys_bench.agreement.bench import Settings, run
from quietkeys_bench.common.circles import circle_training
from quietkeys_bench.common.command import (
    HalfOfLists,
    JsonAndCells,
    Limit,
    MisspellingLists,
    People,
    Words,
    machine_of,
    measuring,
    say,
    table,
    whole_numbers,
)
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.misspellings import Half, read_misspellings
from quietkeys_bench.common.subject import Mode, shipped_subject
from quietkeys_bench.common.texts import find_people, spread


def agreement(
    people: People,
    json: JsonAndCells,
    mode: Annotated[
        Mode, typer.Option(help="simulate: the noise, modelled; execute: real keys")
    ] = Mode.EXECUTE,
    limit: Limit = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands")] = 0,
    words: Words = 3000,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="Of updates, one after the other")] = 3,
    devices: Annotated[str, typer.Option(help="How many share a person's text, such as 1,2,4")] = "1,2,4",
    runs: Annotated[int, typer.Option(min=1, help="Of every report")] = 1,
    misspellings: MisspellingLists = None,
    half: HalfOfLists = Half.ALL,
) -> None:
    """Measure how close encrypted training comes to the integer program, alone and in circles."""
    with measuring() as tell:
        settings = Settings(
            spread(find_people(people), limit),
            seed,
            words,
            mode,
            rounds,
            _devices(devices),
            runs,
            read_misspellings(misspellings or (), half),
            half,
        )
        if mode is Mode.CLEAR:
            raise ValueError("in the clear there is nothing to compare: simulate or execute")
        with circle_training(mode, max(settings.devices)) as training:
            run(settings, json, shipped_subject(), training, tell)
    show(Console(), read_figures(json, "agreement"))


def _devices(listed: str) -> list[int]:
    devices = whole_numbers(listed)
    most = shipped_subject().model.plan.sources
    if not all(0 < number <= most for number in devices):
        raise ValueError(f"a plan adds up 1 to {most} devices")
    return devices


def show(console: Console, figures: Figures) -> None:
    """Print a row for every number of devices / round: of the step, then of the adapter."""
    totals = figures["totals"]
    names = [block["block"] for block in totals[0]["blocks"]]
    for what, title in (("step", "Of the step that came back"), ("adapter", "Of the adapter then in use")):
        shown = table(f"{title}: relative L2 of z, mean and worst", ("",), (*names, "same best", "worst"))
        for row in totals:
            cells = [_pair(block[what]) for block in row["blocks"]]
            same = (f"{row['same_best']:.2%}", f"{row['same_best_least']:.2%}")
            shown.add_row(f"{row['devices']} / {row['round']}", *cells, *same)
        console.print(shown)
    spilt, made = (sum(row[name] for row in totals) for name in ("spilt", "runs"))
    say(
        console,
        "Rows: devices that share keys / round. Same best: of the contested words, under the adapter.",
        f"{len(figures['people'])} people, {figures['mode']} mode, seeds {figures['seeds']}; {made} runs, of"
        f" which {spilt} left a field in the clear.",
        machine_of(figures),
    )


def _pair(figures: Figures) -> str:
    return " ".join(f"{figure:.3f}".removeprefix("0") for figure in figures.values() if figure is not None)
