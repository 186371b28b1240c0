"""What touch noise makes of each key on a layout, and channels for layouts other than QWERTY.

A channel (log P(edit), `quietkeys.keyboard.edits`) is shipped for QWERTY. Its substitutions mix slips of
fingers, which follow the keys, with mistakes that do not (spelling). `_key_shares` tells how much is which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from quietkeys.arrays import Bool, Float64
from quietkeys.keyboard import edits
from quietkeys.keyboard.edits import CLASSES
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.keyboard.touch_statistics import MEAN_OFFSET, OFFSET_DEVIATION, SCALE, SPREAD_X, SPREAD_Y

RAREST: Final = 1e-6  # probability of a substitution at least
_CERTAIN: Final = 0.3  # probability of typing a character right at least
_STEP: Final = 0.05  # key widths and heights, of the grid that is summed over; cells end on its edges
_MARGIN: Final = 2.0  # of the grid around the key centres
_NODES: Final = ((-math.sqrt(0.6), 5 / 9), (0.0, 8 / 9), (math.sqrt(0.6), 5 / 9))  # Gauss-Legendre, weights
_SUBSTITUTIONS: Final = slice(edits.substitution(0, 0), edits.substitution(0, 0) + CLASSES * CLASSES)


@lru_cache(maxsize=8)
def slip_substitutions(layout: Layout, scale: float = SCALE) -> Float64:
    """Return P(typed class | intended class) [28, 28] of touch noise alone; rows sum to 1. Read-only.

    Touches are Gaussian about the key centres, the mean over the population (`quietkeys.keyboard.
    touch_statistics`, all deviations times `scale`), added up over the Voronoi cells of the keys.
    Classes without a key stay.
    """
    own = ~np.isnan(layout.centres[:, 0])
    centres = layout.centres[own]
    low, high = layout.points.min(0) - _MARGIN, layout.points.max(0) + _MARGIN
    x, y = (np.arange(low[axis], high[axis] + _STEP, _STEP) for axis in (0, 1))  # [X], [Y] edges
    along_x = _shares(x, centres[:, 0] + scale * MEAN_OFFSET[0], SPREAD_X, scale)  # [N, X - 1]
    along_y = _shares(y, centres[:, 1] + scale * MEAN_OFFSET[1], SPREAD_Y, scale)  # [N, Y - 1]
    middles = np.stack(np.meshgrid(x[:-1] + _STEP / 2, y[:-1] + _STEP / 2, indexing="ij"), axis=-1)
    cells = layout.nearest_key(middles)  # [X - 1, Y - 1]
    chances = np.eye(CLASSES)
    chances[own] = 0.0
    for typed in np.unique(layout.keys):
        chances[own, typed] = ((along_x @ (cells == typed)) * along_y).sum(1)
    chances /= chances.sum(1, keepdims=True)
    chances.setflags(write=False)
    return chances


def _shares(edges: Float64, means: Float64, spread: tuple[float, float], scale: float) -> Float64:
    # [N, len(edges) - 1] share of touches between edges; people's spreads are uniform.
    low, high = spread
    total = np.zeros((len(means), len(edges) - 1))
    for node, weight in _NODES:
        person = (low + high + (high - low) * node) / 2.0
        deviation = scale * math.hypot(person, OFFSET_DEVIATION)
        below = _normal_cdf((edges[None, :] - means[:, None]) / deviation)
        total += weight / 2.0 * np.diff(below, axis=1)
    return total


def _normal_cdf(values: Float64) -> Float64:
    flat = [math.erf(value) for value in (values / math.sqrt(2.0)).ravel().tolist()]
    cdf: Float64 = (1.0 + np.array(flat).reshape(values.shape)) / 2.0
    return cdf


def layout_channel(base: Float64, layout: Layout) -> Float64:
    """Return the shipped channel [EDIT_COUNT] (nats, for QWERTY) as it is on another layout."""
    return base if layout is QWERTY else swap_geometry(base, QWERTY, layout)


def swap_geometry(channel: Float64, old: Layout, new: Layout) -> Float64:
    """Return a channel [EDIT_COUNT] (nats) for layout `new` from one for layout `old`.

    How much of the substitutions follows the keys is found by least squares: touch noise, an even choice of
    neighbouring keys, and the rest. The first two are replaced by those of `new`; the rest, spelling, and
    the total of every row stay, and so do all other edits, which know keys only through the alignment.
    """
    chances = _substitutions(channel)
    shares = _key_shares(chances, old)
    off = ~np.eye(CLASSES, dtype=bool)
    rest = np.where(off, np.maximum(chances - _keyed(old) @ shares, RAREST), 0.0)
    return _with_substitutions(channel, chances.sum(1), rest + _keyed(new) @ shares)


@dataclass(frozen=True, slots=True, repr=False)
class LayoutChannel:
    """What typing on one layout makes of words. Made by `of`.

    shipped: [EDIT_COUNT] the bundle's channel (nats, for QWERTY), which the ranker's graph sums. table:
    [EDIT_COUNT] the channel on this layout. aimed: [28, 28] `aimed_keys` of it.
    """

    layout: Layout
    shipped: Float64
    table: Float64
    aimed: Float64

    @classmethod
    def of(cls, shipped: Float64, layout: Layout = QWERTY) -> LayoutChannel:
        """Return what a bundle's channel is on a layout."""
        table = layout_channel(shipped, layout)
        return cls(layout, shipped, table, aimed_keys(table, layout))


def aimed_keys(channel: Float64, layout: Layout) -> Float64:
    """Return P(class aimed at | intended class) [28, 28]: the channel of this layout less its touch noise.

    Rows sum to the channel's rows: what is left for omissions, insertions and transpositions stays out.
    """
    chances = _substitutions(channel)
    noise = _keyed(layout)[..., 0] * _key_shares(chances, layout)[0]
    aimed = np.where(np.eye(CLASSES, dtype=bool), 0.0, np.maximum(chances - noise, RAREST))
    np.fill_diagonal(aimed, np.maximum(chances.sum(1) - aimed.sum(1), _CERTAIN))
    return aimed


def _substitutions(channel: Float64) -> Float64:
    chances: Float64 = np.exp(channel[_SUBSTITUTIONS].astype(np.float64)).reshape(CLASSES, CLASSES)
    return chances


def _with_substitutions(channel: Float64, totals: Float64, wrong: Float64) -> Float64:
    # wrong [28, 28] chances off the diagonal; matches take what is left of `totals` [28].
    chances = wrong.copy()
    np.fill_diagonal(chances, 0.0)
    np.fill_diagonal(chances, np.maximum(totals - chances.sum(1), _CERTAIN))
    result = channel.astype(np.float64)
    result[_SUBSTITUTIONS] = np.log(chances).ravel()
    return result


def _keyed(layout: Layout) -> Float64:
    # [28, 28, 2] off the diagonal: touch noise, and an even choice of the neighbouring keys.
    near = layout.adjacent / np.maximum(layout.adjacent.sum(1, keepdims=True), 1)
    keyed: Float64 = np.stack([slip_substitutions(layout), near], axis=-1)
    keyed[np.arange(CLASSES), np.arange(CLASSES)] = 0.0
    return keyed


def _key_shares(chances: Float64, layout: Layout) -> Float64:
    # [2] how much of either column of `_keyed` is in the substitutions of letters; an even rest beside it.
    pairs: Bool = ~np.eye(CLASSES, dtype=bool)
    pairs[edits.APOSTROPHE :] = pairs[:, edits.APOSTROPHE :] = False
    columns = np.concatenate([_keyed(layout)[pairs], np.ones((int(pairs.sum()), 1))], axis=1)
    kept = [0, 1, 2]
    while True:
        found: Float64 = np.linalg.lstsq(columns[:, kept], chances[pairs], rcond=None)[0]
        if (found >= 0.0).all():
            break
        kept.pop(int(found.argmin()))
    shares = np.zeros(3)
    shares[kept] = found
    slip_and_near: Float64 = shares[:2]
    return slip_and_near
