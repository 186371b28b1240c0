"""What a report holds: every block's counts as small integers, always, whatever the weights in use.

S is scaled so that the busiest tenth of a block's events reaches the top code; only the ratio R / S and the
relative sizes of S matter. R is coded relative to the S that the program will use and clipped below it,
else a step has no fixed point. The device runs the integer reference on its own report first and scales R
down until z stays inside its field.

A device that sent no report when it could not encode one would tell the trainer something about the weights
it decrypted. So where the counts do not fit, they start from zero weights, and where even that does not fit,
the report says nothing. Nor does it say anything before there is enough typing to judge an update by: a dummy
goes the way of every report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Int64
from quietkeys.prediction.events import Masses
from quietkeys.updates.versions import Weights
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import STRENGTH_BITS, Block, Plan
from quietkeys_protocol.program import reference

TOP_SHARE: Final = 0.9  # quantile of S that is coded as the largest strength
_SHRINK: Final = 0.8  # of R, per try to keep z inside its field
_TRIES: Final = 24


@dataclass(frozen=True, slots=True)
class Encoded:
    """One block of a report in the clear: strength [M], gradient [d], weights [d]. Private."""

    strength: Int64
    gradient: Int64
    weights: Int64

    def __repr__(self) -> str:
        return "Encoded(...)"


def report_arrays(
    plan: Plan, masses: Mapping[str, Masses], weights: Weights, sources: int, rng: Generator
) -> list[Int64]:
    """Return one source's arrays in the order of `Plan.report_fields`; private, to be encrypted.

    masses: contested masses by block. sources: how many devices add up. rng: rounds a source's share.
    """
    arrays: list[Int64] = []
    for block in plan.blocks:
        encoded = _encoded(block, masses[block.name], weights.by_block[block.name])
        part = share_among(encoded, sources, rng)
        arrays += [part.strength, part.gradient, part.weights]
    return arrays


def dummy_arrays(plan: Plan) -> list[Int64]:
    """Return the arrays of a report that says nothing; encrypted, it cannot be told from any other."""
    return [np.zeros(field.size, dtype=np.int64) for field in plan.report_fields]


def encode(block: Block, masses: Masses, weights: Int64) -> Encoded:
    """Return one block of a report for a single source, tried against the reference.

    masses: contested masses [M]. weights: the integer weights [d] that training starts from.
    Raises Refused (VALUE_OUT_OF_RANGE) if no scaling keeps the run inside its field.
    """
    units = dict(block.units)
    signed = (masses.evidence_for - masses.evidence_against) / 2.0  # R [M]
    size = (masses.evidence_for + masses.evidence_against) / 2.0 + units["prior"]  # S [M]
    top = max(float(np.quantile(size, TOP_SHARE)), 1e-9)
    levels = 1 << STRENGTH_BITS
    level = np.clip(np.rint(size / top * (levels - 1)), 0, levels - 1).astype(np.int64)  # what is looked up
    step = (block.strength_max + 1) // levels
    strength = level * step + step // 2  # the middle of its level, where noise cannot change it
    used = _codes(block)[level] + units["floor"]  # S as the program uses it, in codes
    limit = units["ratio_limit"]  # tanh(z / 2) of the outermost level
    ratio = np.clip(signed / size, -limit, limit)
    for tried in range(_TRIES):
        pulls = np.rint(units["pull"] * _SHRINK**tried * ratio * used).astype(np.int64)
        gradient = pulls @ block.A
        if np.abs(gradient).max() <= block.gradient_limit:
            _, reach = reference(block, strength, gradient, weights)
            if bool(reach.inside(block).all()):
                return Encoded(strength, gradient, weights)
    raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, f"block {block.name}")


def share_among(encoded: Encoded, sources: int, rng: Generator) -> Encoded:
    """Return this source's part of a report that `sources` devices add up.

    Each integer is divided by `sources` and rounded at random, so that the sum is right on average and
    keeps the range of one report.
    """
    if sources == 1:
        return encoded

    def part(values: Int64) -> Int64:
        exact = values / sources
        low = np.floor(exact)
        rounded: Int64 = (low + (rng.random(values.shape) < exact - low)).astype(np.int64)
        return rounded

    return Encoded(part(encoded.strength), part(encoded.gradient), part(encoded.weights))


def _encoded(block: Block, masses: Masses, weights: Int64) -> Encoded:
    nothing = np.zeros(block.width, dtype=np.int64)
    for start in (weights, nothing):
        try:
            return encode(block, masses, start)
        except Refused:
            continue
    return Encoded(np.zeros(len(block.events), dtype=np.int64), nothing, nothing)


def _codes(block: Block) -> Int64:
    # The code that each summed strength gets from the plan's plane tables.
    bits = np.array(block.plane_tables, dtype=np.int64)  # [planes, 16]
    codes: Int64 = (bits << np.arange(block.planes)[:, None]).sum(0)
    return codes
