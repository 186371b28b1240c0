"""Recipes: what a model owner writes down of a plan, in JSON; the integers are made from it.

    {"name": "nl", "sources": 8, "blocks": [
      {"name": "channel", "events": ["omit vowel", "hit left"], "matrix": [[1, 0], [0, 1]],
       "shape": {"planes": 1, "steps": 4, "gains": [8, 3], "stability": 0.3,
                 "floor": 0.5, "prior": 1.0, "z_reach": 2.2}}]}

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
from quietkeys_protocol.plan import MAX_EVENTS, MAX_PLAN_BYTES, MAX_SOURCES, MAX_WEIGHTS, Block, Plan
from quietkeys_protocol.plan_design import Shape, make_block

MAX_ENTRY: Final = 1000  # of a matrix; shipped ones have 3
MAX_PLANES: Final = 4
_WHOLE: Final = ("planes", "steps")


def read_recipe(path: Path) -> Plan:
    """Return the plan of a recipe in a file. Raises `Refused` (PLAN_INVALID) with what is wrong."""
    try:
        with path.open("rb") as file:
            tree = json.loads(file.read(MAX_PLAN_BYTES))
    except OSError as error:
        raise Refused(ErrorCode.PLAN_INVALID, error.strerror or "it cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise Refused(ErrorCode.PLAN_INVALID, "not JSON of a recipe") from error
    recipe = _members(tree, "recipe", {"name", "blocks"}, {"sources"})
    sources = recipe.get("sources", MAX_SOURCES)
    _require(type(sources) is int, "sources")
    _require(isinstance(recipe["name"], str), "name")
    _require(isinstance(recipe["blocks"], list), "blocks")
    return Plan(recipe["name"], tuple(_block(block) for block in recipe["blocks"]), sources=sources)


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
