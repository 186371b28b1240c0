"""What touches add to an alignment, summed a second way: over its operations."""

from __future__ import annotations

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard.edits import keys_hit


def touch_correction(channel: Float64, operations: Int64, emission: Float64) -> Float64:
    """Return what touches add to the channel's sum over the operations, nats [K]; 0 where none is known.

    channel: [EDIT_COUNT]. operations: [K, MAX_EDITS], aligned with these touches or without. emission:
    [T, 28] as in `align`.
    """
    intended, hit = keys_hit(operations, len(emission))
    touched = emission[np.arange(len(emission)), intended]  # [K, T]
    known = (intended >= 0) & ~np.isnan(touched)
    correction: Float64 = np.where(known, touched - channel[hit], 0.0).sum(1)
    return correction
