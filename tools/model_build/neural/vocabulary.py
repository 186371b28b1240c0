"""The vocabulary of the neural language model as symbols (`quietkeys.bundle.networks`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quietkeys.arrays import Int32
from quietkeys.bundle.networks import BUCKETS, FIRST_CLASS, FIRST_WORD, character_ngrams, word_class


@dataclass(frozen=True, slots=True)
class Symbols:
    """words: the vocabulary by falling frequency; the id of words[k] is FIRST_WORD + k."""

    words: tuple[str, ...]
    index: Mapping[str, int]

    @classmethod
    def of(cls, words: Sequence[str]) -> Symbols:
        """Return the symbols of a vocabulary."""
        return cls(tuple(words), {word: FIRST_WORD + k for k, word in enumerate(words)})

    @property
    def size(self) -> int:
        """How many ids there are."""
        return FIRST_WORD + len(self.words)

    def target(self, word: str) -> int:
        """Return the id that stands for a word in the output."""
        found = self.index.get(word)
        return FIRST_CLASS + word_class(word) if found is None else found


def ngram_table(types: Sequence[str], width: int) -> Int32:
    """Return [N, width] buckets of the character n-grams of words, padded with BUCKETS."""
    table = np.full((len(types), width), BUCKETS, dtype=np.int32)
    for row, word in enumerate(types):
        found = character_ngrams(word)[:width]
        table[row, : len(found)] = found
    return table
