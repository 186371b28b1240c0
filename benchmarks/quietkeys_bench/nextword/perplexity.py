"""Perplexity per word of running text: of our language model and of the trigram peer, on the same words.

A word is a piece of a token as quietkeys counts them; what is no word is not predicted. A word outside a
model's vocabulary counts with the probability of an unknown word times that of its spelling, so both models
share their mass among all words there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from quietkeys import Personalizer
from quietkeys.arrays import Float64
from quietkeys.text.tokens import Context, Piece, words_of
from quietkeys_bench.nextword.trigram import Trigram

_MARK_UP: Final = re.compile(r"<[^<>\s]{1,20}>")  # such as <unk>
_NO_WORD: Final = "#0"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz'"
_OTHER: Final = len(_LETTERS)  # class of any other character
_EDGE: Final = _OTHER + 1  # before the first letter and after the last


def word_log_probability(keyboard: Personalizer, context: Context, word: str) -> float:
    """Return log P(word | context), nats, of our keyboard."""
    return keyboard._model.predictor.log_probability(context, word)


@dataclass(frozen=True, slots=True, repr=False)
class Spelling:
    """A model of letter pairs, for words that another model does not know. log_probability: nats."""

    log_probability: Float64

    @classmethod
    def of(cls, words: Sequence[str]) -> Self:
        """Return the pairs of a vocabulary's letters, each word once, one added to every count."""
        seen = np.ones((_EDGE + 1, _EDGE + 1))
        for word in words:
            classes = _classes(word)
            np.add.at(seen, (classes[:-1], classes[1:]), 1.0)
        return cls(np.log(seen / seen.sum(1, keepdims=True)))

    def of_word(self, word: str) -> float:
        """Return log P(spelling), nats."""
        classes = _classes(word)
        return float(self.log_probability[classes[:-1], classes[1:]].sum())


def peer_log_probability(model: Trigram, spelling: Spelling, context: Context, word: str) -> float:
    """Return log P(word | context), nats, of the trigram model."""
    unknown = 0.0 if word in model.ids else spelling.of_word(word)
    return float(np.log(max(model.probability(context, word), 1e-12))) + unknown


def predicted(lines: Sequence[str]) -> list[Piece]:
    """Return the words of lines that are predicted, each with its context within its line."""
    return [piece for line in lines for piece in words_of("", _MARK_UP.sub(_NO_WORD, line))]


def perplexity(pieces: Sequence[Piece], log_probability: Callable[[Context, str], float]) -> float:
    """Return exp of the mean of -log P over words. Raises ValueError if there is none."""
    if not pieces:
        raise ValueError("the text for perplexity holds no word")
    return float(np.exp(-np.mean([log_probability(piece.context, piece.text) for piece in pieces])))


def _classes(word: str) -> list[int]:
    found = [_LETTERS.find(letter) for letter in word]
    return [_EDGE, *(place if place >= 0 else _OTHER for place in found), _EDGE]
