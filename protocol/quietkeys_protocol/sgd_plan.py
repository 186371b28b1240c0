"""A plan of the recipe `sgd`: logistic regression on encrypted examples, as Concrete ML trains it.

For apps with a few dense features, public ranges for them, and a few dozen examples of two kinds. A report is
batches of encrypted examples and the weights to start from; the trainer computes, batch by batch,

    w <- clip(w - learning_rate X^T (sigmoid(X w) - y) / batch)

on ciphertexts and sends the last weights. What a number is, before it is encrypted, is said here: features
are scaled from their range to -1..1, and everything becomes an integer of `bits` bits. There is no intercept:
an app that wants one has a feature whose value is always its `high`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from math import isfinite
from typing import ClassVar, Final

import numpy as np

from quietkeys_protocol.arrays import Float64, Int64
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import MAX_PLAN_BYTES, NAME, Field, Quantity, Recipe
from quietkeys_protocol.security import MAX_P_ERROR

VERSION: Final = 1
MAX_FEATURES: Final = 32
MAX_BATCH: Final = 32
MAX_BATCHES: Final = 64
MAX_BITS: Final = 8  # Concrete ML has 6
MAX_ACCEPTED_P_ERROR: Final = 0.01  # what Concrete ML ships; with more, next to no batch is computed right
MAX_REAL: Final = 16.0  # of weights and of the learning rate


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: a public name, and the public range that its values are scaled from and clipped to."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        _require(bool(NAME.match(self.name)), "a feature's name")
        _require(isfinite(self.low) and isfinite(self.high) and self.low < self.high, "a feature's range")


@dataclass(frozen=True, slots=True)
class Grid:
    """Reals as integers: the multiples of `unit` from `low` to `high` units."""

    unit: float
    low: int
    high: int

    def integers(self, reals: Float64) -> Int64:
        """Return the nearest units [...], clipped to the grid, for reals [...]."""
        nearest: Int64 = np.clip(np.rint(reals / self.unit), self.low, self.high).astype(np.int64)
        return nearest

    def reals(self, integers: Int64) -> Float64:
        """Return the reals [...] that integers [...] stand for."""
        return integers * self.unit


@dataclass(frozen=True)
class SgdPlan:
    """What device and trainer must agree on to train on examples.

    batch: examples of one step; batches: steps of one report. weight_limit: weights lie in -limit..limit, to
    half a unit, and are clipped to it before they are encrypted and after every step. bits: of a feature, a
    label and a weight; rounding_bits: of what a look-up reads. p_error: the probability that one look-up
    fails for reasons of noise. Above 2^-40 it is refused, unless `accepts_p_error` says that it is meant;
    what fails then is not noticed by anybody.
    """

    bundle: str
    features: tuple[Feature, ...]
    batch: int
    batches: int
    weight_limit: float
    learning_rate: float
    bits: int
    rounding_bits: int
    p_error: float = MAX_P_ERROR
    accepts_p_error: bool = False
    version: int = VERSION
    recipe: ClassVar[Recipe] = Recipe.SGD
    sources: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _require(self.version == VERSION, "version")
        _require(bool(NAME.match(self.bundle)), "the bundle's name")
        _require(1 <= len(self.features) <= MAX_FEATURES, "number of features")
        names = {feature.name for feature in self.features}
        _require(len(names) == len(self.features), "two features of one name")
        _require(1 <= self.batch <= MAX_BATCH, "batch")
        _require(1 <= self.batches <= MAX_BATCHES, "batches")
        _require(0.0 < self.weight_limit <= MAX_REAL, "weight_limit")
        _require(0.0 < self.learning_rate <= MAX_REAL, "learning_rate")
        _require(2 <= self.bits <= MAX_BITS, "bits")
        _require(2 <= self.rounding_bits <= MAX_BITS, "rounding_bits")
        _require(0.0 < self.p_error <= MAX_ACCEPTED_P_ERROR, "p_error")
        if self.accepts_p_error:
            _require(self.p_error > MAX_P_ERROR, "accepts_p_error, and there is nothing to accept")
        else:
            _require(self.p_error <= MAX_P_ERROR, "p_error is above 2^-40, and accepts_p_error is not said")

    @cached_property
    def canonical(self) -> bytes:
        """The plan's one encoding, JSON in ASCII."""
        tree = asdict(self) | {"recipe": self.recipe.value}
        return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical form, 64 hex digits; it names the plan on the wire."""
        return hashlib.sha256(self.canonical).hexdigest()

    @property
    def width(self) -> int:
        """d, the number of features, and of weights."""
        return len(self.features)

    @property
    def feature_grid(self) -> Grid:
        """What scaled features are rounded to."""
        return _signed(1.0, self.bits)

    @property
    def label_grid(self) -> Grid:
        """What labels, 0 and 1, are rounded to."""
        most = (1 << self.bits) - 1
        return Grid(1.0 / most, 0, most)

    @property
    def weight_grid(self) -> Grid:
        """What weights are rounded to, before they are encrypted and after every step."""
        return _signed(self.weight_limit, self.bits)

    @property
    def report_fields(self) -> tuple[Field, ...]:
        """The arrays of a report: features and labels of each batch, weights and intercept to start from."""
        x, y, w = self.feature_grid, self.label_grid, self.weight_grid
        arrays = []
        for number in range(self.batches):
            name = f"batch_{number}"
            arrays.append(Field(name, Quantity.FEATURES, self.batch * self.width, x.low, x.high))
            arrays.append(Field(name, Quantity.LABELS, self.batch, y.low, y.high))
        arrays.append(Field("start", Quantity.WEIGHTS, self.width, w.low, w.high))
        arrays.append(Field("start", Quantity.INTERCEPT, 1, 0, 0))  # of the circuit, which has one
        return tuple(arrays)

    @property
    def update_fields(self) -> tuple[Field, ...]:
        """The one array of an update: the weights after the last batch."""
        return (Field("start", Quantity.WEIGHTS, self.width, self.weight_grid.low, self.weight_grid.high),)

    def scaled(self, values: Float64) -> Float64:
        """Return examples [N, d] with every feature scaled from its range to -1..1, and clipped to it."""
        low = np.array([feature.low for feature in self.features])
        high = np.array([feature.high for feature in self.features])
        scaled: Float64 = np.clip(2.0 * (values - low) / (high - low) - 1.0, -1.0, 1.0)
        return scaled

    @classmethod
    def parse(cls, canonical: bytes) -> SgdPlan:
        """Return the plan of a canonical form. Raises `Refused` (PLAN_INVALID) as `Plan.parse` does."""
        _require(len(canonical) <= MAX_PLAN_BYTES, "size")
        try:
            plan = plan_of(json.loads(canonical))
            same = plan.canonical == canonical
        except (ValueError, RecursionError) as error:
            raise Refused(ErrorCode.PLAN_INVALID, "not JSON of a plan") from error
        _require(same, "not in canonical form")
        return plan


def plan_of(tree: object) -> SgdPlan:
    """Return the plan of a JSON object with all of its members. Raises `Refused` (PLAN_INVALID)."""
    kinds = {"bundle": str, "features": list, "weight_limit": float, "learning_rate": float}
    kinds |= {"p_error": float, "accepts_p_error": bool, "recipe": str}
    names = {field.name for field in fields(SgdPlan)}
    parts = _members(tree, "plan", {name: kinds.get(name, int) for name in (*names, "recipe")})
    _require(parts.pop("recipe") == Recipe.SGD, "recipe")
    entry = {"name": str, "low": float, "high": float}
    listed = parts.pop("features")
    assert isinstance(listed, list)  # noqa: S101 - the lines above; told to the type checker
    features = tuple(Feature(**_members(one, "feature", entry)) for one in listed)  # type: ignore[arg-type]
    return SgdPlan(features=features, **parts)  # type: ignore[arg-type] # `_members` saw to it


def _members(tree: object, what: str, kinds: dict[str, type]) -> dict[str, object]:
    if not isinstance(tree, dict):
        raise Refused(ErrorCode.PLAN_INVALID, f"{what} is not an object")
    _require(tree.keys() == kinds.keys(), f"keys of {what}")
    for name, kind in kinds.items():
        _require(type(tree[name]) is kind, f"{name} of {what}")
    return tree


def _signed(limit: float, bits: int) -> Grid:
    # As Concrete ML has it: 2^bits units over both halves, so that the upper edge is half a unit inside.
    half = 1 << (bits - 1)
    return Grid(2.0 * limit / ((1 << bits) - 1), -half, half - 1)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(ErrorCode.PLAN_INVALID, what)
