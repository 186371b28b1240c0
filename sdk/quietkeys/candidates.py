"""Finds the words that could have been meant by what was typed.

A linear scan with rapidfuzz's SIMD edit distance (optimal string alignment) over the lexicon and the
personal dictionary: no index to build, so opening is instant and adding a word costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys import edits
from quietkeys.alignment import MAX_WORD

MAX_DISTANCE: Final = 3  # edits; see `reach`
RESERVED: Final = 2  # ids that are no words
_COST_PER_EDIT: Final = 4.5  # nats, a rough price of one edit for the first selection


def reach(typed: str) -> int:
    """Return how many edits away candidates are searched: 1 up to two letters, 3 from nine, else 2."""
    return 1 if len(typed) < 3 else 2 if len(typed) < 9 else MAX_DISTANCE


def encode_words(words: Sequence[str], width: int = MAX_WORD) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return ([N, width] character classes, [N] lengths) of words, cut at `width` characters."""
    classes = np.full((len(words), width), edits.OTHER, dtype=np.uint8)
    lengths = np.zeros(len(words), dtype=np.int64)
    for index, word in enumerate(words):
        cut = word[:width]
        classes[index, : len(cut)] = edits.character_classes(cut)
        lengths[index] = len(cut)
    return classes, lengths


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words that can be candidates, in the order of their ids.

    log_frequency: [N] nats. classes: [N, MAX_WORD] character classes. lengths: [N] characters.
    by_length: ids sorted by word length, for the scan; starts[n] is where length n begins.
    """

    words: tuple[str, ...]
    index: dict[str, int]
    log_frequency: NDArray[np.float32]
    classes: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    by_length: NDArray[np.int64]
    sorted_words: list[str]
    starts: NDArray[np.int64]

    @classmethod
    def build(cls, words: Sequence[str], log_frequency: NDArray[np.float32]) -> Vocabulary:
        """Return the vocabulary of these words.

        The first RESERVED ids (sentence start, unknown word) and words longer than MAX_WORD are
        never candidates.
        """
        classes, lengths = encode_words(words)
        true_lengths = np.array([len(word) for word in words], dtype=np.int64)
        true_lengths[:RESERVED] = 0
        order = np.argsort(true_lengths, kind="stable")
        starts = np.searchsorted(true_lengths[order], np.arange(MAX_WORD + 2))
        return cls(
            words=tuple(words),
            index={word: position for position, word in enumerate(words)},
            log_frequency=log_frequency,
            classes=classes,
            lengths=lengths,
            by_length=order,
            sorted_words=[words[position] for position in order],
            starts=starts,
        )

    def near(self, typed: str, limit: int) -> NDArray[np.int64]:
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
        found: NDArray[np.int64] = self.by_length[start + hits]
        if len(found) > limit:
            rough = self.log_frequency[found] - _COST_PER_EDIT * distances[hits]
            found = found[np.argpartition(-rough, limit)[:limit]]
        return found
