"""What the network reads at a step: messages of like length side by side, in an order that a seed decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from quietkeys.arrays import Int32, Int64
from quietkeys.bundle.networks import FIRST_CLASS, MAX_NGRAMS, NO_WORD, SENTENCE

from .text import PASSES, Messages
from .vocabulary import Symbols, ngram_table


@dataclass(frozen=True, slots=True)
class Texts:
    """Messages by corpus, and the table of n-grams of the words outside the vocabulary and inside it.

    outside_ngrams: [outside, G]; inside_ngrams: [V, G]; outside_class: [outside] output ids.
    """

    train: Mapping[str, Messages]
    held_out: Mapping[str, Messages]
    outside_ngrams: Int32
    inside_ngrams: Int32
    outside_class: Int32

    def known(self, symbols: Int32) -> Int32:
        """Return symbols with the class of each word outside the vocabulary in its place."""
        if not len(self.outside_class):
            return symbols
        found: Int32 = np.where(symbols < 0, self.outside_class[np.maximum(-1 - symbols, 0)], symbols)
        return found

    def ngrams(self, symbols: Int32) -> Int32:
        """Return [N, G] the n-grams of words [N] inside and outside the vocabulary."""
        table: Int32 = self.inside_ngrams[np.maximum(symbols, 0)]
        outside = symbols < 0
        table[outside] = self.outside_ngrams[-1 - symbols[outside]]
        return table


def texts_of(
    symbols: Symbols, train: Mapping[str, Messages], held_out: Mapping[str, Messages], outside: list[str]
) -> Texts:
    """Return the texts with what is read and predicted for words outside the vocabulary."""
    no_words = [""] * (symbols.size - len(symbols.words))
    inside = ngram_table([*no_words, *symbols.words], MAX_NGRAMS)
    classes = np.array([symbols.target(word) for word in outside], np.int32)
    return Texts(train, held_out, ngram_table(outside, MAX_NGRAMS), inside, classes)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step reads: time runs down. Shapes as in `Network.forward`; targets [T, B], 0 for none."""

    symbols: Tensor
    spelled: Tensor
    ngrams: Tensor
    targets: Tensor


def batch_of(texts: Texts, messages: list[Int32], rng: Generator | None, share: float) -> Batch:
    """Return messages side by side, padded with SENTENCE.

    rng: chooses the share of the known words that are read by their n-grams; None: no word is.
    """
    longest = max(map(len, messages))
    raw = np.zeros((longest, len(messages)), np.int32)
    length = np.array([len(message) for message in messages])
    for column, message in enumerate(messages):
        raw[: len(message), column] = message
    known = texts.known(raw)
    inputs, targets = known[:-1], known[1:].copy()
    targets[np.arange(1, longest)[:, None] >= length[None, :]] = SENTENCE
    targets[targets < FIRST_CLASS] = SENTENCE
    spelled = raw[:-1] < 0
    if rng is not None:
        spelled |= (rng.random(inputs.shape) < share) & (inputs > NO_WORD)
    return Batch(
        torch.from_numpy(inputs.astype(np.int64)),
        torch.from_numpy(spelled),
        torch.from_numpy(texts.ngrams(raw[:-1][spelled]).astype(np.int64)),
        torch.from_numpy(targets.astype(np.int64)),
    )


def epoch(texts: Texts, rng: Generator, size: int, share: float) -> Iterator[Batch]:
    """Yield the batches of one epoch: messages of like length together, in an order drawn by `rng`."""
    chosen: list[tuple[str, int]] = []
    for name, messages in texts.train.items():
        count = len(messages.starts) - 1
        passes = PASSES[name]
        times = int(passes)
        rest = rng.random(count) < passes - times
        chosen += [(name, k) for k in range(count) for _ in range(times)]
        chosen += [(name, int(k)) for k in np.flatnonzero(rest)]
    lengths = np.array([texts.train[name].length(k) for name, k in chosen])
    order = np.lexsort((rng.random(len(chosen)), lengths))
    groups: list[Int64] = []
    at = 0
    while at < len(order):
        wide = max(1, size // int(lengths[order[min(at + size // 8, len(order) - 1)]]))
        groups.append(order[at : at + wide])
        at += wide
    for group in rng.permutation(len(groups)):
        rows = (chosen[k] for k in groups[group])
        yield batch_of(texts, [texts.train[name].message(k) for name, k in rows], rng, share)
