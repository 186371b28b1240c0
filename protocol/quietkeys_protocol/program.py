"""The training program, in integers: the only definition of what the service computes.

It is plain arithmetic and one non-linear operation, a table look-up on the top bits of a number. Whoever runs
it says what a look-up is: here numpy (the reference, for one person or a batch), at the trainer Concrete, in
simulation or on ciphertexts. The same lines run in every case.

For one block with design matrix A, M events and d weights (see `plan.Block`):

    u <- u + gain * (A^T R - A^T pull(z))                 z = A u, from u = 0
    pull_m = sum over planes p of  table_p(bit_pm, top bits of z_m)

which is gradient ascent on  sum_m C_m log sigma(z_m) + E_m log sigma(-z_m)  with the tables holding
eta * (weight of plane p) * tanh(z / 2), R = (C - E) / 2 and the bits those of S = (C + E) / 2 + prior. At
z = 0 nothing pulls, so the first step looks nothing up.

A look-up sees z in steps of 2^(z_bits - z_top_bits), coarsely. So z is moved three eighths of a step up or
down before it, in opposite directions for neighbouring events, planes and steps (`dither`). The staircases
of two look-ups then interleave, the pull becomes finer than any one table, and z = 0 lies far from an edge,
so that the noise of an encrypted run (0.064 of a step) moves less: its weights differ a quarter to a half
as much from the reference as without, and both lie nearer to the optimum. Of shifts from 0 to a half, this
was best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from quietkeys_protocol.arrays import Bool, Int64
from quietkeys_protocol.plan import STRENGTH_BITS, Block

# What is computed with: int64 arrays, or another arithmetic's tracers, which no type checker can describe.
Array = TypeVar("Array", bound=Any)


class Arithmetic(Protocol):
    """What differs between the clear and the encrypted run; the rest is Python's operators."""

    def look_up(self, values: Array, drop: int, table: tuple[int, ...]) -> Array:
        """Return `table[value >> drop]` for every value, which lies in 0 .. len(table) * 2^drop - 1."""
        ...

    def deliver(self, weights: Array, bits: int) -> Array:
        """Return the result, signed integers of `bits` bits."""
        ...


def dither(block: Block, plane: int, step: int) -> Int64:
    """Return the public shift of z before a look-up, [M]: 3/8 of a table's step, up and down alternately."""
    shift = (3 << (block.z_bits - block.z_top_bits)) // 8
    return np.where((np.arange(len(block.events)) + plane + step) % 2 == 0, shift, -shift)


def code_strength(block: Block, strength: Array, how: Arithmetic) -> list[Array]:
    """Return the bit planes of S, each [..., M], already moved above the field of z: 0 or 2^z_bits."""
    drop = block.strength_max.bit_length() - STRENGTH_BITS
    placed = [tuple(bit << block.z_bits for bit in table) for table in block.plane_tables]
    return [how.look_up(strength, drop, table) for table in placed]


def iterates(block: Block, strength: Array, gradient: Array, how: Arithmetic) -> Iterator[Array]:
    """Yield the weights u [..., d] after each step.

    `strength` [..., M] and `gradient` = A^T R [..., d] are sums over sources in the ranges of `block.sent`,
    and z must stay inside its field (`reference` tells): outside it, z spills into the bit of the plane and
    the result is garbage without an error.
    """
    A = block.A
    drop = block.z_bits - block.z_top_bits
    middle = 1 << (block.z_bits - 1)
    planes = code_strength(block, strength, how)  # S of [..., M]
    first, *later = block.step_gains
    u = gradient * first  # [..., d]
    yield u
    for step, gain in enumerate(later, 1):
        z = u @ A.T  # [..., M], from -middle to middle - 1
        pull = 0
        for p, plane in enumerate(planes):
            x = z + (middle + dither(block, p, step)) + plane  # [..., M], never negative on the way
            pull = pull + how.look_up(x, drop, tuple(gain * entry for entry in block.step_tables[p]))
        u = u + gradient * gain - pull @ A  # [..., d]; pull [..., M]
        yield u


def train(block: Block, strength: Array, gradient: Array, how: Arithmetic) -> Array:
    """Return the weights u [..., d] after all steps; see `iterates`."""
    *_, u = iterates(block, strength, gradient, how)
    return how.deliver(u, accumulator_bits(block))


def accumulator_bits(block: Block) -> int:
    """Return the bits of a block's encrypted numbers but the strengths: z and the bit of a plane above it."""
    return block.z_bits + 1


class Clear:
    """Look-ups on int64 arrays. Out of range they wrap as encrypted ones do, so a reference hides nothing."""

    def look_up(self, values: Any, drop: int, table: tuple[int, ...]) -> Any:
        """Return `table[value >> drop]`."""
        return np.array(table, dtype=np.int64)[(values >> drop) % len(table)]

    def deliver(self, weights: Any, bits: int) -> Any:
        """Return the weights, wrapped to `bits` bits."""
        half = 1 << (bits - 1)
        return (weights + half) % (2 * half) - half


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a run went: the extremes of z at the look-ups, dither included, and the largest |u|.

    Arrays [people] with one entry per person of a batch, or without an axis for one person. Derived from
    counts, so as private as they are.
    """

    z_low: Int64
    z_high: Int64
    u_high: Int64

    def inside(self, block: Block) -> Bool:
        """Return whether z stayed inside its field and u inside its limit, [people]."""
        middle = 1 << (block.z_bits - 1)
        in_field = (self.z_low >= -middle) & (self.z_high < middle)
        inside: Bool = in_field & (self.u_high <= block.weight_limit)
        return inside


def reference(block: Block, strength: Int64, gradient: Int64) -> tuple[Int64, Reach]:
    """Run the program in the clear; return the weights, and how far z and u went.

    Arrays are [M] or [d], int64, or have a leading axis of people.
    """
    u = np.stack(list(iterates(block, strength, gradient, Clear())))  # [steps, ..., d]
    z = u[:-1] @ block.A.T  # [steps - 1, ..., M], as looked up
    margin = int(np.abs(dither(block, 0, 0)).max())
    reach = Reach(
        z_low=z.min(axis=(0, -1)) - margin,
        z_high=z.max(axis=(0, -1)) + margin,
        u_high=np.abs(u).max(axis=(0, -1)),
    )
    return Clear().deliver(u[-1], accumulator_bits(block)), reach
