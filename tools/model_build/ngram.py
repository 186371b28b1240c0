"""The language model as it ships: quantized tables, and the numpy twin of their ONNX look-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import hash_table
from .hash_table import MISS, HashTable
from .kneser_ney import BackoffModel
from .quantize import Scale, fit_scale

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NgramTables:
    """Quantized trigram model of V words.

    unigram, unigram_backoff: uint8 [V]. bigram: key newer * V + word. bigram_backoff: uint8
    [buckets, 8], beside the bigram's slot, the weight of falling back from that bigram as context.
    trigram: key (older * V + newer) * V + word. All probabilities share one scale.
    """

    vocabulary: int
    unigram: NDArray[np.uint8]
    unigram_backoff: NDArray[np.uint8]
    bigram: HashTable
    bigram_backoff: NDArray[np.uint8]
    trigram: HashTable
    probability_scale: Scale
    backoff_scale: Scale


def quantize(model: BackoffModel) -> NgramTables:
    """Return the tables of a back-off model."""
    scale = fit_scale(np.concatenate([model.unigram[1:], model.bigram, model.trigram]))
    backoff = fit_scale(np.concatenate([model.unigram_backoff, model.bigram_backoff, np.zeros(1)]))
    bigram, places = hash_table.build(model.bigram_keys, scale.encode(model.bigram))
    weights = np.zeros(bigram.slots.shape, np.uint8)
    weights.reshape(-1)[places] = backoff.encode(model.bigram_backoff)
    trigram, _ = hash_table.build(model.trigram_keys, scale.encode(model.trigram))
    return NgramTables(
        model.vocabulary,
        scale.encode(model.unigram),
        backoff.encode(model.unigram_backoff),
        bigram,
        weights,
        trigram,
        scale,
        backoff,
    )


def score(tables: NgramTables, older: Ints, newer: Ints, word: Ints) -> Floats:
    """Return log p(word | older newer), elementwise, as the shipped graph computes it."""
    size = tables.vocabulary
    scale, weight = tables.probability_scale, tables.backoff_scale
    bigram = hash_table.look_up(tables.bigram, newer * size + word)
    trigram = hash_table.look_up(tables.trigram, (older * size + newer) * size + word)
    backed1 = weight.decode(tables.unigram_backoff[newer]) + scale.decode(tables.unigram[word])
    lower = np.where(bigram < MISS, scale.decode(bigram), backed1)
    context = hash_table.look_up_beside(tables.bigram, tables.bigram_backoff, older * size + newer)
    backed2 = np.where(context < MISS, weight.decode(context), 0.0) + lower
    result: Floats = np.where(trigram < MISS, scale.decode(trigram), backed2)
    return result
