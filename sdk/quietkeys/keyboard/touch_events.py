"""Touch events: on which side of the key that a candidate means did each touch land, and in which region.

They join the `channel` block. Event = region of the touch (left, middle, right third of the keys) x
direction from the key's centre plus the population's offset (left, right, up, down). A weight on an event
adds to a candidate's score each time it explains a touch so. Of two neighbouring keys one explains a touch
between them as "left" and the other as "right", so the difference of both weights moves the border
between them. That is what an offset d of the user's own does: it adds d times the distance of the keys
over the variance, wherever between them the touch is.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard.edits import keys_hit
from quietkeys.keyboard.layout import Layout
from quietkeys.keyboard.touch_model import REACH
from quietkeys.keyboard.touch_statistics import MEAN_OFFSET, SPREAD

REGIONS: Final = ("left", "middle", "right")
DIRECTIONS: Final = ("left", "right", "up", "down")
TOUCH_EVENTS: Final = tuple(f"touch {region} {way}" for region in REGIONS for way in DIRECTIONS)
_NEGLIGIBLE: Final = 0.25 * np.array(SPREAD)  # key widths and heights; nearer touches have no direction
_EDGE: Final = 0.5  # key widths from the centre of an outer key to the end of the keys


def touch_events(layout: Layout, touches: Float64, operations: Int64) -> Int64:
    """Return the touch events of K candidates, indices into TOUCH_EVENTS, -1 for none: [K, 2 T].

    touches: [T, 2] of `known_touches`. operations: [K, MAX_EDITS]. The first T columns are left or
    right, the others up or down, one each for every typed character.
    """
    intended, _ = keys_hit(operations, len(touches))  # [K, T]
    deviation = touches - layout.centres[intended]  # [K, T, 2]
    usable = (intended >= 0) & (np.abs(deviation) <= REACH).all(-1)
    away = np.where(usable[..., None], deviation - np.array(MEAN_OFFSET), 0.0)
    direction = 2 * np.arange(2) + (away > 0.0)  # [K, T, 2]
    events = len(DIRECTIONS) * _region(layout, touches)[None, :, None] + direction
    events = np.where(np.abs(away) > _NEGLIGIBLE, events, -1)
    return np.concatenate([events[..., 0], events[..., 1]], axis=1)


def _region(layout: Layout, touches: Float64) -> Int64:
    # [T] third of the keyboard's width that each touch lies in.
    low, high = layout.points[:, 0].min() - _EDGE, layout.points[:, 0].max() + _EDGE
    third = np.floor(len(REGIONS) * (np.nan_to_num(touches[:, 0], nan=low) - low) / (high - low))
    region: Int64 = np.clip(third, 0, len(REGIONS) - 1).astype(np.int64)
    return region
