"""Interpolated modified Kneser-Ney smoothing of weighted counts, and pruning.

Chen and Goodman 1999 (discounts by count: 1, 2, 3 and more, from the counts of counts), with one
addition: discounts are estimated on raw counts and taken as a fraction of the weighted count, so
that a corpus weight changes how much an occurrence says and not how surprising a single one is.

    p(w | h) = sum over corpora of weight * (c - D(c)) / total  +  gamma(h) p(w | shorter h)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .counts import (
    NgramCounts,
    continuation_bigrams,
    continuation_unigrams,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BackoffModel:
    """A trigram model in back-off form: natural logarithms, keys sorted.

    unigram, unigram_backoff: [V]. bigram_backoff: [N2], log weight of falling back from that bigram
    as a context. A context that is not stored has weight 1 (log 0).
    """

    vocabulary: int
    unigram: Floats
    unigram_backoff: Floats
    bigram_keys: Ints
    bigram: Floats
    bigram_backoff: Floats
    trigram_keys: Ints
    trigram: Floats


def discounts(raw: Floats) -> Floats:
    """Return the discounts [4] of counts 0, 1, 2 and >= 3 (Chen and Goodman 1999, eq. 26)."""
    n1, n2, n3, n4 = (max(float((raw == count).sum()), 1.0) for count in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    found = [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    return np.array([0.0, *(min(max(d, 0.1), 0.95 * c) for c, d in enumerate(found) if c)])


@dataclass(frozen=True, slots=True)
class _Level:
    """One order smoothed on its own: p(w|h) = share + gamma(h) * lower."""

    keys: Ints
    share: Floats  # [N] discounted share of the context's mass
    contexts: Ints  # [H] sorted context keys
    gamma: Floats  # [H] mass left for the shorter context
    mass: Floats  # [H] share of all text that has this context


def _smooth(counts: NgramCounts, vocabulary: int) -> _Level:
    table = discounts(counts.raw)
    lost = table[np.minimum(counts.raw, 3).astype(np.int64)] / counts.raw
    contexts, start = np.unique(counts.keys // vocabulary, return_index=True)
    total = np.add.reduceat(counts.weighted, start)
    gamma = np.add.reduceat(counts.weighted * lost, start) / total
    owner = np.repeat(np.arange(len(start)), np.diff(np.r_[start, len(counts.keys)]))
    share = counts.weighted * (1 - lost) / total[owner]
    return _Level(counts.keys, share, contexts, gamma, total / total.sum())


def find(keys: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return (positions, found) of wanted keys in sorted keys."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return at, keys[at] == wanted


def train(trigrams: NgramCounts, vocabulary: int, bigram_limit: int, trigram_limit: int) -> BackoffModel:
    """Return the smoothed model, pruned to at most the given numbers of n-grams.

    What is kept is what changes the predicted text most: p(h, w) times the logarithm of the ratio to
    backing off (weighted difference, Seymore and Rosenfeld 1996).
    """
    bigrams = continuation_bigrams(trigrams, vocabulary)
    unigram = _unigram(continuation_unigrams(bigrams, vocabulary), vocabulary)
    two, three = _smooth(bigrams, vocabulary), _smooth(trigrams, vocabulary)

    word = two.keys % vocabulary
    context, _ = find(two.contexts, two.keys // vocabulary)
    p2 = two.share + two.gamma[context] * unigram[word]
    gain2 = two.mass[context] * p2 * np.log(p2 / (two.gamma[context] * unigram[word]))

    shorter, _ = find(two.keys, three.keys % (vocabulary * vocabulary))
    context3, _ = find(three.contexts, three.keys // vocabulary)
    p3 = three.share + three.gamma[context3] * p2[shorter]
    gain3 = three.mass[context3] * p3 * np.log(p3 / (three.gamma[context3] * p2[shorter]))
    gain3[three.keys // vocabulary == 0] = -1.0  # <s> <s> w says no more than <s> w

    keep3 = _largest(gain3, trigram_limit)
    needed, present = find(two.keys, three.keys[keep3] // vocabulary)  # contexts carry back-off weights
    gain2[needed[present]] = np.inf
    keep2 = _largest(gain2, bigram_limit)

    log_unigram = np.log(unigram)
    backoff1 = np.zeros(vocabulary)
    left, mass = _left_over(two.keys[keep2] // vocabulary, p2[keep2], unigram[word[keep2]])
    backoff1[left] = mass
    keys2, keys3 = two.keys[keep2], three.keys[keep3]
    lower = _backed_off(keys2, np.log(p2[keep2]), backoff1, log_unigram, keys3 % (vocabulary * vocabulary))
    contexts, mass = _left_over(keys3 // vocabulary, p3[keep3], np.exp(lower))
    backoff2 = np.zeros(len(keys2))
    at, known = find(keys2, contexts)
    backoff2[at[known]] = mass[known]
    return BackoffModel(
        vocabulary, log_unigram, backoff1, keys2, np.log(p2[keep2]), backoff2, keys3, np.log(p3[keep3])
    )


def _unigram(counts: NgramCounts, vocabulary: int) -> Floats:
    """Return p(w) [V]: discounted, the rest uniform over all words but the sentence start."""
    table = discounts(counts.raw)
    lost = counts.weighted * table[np.minimum(counts.raw, 3).astype(np.int64)] / counts.raw
    total = counts.weighted.sum()
    p = np.full(vocabulary, lost.sum() / total / (vocabulary - 1))
    p[0] = 1e-9  # never predicted
    p[counts.keys] += (counts.weighted - lost) / total
    result: Floats = p / p.sum()
    return result


def _largest(gain: Floats, limit: int) -> Ints:
    """Return the sorted positions of the `limit` largest positive gains."""
    useful = np.flatnonzero(gain > 0)
    if len(useful) > limit:
        useful = useful[np.argpartition(-gain[useful], limit - 1)[:limit]]
    return np.sort(useful)


def _left_over(contexts: Ints, upper: Floats, lower: Floats) -> tuple[Ints, Floats]:
    """Return (distinct contexts, log back-off weight) that make each distribution sum to 1."""
    distinct, start = np.unique(contexts, return_index=True)
    if not len(distinct):
        return distinct, np.zeros(0)
    kept = np.add.reduceat(upper, start)
    replaced = np.add.reduceat(lower, start)
    return distinct, np.log(np.maximum(1 - kept, 1e-6) / np.maximum(1 - replaced, 1e-6))


def _backed_off(keys: Ints, log_p: Floats, backoff: Floats, unigram: Floats, wanted: Ints) -> Floats:
    vocabulary = len(unigram)
    at, known = find(keys, wanted)
    return np.where(known, log_p[at], backoff[wanted // vocabulary] + unigram[wanted % vocabulary])


def score(model: BackoffModel, older: Ints, newer: Ints, word: Ints) -> Floats:
    """Return log p(word | older newer), elementwise, in full precision."""
    size = model.vocabulary
    bigram = _backed_off(
        model.bigram_keys, model.bigram, model.unigram_backoff, model.unigram, newer * size + word
    )
    at, known = find(model.trigram_keys, (older * size + newer) * size + word)
    context, stored = find(model.bigram_keys, older * size + newer)
    backed = np.where(stored, model.bigram_backoff[context], 0.0) + bigram
    return np.where(known, model.trigram[at], backed) if len(model.trigram) else backed
