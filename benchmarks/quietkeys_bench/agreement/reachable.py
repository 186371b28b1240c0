"""What a weight may come out as when look-ups read the entry beside their own: rounding apart from noise.

A look-up rounds approximately: near an edge of its table the noise of the run decides between two entries.
Where no event moves two weights and no weight two events, a weight is the end of a chain of its own look-ups,
and the program itself, run once for every choice of sides, says all that the weight can be. The value nearest
to a phase is what was computed, the rest is the noise of the result. Where one event moves several weights,
the values lie too densely, and nothing is told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Bool, Float64, Int64
from quietkeys.updates.report import Encoded
from quietkeys_protocol.plan import Block
from quietkeys_protocol.program import Clear, train

APART: Final = 12.0  # deviations between a value and the next one: half of it either way is sure
MAX_LOOK_UPS: Final = 10  # of a chain, which has two to their power of values


class _Sided(Clear):
    """Look-ups of which a bit each says whether they read the entry beside their own."""

    def __init__(self, sides: int) -> None:
        self._sides = sides

    def look_up(self, values: Any, drop: int, table: tuple[int, ...]) -> Any:
        """Return the value's entry of the table, or that beyond its nearest edge; exact ones have none."""
        beside, self._sides = self._sides & 1, self._sides >> 1
        if beside and drop:
            step = 1 << drop
            values = values + np.where(values % step >= step // 2, step, -step)
            values = np.clip(values, 0, len(table) * step - 1)
        return super().look_up(values, drop, table)


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """Of the weights of a result, [d]: what was computed, the noise left, and whether that is sure."""

    computed: Int64
    noise: Float64
    sure: Bool


def has_chains(block: Block) -> bool:
    """Return whether every event of a block moves one weight by itself, and every weight has one event."""
    alone = (np.count_nonzero(block.A, axis=1) == 1).all() and (np.count_nonzero(block.A, axis=0) == 1).all()
    return bool(alone) and block.planes * block.steps <= MAX_LOOK_UPS


def reachable(block: Block, report: Encoded) -> Int64:
    """Return what each weight of a block with chains may come out as, [choices, d]; first the clear one."""
    choices = 1 << (block.planes * block.steps)
    return np.stack(
        [train(block, report.strength, report.gradient, _Sided(choice)) for choice in range(choices)]
    )


def told_apart(values: Int64, phase: Float64, deviation: Float64 | float) -> Told:
    """Return what the phases [d] of a result say, for reachable values [choices, d].

    deviation: of the noise, in units of a weight: of each [d] or of all. Sure is a weight whose next other
    value lies at least `APART` deviations from the one that it is nearest to, so that noise did not choose
    between the two.
    """
    distance = np.abs(values - phase)
    computed = np.take_along_axis(values, distance.argmin(axis=0)[None], axis=0)[0]
    others = np.where(values == computed, np.inf, np.abs(values - computed).astype(np.float64))
    return Told(computed, phase - computed, others.min(axis=0) >= APART * deviation)
