"""Made-up plans and reports of a given size, to measure circuits before and apart from any language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from quietkeys.arrays import Int64
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.program import reference

TOP_BITS = 3


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a synthetic block: `events` M, `weights` d, entries of A in -reach..reach."""

    events: int
    weights: int
    z_bits: int = 11
    planes: int = 2
    steps: int = 3
    gains: tuple[int, ...] = ()
    reach: int = 1
    strength_max: int = 15
    stability: float = 1.2


def synthetic_block(name: str, shape: Shape, seed: int) -> Block:
    """Return a block with a random matrix, whose tables are as steep as its stability figure says.

    stability = 2 s_top g_top lambda_max(A^T A) / 2^(z_bits - 1), the curvature of one step with every event
    at the top code, in integer units.
    """
    draw = np.random.default_rng(seed)
    A = draw.integers(-shape.reach, shape.reach + 1, size=(shape.events, shape.weights))
    A[0, 0] = 1  # even the smallest has something to train
    half = 1 << (shape.z_bits - 1)
    top = shape.stability * half / (2 * np.linalg.eigvalsh(A.T @ A)[-1])  # pull of one event at the top code
    levels = (np.arange(1 << TOP_BITS) - (1 << TOP_BITS) / 2 + 0.5) / (1 << (TOP_BITS - 1))  # of half a field
    codes = np.rint(np.arange(16) * (2**shape.planes - 1) / 15).astype(int)
    share = [2**p / (2**shape.planes - 1) for p in range(shape.planes)]
    tables = [np.rint(top * part * np.tanh(2 * levels)).astype(int) for part in share]
    return Block(
        name=name,
        events=tuple(f"event {m}" for m in range(shape.events)),
        matrix=tuple(tuple(map(int, row)) for row in A),
        z_bits=shape.z_bits,
        z_top_bits=TOP_BITS,
        plane_tables=tuple(tuple(int(code) >> p & 1 for code in codes) for p in range(shape.planes)),
        step_tables=tuple((0,) * (1 << TOP_BITS) + tuple(map(int, table)) for table in tables),
        steps=shape.steps,
        gains=shape.gains,
        strength_max=shape.strength_max,
        gradient_limit=half,
        weight_limit=half,
        z_unit=4.0 / half,
    )


def synthetic_plan(*shapes: Shape, bundle: str = "synthetic", sources: int = 8) -> Plan:
    """Return a plan of one block per shape."""
    blocks = tuple(synthetic_block(f"block{i}", shape, seed=i) for i, shape in enumerate(shapes))
    return Plan(bundle=bundle, blocks=blocks, sources=sources)


def synthetic_report(block: Block, seed: int, people: int = 1) -> tuple[Int64, Int64]:
    """Return strengths [people, M] and gradients [people, d] of people with different tastes.

    Strengths are geometric, as counts are; R is what the tables say at a random z that uses three quarters of
    the field, and a quarter of the strength as noise.
    """
    draw = np.random.default_rng(seed)
    half = 1 << (block.z_bits - 1)
    events, width = len(block.events), block.width
    strength = np.minimum(draw.geometric(4 / (block.strength_max + 1), (people, events)), block.strength_max)
    taste = draw.normal(size=(people, width)) @ block.A.T  # [people, M]
    z = 0.75 * half * taste / np.abs(taste).max(axis=1, keepdims=True)
    coded = strength >> (block.strength_max.bit_length() - 4)
    levels = (np.arange(1 << TOP_BITS) - 3.5) * half / 4
    R = np.zeros((people, events))
    for plane, table in zip(block.plane_tables, block.step_tables, strict=True):
        steepest = max(table)
        bit = np.array(plane)[coded]
        R += bit * (np.interp(z, levels, table[8:]) + 0.25 * steepest * draw.normal(size=z.shape))
    gradient = np.rint(R).astype(np.int64) @ block.A
    for _ in range(8):  # what a device does: scale R down until z stays inside
        inside = reference(block, strength, gradient)[1].inside(block)
        gradient = np.where(inside[:, None], gradient, gradient * 3 // 4)
    return strength, gradient


def spread(whole: Sequence[Int64], sources: int) -> Iterator[list[Int64]]:
    """Yield equal shares of a report's arrays; what does not divide goes to the first."""
    yield [array - (sources - 1) * (array // sources) for array in whole]
    for _ in range(1, sources):
        yield [array // sources for array in whole]


def relative_l2(block: Block, weights: Int64, expected: Int64) -> float:
    """Return how far z of these weights is from that of others, over the length of the latter."""
    z, z_expected = block.A @ weights, block.A @ expected
    return float(np.linalg.norm(z - z_expected) / np.linalg.norm(z_expected))
