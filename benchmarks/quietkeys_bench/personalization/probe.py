"""The probe: lists of real mistakes under the base model, a person's memory, and the person's updates.

What people themselves misspell is too little to see whether an update unlearns to put misspellings right.
So the same rows are tried on every rung, each alone: nothing is learnt from them. A row is put right where
autocorrect puts the correction in place (top-1), and offered where it is among the three likeliest words.

Rows count where both sides are letters and apostrophes and differ, as in `bench autocorrect`; capitals say
nothing here. The base model gives everybody the same, so it is tried once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.events import softmax
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import MAX_WORD, Context, context_of, is_correctable
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.misspellings import Half
from quietkeys_bench.common.mistakes import Row, folded, read_rows
from quietkeys_bench.common.rows import by_corpus
from quietkeys_bench.common.subject import Subject

ROWS: Final = 200  # of each list, at random
TOP: Final = 3


@dataclass(frozen=True, slots=True, repr=False)
class Mistake:
    """What was typed after a context, and what was meant."""

    context: Context
    typo: str
    correct: str


@dataclass(frozen=True, slots=True, repr=False)
class Probe:
    """Lists of mistakes by name. identity: a hash of them, "" of none."""

    lists: tuple[tuple[str, tuple[Mistake, ...]], ...] = ()
    identity: str = ""


NO_PROBE: Final = Probe()


@dataclass(slots=True)
class Count:
    """Of rows tried, those put right and those offered."""

    rows: int = 0
    top1: int = 0
    top3: int = 0


def read_probe(files: Sequence[Path], half: Half, most: int) -> Probe:
    """Return at most so many rows (0: all) of each file, of one half of the correct words; equal every time.

    Raises OSError; ValueError for two files of one name or another form.
    """
    if not files:
        return NO_PROBE
    lists = tuple((name, _chosen(rows, half, most)) for name, rows in by_corpus(files, read_rows).items())
    said = "\n".join(f"{name} {one.context} {one.typo} {one.correct}" for name, own in lists for one in own)
    return Probe(lists, sha256(said.encode()).hexdigest())


def try_probe(
    probe: Probe, subject: Subject, predictor: Predictor, adapters: Mapping[str, Adapter]
) -> list[Figures]:
    """Return what each rung makes of each list, as in `person.json`."""
    nothing = predictor.scorer.no_adapter()
    found: list[Figures] = []
    for name, mistakes in probe.lists:
        counts = {"base": _by_base(subject, mistakes)}
        counts |= _tried(predictor, mistakes, {"local": nothing, **adapters})
        for rung, one in counts.items():
            found.append({"list": name, "rung": rung, "rows": one.rows, "top1": one.top1, "top3": one.top3})
    return found


@lru_cache(maxsize=16)
def _by_base(subject: Subject, mistakes: tuple[Mistake, ...]) -> Count:
    predictor = Predictor(subject.model)
    return _tried(predictor, mistakes, {"base": predictor.scorer.no_adapter()})["base"]


def _tried(
    predictor: Predictor, mistakes: Sequence[Mistake], adapters: Mapping[str, Adapter]
) -> dict[str, Count]:
    counts = {rung: Count() for rung in adapters}
    nothing = predictor.scorer.no_adapter()
    for mistake in mistakes:
        judged = predictor.judge(mistake.context, mistake.typo, nothing)
        for rung, adapter in adapters.items():
            counts[rung].rows += 1
            if judged is not None:
                first, others = _answer(predictor, judged, adapter)
                counts[rung].top1 += first == mistake.correct
                counts[rung].top3 += mistake.correct in (first, *others)
    return counts


def _answer(predictor: Predictor, judged: Judged, adapter: Adapter) -> tuple[str, list[str]]:
    # (what is put in place, the likeliest words)
    slate = judged.slate
    score = predictor.scorer.score(slate.inputs(), adapter).score
    best = np.argsort(-score, kind="stable")[:TOP]
    return slate.words[judged.decided(softmax(score))], [slate.words[k] for k in best]


def _chosen(rows: Sequence[Row], half: Half, most: int) -> tuple[Mistake, ...]:
    found = [
        Mistake(context_of(row.before), folded(row.typo), folded(row.correct))
        for row in rows
        if row.is_scored and half.has(row.correct)
    ]
    plain = [one for one in found if is_correctable(one.typo) and len(one.typo) <= MAX_WORD]
    order = np.random.default_rng(0).permutation(len(plain))[: most or None]
    return tuple(plain[place] for place in sorted(order))
