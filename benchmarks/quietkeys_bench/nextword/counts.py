"""Counts of one, two and three words in a row, as tables: what the trigram model is made of.

A word is a piece of a token as quietkeys counts them (`quietkeys.text.tokens`). Rows of text become
triples of ids (the two words before, the word); a sentence begins with START, what is no word is BLANK
and never predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.text.tokens import BLANK as NO_WORD
from quietkeys.text.tokens import Context, Piece

START, BLANK, UNKNOWN = range(3)
FIRST: Final = 3  # id of the first word of a vocabulary

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grams:
    """Successors of one kind of context, for D contexts and S successors in all.

    keys: [D] ascending. starts: [D + 1]. following: [S] ids. counts: [S]. totals: [D] how often a context was
    followed by anything, what was pruned included.
    """

    keys: Integers
    starts: Integers
    following: Integers
    counts: Integers
    totals: Integers

    def after(self, key: int) -> tuple[Integers, Integers, int]:
        """Return (ids, counts, total) of what follows a context; total 0 for one that is not here."""
        place = int(np.searchsorted(self.keys, key))
        if place == len(self.keys) or self.keys[place] != key:
            return self.following[:0], self.counts[:0], 0
        rows = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return self.following[rows], self.counts[rows], int(self.totals[place])


@dataclass(frozen=True, slots=True, repr=False)
class Counts:
    """All counts over V ids. single: [V]. pairs: after one word; triples: after two, key u * V + v."""

    single: Integers
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


def count(triples: Integers, size: int, least_pair: int = 1, least_triple: int = 1) -> Counts:
    """Return the counts of triples [N, 3] over `size` ids; rarer pairs and triples are left out."""
    earlier, last, word = triples[:, 0], triples[:, 1], triples[:, 2]
    return Counts(
        np.bincount(word, minlength=size).astype(np.int64),
        _grams(last, word, size, least_pair),
        _grams(earlier * size + last, word, size, least_triple),
    )


def triples_of(pieces: Iterable[Piece], ids: Mapping[str, int]) -> Integers:
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


def _grams(context: Integers, word: Integers, size: int, least: int) -> Grams:
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
