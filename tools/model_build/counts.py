"""N-gram counts of several weighted corpora, as sorted arrays.

A key packs word ids in base V: (older * V + newer) * V + word, below 2^63 for V up to 2 million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NgramCounts:
    """Distinct n-grams of one order with their counts.

    keys: [N] sorted. raw: [N] occurrences (what discounts are estimated from). weighted: [N]
    occurrences times the weight of the corpus they were seen in.
    """

    keys: Ints
    raw: Floats
    weighted: Floats


def pad(sentences: Sequence[Sequence[int]]) -> Ints:
    """Return the ids of all sentences in a row, each preceded by two sentence starts (id 0)."""
    flat: list[int] = []
    for sentence in sentences:
        flat += (0, 0)
        flat += sentence
    return np.array(flat, dtype=np.int64)


def trigram_keys(stream: Ints, vocabulary: int) -> Ints:
    """Return the key of the trigram that ends at every word of a padded stream."""
    keys = (stream[:-2] * vocabulary + stream[1:-1]) * vocabulary + stream[2:]
    result: Ints = keys[stream[2:] != 0]
    return result


def count_trigrams(streams: Sequence[tuple[Ints, float]], vocabulary: int) -> NgramCounts:
    """Return the trigram counts of (padded stream, weight) pairs."""
    keys = [trigram_keys(stream, vocabulary) for stream, _ in streams]
    weights = [np.full(len(part), weight) for part, (_, weight) in zip(keys, streams, strict=True)]
    return merge(np.concatenate(keys), np.ones(sum(map(len, keys))), np.concatenate(weights))


def merge(keys: Ints, raw: Floats, weighted: Floats) -> NgramCounts:
    """Return counts with equal keys added up."""
    order = np.argsort(keys, kind="stable")
    keys, raw, weighted = keys[order], raw[order], weighted[order]
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return NgramCounts(keys[first], np.add.reduceat(raw, first), np.add.reduceat(weighted, first))


def continuation_bigrams(trigrams: NgramCounts, vocabulary: int) -> NgramCounts:
    """Return bigram counts for Kneser-Ney: distinct left neighbours, not occurrences.

    Each distinct trigram counts once, weighted by the mean weight of its corpora. A bigram that
    begins a sentence has no left neighbour and keeps its occurrences.
    """
    older = trigrams.keys // (vocabulary * vocabulary)
    bigrams = trigrams.keys - older * (vocabulary * vocabulary)
    starts = bigrams // vocabulary == 0
    raw = np.where(starts, trigrams.raw, 1.0)
    weighted = np.where(starts, trigrams.weighted, trigrams.weighted / trigrams.raw)
    return merge(bigrams, raw, weighted)


def continuation_unigrams(bigrams: NgramCounts, vocabulary: int) -> NgramCounts:
    """Return unigram counts for Kneser-Ney: distinct left neighbours."""
    return merge(bigrams.keys % vocabulary, np.ones(len(bigrams.keys)), bigrams.weighted / bigrams.raw)
