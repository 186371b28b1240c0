"""The plan: the public description of everything that is trained, with one canonical form and its hash.

A plan has no secrets and no behaviour: `program` runs it, `check` decides whether it may be shipped. The
canonical form is JSON with sorted keys and no spaces; whatever parses re-encodes to the same bytes, so the
SHA-256 of those bytes names the plan everywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import isfinite
from typing import ClassVar, Final, NoReturn, Protocol

import numpy as np

from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.errors import ErrorCode, Refused

VERSION: Final = 1
MAX_SOURCES: Final = 8
MAX_BLOCKS: Final = 16
MAX_EVENTS: Final = 1024  # of one block; `check` sets the budget that counts, these bound what is parsed
MAX_WEIGHTS: Final = 256  # of one block
MAX_STEPS: Final = 16
MAX_PLANES: Final = 4
MAX_GAIN: Final = 16
MAX_PLAN_BYTES: Final = 4 * 1024 * 1024
MAX_INTEGER: Final = 1 << 30
VALUES: Final = 2  # of a block in a report: strength, gradient
STRENGTH_BITS: Final = 4  # of a strength that its look-up reads; 16 table entries
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_EVENT: Final = re.compile(r"[ -~]{1,64}\Z")  # printable ASCII


class Quantity(StrEnum):
    """What a block's encrypted array holds."""

    STRENGTH = "strength"  # M unsigned integers: how much evidence, prior included
    GRADIENT = "gradient"  # d signed integers: A^T R
    WEIGHTS = "weights"  # d signed integers: u, in an update
    FEATURES = "features"  # a batch of the recipe sgd, as are the others
    LABELS = "labels"
    INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True)
class Field:
    """One encrypted array of a report or an update: `size` integers, low..high when summed over sources."""

    block: str
    quantity: Quantity
    size: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Block:
    """One group of M events with d weights, as integers.

    `matrix` is A, M rows of d. z = A u lives in a field of `z_bits` bits around zero, of which the step
    tables read the top `z_top_bits`. Plane p adds a bit to every event: `plane_tables[p][s]` for the top 4
    bits s of a strength (0..`strength_max`, a power of two less one). `step_tables[p]` is indexed by
    bit * 2^z_top_bits + top bits of z, and holds the pull of one event in one step, a signed integer.
    `gradient_limit` and `weight_limit` bound every g and u, summed over sources. `z_unit` is the real z of
    one integer unit; `units` holds other public scales by name. `gains` multiplies the first steps by
    positive integers; the steps after those have gain 1, and it does not end in one.
    """

    name: str
    events: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    z_bits: int
    z_top_bits: int
    plane_tables: tuple[tuple[int, ...], ...]
    step_tables: tuple[tuple[int, ...], ...]
    steps: int
    strength_max: int
    gradient_limit: int
    weight_limit: int
    z_unit: float
    units: tuple[tuple[str, float], ...] = ()
    gains: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no program can run; what is unwise to run is for `check`."""
        where = f"block {self.name[:32]!r}"
        _require(bool(NAME.match(self.name)), "a block's name")
        _require(1 <= len(self.events) <= MAX_EVENTS, f"{where}: number of events")
        _require(all(_EVENT.match(event) for event in self.events), f"{where}: an event's name")
        _require(len(set(self.events)) == len(self.events), f"{where}: two events of one name")
        _require(len(self.matrix) == len(self.events), f"{where}: rows of the matrix")
        _require(1 <= self.width <= MAX_WEIGHTS, f"{where}: columns of the matrix")
        _require(all(len(row) == self.width for row in self.matrix), f"{where}: a row of the matrix")
        _require(1 <= self.z_top_bits <= 7 and self.z_top_bits + 2 <= self.z_bits <= 24, f"{where}: z bits")
        _require(1 <= self.planes <= MAX_PLANES, f"{where}: number of planes")
        _require(len(self.step_tables) == self.planes, f"{where}: tables of planes and steps")
        _require(all(len(t) == 1 << STRENGTH_BITS for t in self.plane_tables), f"{where}: a plane's table")
        _require(all(b in (0, 1) for t in self.plane_tables for b in t), f"{where}: a bit of a plane")
        _require(all(len(t) == 2 << self.z_top_bits for t in self.step_tables), f"{where}: a step's table")
        _require(2 <= self.steps <= MAX_STEPS, f"{where}: number of steps")
        _require(len(self.gains) <= self.steps, f"{where}: number of gains")
        _require(all(1 <= gain <= MAX_GAIN for gain in self.gains), f"{where}: a gain")
        _require(self.gains[-1:] != (1,), f"{where}: a last gain of one")
        _require(self.strength_max in {(16 << k) - 1 for k in range(5)}, f"{where}: largest strength")
        _require(self.gradient_limit > 0 and self.weight_limit > 0, f"{where}: a limit")
        numbers = [self.gradient_limit, self.weight_limit, *sum(self.matrix, ()), *sum(self.step_tables, ())]
        _require(all(abs(number) < MAX_INTEGER for number in numbers), f"{where}: an integer's size")
        _require(self.z_unit > 0 and isfinite(self.z_unit), f"{where}: unit of z")
        names = [name for name, _ in self.units]
        _require(names == sorted(set(names)) and all(map(NAME.match, names)), f"{where}: names of units")
        _require(all(isfinite(value) for _, value in self.units), f"{where}: a unit")

    @property
    def width(self) -> int:
        """d, the number of weights."""
        return len(self.matrix[0])

    @property
    def step_gains(self) -> tuple[int, ...]:
        """The gain of every step."""
        return self.gains + (1,) * (self.steps - len(self.gains))

    @property
    def planes(self) -> int:
        """The number of bit planes of a strength."""
        return len(self.plane_tables)

    @property
    def look_ups(self) -> int:
        """Table look-ups of one round: one per event and plane to code strengths, and one per later step."""
        return len(self.events) * self.planes * self.steps

    @property
    def A(self) -> Int64:  # noqa: N802 - the mathematics calls it so
        """The design matrix, [M, d]."""
        return np.array(self.matrix, dtype=np.int64)

    @property
    def sent(self) -> tuple[Field, Field]:
        """Strength and gradient, of a report."""
        g = self.gradient_limit
        return (
            Field(self.name, Quantity.STRENGTH, len(self.events), 0, self.strength_max),
            Field(self.name, Quantity.GRADIENT, self.width, -g, g),
        )

    @property
    def returned(self) -> Field:
        """The weights of an update."""
        u = self.weight_limit
        return Field(self.name, Quantity.WEIGHTS, self.width, -u, u)


class Recipe(StrEnum):
    """What a trainer does with what it is sent; a plan that names none is one of counts."""

    COUNTS = "counts"  # `program`, on sums of counts
    SGD = "sgd"  # `sgd_plan`, on batches of examples


class TrainingPlan(Protocol):
    """What any recipe's plan says to those who need not know the recipe: routes, ledger, queue, workers."""

    @property
    def recipe(self) -> Recipe:
        """What is done under it."""

    @property
    def bundle(self) -> str:
        """The name of whoever ships it."""

    @property
    def sources(self) -> int:
        """How many reports may be trained together."""

    @property
    def canonical(self) -> bytes:
        """Its one encoding."""

    @property
    def hash(self) -> str:
        """SHA-256 of the encoding, 64 hex digits."""

    @property
    def report_fields(self) -> tuple[Field, ...]:
        """The arrays of a report, in order."""

    @property
    def update_fields(self) -> tuple[Field, ...]:
        """The arrays of an update, in order."""


@dataclass(frozen=True)
class Plan:
    """Everything that device and trainer must agree on to train: blocks, error probability, sources.

    `bundle` names the bundle that ships the plan; `p_error` is the probability that one look-up fails for
    reasons of noise, a correctness parameter.
    """

    bundle: str
    blocks: tuple[Block, ...]
    p_error: float = 2.0**-40
    sources: int = MAX_SOURCES
    version: int = VERSION
    recipe: ClassVar[Recipe] = Recipe.COUNTS

    def __post_init__(self) -> None:
        _require(self.version == VERSION, "version")
        _require(bool(NAME.match(self.bundle)), "the bundle's name")
        _require(1 <= len(self.blocks) <= MAX_BLOCKS, "number of blocks")
        _require(len({block.name for block in self.blocks}) == len(self.blocks), "two blocks of one name")
        _require(0.0 < self.p_error < 1.0, "p_error")
        _require(1 <= self.sources <= MAX_SOURCES, "sources")

    @cached_property
    def canonical(self) -> bytes:
        """The plan's one encoding, JSON in ASCII."""
        blocks = [_block_tree(block) for block in self.blocks]
        tree = {"version": self.version, "bundle": self.bundle, "blocks": blocks}
        tree |= {"p_error": self.p_error, "sources": self.sources}
        return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, 64 hex digits; it names the plan on the wire."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def report_fields(self) -> tuple[Field, ...]:
        """The arrays of a report, in order: strength and gradient of each block in turn."""
        return tuple(field for block in self.blocks for field in block.sent)

    @property
    def update_fields(self) -> tuple[Field, ...]:
        """The arrays of an update, in order: the weights of every block."""
        return tuple(block.returned for block in self.blocks)

    @property
    def look_ups(self) -> int:
        """Table look-ups (programmable bootstraps) of one round of all blocks."""
        return sum(block.look_ups for block in self.blocks)

    @classmethod
    def parse(cls, canonical: bytes) -> Plan:
        """Return the plan of a canonical form.

        Raises `Refused` (PLAN_INVALID) for unknown, missing or repeated keys, wrong types, values outside
        their range, and any spelling other than the canonical one.
        """
        _require(len(canonical) <= MAX_PLAN_BYTES, "size")
        try:
            tree = json.loads(canonical, parse_constant=_refuse_constant)
            plan = _plan_of(tree)
            same = plan.canonical == canonical
        except (ValueError, RecursionError) as error:
            raise Refused(ErrorCode.PLAN_INVALID, "not JSON of a plan") from error
        _require(same, "not in canonical form")
        return plan


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(ErrorCode.PLAN_INVALID, what)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _block_tree(block: Block) -> dict[str, object]:
    names = (name for name in Block.__slots__ if name != "units")
    return {name: getattr(block, name) for name in names} | {"units": dict(block.units)}


def _plan_of(tree: object) -> Plan:
    parts = _members(tree, "plan", {"version", "bundle", "blocks", "p_error", "sources"})
    return Plan(
        bundle=_text(parts["bundle"], "bundle"),
        blocks=tuple(_block_of(block) for block in _array(parts["blocks"], "blocks")),
        p_error=_real(parts["p_error"], "p_error"),
        sources=_integer(parts["sources"], "sources"),
        version=_integer(parts["version"], "version"),
    )


def _block_of(tree: object) -> Block:
    parts = _members(tree, "block", set(Block.__slots__))
    units = parts["units"]
    if not isinstance(units, dict):
        raise Refused(ErrorCode.PLAN_INVALID, "units is not an object")
    return Block(
        name=_text(parts["name"], "name"),
        events=tuple(_text(event, "events") for event in _array(parts["events"], "events")),
        matrix=_rows(parts["matrix"], "matrix"),
        z_bits=_integer(parts["z_bits"], "z_bits"),
        z_top_bits=_integer(parts["z_top_bits"], "z_top_bits"),
        plane_tables=_rows(parts["plane_tables"], "plane_tables"),
        step_tables=_rows(parts["step_tables"], "step_tables"),
        steps=_integer(parts["steps"], "steps"),
        gains=_integers(parts["gains"], "gains") if parts["gains"] else (),
        strength_max=_integer(parts["strength_max"], "strength_max"),
        gradient_limit=_integer(parts["gradient_limit"], "gradient_limit"),
        weight_limit=_integer(parts["weight_limit"], "weight_limit"),
        z_unit=_real(parts["z_unit"], "z_unit"),
        units=tuple((name, _real(value, "units")) for name, value in units.items()),
    )


def _members(tree: object, what: str, names: set[str]) -> dict[str, object]:
    if not isinstance(tree, dict):
        raise Refused(ErrorCode.PLAN_INVALID, f"{what} is not an object")
    _require(tree.keys() == names, f"keys of {what}")
    return tree


def _array(tree: object, what: str) -> list[object]:
    if not isinstance(tree, list):
        raise Refused(ErrorCode.PLAN_INVALID, f"{what} is not an array")
    _require(bool(tree), f"{what} is empty")
    return tree


def _rows(tree: object, what: str) -> tuple[tuple[int, ...], ...]:
    return tuple(_integers(row, what) for row in _array(tree, what))


def _integers(tree: object, what: str) -> tuple[int, ...]:
    return tuple(_integer(entry, what) for entry in _array(tree, what))


def _text(tree: object, what: str) -> str:
    if not isinstance(tree, str):
        raise Refused(ErrorCode.PLAN_INVALID, f"{what} is not text")
    return tree


def _integer(tree: object, what: str) -> int:
    if type(tree) is not int:
        raise Refused(ErrorCode.PLAN_INVALID, f"{what} is not an integer")
    return tree


def _real(tree: object, what: str) -> float:
    if type(tree) is not float:
        raise Refused(ErrorCode.PLAN_INVALID, f"{what} is not a real number")
    return tree
