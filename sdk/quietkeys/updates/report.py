"""What a report holds: every block's counts as small integers, always, whatever the adapter in use.

Counts are made under the adapter in use, so what training finds is a *step* from it
(`quietkeys.updates.steps`). Where several devices add up they need not use the same adapter: each says how
far its own lies from zero, in the units of its counts, and what comes back is the step from zero, the same
for all of them.

S is scaled so that the busiest tenth of a block's events reaches the top code; only the ratio R / S and the
relative sizes of S matter. R is coded relative to the S that the program will use and clipped below it,
else a step has no fixed point. The device runs the integer reference on its own report first and scales R
down until z stays within FIELD_SHARE of its field, finely, so that no more is lost than has to be. That
always ends well: R = 0 is a step of nothing.

Nothing about the report tells what an update was or what became of it. Nor does it say anything before there
is enough typing to judge an update by: a dummy goes the way of every report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Float64, Int64
from quietkeys.prediction.counting import Masses
from quietkeys.updates.steps import length
from quietkeys.updates.versions import Weights
from quietkeys_protocol.plan import STRENGTH_BITS, Block, Plan
from quietkeys_protocol.program import Reach, reference

TOP_SHARE: Final = 0.9  # quantile of S that is coded as the largest strength
FIELD_SHARE: Final = 0.9  # of half the field that z may reach; the rest is for the noise of the real run
_SHRINK: Final = 0.97  # of R, per try to keep z inside
_TRIES: Final = 150  # down to 1 % of R


@dataclass(frozen=True, slots=True)
class Encoded:
    """One block of a report in the clear: strength [M], gradient [d]. Private."""

    strength: Int64
    gradient: Int64

    def __repr__(self) -> str:
        return "Encoded(...)"


def report_arrays(
    plan: Plan, masses: Mapping[str, Masses], weights: Weights, sources: int, rng: Generator
) -> list[Int64]:
    """Return one source's arrays in the order of `Plan.report_fields`; private, to be encrypted.

    masses: contested masses by block, counted under `weights`. sources: how many devices add up. rng: rounds
    a source's share.
    """
    parts = [share_among(one, sources, rng) for one in encoded(plan, masses, weights, sources).values()]
    return [array for part in parts for array in (part.strength, part.gradient)]


def dummy_arrays(plan: Plan) -> list[Int64]:
    """Return the arrays of a report that says nothing; encrypted, it cannot be told from any other."""
    return [np.zeros(field.size, dtype=np.int64) for field in plan.report_fields]


def encoded(
    plan: Plan, masses: Mapping[str, Masses], weights: Weights, sources: int = 1
) -> dict[str, Encoded]:
    """Return the blocks of a report in the clear, in the order of the plan; private.

    masses: contested masses by block, counted under `weights`. sources: as in `encode`.
    """
    return {
        block.name: encode(
            block,
            masses[block.name],
            block.A @ weights.by_block[block.name] * block.z_unit,
            sources=sources,
            finer=length(weights, sources),
        )
        for block in plan.blocks
    }


def encode(
    block: Block,
    masses: Masses,
    under: Float64 | None = None,
    *,
    sources: int = 1,
    finer: float = 1.0,
) -> Encoded:
    """Return one block of a report for a single source, tried against the reference.

    masses: contested masses [M]. under: z [M] in nats of the adapter that they were counted under, zero if
    None. sources: how many devices add up; with more than one the step is one from zero, not from there, and
    each has its share of the prior. finer: how many times as long as it is meant the step is to come back, so
    that the noise of the encrypted run is that much less of it.

    The prior, as much evidence for every event as against it, speaks for zero wherever the adapter is:

        R = (C - E) / 2 - kappa tanh(under / 2)    S = (C + E) / 2 + kappa
    """
    units, joint = dict(block.units), sources > 1
    prior = units["prior"] / sources
    away = np.zeros(len(block.events)) if under is None else np.tanh(under / 2.0)
    size = (masses.evidence_for + masses.evidence_against) / 2.0 + prior  # S [M]
    signed = (masses.evidence_for - masses.evidence_against) / 2.0 - prior * away  # R [M]
    top = max(float(np.quantile(size, TOP_SHARE)), 1e-9)
    levels = 1 << STRENGTH_BITS
    level = np.clip(np.rint(size / top * (levels - 1)), 0, levels - 1).astype(np.int64)  # what is looked up
    step = (block.strength_max + 1) // levels
    codes = _codes(block)
    used = codes[level] + units["floor"]  # S as the program uses it, in codes
    # The middle of a level, where noise cannot change it. A sum of such may lie at an edge between codes.
    place = _high_in_its_code(codes)[level] if joint else level + 0.5
    strength = (place * step).astype(np.int64)
    limit = units["ratio_limit"]  # tanh(z / 2) of the outermost level
    ratio = np.clip(finer * signed / size + (away if joint else 0.0), -limit, limit)
    for tried in range(_TRIES):
        pulls = np.rint(units["pull"] * _SHRINK**tried * ratio * used).astype(np.int64)
        gradient = pulls @ block.A
        if np.abs(gradient).max() <= block.gradient_limit:
            trained, reach = reference(block, strength, gradient)
            if is_inside(block, trained, reach, FIELD_SHARE):
                return Encoded(strength, gradient)
    return Encoded(strength, np.zeros(block.width, dtype=np.int64))


def is_inside(block: Block, trained: Int64, reach: Reach, share: float) -> bool:
    """Return whether a run, and what it ended with, stayed within a share of half the field of z."""
    most = share * (1 << (block.z_bits - 1))
    ran = bool(reach.inside(block).all()) and max(-int(reach.z_low), int(reach.z_high)) <= most
    return ran and float(np.abs(block.A @ trained).max()) <= most


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

    return Encoded(part(encoded.strength), part(encoded.gradient))


def _codes(block: Block) -> Int64:
    # The code that each summed strength gets from the plan's plane tables.
    bits = np.array(block.plane_tables, dtype=np.int64)  # [planes, 16]
    codes: Int64 = (bits << np.arange(block.planes)[:, None]).sum(0)
    return codes


def _high_in_its_code(codes: Int64) -> Float64:
    # Where among the levels a device that is not alone sends each level, [16]: at the last level of its code,
    # and of the highest code in the middle. One of up to four that has the higher code then raises that of
    # the sum, and none ends at an edge: where R is a mean and S too small, a step has no fixed point.
    levels = np.arange(len(codes))
    place = np.array([levels[codes == code].max() for code in codes], dtype=np.float64)
    place[codes == codes.max()] = levels[codes == codes.max()].mean()
    return place + 0.25
