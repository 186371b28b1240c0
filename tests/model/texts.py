"""Small synthetic text and the language built from it."""

from __future__ import annotations

import numpy as np

from quietkeys import edits
from tools.model_build import channel, kneser_ney, ngram, spelling
from tools.model_build.channel import TypingCounts
from tools.model_build.counts import NgramCounts, count_trigrams, pad
from tools.model_build.graph import LanguageParts
from tools.model_build.kneser_ney import BackoffModel

VOCABULARY = 60  # ids, the two special ones included


def sentences(seed: int, count: int = 400) -> list[list[int]]:
    """Return random sentences whose words follow each other with preference."""
    rng = np.random.default_rng(seed)
    preference = rng.dirichlet(np.full(VOCABULARY - 1, 0.1), size=VOCABULARY)
    result = []
    for _ in range(count):
        word, sentence = 0, []
        for _ in range(int(rng.integers(1, 9))):
            word = int(rng.choice(VOCABULARY - 1, p=preference[word])) + 1
            sentence.append(word)
        result.append(sentence)
    return result


def trigrams(seed: int = 0) -> NgramCounts:
    """Return the counts of two corpora of different weight."""
    streams = [(pad(sentences(seed)), 1.0), (pad(sentences(seed + 1, 100)), 3.0)]
    return count_trigrams(streams, VOCABULARY)


def model(bigrams: int = 10**6, trigram_limit: int = 10**6) -> BackoffModel:
    """Return the smoothed model of the synthetic text."""
    return kneser_ney.train(trigrams(), VOCABULARY, bigrams, trigram_limit)


def typing_counts(seed: int = 0) -> TypingCounts:
    """Return random typing counts."""
    rng = np.random.default_rng(seed)
    size = edits.CLASSES
    confusion = rng.integers(0, 50, (size, size)).astype(np.float64)
    np.fill_diagonal(confusion, 0.0)
    omitted, inserted = rng.integers(0, 90, (2, size)).astype(np.float64)
    return TypingCounts(confusion, omitted, inserted, rng.integers(0, 9, (size, size)).astype(np.float64))


def language() -> LanguageParts:
    """Return everything that scores words of the synthetic text."""
    words = {"the": 50, "lazy": 5, "quick": 5, "don't": 9, "zebra": 1, "jumped": 2}
    log_p = channel.channel_log_probabilities(typing_counts(), channel.text_statistics(words))
    table, scale = spelling.train([(word, float(count)) for word, count in words.items()])
    return LanguageParts(ngram.quantize(model(300, 500)), table, scale, log_p)
