"""The peer: a trigram model that backs off, alone or mixed with the counts of one person.

Interpolated absolute discounting (Ney, Essen, Kneser 1994): with c counts after a context h, D a discount,
h' the context without its first word,

    P(w | h) = max(c(h w) - D, 0) / c(h) + (1 - sum_w' max(c(h w') - D, 0) / c(h)) P(w | h').

The mass of what was pruned goes to the shorter context, so the probabilities of all ids sum to one.

A word is a piece of a token as quietkeys counts them (`quietkeys.text.pieces`). Rows of text become triples
of ids (the two words before, the word); a sentence begins with START, what is no word is BLANK and never
predicted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Float64, Int64
from quietkeys.text.tokens import BLANK as NO_WORD
from quietkeys.text.tokens import Context, Piece

SHIPPED: Final = Path(__file__).parent / "trigram.npz"
START, BLANK, UNKNOWN = range(3)
FIRST: Final = 3  # id of the first word of a vocabulary
DISCOUNT: Final = 0.75
OWN_SHARE: Final = 0.7  # that the person's counts have in the mixture when there are very many
OWN_HALF: Final = 500.0  # words of a person with which they have half of it


@dataclass(frozen=True, slots=True)
class Grams:
    """Successors of one kind of context, for D contexts and S successors in all.

    keys: [D] ascending. starts: [D + 1]. following: [S] ids. counts: [S]. totals: [D] how often a context was
    followed by anything, what was pruned included.
    """

    keys: Int64
    starts: Int64
    following: Int64
    counts: Int64
    totals: Int64

    def after(self, key: int) -> tuple[Int64, Int64, int]:
        """Return (ids, counts, total) of what follows a context; total 0 for one that is not here."""
        place = int(np.searchsorted(self.keys, key))
        if place == len(self.keys) or self.keys[place] != key:
            return self.following[:0], self.counts[:0], 0
        rows = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return self.following[rows], self.counts[rows], int(self.totals[place])


@dataclass(frozen=True, slots=True, repr=False)
class Counts:
    """All counts over V ids. single: [V]. pairs: after one word; triples: after two, key u * V + v."""

    single: Int64
    pairs: Grams
    triples: Grams

    @property
    def size(self) -> int:
        """V, the number of ids."""
        return len(self.single)

    def pair_key(self, earlier: int, last: int) -> int:
        """Return the key of two words before."""
        return earlier * self.size + last

    def save(self, path: Path, words: Sequence[str]) -> None:
        """Write the tables with their vocabulary, ids from FIRST, as a compressed `.npz`."""
        arrays: dict[str, NDArray[np.generic]] = {
            "words": np.frombuffer("\n".join(words).encode(), np.uint8),
            "single": self.single.astype(np.uint32),
        }
        for name, grams in (("pairs", self.pairs), ("triples", self.triples)):
            arrays[f"{name}_keys"] = np.diff(grams.keys, prepend=0).astype(np.uint32)
            arrays[f"{name}_sizes"] = np.diff(grams.starts).astype(np.uint16)
            arrays[f"{name}_following"] = np.diff(grams.following, prepend=0).astype(np.uint16)  # modulo 2^16
            arrays[f"{name}_counts"] = grams.counts.astype(np.uint32)
            arrays[f"{name}_totals"] = grams.totals.astype(np.uint32)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            np.savez_compressed(stream, **arrays)


def load(path: Path) -> tuple[Counts, tuple[str, ...]]:
    """Return the tables of a file and their vocabulary. Raises OSError."""
    with np.load(path, allow_pickle=False) as arrays:
        words = tuple(arrays["words"].tobytes().decode().split("\n"))
        found = [
            Grams(
                keys=np.cumsum(arrays[f"{name}_keys"].astype(np.int64)),
                starts=np.concatenate([[0], np.cumsum(arrays[f"{name}_sizes"].astype(np.int64))]),
                following=np.cumsum(arrays[f"{name}_following"].astype(np.int64)) % 2**16,
                counts=arrays[f"{name}_counts"].astype(np.int64),
                totals=arrays[f"{name}_totals"].astype(np.int64),
            )
            for name in ("pairs", "triples")
        ]
        return Counts(arrays["single"].astype(np.int64), *found), words


def count(triples: Int64, size: int, least_pair: int = 1, least_triple: int = 1) -> Counts:
    """Return the counts of triples [N, 3] over `size` ids; rarer pairs and triples are left out."""
    earlier, last, word = triples[:, 0], triples[:, 1], triples[:, 2]
    return Counts(
        np.bincount(word, minlength=size).astype(np.int64),
        _grams(last, word, size, least_pair),
        _grams(earlier * size + last, word, size, least_triple),
    )


def triples_of(pieces: Iterable[Piece], ids: Mapping[str, int]) -> Int64:
    """Return the triples [N, 3] of words in their contexts."""
    found = [(*last_two(piece.context, ids), ids.get(piece.text, UNKNOWN)) for piece in pieces]
    return np.array(found, np.int64).reshape(-1, 3)


def last_two(context: Context, ids: Mapping[str, int]) -> tuple[int, int]:
    """Return the ids of the last two words of the sentence that a context ends in, START for none."""
    last = _id(context[-1], ids) if context else START
    earlier = _id(context[-2], ids) if last != START and len(context) > 1 else START
    return earlier, last


def _id(word: str, ids: Mapping[str, int]) -> int:
    if not word:
        return START
    return BLANK if word == NO_WORD else ids.get(word, UNKNOWN)


def _grams(context: Int64, word: Int64, size: int, least: int) -> Grams:
    joined, counts = np.unique(context * size + word, return_counts=True)
    seen, totals = np.unique(context, return_counts=True)
    joined, counts = joined[counts >= least], counts[counts >= least]
    before = joined // size
    keys, first = np.unique(before, return_index=True)
    return Grams(
        keys=keys,
        starts=np.append(first, len(joined)).astype(np.int64),
        following=joined % size,
        counts=counts.astype(np.int64),
        totals=totals[np.searchsorted(seen, keys)].astype(np.int64),
    )


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

    def probabilities(self, context: Context) -> Float64:
        """Return P(id | context) of every id, unknown words as one; they sum to one."""
        mixed = np.zeros(FIRST + len(self.ids))
        mixed[: self.base.size] = discounted(self.base, *last_two(context, self.base_ids), DISCOUNT)
        if self.own is None or not self.own.single.any():
            return mixed
        own = discounted(self.own, *last_two(context, self.ids), DISCOUNT)
        size = float(self.own.single.sum())
        share = OWN_SHARE * size / (size + OWN_HALF)
        result: Float64 = (1.0 - share) * mixed + share * own
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


def discounted(counts: Counts, earlier: int, last: int, discount: float) -> Float64:
    """Return P(id | two words before) [V] of every id."""
    total = int(counts.single.sum())
    single = np.maximum(counts.single, 0) / total if total else np.full(counts.size, 1.0 / counts.size)
    double = _interpolated(single, *counts.pairs.after(last), discount)
    return _interpolated(double, *counts.triples.after(counts.pair_key(earlier, last)), discount)


def _interpolated(shorter: Float64, following: Int64, counts: Int64, total: int, discount: float) -> Float64:
    if not total:
        return shorter
    direct = np.maximum(counts - discount, 0.0) / total
    result: Float64 = (1.0 - direct.sum()) * shorter
    result[following] += direct
    return result
