"""What local memory says of the next word, mixed with what the base model says, by what has held so far.

The base model's probability is first multiplied by how much oftener the user types a word than was to be
expected. Then five *parts* are mixed in, one after the other:

    word           the user's counts of words
    conversation   the words of the running conversation (cache, Kuhn and De Mori 1990)
    pair           counts after the word before, absolutely discounted (Ney, Essen and Kneser 1994)
    state          the last words where the network was in a like state (Grave, Joulin and Usunier 2017)
    triple         counts after the two words before, discounted likewise

What a part weighs is learnt apart for every *bucket*, which says how much the part knows at a place (Jelinek
and Mercer 1980), by online expectation-maximisation. A guard keeps the sum of all losses against the base
model alone under ln 20 nats. docs/MODEL.md has the formulas.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Float32, Float64, Int64

PARTS: Final = ("word", "conversation", "pair", "state", "triple")  # in the order in which they are mixed in
WORD, CONVERSATION, PAIR, STATE, TRIPLE = range(len(PARTS))
LEVELS: Final = 12  # of a part's buckets: doublings of its total, or tenths of the best likeness
SPREADS: Final = 3  # one word follows; words come twice or oftener on average; else
BUCKETS: Final = len(PARTS) * LEVELS * SPREADS
PRIOR_WORDS: Final = 20.0  # that the shipped weight of a bucket stands for
DISCOUNT: Final = 0.5  # of every count of a pair or triple
HEARD: Final = 500  # words that conversation and state look back at
CONVERSATION_HALF: Final = 60.0  # words until one of the conversation weighs half
LIKENESS: Final = 20.0  # of two states: exp(LIKENESS (cosine - 1))
EXPONENT: Final = 0.6  # of how much oftener a word is typed than the base model expects
SMOOTHING: Final = 0.3  # words, added to what was counted and to what was expected
RAMP: Final = 100.0  # words learnt at which memory has half of its say
AHEAD_AT_FIRST: Final = math.log(19.0)  # nats; odds that memory is better than the base model alone
AHEAD_AT_MOST: Final = 12.0  # nats, either way, so that a change is noticed soon
RAREST: Final = -30.0  # nats; no word counts as less probable under the base model
_ROWS: Final = 64  # slots of directions that are made at once


def _none(_: str) -> int:
    return -1


@dataclass(frozen=True, slots=True, repr=False)
class BaseModel:
    """What mixing has to know of the base model, from the bundle.

    identity: id in `expected` of a word that may be reweighted, -1 for others. expected: [V] how probable the
    base model makes each word on average, on public text. prior: [BUCKETS] weights of the parts at first.
    """

    identity: Callable[[str], int] = _none
    expected: Float32 = field(default_factory=lambda: np.zeros(0, np.float32))
    prior: Sequence[float] = (0.1,) * BUCKETS


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """How a word that was typed was foretold: what `Mixture.learn` needs. Private.

    base: its probability under the base model. reweighted: the same with the user's own frequencies. parts:
    (bucket, probability) of every part that said anything. ramp: memory's say by the words learnt, 0 to 1.
    """

    base: float
    reweighted: float
    parts: tuple[tuple[int, float], ...]
    ramp: float


@dataclass(slots=True, repr=False)
class Mixture:
    """What the parts of memory weigh, and how far memory is ahead of the base model.

    prior: [BUCKETS] weights before anything was typed. said, missed: how many words a bucket's part foretold
    and how many what it was mixed with did, as expected under the weights then. ahead: log-odds that memory
    is to be trusted.
    """

    prior: Sequence[float]
    said: list[float] = field(default_factory=lambda: [0.0] * BUCKETS)
    missed: list[float] = field(default_factory=lambda: [0.0] * BUCKETS)
    ahead: float = AHEAD_AT_FIRST

    def weight(self, bucket: int) -> float:
        """Return what a part weighs in a bucket, 0 to 1; in bucket -1, where it says nothing, 0."""
        if bucket < 0:
            return 0.0
        said = self.said[bucket]
        return (PRIOR_WORDS * self.prior[bucket] + said) / (PRIOR_WORDS + said + self.missed[bucket])

    def learn(self, one: Evidence | None) -> None:
        """Learn from one word: a step of expectation-maximisation for every part, then the guard's odds."""
        if one is None:
            return
        chance = one.reweighted
        for bucket, foretold in one.parts:
            weight = self.weight(bucket)
            mixed = (1.0 - weight) * chance + weight * foretold
            share = weight * foretold / mixed
            self.said[bucket] += share
            self.missed[bucket] += 1.0 - share
            chance = mixed
        gain = math.log1p(one.ramp * (chance / one.base - 1.0))
        self.ahead = min(max(self.ahead + gain, -AHEAD_AT_MOST), AHEAD_AT_MOST)

    def copy(self) -> Mixture:
        """Return another one that is equal."""
        return Mixture(self.prior, self.said.copy(), self.missed.copy(), self.ahead)

    def sums(self) -> Float64:
        """Return what was learnt [2 BUCKETS + 1] as it is stored, none of it negative."""
        return np.array([*self.said, *self.missed, self.ahead + AHEAD_AT_MOST])

    def with_sums(self, sums: Float64 | None) -> Mixture:
        """Return one with the same prior that has learnt what was stored; nothing if that does not fit."""
        if sums is None or sums.shape != (2 * BUCKETS + 1,):
            return Mixture(self.prior)
        said, missed, ahead = sums[:BUCKETS].tolist(), sums[BUCKETS:-1].tolist(), float(sums[-1])
        return Mixture(self.prior, said, missed, min(ahead - AHEAD_AT_MOST, AHEAD_AT_MOST))


class Said:
    """What every part says at one place: parts [5, n] and buckets [5] of `Place`. words: that were learnt."""

    def __init__(self, counts: Float64) -> None:
        """Have the part `word` speak, and no other. counts: [n] of memory's words."""
        self.words = float(counts.sum())
        self.parts: Float64 = np.zeros((len(PARTS), len(counts)))
        self.buckets = [-1] * len(PARTS)
        if self.words > 0.0:
            self.parts[WORD] = counts / self.words
            self.buckets[WORD] = bucket_of(WORD, self.words, len(counts))

    def follow(self, part: int, columns: Sequence[int], counts: Float64) -> None:
        """Have a part say what followed before, every count discounted. columns, counts: of those words."""
        kept = np.maximum(counts - DISCOUNT, 0.0)
        if kept.any():
            self.parts[part, columns] = kept / kept.sum()
            self.buckets[part] = bucket_of(part, float(counts.sum()), len(counts))

    def hear(self, columns: Sequence[int], likeness: Float64) -> None:
        """Have the parts of what was typed last speak. columns: of those words, the last one last.

        likeness: [N] cosines of the network's state before each with the state here.
        """
        if not len(likeness):
            return
        fresh = np.exp2(-np.arange(len(likeness))[::-1] / CONVERSATION_HALF)
        alike = np.exp(LIKENESS * (likeness - 1.0))
        for part, weight in ((CONVERSATION, fresh), (STATE, alike)):
            self.parts[part] = np.bincount(columns, weight / weight.sum(), self.parts.shape[1])
        self.buckets[CONVERSATION] = bucket_of(CONVERSATION, float(fresh.sum()), len(likeness))
        self.buckets[STATE] = bucket_of_likeness(float(likeness.max()))


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """What memory says of the next word at one place: P(w) = base_share(w) P_base(w) + personal(w). Private.

    column: of every word of memory in the arrays [n]. ratio: what P_base of each is multiplied with; others:
    what that of all other words is. parts: [5, n] probabilities, rows as in PARTS. buckets: [5], -1 where a
    part says nothing. rest: what all parts leave to the base model. mixed: [n] what they come to. ramp:
    memory's say by the words learnt. trust: what it weighs in all.
    """

    column: Mapping[str, int]
    ratio: Float64
    others: float
    parts: Float64
    buckets: Sequence[int]
    rest: float
    mixed: Float64
    ramp: float
    trust: float

    @classmethod
    def of(
        cls,
        column: Mapping[str, int],
        ratios: tuple[Float64, float],
        said: Said,
        mixture: Mixture,
    ) -> Place:
        """Return the place where the parts say this. ratios: and `others`."""
        weights = np.array([mixture.weight(bucket) for bucket in said.buckets])
        left = np.cumprod(np.append(1.0, 1.0 - weights[::-1]))  # by the last parts: none, one, ... all
        ramp = said.words / (said.words + RAMP)
        trust = ramp / (1.0 + math.exp(-mixture.ahead))
        mixed = _product(said.parts.T, weights * left[-2::-1])
        return cls(column, *ratios, said.parts, said.buckets, float(left[-1]), mixed, ramp, trust)

    def base_share(self, words: Sequence[str]) -> Float64:
        """Return what the base model's probability of each word is multiplied with [K]."""
        ratio = [self.others if at is None else self.ratio[at] for at in map(self.column.get, words)]
        result: Float64 = self.trust * self.rest * np.array(ratio, np.float64) + (1.0 - self.trust)
        return result

    def personal(self, words: Sequence[str]) -> Float64:
        """Return what memory adds to the probability of each word [K]."""
        found = [0.0 if at is None else self.mixed[at] for at in map(self.column.get, words)]
        result: Float64 = self.trust * np.array(found, np.float64)
        return result

    def likely(self, prefix: str, count: int) -> list[str]:
        """Return at most `count` words with a prefix that memory makes likely here, likeliest first."""
        words, found = list(self.column), list[str]()
        for at in np.argsort(-self.mixed, kind="stable"):
            if len(found) == count or self.mixed[at] <= 0.0:
                break
            if words[at].startswith(prefix):
                found.append(words[at])
        return found

    def evidence(self, word: str, log_base: float) -> Evidence:
        """Return how a word that was typed here was foretold. log_base: log P_base, nats."""
        base, at = math.exp(max(log_base, RAREST)), self.column.get(word)
        ratio = self.others if at is None else float(self.ratio[at])
        said = np.zeros(len(PARTS)) if at is None else self.parts[:, at]
        parts = tuple((b, float(p)) for b, p in zip(self.buckets, said, strict=True) if b >= 0)
        return Evidence(base, ratio * base, parts, self.ramp)


class Columns:
    """Every word of memory with its id and count, in arrays [n]."""

    def __init__(self) -> None:
        self.at: dict[str, int] = {}
        self.ids, self._values, self._ticks = array("q"), array("d"), array("d")

    def put(self, word: str, entry: tuple[float, int] | None, identity: Callable[[str], int]) -> None:
        """Note a word's count and tick; one that is held no more counts 0, and leaves if it came last."""
        if word not in self.at:
            self.at[word] = len(self.at)
            self.ids.append(identity(word))
            self._values.append(0.0)
            self._ticks.append(0.0)
        place = self.at[word]
        self._values[place], self._ticks[place] = entry or (0.0, 0)
        if entry is None and place == len(self.at) - 1:
            del self.at[word], self.ids[place], self._values[place], self._ticks[place]

    def decayed(self, tick: int, decay: float) -> Float64:
        """Return the count of every word [n] at a tick."""
        result: Float64 = np.array(self._values) * np.exp(-decay * (tick - np.array(self._ticks)))
        return result

    def ratios(
        self, counts: Float64, expected: Float32, chances: Callable[[Int64], Float64]
    ) -> tuple[Float64, float]:
        """Return what P_base of every word [n], and of all others, is multiplied with: the sum stays one.

        counts: [n]. expected: [V] how often the base model expects a word of the lexicon, by id, had the user
        typed as many words as it would. chances: P_base here of words by id.
        """
        ids = np.array(self.ids, np.int64)
        known = np.flatnonzero((ids >= 0) & (counts > 0.0))
        ratio = np.ones(len(counts))
        often = counts.sum() * expected[ids[known]].astype(np.float64)
        ratio[known] = ((counts[known] + SMOOTHING) / (often + SMOOTHING)) ** EXPONENT
        scale = 1.0 + float(chances(ids[known]) @ (ratio[known] - 1.0))
        return ratio / scale, 1.0 / scale


class Directions:
    """Directions [H] of the network's state before each of the last words, in slots. In memory only."""

    def __init__(self) -> None:
        self._rows: Float32 = np.zeros((0, 0), np.float32)
        self._free: list[int] = []

    def put(self, direction: Float32) -> int:
        """Hold a direction; return its slot."""
        if not self._free:
            width, held = len(direction), len(self._rows)
            self._rows = np.concatenate([self._rows.reshape(-1, width), np.zeros((_ROWS, width), np.float32)])
            self._free = list(range(held, held + _ROWS))
        slot = self._free.pop()
        self._rows[slot] = direction
        return slot

    def drop(self, slot: int) -> None:
        """Hold the direction in a slot no more."""
        self._free.append(slot)

    def likeness(self, direction: Float32, slots: Sequence[int]) -> Float64:
        """Return the cosines of a direction with those in some slots [N]."""
        if not slots:
            return np.zeros(0)
        result: Float64 = _product(self._rows, direction)[slots].astype(np.float64)
        return result


def bucket_of(part: int, total: float, kinds: int) -> int:
    """Return the bucket of a part at a place where it knows this much.

    total: the decayed count of what it knows there. kinds: of how many words.
    """
    spread = 0 if kinds == 1 else 1 if 2 * kinds <= total else 2
    return (part * LEVELS + min(int(math.log2(max(total, 1.0))), LEVELS - 1)) * SPREADS + spread


def bucket_of_likeness(likeness: float) -> int:
    """Return the bucket of the part `state` by the largest cosine."""
    return (STATE * LEVELS + min(max(int(10.0 * likeness), 0), 9)) * SPREADS


def _product(matrix: NDArray[Any], vector: NDArray[Any]) -> NDArray[Any]:
    # matrix @ vector, without the threads that BLAS would wake: they cost more than they save.
    result: NDArray[Any] = np.einsum("ij,j->i", matrix, vector)
    return result
