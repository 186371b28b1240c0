"""Eight-bit logarithms: value = high - step * code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Float64, UInt8

CODES = 256


@dataclass(frozen=True, slots=True)
class Scale:
    """high: the value of code 0 (nats). step: nats per code."""

    high: float
    step: float

    def encode(self, values: Float64) -> UInt8:
        """Return the nearest codes; values outside the range are clipped to it."""
        codes = np.clip(np.round((self.high - values) / self.step), 0, CODES - 1)
        result: UInt8 = codes.astype(np.uint8)
        return result

    def decode(self, codes: NDArray[np.integer[Any]]) -> Float64:
        """Return the values of codes."""
        result: Float64 = self.high - self.step * codes.astype(np.float64)
        return result


def fit_scale(values: Float64, lowest: float = -20.0) -> Scale:
    """Return the scale that spans the values (none below `lowest`)."""
    if not len(values):
        return Scale(0.0, 1.0)
    high = float(values.max())
    low = max(float(values.min()), lowest)
    return Scale(high, max((high - low) / (CODES - 1), 1e-6))
