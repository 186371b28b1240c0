"""`quietkeys bench alternatives` and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys_bench.alternatives.bench import Settings, run
from quietkeys_bench.alternatives.libraries import Libraries, made_environment
from quietkeys_bench.alternatives.pages import write_pages
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
)
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.misspellings import Half, read_misspellings
from quietkeys_bench.common.subject import shipped_subject
from quietkeys_bench.common.texts import find_people, spread

_KILO: Final = 1000.0


def alternatives(
    people: People,
    json: JsonAndCells,
    limit: Limit = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands")] = 0,
    words: Words = 3000,
    misspellings: MisspellingLists = None,
    half: HalfOfLists = Half.ALL,
    execute: Annotated[
        int, typer.Option(min=0, help="So many people train under real keys; modelled noise for the others")
    ] = 2,
    dense: Annotated[int, typer.Option(min=0, help="So many people train by Concrete ML")] = 2,
    pages: Annotated[Path | None, typer.Option(help="A folder for a page with tables and two plots")] = None,
) -> None:
    """Compare ways to learn in private, on the same people: errors, bytes, seconds, what is recovered."""
    with measuring() as tell:
        chosen = spread(find_people(people), limit)
        known = read_misspellings(misspellings or (), half)
        settings = Settings(chosen, seed, words, known, half, execute, dense)
        libraries = Libraries(made_environment())
        run(settings, json, shipped_subject(), shipped_bundle(), libraries, tell)
        figures = read_figures(json, "alternatives")
        if pages is not None:
            write_pages(figures, pages)
    show(Console(), figures)


def show(console: Console, figures: Figures) -> None:
    """Print what every way gains, what it costs, and what the party that sees most recovers."""
    people = len(figures["people"])
    gains = table(
        f"{people} people, {figures['rate']:.0%} of letters wrong, one round, seeds {figures['seeds']}",
        ("way",),
        ("removed", "gated", "slips", "misspelt", "altered", "own", "worse"),
    )
    costs = table(
        "What one person pays in a round, and what is recovered",
        ("way",),
        ("up KB", "down KB", "device s", "server s", "trips", "words", "habits"),
    )
    for row in figures["ways"]:
        shares = (row[name] for name in ("slips_fixed", "misspellings_fixed", "good_altered", "own_kept"))
        gains.add_row(
            row["way"],
            _percent(row["removed_of_local"]),
            _percent(row["removed_of_local_gated"]),
            *(_percent(share) for share in shares),
            _percent(row["worse"]),
        )
        costs.add_row(row["way"], *_paid(row["costs"]), *found(row))
    console.print(gains)
    console.print(costs)
    say(
        console,
        "removed: of the errors that local memory leaves, as it is and through the device's gate.",
        "words, habits: of a person's own ten habits and own words, what the party that sees most recovers.",
        machine_of(figures),
    )


def found(row: Figures) -> tuple[str, str]:
    """Return what an attack recovered: the share of the own words, how many of ten habits."""
    attack = row["attack"]
    share = attack["own_words_recovered"] / attack["own_words"] if attack["own_words"] else 0.0
    return f"{share:.0%}", f"{10.0 * attack['habits_recovered'] / attack['habits']:.1f}"


def _paid(costs: Figures) -> list[str]:
    kilobytes = [f"{costs[name] / _KILO:.1f}" for name in ("upload_bytes", "download_bytes")]
    seconds = [
        "-" if costs[name] is None else f"{costs[name]:.2f}" for name in ("device_seconds", "server_seconds")
    ]
    return [*kilobytes, *seconds, f"{costs['round_trips']:.0f}"]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
