"""Recipes: what a model owner writes down of a plan, in JSON; the integers are made from it.

    {"name": "nl", "sources": 8, "blocks": [
      {"name": "channel", "events": ["omit vowel", "hit left"], "matrix": [[1, 0], [0, 1]],
       "shape": {"planes": 1, "steps": 4, "gains": [8, 3], "stability": 0.3,
                 "floor": 0.5, "prior": 1.0, "z_reach": 2.2}}]}

For the recipe `sgd` (docs/RECIPES.md), what is written down is nearly the plan:

    {"recipe": "sgd", "name": "clinic", "features": [{"name": "worst_radius", "low": 9.0, "high": 29.0}],
     "batch": 4, "batches": 6, "weight_limit": 2, "learning_rate": 2, "bits": 4, "rounding_bits": 4}

with "p_error" and "accepts_p_error" where 2^-40 is not meant.

Without "matrix" every event has a weight of its own, without "sources" there are eight. What a shape means
is said at `quietkeys_protocol.plan_design.Shape`, how to choose one in docs/PLANS.md.
"""

from __future__ import annotations

import json
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import (
    MAX_EVENTS,
    MAX_PLAN_BYTES,
    MAX_SOURCES,
    MAX_WEIGHTS,
    Block,
    Plan,
    Recipe,
    TrainingPlan,
)
from quietkeys_protocol.plan_design import Shape, make_block
from quietkeys_protocol.recipes import recipe_of
from quietkeys_protocol.security import MAX_P_ERROR
from quietkeys_protocol.sgd_plan import VERSION as SGD_VERSION
from quietkeys_protocol.sgd_plan import SgdPlan, plan_of

MAX_ENTRY: Final = 1000  # of a matrix; shipped ones have 3
MAX_PLANES: Final = 4
_REALS: Final = ("weight_limit", "learning_rate")
_WHOLE: Final = ("planes", "steps")


def read_recipe(path: Path) -> TrainingPlan:
    """Return the plan of a recipe in a file. Raises `Refused` (PLAN_INVALID) with what is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PLAN_BYTES)
            tree = json.loads(content)
    except OSError as error:
        raise Refused(ErrorCode.PLAN_INVALID, error.strerror or "it cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise Refused(ErrorCode.PLAN_INVALID, "not JSON of a recipe") from error
    if recipe_of(content) is Recipe.SGD:
        return _batches(tree)
    recipe = _members(tree, "recipe", {"name", "blocks"}, {"sources"})
    sources = recipe.get("sources", MAX_SOURCES)
    _require(type(sources) is int, "sources")
    _require(isinstance(recipe["name"], str), "name")
    _require(isinstance(recipe["blocks"], list), "blocks")
    return Plan(recipe["name"], tuple(_block(block) for block in recipe["blocks"]), sources=sources)


def _batches(tree: object) -> SgdPlan:
    given = {"name", "recipe", "features", "batch", "batches", "bits", "rounding_bits", *_REALS}
    recipe = _members(tree, "recipe", given, {"p_error", "accepts_p_error"})
    _require(isinstance(recipe["features"], list), "features")
    features = [
        _as_reals(_members(one, "feature", {"name", "low", "high"}, set()), ("low", "high"))
        for one in recipe["features"]
    ]
    said = {name: value for name, value in recipe.items() if name not in ("name", "features")}
    stated = {"p_error": MAX_P_ERROR, "accepts_p_error": False, "version": SGD_VERSION} | said
    plan = _as_reals(stated, _REALS) | {"bundle": recipe["name"], "features": features}
    return plan_of(plan)


def _as_reals(tree: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return an object whose members of these names are reals, where they were whole numbers."""
    return {k: float(v) if k in names and type(v) is int else v for k, v in tree.items()}


def _block(tree: object) -> Block:
    block = _members(tree, "block", {"name", "events", "shape"}, {"matrix"})
    name, events = block["name"], block["events"]
    _require(isinstance(name, str), "a block's name")
    where = f"block {name[:32]!r}"
    _require(isinstance(events, list) and 1 <= len(events) <= MAX_EVENTS, f"{where}: events")
    _require(all(isinstance(event, str) for event in events), f"{where}: events")
    matrix = block.get("matrix", np.eye(len(events), dtype=np.int64).tolist())
    _require(isinstance(matrix, list) and len(matrix) == len(events), f"{where}: rows of the matrix")
    _require(all(isinstance(row, list) for row in matrix), f"{where}: a row of the matrix")
    _require(len({len(row) for row in matrix}) == 1, f"{where}: a row of the matrix")
    _require(1 <= len(matrix[0]) <= MAX_WEIGHTS, f"{where}: columns of the matrix")
    entries = [entry for row in matrix for entry in row]
    _require(all(type(e) is int and abs(e) <= MAX_ENTRY for e in entries), f"{where}: an entry of the matrix")
    _require(any(entries), f"{where}: a matrix of zeros")
    return make_block(name, events, np.array(matrix, dtype=np.int64), _shape(block["shape"], where))


def _shape(tree: object, where: str) -> Shape:
    names = [field.name for field in fields(Shape)]
    shape = _members(tree, f"{where}: shape", set(names), set())
    for name in names:
        value = shape[name]
        if name == "gains":
            _require(isinstance(value, list) and all(type(gain) is int for gain in value), f"{where}: gains")
        elif name in _WHOLE:
            _require(type(value) is int and value >= 1, f"{where}: {name}")
        else:
            known = type(value) in (int, float) and isfinite(value) and value >= 0
            _require(known and value <= 1e6, f"{where}: {name}")
    _require(shape["planes"] <= MAX_PLANES, f"{where}: planes")
    _require(shape["stability"] > 0 and shape["z_reach"] > 0, f"{where}: stability and z_reach")
    return Shape(**{**shape, "gains": tuple(shape["gains"])})


def _members(tree: object, what: str, needed: set[str], optional: set[str]) -> dict[str, Any]:
    _require(isinstance(tree, dict) and needed <= tree.keys() <= needed | optional, f"keys of {what}")
    assert isinstance(tree, dict)  # noqa: S101 - the line above; told to the type checker
    return tree


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(ErrorCode.PLAN_INVALID, what)
