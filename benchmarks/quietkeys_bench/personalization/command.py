"""`quietkeys bench personalization` and what it prints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys_bench.common.command import (
    JsonAndCells,
    Limit,
    People,
    Words,
    machine_of,
    measuring,
    say,
    table,
    whole_numbers,
)
from quietkeys_bench.common.figures import Figures, read_figures
from quietkeys_bench.common.subject import Mode, shipped_subject
from quietkeys_bench.common.texts import find_people, spread
from quietkeys_bench.common.training import Train, encrypted_training
from quietkeys_bench.personalization.bench import Settings, run

_OUTCOMES: Final = {  # heading by figure
    "local_removes": "local",
    "update_removes": "update",
    "update_removes_gated": "gated",
    "applied": "applied",
    "helped": "helped",
    "harmed": "harmed",
    "worse": "worse",
}


def personalization(
    people: People,
    json: JsonAndCells,
    rates: Annotated[str, typer.Option(help="Shares of letters wrong, such as 0.04,0.08,0.12")] = "0.08",
    mode: Annotated[
        Mode,
        typer.Option(help="clear: no encryption; simulate: with its noise, modelled; execute: real keys"),
    ] = Mode.CLEAR,
    limit: Limit = 0,
    seeds: Annotated[str, typer.Option(help="Of the simulated hands")] = "0,1,2",
    words: Words = 0,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes; not in execute mode")] = 1,
) -> None:
    """Measure what every rung of the ladder is worth to people: real text, simulated hands."""
    with measuring() as tell:
        chosen = spread(find_people(people), limit)
        settings = Settings(chosen, _rates(rates), whole_numbers(seeds), mode, words)
        with _training(mode) as train:
            run(settings, json, shipped_subject, tell, jobs, train)
    show(Console(), read_figures(json, "personalization"))


@contextmanager
def _training(mode: Mode) -> Iterator[Train | None]:
    """Yield what trains reports in a mode: in execute mode a trainer that is started for it."""
    if mode is not Mode.EXECUTE:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as folder,
        encrypted_training(shipped_bundle(), Path(folder)) as train,
    ):
        yield train


def _rates(listed: str) -> list[float]:
    rates = [float(part) for part in listed.split(",")]
    if len(set(rates)) != len(rates) or not all(0.0 < rate <= 0.3 for rate in rates):
        raise ValueError("rates are distinct shares of letters, above 0 and at most 0.3")
    return rates


def show(console: Console, figures: Figures) -> None:
    """Print the ladder, and what people get at every rate."""
    ladder = table(
        f"{len(figures['people'])} people, {figures['mode']} mode, seeds {figures['seeds']}",
        ("rung",),
        ("letters wrong", "words right", "errors against base"),
    )
    for row in figures["ladder"]:
        shares = (f"{row['rate']:.0%}", f"{row['word_accuracy']:.2%}", f"{row['errors_vs_base']:+.1%}")
        ladder.add_row(row["rung"], *shares)
    outcomes = table("What people get", (), ("letters wrong", *_OUTCOMES.values()))
    for row in figures["by_rate"]:
        outcomes.add_row(f"{row['rate']:.0%}", *(f"{row[name]:.1%}" for name in _OUTCOMES))
    console.print(ladder)
    console.print(outcomes)
    say(
        console,
        "local: of the errors of base, removed by local learning; update: of those left, removed by the"
        " update; gated: with the gate. Shares of updates applied, of people helped, harmed, worse.",
        machine_of(figures),
    )
