"""`quietkeys bench personalization` and what it prints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.evaluation.rounds import Train
from quietkeys_bench.common.command import (
    Frozen,
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
from quietkeys_bench.common.training import encrypted_training
from quietkeys_bench.personalization.bench import Settings, run
from quietkeys_bench.personalization.probe import ROWS, read_probe
from quietkeys_bench.personalization.study import POINTS, Study
from quietkeys_bench.personalization.study_tables import EXPLAINED, study_tables

_SHARES: Final = {  # heading by figure
    "slips_fixed": "slips",
    "misspellings_fixed": "misspelt",
    "good_altered": "altered",
    "own_kept": "own",
}
_POINTS: Final = ",".join(map(str, POINTS))
_NOT_OF_KINDS: Final = ("none", "raw", "float")
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
    misspellings: MisspellingLists = None,
    half: HalfOfLists = Half.ALL,
    frozen: Frozen = False,
    rounds: Annotated[int, typer.Option(min=1, max=9, help="Of updates, one after the other")] = 1,
    probe: Annotated[
        list[Path] | None,
        typer.Option("--probe", help="Files with the columns typo, correct, context, tried on every rung"),
    ] = None,
    probe_rows: Annotated[int, typer.Option(min=0, help="At most so many rows of each; 0: all")] = ROWS,
    yardsticks: Annotated[bool, typer.Option(help="The rungs raw and float; faster without")] = True,
    study: Annotated[
        list[Study] | None, typer.Option(help="What else to look at, at one rate; repeatable")
    ] = None,
    points: Annotated[str, typer.Option(help="Words learnt, of the study curve")] = _POINTS,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes; not in execute mode")] = 1,
) -> None:
    """Measure what every rung of the ladder is worth to people: real text, simulated hands."""
    with measuring() as tell:
        chosen = spread(find_people(people), limit)
        known = read_misspellings(misspellings or (), half)
        settings = Settings(
            people=chosen,
            rates=_rates(rates),
            seeds=whole_numbers(seeds),
            mode=mode,
            words_limit=words,
            misspellings=known,
            half=half,
            frozen=frozen,
            rounds=rounds,
            yardsticks=yardsticks,
            probe=read_probe(probe or (), half, probe_rows),
            studies=[one for one in Study if one in (study or ())],
            points=_points(points),
        )
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


def _points(listed: str) -> tuple[int, ...]:
    points = sorted(whole_numbers(listed))
    if not points[0]:
        raise ValueError("points are distinct numbers of words, from 1")
    return tuple(points)


def _by_kind(rows: Sequence[Figures], rate: float) -> Iterator[Table]:
    # Errors and who is worse off; then what came out.
    own = [row for row in rows if row["rate"] == rate and row["rung"] not in _NOT_OF_KINDS]
    if not own:
        return
    errors = table(
        f"Against base, {rate:.0%} of letters wrong", ("people", "rung"), ("errors", "worse", "clearly worse")
    )
    words = table(f"What came out, {rate:.0%} of letters wrong", ("people", "rung"), tuple(_SHARES.values()))
    for row in own:
        who = (f"{row['people']} {row['kind']}", row["rung"])
        if row["rung"] != "base":
            worse = (f"{row[name]:.1%}" for name in ("worse", "clearly_worse"))
            errors.add_row(*who, f"{row['errors_vs_base']:+.1%}", *worse)
        words.add_row(*who, *(_share(row[name]) for name in _SHARES))
    yield errors
    yield words


def _probe(rows: Sequence[Figures], rate: float) -> Table:
    shown = table(f"Lists of mistakes, {rate:.0%} of letters wrong", ("list", "rung"), ("top-1", "top-3"))
    for row in rows:
        shown.add_row(row["list"], row["rung"], f"{row['top1']:.1%}", f"{row['top3']:.1%}")
    return shown


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def show(console: Console, figures: Figures) -> None:
    """Print the ladder, and what people get at every rate."""
    ladder = table(
        f"{len(figures['people'])} people, {figures['mode']} mode, seeds {figures['seeds']}",
        ("rung",),
        ("wrong", "right", "errors", *_SHARES.values()),
    )
    for row in figures["ladder"]:
        shares = (f"{row['rate']:.0%}", f"{row['word_accuracy']:.2%}", f"{row['errors_vs_base']:+.1%}")
        ladder.add_row(row["rung"], *shares, *(_share(row[name]) for name in _SHARES))
    outcomes = table("What people get", (), ("wrong", "round", *_OUTCOMES.values()))
    for row in figures["by_round"]:
        got = [f"{row[name]:.1%}" for name in _OUTCOMES]
        outcomes.add_row(f"{row['rate']:.0%}", str(row["round"]), *got)
    console.print(ladder)
    for rate in figures["rates"]:
        for made in _by_kind(figures["kinds"], rate):
            console.print(made)
    console.print(outcomes)
    for rate in figures["rates"] if figures["probe"] else ():
        console.print(_probe([row for row in figures["probe"] if row["rate"] == rate], rate))
    studied = figures.get("studies", [])
    for made in study_tables(studied, figures["rate"]):
        console.print(made)
    say(
        console,
        "wrong: letters, before correction; right: words; errors: against base. Of words with a slip, and of"
        " misspelled ones: fixed; of words typed as meant: altered; of words outside the lexicon: kept."
        " Against base, worse: people with more errors; clearly: beyond chance (90 %, paired bootstrap).",
        "local: of the errors of base, removed by local learning; update: of those left, removed by the"
        " updates of so many rounds; gated: up to the first that the gate refuses. Shares of updates applied;"
        " of people helped, harmed, worse off than with local learning.",
        *(
            f"Round {row['round']}, {row['rate']:.0%} of letters wrong: {row['silent']:.0%} of the reports"
            f" had to leave a block empty; {row['spilled']:.0%} of the trainings left their field, of"
            f" which the farthest used {row['field']:.0%}."
            for row in figures["by_round"]
        ),
        *(EXPLAINED if studied else ()),
        machine_of(figures),
    )
