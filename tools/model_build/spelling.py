"""A character model of words outside the lexicon: how likely a spelling is.

Order 4 with Witten-Bell interpolation, as one dense uint8 table [29, 29, 29, 29] of quantized
log-probabilities. Symbols: 0 the boundary, then the SDK's character classes plus one (1..26 letters,
27 the apostrophe, 28 anything else). Trained on types, not tokens: the next unknown word is as
likely to be any of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quietkeys.arrays import Int64, UInt8
from quietkeys.keyboard.edits import CLASSES, character_classes

from .quantize import Scale, fit_scale

SYMBOLS = CLASSES + 1
ORDER = 4
FLOOR = 1e-7  # probability below which an event is as good as impossible (16 nats)


def symbols(word: str) -> list[int]:
    """Return the symbols of a word, without boundaries."""
    return [index + 1 for index in character_classes(word)]


def train(types: Iterable[tuple[str, float]]) -> tuple[UInt8, Scale]:
    """Return (table [29 ^ 4], scale) from (word, weight) pairs."""
    counts = np.zeros((SYMBOLS,) * ORDER)
    for word, weight in types:
        padded = [0, 0, 0, *symbols(word), 0]
        for at in range(3, len(padded)):
            counts[tuple(padded[at - 3 : at + 1])] += weight
    p = np.full(SYMBOLS, 1.0 / SYMBOLS)
    for order in range(1, ORDER + 1):
        table = counts.sum(axis=tuple(range(ORDER - order))) if order < ORDER else counts
        total = table.sum(-1, keepdims=True)
        distinct = (table > 0).sum(-1, keepdims=True)
        p = np.where(total > 0, (table + distinct * p) / np.maximum(total + distinct, 1e-9), p)
    log_p = np.log(np.maximum(p, FLOOR))
    scale = fit_scale(log_p)
    return scale.encode(log_p), scale


def log_probability(table: UInt8, scale: Scale, typed: Int64) -> float:
    """Return log P(typed) of symbols without boundaries. The twin of the ONNX operators."""
    padded = np.concatenate([[0, 0, 0], typed, [0]])
    windows = [padded[at : len(padded) - 3 + at] for at in range(ORDER)]
    logs = scale.decode(table[tuple(windows)])
    return float(logs[(windows[2] != 0) | (windows[3] != 0)].sum())
