"""`plan check`: whether a plan may be shipped, and what a round of it costs.

What is refused is what would fail later without a message: fields too narrow for their numbers, steps that
do not converge, more work or bytes than a round may take. The limits on z are a matter of people, not of
the plan alone: the device runs the reference on its own report and scales it down until z stays inside, so
the plan has to show only that people whose optimum lies inside the field are trained inside it, alone and
as sums of sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np

from quietkeys_protocol.arrays import Float64, Int64
from quietkeys_protocol.cut_values import KEPT_BYTES, VALUE_MAGIC
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.noise import squared_norm
from quietkeys_protocol.plan import STRENGTH_BITS, Block, Plan
from quietkeys_protocol.program import accumulator_bits, dither, reference
from quietkeys_protocol.security import MAX_P_ERROR

MAX_TABLE_BITS: Final = 4  # what a look-up reads; one bit more costs three times the time and twice the keys
# Fields up to here compile to the same keys and times (the benchmark `circuits`); beyond, nobody measured.
MAX_ACCUMULATOR_BITS: Final = 15
MAX_LOOK_UPS: Final = 1200  # of a round: about 17 s on 2 idle cores
MAX_NORM: Final = 2.0**10.6  # squared, of what a look-up reads: with 2^10.8 the compiler takes a second level
MAX_WEIGHTS: Final = 120  # of all blocks: one comes back as 4.1 KB
MAX_UPLOAD_BYTES: Final = 10_000
MAX_DOWNLOAD_BYTES: Final = 500_000
MAX_OVERSHOOT: Final = 2.0  # of a direction on its way to the optimum, as a share of the way

# Measured on 2 idle cores of an Intel Xeon, Concrete 2.10, p_error 2^-40 (benchmark `round`).
LOOK_UP_MS: Final = 14.0
KEY_BYTES: Final = 19_550_564  # evaluation keys of the shipped plan, cut
FRAME_BYTES: Final = 248  # of a serialized value besides its payload
SEEDED_BYTES: Final = 24  # of an encrypted integer in a report
RESULT_BYTES: Final = 2049 * KEPT_BYTES  # of an encrypted integer in an update

PEOPLE: Final = 64  # simulated for the reach of z
FIELD_SHARE: Final = 0.75  # of half the field that their optimum uses
CURVATURES: Final = 1000  # where convergence is looked at, between none and the largest


@dataclass(frozen=True, slots=True)
class BlockCheck:
    """What was found for one block.

    `stability`: one step's largest curvature, in units of the step; a plain gradient step diverges at 2.
    `residue`: the largest share of an error that a round leaves, over the curvatures from a quarter of the
    largest. `z_share`: how much of half the field simulated people reached, 99 of 100 of them, alone and as
    sums. `norm`: the squared norm of what a look-up reads, in results of earlier ones: it says how much of
    their noise adds up.
    """

    name: str
    events: int
    weights: int
    steps: int
    look_ups: int
    table_bits: int
    accumulator_bits: int
    stability: float
    residue: float
    z_share: float
    norm: float

    def __str__(self) -> str:
        size = f"{self.events} events, {self.weights} weights, {self.steps} steps, {self.look_ups} look-ups"
        bits = f"table {self.table_bits} bits, accumulator {self.accumulator_bits} bits"
        steps = f"stability {self.stability:.2f}, residue {self.residue:.2f}, norm 2^{log2(self.norm):.1f}"
        return f"{self.name}: {size}; {bits}; {steps}; z uses {self.z_share:.0%} of its field"


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """What a round of a plan takes: look-ups, time on 2 idle cores, bytes on the wire."""

    plan_hash: str
    blocks: tuple[BlockCheck, ...]
    look_ups: int
    weights: int
    milliseconds: float
    key_bytes: int
    upload_bytes: int
    download_bytes: int

    def __str__(self) -> str:
        lines = [f"plan {self.plan_hash}", *map(str, self.blocks)]
        lines.append(
            f"a round: {self.look_ups} look-ups, about {self.milliseconds / 1000:.0f} s on 2 idle cores; "
            f"keys {self.key_bytes / 1e6:.1f} MB once, report {self.upload_bytes / 1e3:.1f} KB, "
            f"update {self.download_bytes / 1e6:.2f} MB"
        )
        return "\n".join(lines)


def check_plan(plan: Plan) -> PlanCheck:
    """Return what the plan costs; raise `Refused` (PLAN_INVALID) with the first rule that it breaks."""
    _require(plan.p_error <= MAX_P_ERROR, "p_error is above 2^-40")
    blocks = tuple(check_block(block, plan.sources) for block in plan.blocks)
    found = PlanCheck(
        plan_hash=plan.hash,
        blocks=blocks,
        look_ups=plan.look_ups,
        weights=sum(block.width for block in plan.blocks),
        milliseconds=plan.look_ups * LOOK_UP_MS,
        key_bytes=KEY_BYTES,
        upload_bytes=sum(FRAME_BYTES + field.size * SEEDED_BYTES for field in plan.report_fields),
        download_bytes=sum(len(VALUE_MAGIC) + field.size * RESULT_BYTES for field in plan.update_fields),
    )
    _require(found.look_ups <= MAX_LOOK_UPS, f"{found.look_ups} look-ups, above {MAX_LOOK_UPS}")
    _require(found.weights <= MAX_WEIGHTS, f"{found.weights} weights, above {MAX_WEIGHTS}")
    _require(found.upload_bytes <= MAX_UPLOAD_BYTES, "bytes of a report")
    _require(found.download_bytes <= MAX_DOWNLOAD_BYTES, "bytes of an update")
    return found


def check_block(block: Block, sources: int) -> BlockCheck:
    """Return what was found for one block; `Refused` (PLAN_INVALID) with the first rule that it breaks."""
    where = f"block {block.name}"
    table_bits = max(STRENGTH_BITS, 1 + block.z_top_bits)
    bits = accumulator_bits(block)
    half = 1 << (bits - 1)
    _require(table_bits <= MAX_TABLE_BITS, f"{where}: table input of {table_bits} bits")
    _require(bits <= MAX_ACCUMULATOR_BITS, f"{where}: accumulator of {bits} bits")
    _require(block.gradient_limit < half, f"{where}: gradients do not fit {bits} bits")
    _require(block.weight_limit < half, f"{where}: weights do not fit {bits} bits")
    slopes = _slopes(block)
    _require(bool((slopes >= 0).all()), f"{where}: a table falls as z grows, so its step can lead away")
    stability = _stability(block, slopes)
    residue = _check_convergence(block, stability, where)
    norm = squared_norm(block)
    _require(norm <= MAX_NORM, f"{where}: noise of {norm:.0f} look-ups adds up, above {MAX_NORM:.0f}")
    z_share = _z_share(block, sources)
    _require(z_share <= 1.0, f"{where}: z leaves its field ({z_share:.0%} of it)")
    return BlockCheck(
        name=block.name,
        events=len(block.events),
        weights=block.width,
        steps=block.steps,
        look_ups=block.look_ups,
        table_bits=table_bits,
        accumulator_bits=bits,
        stability=stability,
        residue=residue,
        z_share=z_share,
        norm=norm,
    )


def _slopes(block: Block) -> Float64:
    """Return how much each table rises from entry to entry, per unit of z: [planes, 2 bits, entries - 1]."""
    tables = np.array(block.step_tables).reshape(block.planes, 2, -1)
    rises: Float64 = np.diff(tables, axis=2) / (1 << (block.z_bits - block.z_top_bits))
    return rises


def _stability(block: Block, slopes: Float64) -> float:
    """Return the largest eigenvalue of A^T diag(slope) A with every event at the steepest code and place.

    For tanh tables it is 2 s_top g_top lambda_max(A^T A) / 2^(z_bits - 1).
    """
    steepest = float(slopes.max(axis=1).sum(axis=0).max())
    return steepest * float(np.linalg.eigvalsh(block.A.T @ block.A)[-1])


def _check_convergence(block: Block, stability: float, where: str) -> float:
    """Return the residue; refuse steps that overshoot or make an error larger.

    Along an eigenvector of curvature x (in units of a step of gain 1), a step of gain g leaves 1 - g x of
    the error of a quadratic. The product over a round must lie below 1 for every curvature up to the
    largest, which is what events of any strength have, and no error may on the way grow beyond
    `MAX_OVERSHOOT`.
    """
    x = np.linspace(0.0, stability, CURVATURES + 1)[1:]  # [CURVATURES]
    left = np.abs(np.cumprod([1.0 - gain * x for gain in block.step_gains], axis=0))  # [steps, CURVATURES]
    _require(bool((left[-1] < 1.0).all()), f"{where}: does not converge (stability {stability:.2f})")
    _require(bool((left <= MAX_OVERSHOOT).all()), f"{where}: overshoots (stability {stability:.2f})")
    return float(left[-1, x >= stability / 4].max())


def _z_share(block: Block, sources: int) -> float:
    """Return the share of half the field that z reaches, the 99th percentile of made-up people.

    Their optimum uses `FIELD_SHARE` of it. They start from nothing, with strengths of all sizes and R for
    which their optimum is a fixed point. Then the same for sums over as many sources, each with its own
    optimum.
    """
    draw = np.random.default_rng(0)
    half = 1 << (block.z_bits - 1)
    most = np.zeros(0)
    for parts in {1, sources}:
        strength = np.zeros((PEOPLE, len(block.events)), dtype=np.int64)
        gradient = np.zeros((PEOPLE, block.width), dtype=np.int64)
        for _ in range(parts):
            taste = draw.normal(size=(PEOPLE, block.width)) @ block.A.T  # [PEOPLE, M]
            scale = np.abs(taste).max(axis=1, keepdims=True)
            z = FIELD_SHARE * half * taste / np.maximum(scale, 1e-9)
            one = draw.integers(0, block.strength_max + 1, strength.shape) // parts
            pull = _pull(block, one * parts, z) / parts
            strength += one
            gradient += np.rint(pull @ block.A).astype(np.int64)
        _, reach = reference(block, strength, gradient)
        margin = int(np.abs(dither(block, 0, 0)).max())
        most = np.append(most, np.maximum(-reach.z_low, reach.z_high) - margin)
    return float(np.quantile(most, 0.99)) / (half - margin)


def _pull(block: Block, strength: Int64, z: Float64) -> Float64:
    """Return what the tables say at z, between their entries, [..., M]."""
    entries = 1 << block.z_top_bits
    step = 1 << (block.z_bits - block.z_top_bits)
    centres = (np.arange(entries) - (entries - 1) / 2) * step
    coded = strength >> (block.strength_max.bit_length() - STRENGTH_BITS)
    pull = np.zeros(z.shape)
    for plane, table in zip(block.plane_tables, block.step_tables, strict=True):
        low, high = (np.interp(z, centres, table[bit * entries :][:entries]) for bit in (0, 1))
        pull += np.where(np.array(plane)[coded] == 1, high, low)
    return pull


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(ErrorCode.PLAN_INVALID, what)
