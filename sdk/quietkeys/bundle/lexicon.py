"""The words of a bundle: how they are spelled, how common they are, and which lie near what was typed.

Search is a linear scan with rapidfuzz's SIMD edit distance (optimal string alignment): no index to build, so
opening is instant. Completions are a range of the sorted words.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys.bundle.symbols import CLASSES, FIRST_CLASS, word_class
from quietkeys.keyboard import edits
from quietkeys.keyboard.alignment import MAX_WORD

RESERVED: Final = 2  # ids that are no words: a sentence's start, the unknown word
MAX_DISTANCE: Final = 4  # edits; see `reach`
MAX_COMPLETED: Final = 512  # completions that are weighed, the most frequent ones
_NEAR_SIZE: Final = 64  # words that are compared with what may be a slip, the likeliest ones
_COST_PER_EDIT: Final = 4.5  # nats, a rough price of one edit for the first selection

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


def reach(typed: str) -> int:
    """Return how many edits away candidates are searched: 1 up to two letters, 2 up to five, 3 up to nine."""
    size = len(typed)
    return 1 if size < 3 else 2 if size < 6 else 3 if size < 10 else MAX_DISTANCE


def encode_words(words: Sequence[str], width: int = MAX_WORD) -> tuple[NDArray[np.uint8], Indices]:
    """Return ([N, width] character classes, [N] lengths) of words, cut at `width` characters."""
    classes = np.full((len(words), width), edits.OTHER, dtype=np.uint8)
    lengths = np.zeros(len(words), dtype=np.int64)
    for index, word in enumerate(words):
        cut = word[:width]
        classes[index, : len(cut)] = edits.character_classes(cut)
        lengths[index] = len(cut)
    return classes, lengths


@dataclass(frozen=True, slots=True)
class WordTables:
    """What a bundle says of its words besides their spelling, by id; V words, C classes of `symbols`.

    log_frequency: [V] nats. symbol: [V] of the language model, -1 outside its vocabulary. offensive: [V].
    outside: [C] of the words that the language model predicts as a class, the share that the lexicon lacks.
    """

    log_frequency: NDArray[np.float32]
    symbol: NDArray[np.int32]
    offensive: NDArray[np.bool_]
    outside: NDArray[np.float32]


class WordIndex(Mapping[str, int]):
    """Ids by lower-case word. A search in the sorted words: a dict would take 14 MB more."""

    __slots__ = ("_ids", "_words")

    def __init__(self, words: list[str], ids: Indices) -> None:
        """words: in order. ids: [N] of each."""
        self._words, self._ids = words, ids

    def __getitem__(self, word: str) -> int:
        place = bisect_left(self._words, word)
        if place == len(self._words) or self._words[place] != word:
            raise KeyError
        return int(self._ids[place])

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Words by id, the first RESERVED being none.

    display: as they are written ("Monday", "I'm"). words: in lower case. index: id by lower-case word.
    target, log_share: [V] the language model gives word k the log-probability of symbol target[k] plus
    log_share[k]. by_length: ids by word length, `sorted_words` in that order; starts[n]: where length n
    begins. alphabet: words in alphabetical order, alphabet_ids their ids.
    """

    display: tuple[str, ...]
    words: tuple[str, ...]
    index: WordIndex
    tables: WordTables
    target: Indices
    log_share: NDArray[np.float32]
    log_outside: Floats
    by_length: Indices
    sorted_words: list[str]
    starts: Indices
    alphabet: list[str]
    alphabet_ids: Indices

    @classmethod
    def build(cls, display: Sequence[str], tables: WordTables) -> Lexicon:
        """Return the lexicon of these words; those longer than MAX_WORD are never candidates."""
        words = tuple(map(_lower, display))
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        lengths[:RESERVED] = 0
        by_length = np.argsort(lengths, kind="stable")
        target, log_share, log_outside = _shares(words, tables)
        order = sorted(range(RESERVED, len(words)), key=words.__getitem__)
        alphabet, alphabet_ids = [words[position] for position in order], np.array(order, dtype=np.int64)
        return cls(
            display=tuple(display),
            words=words,
            index=WordIndex(alphabet, alphabet_ids),
            tables=tables,
            target=target,
            log_share=log_share,
            log_outside=log_outside,
            by_length=by_length,
            sorted_words=[words[position] for position in by_length],
            starts=np.searchsorted(lengths[by_length], np.arange(MAX_WORD + 2)),
            alphabet=alphabet,
            alphabet_ids=alphabet_ids,
        )

    def near(self, typed: str, limit: int) -> Indices:
        """Return the ids of at most `limit` words within `reach` edits of `typed`, the likeliest."""
        cutoff = reach(typed)
        shortest = min(max(len(typed) - cutoff, 1), MAX_WORD + 1)
        beyond = min(len(typed) + cutoff + 1, MAX_WORD + 1)
        start, stop = int(self.starts[shortest]), int(self.starts[beyond])
        if start >= stop:
            return np.zeros(0, dtype=np.int64)
        distances = process.cdist(
            [typed], self.sorted_words[start:stop], scorer=OSA.distance, score_cutoff=cutoff, dtype=np.uint8
        )[0]
        hits = np.flatnonzero(distances <= cutoff)
        found: Indices = self.by_length[start + hits]
        if len(found) > limit:
            rough = self.tables.log_frequency[found] - _COST_PER_EDIT * distances[hits]
            found = found[np.argpartition(-rough, limit)[:limit]]
        return found

    def is_near(self, typed: str, distance: int) -> bool:
        """Return whether a word is at most so many edits away (at most `reach`)."""
        found = self.near(typed, _NEAR_SIZE)
        return any(OSA.distance(typed, self.words[position]) <= distance for position in found)

    def completions(self, prefix: str) -> Indices:
        """Return the ids of words that go on from `prefix`, at most MAX_COMPLETED, no offensive ones."""
        start = bisect_left(self.alphabet, prefix)
        stop = bisect_left(self.alphabet, prefix + "{", start)  # "{" follows "z"
        found: Indices = self.alphabet_ids[start:stop]
        found = found[~self.tables.offensive[found]]
        if len(found) > MAX_COMPLETED:
            found = found[np.argpartition(-self.tables.log_frequency[found], MAX_COMPLETED)[:MAX_COMPLETED]]
        return found

    def shown(self, word: str) -> str:
        """Return how a lower-case word, or phrase, is written: "monday" -> "Monday"."""
        if " " in word:
            return " ".join(map(self.shown, word.split()))
        found = self.index.get(word)
        return word if found is None else self.display[found]

    def is_offensive(self, word: str) -> bool:
        """Return whether a lower-case word is marked as offensive."""
        found = self.index.get(word)
        return found is not None and bool(self.tables.offensive[found])

    def log_probability(self, chances: NDArray[Any], ids: Indices) -> Floats:
        """Return log P [K] of words by id; chances: [S] log-probabilities of the language model's symbols."""
        found: Floats = chances[self.target[ids]].astype(np.float64) + self.log_share[ids]
        return found

    def log_unknown(self, chances: NDArray[Any], word: str) -> float:
        """Return log P that a word comes which the lexicon lacks and which is of the class of this one."""
        kind = word_class(word)
        return float(chances[FIRST_CLASS + kind] + self.log_outside[kind])


def _lower(word: str) -> str:
    # The same object where nothing changes: most words are in small letters already.
    lower = word.lower()
    return word if lower == word else lower


def _shares(words: Sequence[str], tables: WordTables) -> tuple[Indices, NDArray[np.float32], Floats]:
    # Words outside the network's vocabulary share their class in proportion to their frequency.
    kinds = np.fromiter(map(word_class, words), np.int64, len(words))
    tail = tables.symbol < 0
    tail[:RESERVED] = False
    target = np.where(tail, FIRST_CLASS + kinds, np.maximum(tables.symbol, 0)).astype(np.int64)
    mass = np.bincount(kinds[tail], np.exp(tables.log_frequency[tail].astype(np.float64)), len(CLASSES))
    inside = np.log1p(-tables.outside.astype(np.float64)) - np.log(np.maximum(mass, 1e-30))  # [C]
    log_share = np.where(tail, tables.log_frequency + inside[kinds], 0.0).astype(np.float32)
    log_share[:RESERVED] = -np.inf
    return target, log_share, np.log(np.maximum(tables.outside.astype(np.float64), 1e-9))
