"""The grid of `quietkeys bench quantization`: blocks that a plan could have instead of its own.

Every grouping of a block's events x planes of S x schedules of steps; and the shipped block with other
reaches of z. Prior and floor stay as shipped.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isclose
from typing import Final

import numpy as np

from quietkeys_bench.quantization.groupings import SHIPPED, Grouping
from quietkeys_protocol import program
from quietkeys_protocol.check import check_block, check_plan
from quietkeys_protocol.errors import Refused
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.plan_design import Shape, make_block, shape_of

PLANES: Final = (1, 2, 3)
PLAIN_STEPS: Final = (3, 4, 6, 9)
PLAIN_STABILITY: Final = 1.2  # of a step of gain 1; from 2 on it diverges
REACHES: Final = (0.4, 0.8, 1.2, 2.2, 2.5, 3.0, 4.0)  # real z at the edge of its field


@dataclass(frozen=True, slots=True)
class Schedule:
    """The gains of the steps, and the curvature of a step of gain 1."""

    label: str
    steps: int
    gains: tuple[int, ...]
    stability: float


@dataclass(frozen=True, slots=True)
class Variant:
    """A block as the plan could have it. table: which question it belongs to, `steps` or `reach`."""

    table: str
    grouping: Grouping
    schedule: Schedule
    shape: Shape
    block: Block
    shipped: bool

    def figures(self, plan: Plan) -> dict[str, object]:
        """Return what it is and costs, and whether the plan would pass its check with it."""
        try:
            check_plan(replace(plan, blocks=tuple(self._instead_of(block) for block in plan.blocks)))
            refused: str | None = None
        except Refused as error:
            refused = error.detail
        return {
            "table": self.table,
            "block": self.block.name,
            "grouping": self.grouping.label,
            "events": len(self.block.events),
            "weights": self.block.width,
            "planes": self.shape.planes,
            "schedule": self.schedule.label,
            "steps": self.shape.steps,
            "gains": list(self.block.step_gains),
            "stability": self.shape.stability,
            "prior": self.shape.prior,
            "z_reach": self.shape.z_reach,
            "look_ups": self.block.look_ups,
            "shipped": self.shipped,
            "residue": _residue(self.block, plan.sources),
            "refused": refused,
        }

    def _instead_of(self, block: Block) -> Block:
        return self.block if block.name == self.block.name else block


def schedules(plan: Plan) -> list[Schedule]:
    """Return plain steps of gain 1, and the schedule that each block of the plan ships with."""
    plain = [Schedule("plain", steps, (), PLAIN_STABILITY) for steps in PLAIN_STEPS]
    falling = {
        (shape.steps, shape.gains, shape.stability): Schedule(
            f"of {block.name}", shape.steps, shape.gains, shape.stability
        )
        for block in plan.blocks
        for shape in [shape_of(block)]
    }
    return [*plain, *falling.values()]


def variants(plan: Plan, groupings: Mapping[str, Sequence[Grouping]]) -> list[Variant]:
    """Return every variant of every block, in a fixed order."""
    return [
        variant
        for block in plan.blocks
        for variant in (
            *_by_steps(plan, block, groupings[block.name]),
            *_by_reach(block, groupings[block.name]),
        )
    ]


def same_block(made: Block, shipped: Block) -> bool:
    """Return whether two blocks are the same program; real units may differ in their last bits.

    Units come from eigenvalues, which another processor rounds otherwise.
    """
    ours, theirs = dict(made.units), dict(shipped.units)
    close = ours.keys() == theirs.keys() and all(isclose(ours[name], theirs[name]) for name in ours)
    return close and replace(made, units=()) == replace(shipped, units=())


def grid_hash(found: Sequence[Variant]) -> str:
    """Return a hash of all variants and of the program, so that no other figures are taken for theirs."""
    plans = b"".join(Plan("grid", (variant.block,)).canonical for variant in found)
    return hashlib.sha256(plans + inspect.getsource(program).encode()).hexdigest()


def _residue(block: Block, sources: int) -> float | None:
    # The share of an error that a round leaves, as the check has it; None where it refuses the block.
    try:
        return check_block(block, sources).residue
    except Refused:
        return None


def _by_steps(plan: Plan, block: Block, groupings: Sequence[Grouping]) -> Iterator[Variant]:
    own = shape_of(block)
    for grouping in groupings:
        for planes in PLANES:
            for schedule in schedules(plan):
                shape = replace(
                    own,
                    planes=planes,
                    steps=schedule.steps,
                    gains=schedule.gains,
                    stability=schedule.stability,
                )
                yield _variant("steps", block, grouping, schedule, shape)


def _by_reach(block: Block, groupings: Sequence[Grouping]) -> Iterator[Variant]:
    own = shape_of(block)
    schedule = Schedule(f"of {block.name}", own.steps, own.gains, own.stability)
    grouping = next(grouping for grouping in groupings if _is_shipped(block, grouping))
    for reach in REACHES:
        yield _variant("reach", block, grouping, schedule, replace(own, z_reach=reach))


def _variant(table: str, block: Block, grouping: Grouping, schedule: Schedule, shape: Shape) -> Variant:
    made = make_block(block.name, grouping.events, grouping.matrix, shape)
    shipped = same_block(made, block) and _is_shipped(block, grouping)
    return Variant(table, grouping, schedule, shape, made, shipped)


def _is_shipped(block: Block, grouping: Grouping) -> bool:
    if block.name != "lexicon":
        return grouping.label == SHIPPED
    return grouping.events == block.events and np.array_equal(grouping.matrix, block.A)
