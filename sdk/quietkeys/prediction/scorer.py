"""Scores a slate with the bundle's ONNX graph; the adapter's weights are inputs of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from quietkeys.keyboard import edits
from quietkeys.prediction.slate import UNKNOWN, Slate

_PAD: Final = 0  # of spellings; a character's symbol is its class + 1


@dataclass(frozen=True, slots=True)
class Adapter:
    """Decrypted weights in use, in real units; they are personal and never leave the device.

    version: 0 is no adapter (all zero).
    """

    version: int
    weights: Mapping[str, NDArray[np.float32]]

    def __repr__(self) -> str:
        return f"Adapter(version={self.version})"


@dataclass(frozen=True, slots=True, repr=False)
class Scores:
    """score: [K] nats, not normalised. features: [K, F] in the order of `events.FEATURES`."""

    score: NDArray[np.float64]
    features: NDArray[np.float64]


class Scorer:
    """An onnxruntime session on one thread."""

    def __init__(self, model: bytes) -> None:
        """model: ONNX bytes."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def widths(self) -> dict[str, int]:
        """Return the number of adapter weights of each block."""
        shapes = {given.name: given.shape for given in self._session.get_inputs()}
        return {
            name.removesuffix("_weights"): int(shape[0])
            for name, shape in shapes.items()
            if name.endswith("_weights")
        }

    def no_adapter(self) -> Adapter:
        """Return the adapter that changes nothing."""
        return Adapter(0, {block: np.zeros(width, np.float32) for block, width in self.widths().items()})

    def score(self, slate: Slate, adapter: Adapter) -> Scores:
        """Return the scores of a slate."""
        feed: dict[str, NDArray[np.generic]] = {
            "candidate": slate.ids,
            "language": slate.language,
            "touch": slate.touch,
            "touch_events": slate.touch_events,
            "spelling": _spellings(slate),
            "edits": slate.operations,
            "personal": slate.personal,
            "base_share": np.array([slate.base_share], dtype=np.float32),
            "evidence": slate.evidence,
        }
        feed |= {f"{block}_weights": weights for block, weights in adapter.weights.items()}
        score, features = self._session.run(["score", "features"], feed)
        return Scores(score.astype(np.float64), features.astype(np.float64))


def _spellings(slate: Slate) -> NDArray[np.int64]:
    # [K, S] symbols of the words that the lexicon lacks; a row of padding for every other word.
    outside = [word if known == UNKNOWN else "" for word, known in zip(slate.words, slate.ids, strict=True)]
    table = np.full((len(outside), max(1, *map(len, outside))), _PAD, dtype=np.int64)
    for row, word in enumerate(outside):
        table[row, : len(word)] = [character + 1 for character in edits.character_classes(word)]
    return table
