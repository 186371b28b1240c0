"""What kept words count for: contested masses, and how candidates score, under any adapter.

For candidates k with probability p_k under the adapter in use, local memory mixed in, and the kept candidate
c, every competitor contributes its contested mass p_k to the events in which c and k differ:

    C_m += p_k max(n_m(c) - n_m(k), 0)        E_m += p_k max(n_m(k) - n_m(c), 0)

so that C - E is the gradient of log P(c) in each event's score at this adapter, and (C + E) / 2 its expected
curvature (Böhning 1992 bounds the multinomial Hessian; these are the pairs with c of it). Words that were
never in doubt add nothing. Counted anew under the adapter that an update led to, the same words say what is
left to learn: that is what makes a second round more than the first once again.

Only the device computes any of this: choices and counts are private, but for those that the bundle ships.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Bool, Float64, Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.events import NEGLIGIBLE_MASS, Choice, EventMap
from quietkeys_protocol.plan import Plan

HOPE: Final = 0.5  # q: 0 would be log P, 1 the share of words that are expected to come out as they were kept
_AT_ONCE: Final = 20_000  # candidates whose events are spread out at once: tens of megabytes


@dataclass(frozen=True, slots=True, repr=False)
class Masses:
    """Contested mass for (C) and against (E) the events of one block, both [M]."""

    evidence_for: Float64
    evidence_against: Float64

    def plus(self, other: Masses) -> Masses:
        """Return the sum."""
        return Masses(self.evidence_for + other.evidence_for, self.evidence_against + other.evidence_against)

    def scaled(self, factor: float) -> Masses:
        """Return both arrays times a factor."""
        return Masses(self.evidence_for * factor, self.evidence_against * factor)


@dataclass(frozen=True, slots=True, repr=False)
class Choices:
    """N kept words with their R candidates in all, as rows of arrays.

    features: [R, F]. tables: by block but the ranker the events of each row, [R, P], -1 for none. ends: [N]
    the row after the last of each word. kept: [N] the row that was kept.
    """

    features: Float64
    tables: Mapping[str, Int64]
    ends: Int64
    kept: Int64

    @classmethod
    def of(cls, events: EventMap, choices: Sequence[Choice]) -> Choices:
        """Return these choices in order."""
        ends = np.cumsum([len(choice.features) for choice in choices], dtype=np.int64)
        kept: Int64 = np.array([choice.kept for choice in choices], dtype=np.int64)
        found = [choice.occurring for choice in choices]
        return cls(
            np.concatenate([np.zeros((0, len(events.base_weights))), *(one.features for one in choices)]),
            {block: _stacked([tables[block] for tables in found]) for block in events.occurring},
            ends,
            _begins(ends) + kept,
        )

    def __len__(self) -> int:
        """Return the number of kept words."""
        return len(self.ends)

    @property
    def begins(self) -> Int64:
        """The first row of each word, [N]."""
        return _begins(self.ends)

    def taken(self, first: int, last: int) -> Choices:
        """Return the words from the one with index `first` up to, and without, `last`."""
        start = int(self.begins[first]) if first < len(self) else len(self.features)
        end = int(self.ends[last - 1]) if last > first else start
        return Choices(
            self.features[start:end],
            {block: table[start:end] for block, table in self.tables.items()},
            self.ends[first:last] - start,
            self.kept[first:last] - start,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Lean:
    """What an adapter makes of scores. z: by block but the ranker [M], nats. trust: [F] feature weights.

    For the ranker the trust says it all; its events only tell how to train it.
    """

    z: Mapping[str, Float64]
    trust: Float64

    @classmethod
    def of(cls, events: EventMap, plan: Plan, adapter: Adapter) -> Lean:
        """Return that of an adapter."""
        weights = {name: value.astype(np.float64) for name, value in adapter.weights.items()}
        matrices = {block.name: block.A for block in plan.blocks}
        return cls(
            {name: matrices[name] @ weights[name] for name in events.occurring},
            events.base_weights + events.ranker_map @ weights["ranker"],
        )

    @classmethod
    def none(cls, events: EventMap) -> Lean:
        """Return that of no adapter."""
        return cls({name: np.zeros(events.sizes[name]) for name in events.occurring}, events.base_weights)


def scores(choices: Choices, lean: Lean) -> Float64:
    """Return the score of every candidate [R], nats: what the ONNX graph computes."""
    score = choices.features @ lean.trust
    for block, table in choices.tables.items():
        score = score + np.append(lean.z[block], 0.0)[table].sum(1)  # the last is for no event
    return score


def log_likelihoods(choices: Choices, score: Float64) -> Float64:
    """Return log P(kept) of every word [N] under scores [R]."""
    result: Float64 = np.log(_probabilities(choices, score)[choices.kept] + 1e-12)
    return result


def hopes(choices: Choices, score: Float64) -> Float64:
    """Return P(kept)^HOPE of every word [N] under scores [R]: what it weighs in an update.

    What is gained is thus (P^q - 1) / q and not log P: generalized cross-entropy (Zhang and Sabuncu 2018),
    which noise in what was kept misleads less. Log P spends itself on words that no adapter can bring to the
    front, and on mistakes that their writer did not notice.
    """
    result: Float64 = np.exp(HOPE * log_likelihoods(choices, score))
    return result


def come_first(choices: Choices, score: Float64) -> Bool:
    """Return whether the kept word comes out first, [N], under scores [R]."""
    if not len(choices):
        return np.zeros(0, dtype=np.bool_)
    first: Bool = score[choices.kept] >= np.maximum.reduceat(score, choices.begins)
    return first


def count(
    events: EventMap, choices: Choices, lean: Lean, weights: Float64 | None = None, *, hopeful: bool = False
) -> dict[str, Masses]:
    """Return the contested masses of choices under an adapter, by block.

    weights: [N] what each word counts for, 1 without them. hopeful: times its `hopes` under the adapter.
    """
    total = no_masses(events)
    cut = 0
    while cut < len(choices):
        start = int(choices.begins[cut])
        last = max(int(np.searchsorted(choices.ends, start + _AT_ONCE, side="right")), cut + 1)
        part = None if weights is None else weights[cut:last]
        counted = _counted(events, choices.taken(cut, last), lean, part, hopeful)
        total = {block: both.plus(counted[block]) for block, both in total.items()}
        cut = last
    return total


def no_masses(events: EventMap) -> dict[str, Masses]:
    """Return zero counts of every block."""
    return {block: Masses(np.zeros(size), np.zeros(size)) for block, size in events.sizes.items()}


def _counted(
    events: EventMap, choices: Choices, lean: Lean, weights: Float64 | None, hopeful: bool
) -> dict[str, Masses]:
    score = scores(choices, lean)
    if hopeful:
        weights = hopes(choices, score) if weights is None else weights * hopes(choices, score)
    probability = _probabilities(choices, score)
    probability[choices.kept] = 0.0
    rivals = np.flatnonzero(probability > NEGLIGIBLE_MASS)  # rows, [Q]
    word = np.searchsorted(choices.ends, rivals, side="right")
    kept = choices.kept[word]
    mass = probability[rivals] if weights is None else probability[rivals] * weights[word]
    counted = {
        block: _differences(table[kept], table[rivals], mass, events.sizes[block])
        for block, table in choices.tables.items()
    }
    codes, sign = events.nearest_code(choices.features[kept] - choices.features[rivals])
    size = events.sizes["ranker"]
    counted["ranker"] = Masses(
        np.bincount(codes[sign > 0], mass[sign > 0], size).astype(np.float64),
        np.bincount(codes[sign < 0], mass[sign < 0], size).astype(np.float64),
    )
    return counted


def _differences(kept: Int64, rivals: Int64, mass: Float64, size: int) -> Masses:
    # Of events [Q, P] that the kept candidate and each rival have; size: M.
    more = _incidence(kept, size) - _incidence(rivals, size)  # [Q, M]
    return Masses(mass @ np.maximum(more, 0.0), mass @ np.maximum(-more, 0.0))


def _incidence(table: Int64, size: int) -> Float64:
    # [Q, P] event ids -> [Q, M] how often each event occurs in each candidate.
    occurs = np.zeros((len(table), size + 1))
    np.add.at(occurs, (np.arange(len(table))[:, None], table), 1.0)
    return occurs[:, :size]  # the last column took the -1s


def _probabilities(choices: Choices, score: Float64) -> Float64:
    # P of every candidate among those of its word [R].
    if not len(choices):
        return np.zeros(0)
    begins, sizes = choices.begins, np.diff(choices.ends, prepend=0)
    weight = np.exp(score - np.repeat(np.maximum.reduceat(score, begins), sizes))
    probability: Float64 = weight / np.repeat(np.add.reduceat(weight, begins), sizes)
    return probability


def _begins(ends: Int64) -> Int64:
    begins: Int64 = np.concatenate([np.zeros(1, np.int64), ends])[: len(ends)]
    return begins


def _stacked(tables: Sequence[Int64]) -> Int64:
    # Tables [K, P] of different widths below each other, filled with -1.
    width = max((table.shape[1] for table in tables), default=0)
    filled = [np.pad(table, ((0, 0), (0, width - table.shape[1])), constant_values=-1) for table in tables]
    return np.concatenate([np.zeros((0, width), np.int64), *filled])
