"""The plan of any recipe, from its canonical form."""

from __future__ import annotations

import json

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import MAX_PLAN_BYTES, Plan, Recipe, TrainingPlan
from quietkeys_protocol.sgd_plan import SgdPlan


def parse_plan(canonical: bytes) -> TrainingPlan:
    """Return the plan of a canonical form, of whichever recipe it names; of counts where it names none.

    Raises `Refused` (PLAN_INVALID) as `Plan.parse` does, and for a recipe that is not known.
    """
    match recipe_of(canonical):
        case Recipe.COUNTS:
            return Plan.parse(canonical)
        case Recipe.SGD:
            return SgdPlan.parse(canonical)


def recipe_of(encoded: bytes) -> Recipe:
    """Return the recipe that a JSON object names. Raises `Refused` (PLAN_INVALID)."""
    if len(encoded) > MAX_PLAN_BYTES:
        raise Refused(ErrorCode.PLAN_INVALID, "size")
    try:
        tree = json.loads(encoded)
    except (ValueError, RecursionError) as error:
        raise Refused(ErrorCode.PLAN_INVALID, "not JSON of a plan") from error
    if not isinstance(tree, dict):
        raise Refused(ErrorCode.PLAN_INVALID, "plan is not an object")
    if "recipe" not in tree:
        return Recipe.COUNTS
    try:
        return Recipe(tree["recipe"])
    except ValueError as error:
        raise Refused(ErrorCode.PLAN_INVALID, "recipe") from error
