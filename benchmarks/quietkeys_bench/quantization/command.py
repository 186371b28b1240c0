"""`quietkeys bench quantization` and what it prints: tables for every block and grouping of its events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

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
from quietkeys_bench.quantization.bench import Settings, run

CODE_BOOK_PEOPLE: Final = 4  # next in turn after those measured, one of each kind
_MEASURED: Final = ("float", "errors", "nats", "L2", "slope")
_REFUSED: Final = "*"


def quantization(
    people: People,
    json: JsonAndCells,
    limit: Limit = 0,
    words: Words = 0,
    misspellings: MisspellingLists = None,
    half: HalfOfLists = Half.ALL,
) -> None:
    """Measure what planes, steps and event types keep of training in floating point: on people, in clear."""
    with measuring() as tell:
        everybody = find_people(people)
        chosen = spread(everybody, limit)
        others = [person for person in spread(everybody, limit + CODE_BOOK_PEOPLE) if person not in chosen]
        known = read_misspellings(misspellings or (), half)
        settings = Settings(chosen, others if limit else [], words, known, half)
        run(settings, json, shipped_subject(), tell)
    show(Console(), read_figures(json, "quantization"))


def show(console: Console, figures: Figures) -> None:
    """Print the rows of every block, and the shipped blocks together."""
    rows = figures["rows"]
    for title in dict.fromkeys(map(_title, rows)):
        own = [row for row in rows if _title(row) == title]
        for made in (_by_steps(title, own), _by_reach(title, own)):
            if made.row_count:
                console.print(made)
    together = figures["together"]
    removed = together["errors_removed"]
    say(
        console,
        "float: of the errors that local memory leaves, removed by floating point; errors, nats: of what it"
        " gains, kept by integers; L2, slope: with modelled noise against without; bold: shipped;"
        f" {_REFUSED}: refused by the check of a plan",
        f"Together: float removes {removed['float']:.1%}, integers {removed['reference']:.1%}, with noise"
        f" {removed['noisy']:.1%}; kept of the nats {_share(together['log_likelihood_kept']['reference'])};"
        f" best candidate unchanged by noise {together['same_best']:.2%}",
        f"{len(figures['people'])} people, clear mode, seeds {figures['seeds']}, {machine_of(figures)}",
    )


def _title(row: dict[str, Any]) -> str:
    return f"{row['block']}: {row['events']} events, {row['grouping']}"


def _by_steps(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    made = table(title, (), ("planes", "gains of the steps", "look-ups", *_MEASURED))
    for row in rows:
        if row["table"] == "steps":
            gains = " ".join(map(str, row["gains"]))
            made.add_row(str(row["planes"]), gains, _look_ups(row), *_measured(row), style=_style(row))
    return made


def _by_reach(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    made = table(f"{title}, by the reach of z", (), ("reach", "look-ups", *_MEASURED))
    for row in rows:
        if row["table"] == "reach":
            made.add_row(f"{row['z_reach']:g}", _look_ups(row), *_measured(row), style=_style(row))
    return made


def _look_ups(row: dict[str, Any]) -> str:
    return f"{row['look_ups']}{_REFUSED if row['refused'] else ' '}"


def _measured(row: dict[str, Any]) -> tuple[str, ...]:
    gain, agreement = row["gain"], row["agreement"]
    if gain is None:
        return ("",) * len(_MEASURED)
    return (
        f"{gain['errors_removed']['float']:.1%}",
        _share(gain["errors_kept"]["reference"]),
        _share(gain["log_likelihood_kept"]["reference"]),
        f"{agreement['relative_l2']:.3f}",
        f"{agreement['slope']:.2f}",
    )


def _style(row: dict[str, Any]) -> str:
    return "bold" if row["shipped"] else ""


def _share(kept: float | None) -> str:
    return "" if kept is None else f"{kept:.0%}"
