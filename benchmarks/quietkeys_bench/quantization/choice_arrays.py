"""Choices as arrays: the same candidates scored again and again, thousands of choices at a time.

A plan is chosen by trying hundreds of updates on the same typing; the model's graph would take days.
Private, as choices are; held in memory only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Bool, Float64, Int64
from quietkeys.prediction.events import NEGLIGIBLE_MASS, Choice

LIKELIEST: Final = 1e-12  # floor of a probability before its logarithm


@dataclass(frozen=True, slots=True)
class Pairs:
    """Kept words and their rivals, as rows of a table, with contested masses; all [P]."""

    kept: Int64
    rival: Int64
    mass: Float64


@dataclass(frozen=True, slots=True)
class Table:
    """N choices with R candidates in all, one after another.

    features: [R, F]. edits: [R, E] how often each channel event occurs. buckets, literals: [R] lexicon and
    literal event, -1 for none. base: [R] scores at a zero adapter, nats. begins: [N] first row of each
    choice. sizes: [N] rows. kept: [N] row of the kept candidate.
    """

    features: Float64
    edits: Float64
    buckets: Int64
    literals: Int64
    base: Float64
    begins: Int64
    sizes: Int64
    kept: Int64

    def first_best(self, score: Float64) -> Int64:
        """Return the row [N] of the best candidate of each choice under scores [R]."""
        best = score >= self._spread(np.maximum.reduceat(score, self.begins))
        rows: Int64 = np.minimum.reduceat(np.where(best, np.arange(len(score)), len(score)), self.begins)
        return rows

    def log_likelihood(self, score: Float64) -> float:
        """Return the mean log-probability of the kept candidates under scores [R], nats."""
        return float(np.log(np.maximum(self._probability(score)[self.kept], LIKELIEST)).mean())

    def pairs(self) -> Pairs:
        """Return what `quietkeys.prediction.events.count` counts, choice by choice."""
        mass = self._probability(self.base)
        mass[self.kept] = 0.0
        rival = np.flatnonzero(mass > NEGLIGIBLE_MASS)
        return Pairs(np.repeat(self.kept, self.sizes)[rival], rival, mass[rival])

    def _probability(self, score: Float64) -> Float64:
        weight = np.exp(score - self._spread(np.maximum.reduceat(score, self.begins)))
        probability: Float64 = weight / self._spread(np.add.reduceat(weight, self.begins))
        return probability

    def _spread(self, per_choice: Float64) -> Float64:
        return np.repeat(per_choice, self.sizes)


def table_of(choices: Sequence[Choice], base_weights: Float64, edit_events: int) -> Table:
    """Return choices as a table. Raises ValueError if there is none."""
    if not choices:
        raise ValueError("nothing was typed that autocorrect could judge")
    sizes = np.array([len(choice.buckets) for choice in choices])
    begins = np.cumsum(sizes) - sizes
    features = np.concatenate([choice.features for choice in choices])
    edits = np.zeros((len(features), edit_events + 1))
    for choice, begin in zip(choices, begins, strict=True):
        rows = begin + np.arange(len(choice.buckets))
        np.add.at(edits, (rows[:, None], choice.edit_events), 1.0)  # the last column takes the -1s
    return Table(
        features=features,
        edits=edits[:, :-1],
        buckets=np.concatenate([choice.buckets for choice in choices]),
        literals=np.concatenate([choice.occurring["literal"][:, 0] for choice in choices]),
        base=features @ base_weights,
        begins=begins,
        sizes=sizes,
        kept=begins + np.array([choice.kept for choice in choices]),
    )


@dataclass(frozen=True, slots=True)
class TestedWords:
    """Words kept back. word: [N] which word a choice belongs to. hopeless: [W] no adapter sets it right."""

    table: Table
    word: Int64
    hopeless: Bool

    def errors(self, score: Float64) -> int:
        """Return how many words come out wrong under scores [R] of the candidates."""
        wrong = self.hopeless.copy()
        wrong[self.word[self.table.first_best(score) != self.table.kept]] = True
        return int(wrong.sum())
