"""Small synthetic statistics, and a language made from them."""

from __future__ import annotations

import numpy as np

from quietkeys.arrays import Float32, Float64
from quietkeys.bundle.networks import BUCKETS, FIRST_CLASS, FIRST_WORD
from quietkeys.keyboard import edits
from tools.model_build import channel, spelling
from tools.model_build.channel import TypingCounts
from tools.model_build.graph import LanguageParts
from tools.model_build.neural.graph import Weights

VOCABULARY = 60  # ids, the two special ones included


def typing_counts(seed: int = 0) -> TypingCounts:
    """Return random typing counts."""
    rng = np.random.default_rng(seed)
    size = edits.CLASSES
    confusion = rng.integers(0, 50, (size, size)).astype(np.float64)
    np.fill_diagonal(confusion, 0.0)
    omitted, inserted = rng.integers(0, 90, (2, size)).astype(np.float64)
    return TypingCounts(confusion, omitted, inserted, rng.integers(0, 9, (size, size)).astype(np.float64))


def language() -> LanguageParts:
    """Return what scores words of the synthetic text."""
    words = {"the": 50, "lazy": 5, "quick": 5, "don't": 9, "zebra": 1, "jumped": 2}
    log_p = channel.channel_log_probabilities(typing_counts(), channel.text_statistics(words))
    table, scale = spelling.train([(word, float(count)) for word, count in words.items()])
    return LanguageParts(table, scale, log_p)


def network(frequency: Float64, seed: int = 0, width: int = 12, state: int = 10) -> Weights:
    """Return random weights of a language model whose words come about as often as `frequency` [V] says.

    Words outside its vocabulary come as one of the classes, each as often as one in a thousand.
    """
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> Float32:
        return rng.normal(scale=0.3, size=shape).astype(np.float32)

    symbols = FIRST_WORD + len(frequency)
    bias = np.full(symbols, -20.0, dtype=np.float32)
    bias[FIRST_CLASS:FIRST_WORD] = np.log(1e-3)
    bias[FIRST_WORD:] = np.log(frequency / frequency.sum())
    return Weights(
        words=normal(symbols, width),
        ngrams=normal(BUCKETS, width),
        input_gates=normal(4 * state, width),
        state_gates=normal(4 * state, state),
        gate_bias=normal(4 * state),
        query=normal(width, state),
        query_bias=np.zeros(width, dtype=np.float32),
        word_bias=bias,
    )
