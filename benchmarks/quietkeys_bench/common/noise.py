"""What an encrypted run adds to the integer program, modelled: noise before every look-up.

A look-up reads the top four bits of an encrypted number. Before it is read, the noise of the key switch and
the rounding to the bootstrap's modulus move the number; where it lies that close to an edge of the table, the
neighbouring entry comes out. The compiler chooses parameters so that the move exceeds half a table level with
probability p_error: at 2^-40 that is 7.14 standard deviations, so one is 0.070 of a level. The shipped client
specification says the same: with 771 and 2048 dimensions, key switch of 5 digits to base 8,

    key switch  2048 * 5 * (8^2 + 2) / 12 * 4.8e-11  +  2048 / 2 / (12 * 8^10)  =  2.8e-6
    rounding    (771 / 2 + 1) / 12 / 4096^2                                     =  1.9e-6

in units of the torus squared, where a level of a 4-bit table is 1/32: 0.069 of a level.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.random import Generator

from quietkeys_protocol.program import Clear

NOISE: Final = 0.07  # standard deviation before a look-up, in levels of its table


class Noisy(Clear):
    """Look-ups on int64 arrays that were moved by noise first."""

    def __init__(self, rng: Generator, noise: float = NOISE) -> None:
        """noise: standard deviation, in levels of the table that is read."""
        self._rng = rng
        self._noise = noise

    def look_up(self, values: Any, drop: int, table: tuple[int, ...]) -> Any:
        """`table[(value + noise) >> drop]`."""
        moved = values + self._rng.normal(0.0, self._noise * (1 << drop), np.shape(values))
        return super().look_up(np.rint(moved).astype(np.int64), drop, table)
