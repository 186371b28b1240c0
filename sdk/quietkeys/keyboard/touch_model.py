"""Touch points: where a finger landed, what that says about the key it meant, and one user's own habit.

A touch is Gaussian about its key's centre plus an offset. The offset of every key and the spread are the
user's own: sums of deviations, shrunk towards the user's mean over all keys, and that towards the
population's (two-level normal model; Gelman et al., Bayesian Data Analysis, section 5.4). Coordinates are
those of the layout, key widths and heights.

Sums are of whole numbers by epochs of EPOCH words, so that taking a word back is exact; older epochs weigh
less. They are personal and stay on the device, but hold neither words nor an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard.edits import CLASSES, character_classes, keys_hit
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.keyboard.layout_channel import slip_substitutions
from quietkeys.keyboard.touch_statistics import KEY_DEVIATION, MEAN_OFFSET, OFFSET_DEVIATION, SPREAD
from quietkeys.text.tokens import straightened
from quietkeys_protocol.errors import ErrorCode, Refused

Touches = Sequence[tuple[float, float] | None]  # one (x, y) a character, None where there is none

REACH: Final = 1.25  # key widths and heights from a key's centre; a touch further off says nothing about it
EPOCH: Final = 4_096  # words
HALF_LIFE: Final = 4.0  # epochs until a touch weighs half
EPOCHS_KEPT: Final = 16  # then it has become negligible, and is forgotten
PRIOR_TOUCHES: Final = 30.0  # touches that the population's spread counts as; judgement
MOMENTS: Final = 5  # of a key: touches, sum of x, y, x squared, y squared, in units from an origin
_UNITS: Final = 1_024  # to a key width or height
_ORIGIN: Final = 2.0  # key widths and heights left of and above the centre: no sum is ever negative
_POPULATION: Final = np.array(MEAN_OFFSET)
_WITHIN: Final = (
    np.array(SPREAD) ** 2 - OFFSET_DEVIATION**2 - KEY_DEVIATION**2
)  # variance of one key's touches


def touches_of(layout: Layout, typed: str, touches: Touches) -> Float64:
    """Return an app's touches [T, 2], NaN where none is known or it makes no sense; as `known_touches`.

    Raises Refused (TOUCHES_MALFORMED) if they are not one (x, y) or None for each character.
    """
    try:
        return known_touches(layout, straightened(typed), touches)
    except (ValueError, TypeError, OverflowError):
        # Not `from` it: numpy quotes what it cannot read, and that may be text.
        raise Refused(ErrorCode.TOUCHES_MALFORMED) from None


def known_touches(layout: Layout, typed: str, touches: Touches) -> Float64:
    """Return the touch points of what was typed [T, 2]; NaN where none is known or it makes no sense.

    touches: one (x, y) a character, None for characters without. A touch that is not finite or more than
    REACH off the key of its character is left out: other pages, pop-up keys. Raises ValueError if there are
    not as many as characters.
    """
    if len(touches) != len(typed):
        raise ValueError(f"{len(touches)} touches for {len(typed)} characters")
    points = np.array([(np.nan, np.nan) if touch is None else touch for touch in touches], dtype=np.float64)
    points = points.reshape(len(typed), 2)
    centres = layout.centres[character_classes(typed)]
    points[~(np.abs(points - centres) <= REACH).all(1)] = np.nan
    return points


def oldest_epoch(tick: int) -> int:
    """Return the first epoch that still counts after so many words."""
    return tick // EPOCH - EPOCHS_KEPT + 1


@dataclass(frozen=True, slots=True)
class Habit:
    """Offset and spread of every key's touches: mean [28, 2], variance [28, 2] of a touch yet to come."""

    mean: Float64
    variance: Float64


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TouchTrace:
    """What one learnt word added: its epoch and moments [28, MOMENTS]. For taking it back; in memory only."""

    epoch: int
    moments: Int64


@dataclass(slots=True, repr=False)
class TouchModel:
    """One user's touches on one layout. sums: epoch -> moments [28, MOMENTS] of whole numbers."""

    layout: Layout = QWERTY
    sums: dict[int, Int64] = field(default_factory=dict)
    _habit: Habit | None = None

    def learn(self, operations: Int64, touches: Float64, tick: int) -> TouchTrace:
        """Add the touches of a kept word to the keys it says they were meant for; return the trace.

        operations: [MAX_EDITS] edit ids of the kept candidate. touches: [T, 2], NaN where unknown. tick:
        words typed so far. Inserted and swapped characters, and keys beyond REACH, are left out.
        """
        intended = keys_hit(operations[None, :], len(touches))[0][0]  # [T]
        deviations = touches - self.layout.centres[intended]
        usable = (intended >= 0) & (np.abs(deviations) <= REACH).all(1)
        units = np.rint((deviations[usable] + _ORIGIN) * _UNITS).astype(np.int64)
        rows = np.concatenate([np.ones((len(units), 1), np.int64), units, units**2], axis=1)
        moments = np.zeros((CLASSES, MOMENTS), dtype=np.int64)
        np.add.at(moments, intended[usable], rows)
        trace = TouchTrace(tick // EPOCH, moments)
        self.relearn(trace)
        return trace

    def relearn(self, trace: TouchTrace) -> None:
        """Add what a trace holds: undoes `unlearn`."""
        self._put(trace.epoch, self._held(trace.epoch) + trace.moments)

    def unlearn(self, trace: TouchTrace) -> None:
        """Take a word back: everything is as if it had never been learnt.

        Raises ValueError if what it added is not there: it was forgotten, or taken back already.
        """
        left = self._held(trace.epoch) - trace.moments
        if (left < 0).any():
            raise ValueError("these touches are not among those learnt")
        self._put(trace.epoch, left)

    def entries(self) -> Iterator[tuple[int, Float64]]:
        """Yield (epoch, moments [28, MOMENTS]) of everything held; no number is negative."""
        return ((epoch, self.stored(epoch)) for epoch in sorted(self.sums))

    def stored(self, epoch: int) -> Float64:
        """Return the moments of one epoch as they are stored, zeros if there are none."""
        return self._held(epoch).astype(np.float64)

    def load(self, entries: Mapping[int, Float64], tick: int) -> None:
        """Replace everything held by stored entries, less those that are EPOCHS_KEPT old.

        Raises ValueError for an entry of another shape.
        """
        if any(moments.shape != (CLASSES, MOMENTS) for moments in entries.values()):
            raise ValueError("stored touches have another shape")
        self.sums = {
            epoch: np.rint(moments).astype(np.int64) for epoch, moments in entries.items() if moments.any()
        }
        self.drop_old(tick)

    def drop_old(self, tick: int) -> None:
        """Forget what is EPOCHS_KEPT old."""
        oldest = oldest_epoch(tick)
        self.sums = {epoch: moments for epoch, moments in self.sums.items() if epoch >= oldest}
        self._habit = None

    def habit(self) -> Habit:
        """Return this user's habit: the population's at first, the user's own the more is known."""
        if self._habit is None:
            self._habit = _fitted(self._weighted())
        return self._habit

    def emission(self, aimed: Float64, typed: str, touches: Float64) -> Float64:
        """Return log P(touch | intended class), nats [T, 28], on the scale of the channel; NaN if unknown.

        aimed: [28, 28] what keys are aimed at (`aimed_keys`). touches: [T, 2] of `known_touches`.

        P(touch | i) = sum over k of aimed[i, k] f_k(touch) / g_t(touch), where f_k is the density of touches
        meant for k and g_t that of all touches which hit the typed key t, each key meant equally often. So
        the mean over touches on a key is what the channel says of that key. g_t is the sum of f over keys,
        divided by what it holds within the cell of t.
        """
        habit = self.habit()
        own = np.flatnonzero(~np.isnan(self.layout.centres[:, 0]))
        expected = (self.layout.centres + habit.mean)[own]  # [N, 2]
        steps = touches[:, None, :] - expected[None, :, :]  # [T, N, 2]
        density = -0.5 * (steps**2 / habit.variance[own] + np.log(habit.variance[own])).sum(-1)  # [T, N]
        density = np.exp(density - density.max(1, keepdims=True))
        share = density / density.sum(1, keepdims=True)  # [T, N]
        held = slip_substitutions(self.layout)[own].sum(0)[character_classes(typed)]  # [T]
        emission: Float64 = np.log(held[:, None] * (share @ aimed[:, own].T))
        return emission

    def _held(self, epoch: int) -> Int64:
        return self.sums.get(epoch, np.zeros((CLASSES, MOMENTS), np.int64))

    def _put(self, epoch: int, moments: Int64) -> None:
        self.sums[epoch] = moments
        if not moments.any():
            del self.sums[epoch]
        self._habit = None

    def _weighted(self) -> Float64:
        # [28, MOMENTS] of all epochs, older ones weighing less; deviations from the centre, key widths.
        total = np.zeros((CLASSES, MOMENTS))
        newest = max(self.sums, default=0)
        for epoch, moments in sorted(self.sums.items(), key=lambda entry: entry[0]):
            total += 0.5 ** ((newest - epoch) / HALF_LIFE) * moments
        touches, sums, squares = total[:, :1], total[:, 1:3] / _UNITS, total[:, 3:] / _UNITS**2
        squares = squares - 2.0 * _ORIGIN * sums + _ORIGIN**2 * touches
        return np.concatenate([touches, sums - _ORIGIN * touches, squares], axis=1)


def _fitted(moments: Float64) -> Habit:
    # Shrinks every key to the user's mean, and that to the population's. Axes are apart.
    touches, sums, squares = moments[:, :1], moments[:, 1:3], moments[:, 3:]  # [28, 1], [28, 2], [28, 2]
    seen = np.maximum(touches, 1e-9)
    means = sums / seen
    scatter = np.maximum(squares - sums**2 / seen, 0.0).sum(0)
    freedom = np.maximum(touches - 1.0, 0.0).sum()
    within = (PRIOR_TOUCHES * _WITHIN + scatter) / (PRIOR_TOUCHES + freedom)  # [2]
    between = KEY_DEVIATION**2
    precision = touches / (touches * between + within)  # [28, 2] of each key's mean as a sight of the user's
    mean_precision = OFFSET_DEVIATION**-2 + precision.sum(0)  # [2]
    mean = (OFFSET_DEVIATION**-2 * _POPULATION + (precision * means).sum(0)) / mean_precision
    key_precision = touches / within + 1.0 / between  # [28, 2]
    pull = 1.0 / between / key_precision  # share of the user's mean in a key's
    offset = pull * mean + (1.0 - pull) * means
    return Habit(offset, within + 1.0 / key_precision + pull**2 / mean_precision)
