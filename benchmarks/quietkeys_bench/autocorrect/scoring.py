"""Scores a speller on rows of mistakes: the mistake is typed, and the good word in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from quietkeys_bench.autocorrect.spellers.interface import STRIP, Answer, Speller
from quietkeys_bench.common.mistakes import Row, Sample, folded

Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row. harmed, case_altered: of the good word, typed as is. seconds: of both calls."""

    top1: bool
    top3: bool
    harmed: bool
    case_altered: bool
    seconds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Score:
    """A speller on the rows of one corpus: scored rows, and rows of any kind."""

    scored: tuple[Outcome, ...]
    every: tuple[Outcome, ...]


def try_rows(
    speller: Speller,
    rows: Sequence[Row],
    chosen: Sample,
    tell: Callable[[], None],
    clock: Clock = time.perf_counter,
) -> Score:
    """Return what a speller makes of the chosen rows, each tried once. tell: called after every row."""
    outcomes: dict[int, Outcome] = {}
    for place in chosen.tried():
        outcomes[place] = try_row(speller, rows[place], clock)
        tell()
    return Score(
        tuple(outcomes[place] for place in chosen.scored), tuple(outcomes[place] for place in chosen.every)
    )


def try_row(speller: Speller, row: Row, clock: Clock = time.perf_counter) -> Outcome:
    """Return what a speller makes of a row."""
    typo, typo_seconds = _timed(speller, row, row.typo, clock)
    good, good_seconds = _timed(speller, row, row.correct, clock)
    meant = folded(row.correct)
    top1 = folded(typo.text) == meant
    return Outcome(
        top1=top1,
        top3=top1 or meant in map(folded, typo.strip[:STRIP]),
        harmed=folded(good.text) != meant,
        case_altered=folded(good.text) == meant and good.text != row.correct,
        seconds=(typo_seconds, good_seconds),
    )


def figures(engine: str, corpus: str, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return one row of the figures; shares are from 0 to 1, and 0 where there is nothing to share."""
    times = [1000.0 * second for outcome in outcomes for second in outcome.seconds] or [0.0]
    return {
        "engine": engine,
        "corpus": corpus,
        "n": len(outcomes),
        "top1": share([outcome.top1 for outcome in outcomes]),
        "top3": share([outcome.top3 for outcome in outcomes]),
        "harm": share([outcome.harmed for outcome in outcomes]),
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": float(np.percentile(times, 95)),
    }


def share(flags: Sequence[bool]) -> float:
    """Return the share that is true, 0 of nothing."""
    return sum(flags) / len(flags) if flags else 0.0


def _timed(speller: Speller, row: Row, word: str, clock: Clock) -> tuple[Answer, float]:
    speller.approach(row.before, word)
    begin = clock()
    answer = speller.correct(row.before, word, row.after)
    return answer, clock() - begin
