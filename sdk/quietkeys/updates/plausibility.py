"""Whether decrypted weights can be what the plan computes: FHE hides the counts and vouches for nothing.

The range is always checked. With one source the device knows every input, so it runs the integer program
itself, in milliseconds, and refuses what lies farther away than approximate rounding explains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.program import reference

TOLERANCE: Final = 0.25  # relative L2 distance of z = A u from the reference's, over the events of a block

Integers = Int64


def weights_of(plan: Plan, arrays: Sequence[Integers]) -> dict[str, Integers]:
    """Return decrypted weights by block; Untrusted (UPDATE_UNTRUSTED) outside the plan's sizes and ranges."""
    fields = plan.update_fields
    if len(arrays) != len(fields):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "number of values")
    for array, field in zip(arrays, fields, strict=True):
        if array.shape != (field.size,) or array.min() < field.low or array.max() > field.high:
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, f"weights of {field.block}")
    return {field.block: array.astype(np.int64) for field, array in zip(fields, arrays, strict=True)}


def check_against_reference(plan: Plan, sent: Sequence[Integers], weights: Mapping[str, Integers]) -> None:
    """Refuse weights that training on `sent` alone cannot have given.

    sent: the arrays of the only report, in the order of `Plan.report_fields`. Raises Untrusted
    (UPDATE_UNTRUSTED).
    """
    for index, block in enumerate(plan.blocks):
        strength, gradient, start = sent[3 * index : 3 * index + 3]
        expected, _ = reference(block, strength, gradient, start)
        if distance(block, weights[block.name], expected) > TOLERANCE:
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, f"not the training of {block.name}")


def distance(block: Block, weights: Integers, expected: Integers) -> float:
    """Return |A u - A u'| / |A u'|, taking |A u'| for no less than a quarter of a look-up's step per event.

    Below that the program itself does not see z (`program.dither`), so a relative error means nothing.
    """
    off = float(np.linalg.norm(block.A @ (weights - expected)))
    size = float(np.linalg.norm(block.A @ expected))
    unseen = (1 << (block.z_bits - block.z_top_bits - 2)) * math.sqrt(len(block.events))
    return off / max(size, unseen)
