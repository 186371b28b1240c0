"""The peer: a trigram model that backs off, alone or mixed with the counts of one person.

Interpolated absolute discounting (Ney, Essen, Kneser 1994): with c counts after a context h, D a discount,
h' the context without its first word,

    P(w | h) = max(c(h w) - D, 0) / c(h) + (1 - sum_w' max(c(h w') - D, 0) / c(h)) P(w | h').

The mass of what was pruned goes to the shorter context, so the probabilities of all ids sum to one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from quietkeys.text.tokens import Context, Piece
from quietkeys_bench.nextword.counts import FIRST, UNKNOWN, Counts, count, last_two, load, triples_of

SHIPPED: Final = Path(__file__).parents[1] / "peers" / "trigram.npz"
DISCOUNT: Final = 0.75
OWN_SHARE: Final = 0.7  # that the person's counts have in the mixture when there are very many
OWN_HALF: Final = 500.0  # words of a person with which they have half of it

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Trigram:
    """A trigram model, perhaps mixed with the counts of one person.

    base, base_ids: what everybody has. own: the person's counts, over `ids`: those of everybody and then of
    the person's own words; None for nobody's. alphabet: all words in order.
    """

    base: Counts
    base_ids: Mapping[str, int]
    ids: Mapping[str, int]
    own: Counts | None
    words: Sequence[str]
    alphabet: Sequence[str]

    @classmethod
    def shipped(cls, path: Path = SHIPPED) -> Self:
        """Return the committed model. Raises OSError."""
        counts, words = load(path)
        return cls.of(counts, words)

    @classmethod
    def of(cls, counts: Counts, words: Sequence[str]) -> Self:
        """Return the model of counts; words: by id, from FIRST."""
        ids = {word: place for place, word in enumerate(words, FIRST)}
        return cls(counts, ids, ids, None, tuple(words), sorted(words))

    def with_person(self, pieces: Sequence[Piece]) -> Self:
        """Return the model mixed with the counts of what a person wrote, with all of their words."""
        ids = dict(self.base_ids)
        for piece in pieces:
            ids.setdefault(piece.text, FIRST + len(ids))
        own = count(triples_of(pieces, ids), FIRST + len(ids))
        return type(self)(self.base, self.base_ids, ids, own, tuple(ids), sorted(ids))

    def probabilities(self, context: Context) -> Floats:
        """Return P(id | context) of every id, unknown words as one; they sum to one."""
        mixed = np.zeros(FIRST + len(self.ids))
        mixed[: self.base.size] = discounted(self.base, *last_two(context, self.base_ids), DISCOUNT)
        if self.own is None or not self.own.single.any():
            return mixed
        own = discounted(self.own, *last_two(context, self.ids), DISCOUNT)
        size = float(self.own.single.sum())
        share = OWN_SHARE * size / (size + OWN_HALF)
        result: Floats = (1.0 - share) * mixed + share * own
        return result

    def probability(self, context: Context, word: str) -> float:
        """Return P(word | context); of a word outside the vocabulary, that of UNKNOWN."""
        return float(self.probabilities(context)[self.ids.get(word, UNKNOWN)])

    def suggest(self, context: Context, prefix: str, most: int) -> tuple[str, ...]:
        """Return the likeliest words after a context that begin with a prefix and are longer, best first."""
        chances = self.probabilities(context)
        begin = bisect_left(self.alphabet, prefix)
        end = bisect_left(self.alphabet, prefix + "\uffff")
        longer = [word for word in self.alphabet[begin:end] if word != prefix] if prefix else self.words
        places = (
            np.array([self.ids[word] for word in longer], np.int64)
            if prefix
            else np.arange(FIRST, len(chances))
        )
        best = np.argsort(-chances[places], kind="stable")[:most]
        return tuple(longer[row] for row in best)


def discounted(counts: Counts, earlier: int, last: int, discount: float) -> Floats:
    """Return P(id | two words before) [V] of every id."""
    total = int(counts.single.sum())
    single = np.maximum(counts.single, 0) / total if total else np.full(counts.size, 1.0 / counts.size)
    double = _interpolated(single, *counts.pairs.after(last), discount)
    return _interpolated(double, *counts.triples.after(counts.pair_key(earlier, last)), discount)


def _interpolated(
    shorter: Floats, following: NDArray[np.int64], counts: NDArray[np.int64], total: int, discount: float
) -> Floats:
    if not total:
        return shorter
    direct = np.maximum(counts - discount, 0.0) / total
    result: Floats = (1.0 - direct.sum()) * shorter
    result[following] += direct
    return result
