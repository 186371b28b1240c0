"""What a report holds: every block's counts as small integers, always, whatever the weights in use.

A device that sent no report when it could not encode one would tell the trainer something about the weights
it decrypted. So where the counts do not fit, they start from zero weights, and where even that does not fit,
the report says nothing. Nor does it say anything before there is enough typing to judge an update by: a dummy
goes the way of every report.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Int64
from quietkeys.prediction.events import Masses
from quietkeys.updates.encoding import Encoded, encode, share_among
from quietkeys.updates.versions import Weights
from quietkeys_protocol.errors import Refused
from quietkeys_protocol.plan import Block, Plan

Integers = Int64


def report_arrays(
    plan: Plan, masses: Mapping[str, Masses], weights: Weights, sources: int, rng: Generator
) -> list[Integers]:
    """Return one source's arrays in the order of `Plan.report_fields`; private, to be encrypted.

    masses: contested masses by block. sources: how many devices add up. rng: rounds a source's share.
    """
    arrays: list[Integers] = []
    for block in plan.blocks:
        encoded = _encoded(block, masses[block.name], weights.by_block[block.name])
        part = share_among(encoded, sources, rng)
        arrays += [part.strength, part.gradient, part.weights]
    return arrays


def dummy_arrays(plan: Plan) -> list[Integers]:
    """Return the arrays of a report that says nothing; encrypted, it cannot be told from any other."""
    return [np.zeros(field.size, dtype=np.int64) for field in plan.report_fields]


def _encoded(block: Block, masses: Masses, weights: Integers) -> Encoded:
    nothing = np.zeros(block.width, dtype=np.int64)
    for start in (weights, nothing):
        try:
            return encode(block, masses, start)
        except Refused:
            continue
    return Encoded(np.zeros(len(block.events), dtype=np.int64), nothing, nothing)
