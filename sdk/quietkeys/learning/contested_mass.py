"""Counts events of one kept word: contested mass for and against every event of every block.

For candidates k with probability p_k (base model and local memory, adapter at zero) and the kept candidate
c, every competitor contributes its contested mass p_k to the events in which c and k differ:

    C_m += p_k max(n_m(c) - n_m(k), 0)        E_m += p_k max(n_m(k) - n_m(c), 0)

so that C - E is the gradient of log P(c) in each event's score, and (C + E) / 2 its expected curvature
(Böhning 1992 bounds the multinomial Hessian; these are the pairs with c of it). Words that were never in
doubt add nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.prediction.event_map import EventMap, Floats, Indices

BLOCKS: Final = ("channel", "lexicon", "ranker")
NEGLIGIBLE_MASS: Final = 2e-3  # competitors less probable than this are not counted


@dataclass(frozen=True, slots=True, repr=False)
class Choice:
    """One kept word among its candidates, as numbers only: what is counted and what the gate keeps.

    features: [K, F]. edit_events: [K, P] channel events of the edits and then of the touches, -1 for none.
    buckets: [K] lexicon events, -1 for none. kept: index of the candidate that the user kept. literal: index
    of what was typed.
    """

    features: Floats
    edit_events: Indices
    buckets: Indices
    kept: int
    literal: int


@dataclass(frozen=True, slots=True, repr=False)
class Masses:
    """Contested mass for (C) and against (E) the events of one block, both [M]."""

    evidence_for: Floats
    evidence_against: Floats

    def plus(self, other: Masses) -> Masses:
        """Return the sum."""
        return Masses(self.evidence_for + other.evidence_for, self.evidence_against + other.evidence_against)

    def scaled(self, factor: float) -> Masses:
        """Return both arrays times a factor."""
        return Masses(self.evidence_for * factor, self.evidence_against * factor)


def log_sum_exp(scores: Floats) -> float:
    """Return the logarithm of the sum of exp of scores [K] in nats."""
    top = float(scores.max())
    return top + math.log(float(np.exp(scores - top).sum()))


def softmax(scores: Floats) -> Floats:
    """Return probabilities [K] of scores [K] in nats."""
    weights = np.exp(scores - scores.max())
    probabilities: Floats = weights / weights.sum()
    return probabilities


def no_masses(events: EventMap) -> dict[str, Masses]:
    """Return zero counts of every block."""
    return {block: Masses(np.zeros(size), np.zeros(size)) for block, size in events.sizes.items()}


def count(events: EventMap, choice: Choice) -> Mapping[str, Masses]:
    """Return the contested masses of one choice, by block."""
    probability = softmax(choice.features @ events.base_weights)
    probability[choice.kept] = 0.0
    rivals = np.flatnonzero(probability > NEGLIGIBLE_MASS)
    mass = probability[rivals]
    sizes = events.sizes
    edits = _incidence(choice.edit_events, sizes["channel"])  # [K, Mc]
    difference = edits[choice.kept] - edits[rivals]  # [N, Mc]
    channel = Masses(mass @ np.maximum(difference, 0.0), mass @ np.maximum(-difference, 0.0))
    kept_bucket, rival_buckets = int(choice.buckets[choice.kept]), choice.buckets[rivals]
    differs = rival_buckets != kept_bucket
    lexicon = Masses(
        _sums(np.full(int(differs.sum()), kept_bucket), mass[differs], sizes["lexicon"]),
        _sums(rival_buckets[differs], mass[differs], sizes["lexicon"]),
    )
    codes, sign = events.nearest_code(choice.features[choice.kept] - choice.features[rivals])
    ranker = Masses(
        _sums(codes[sign > 0], mass[sign > 0], sizes["ranker"]),
        _sums(codes[sign < 0], mass[sign < 0], sizes["ranker"]),
    )
    return {"channel": channel, "lexicon": lexicon, "ranker": ranker}


def _incidence(event_table: Indices, size: int) -> Floats:
    # [K, P] event ids -> [K, size] how often each event occurs in each candidate.
    table = np.zeros((len(event_table), size + 1))
    np.add.at(table, (np.arange(len(event_table))[:, None], event_table), 1.0)
    return table[:, :size]  # the last column took the -1s


def _sums(indices: Indices, weights: NDArray[np.float64], size: int) -> Floats:
    sums: Floats = np.bincount(indices[indices >= 0], weights[indices >= 0], size)[:size].astype(np.float64)
    return sums
