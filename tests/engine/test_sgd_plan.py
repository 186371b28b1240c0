"""Plans of the recipe sgd: one spelling, typed refusals, what they say of numbers, and their frames."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_protocol.plan import Plan, Quantity
from quietkeys_protocol.recipes import parse_plan
from quietkeys_protocol.security import MAX_P_ERROR
from quietkeys_protocol.sgd_plan import Feature, Grid, SgdPlan
from quietkeys_protocol.sgd_specification import check_sgd_specification, sgd_frames
from quietkeys_protocol.specification import (
    Specification,
    canonical_specification,
    parse_specification,
)
from tests.fhe_fixtures import SMALL_PLAN
from tests.sgd_plans import SMALL_SGD, SPECIFICATION


def encoded(tree: dict[str, Any]) -> bytes:
    """A tree in the spelling of plans."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def specification(**changes: Any) -> Specification:
    """The compiler's specification of the small plan, with members of all its bootstrap keys changed."""
    tree = json.loads(SPECIFICATION.read_bytes())
    for key in tree["keyset"]["lweBootstrapKeys"]:
        key["params"] |= changes
    return parse_specification(canonical_specification(json.dumps(tree).encode()))


def test_a_plan_of_either_recipe_comes_back_from_its_canonical_form() -> None:
    """Its recipe is told by a member that plans of counts do not have; each is refused as the other."""
    assert parse_plan(SMALL_SGD.canonical) == SMALL_SGD
    assert parse_plan(SMALL_PLAN.canonical) == SMALL_PLAN
    for parse, plan in ((Plan.parse, SMALL_SGD), (SgdPlan.parse, SMALL_PLAN)):
        with pytest.raises(Refused):
            parse(plan.canonical)


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "other"},
        {"recipe": 1},
        {"extra": 1},
        {"batch": 4.0},
        {"batch": True},
        {"batch": 0},
        {"batches": 65},
        {"bits": 9},
        {"rounding_bits": 1},
        {"weight_limit": 0.0},
        {"weight_limit": 1},
        {"learning_rate": -1.0},
        {"features": []},
        {"features": [1]},
        {"features": [{"name": "a", "low": 1.0, "high": 1.0}]},
        {"features": [{"name": "A", "low": 0.0, "high": 1.0}]},
        {"features": [{"name": "a", "low": 0.0, "high": 1.0}] * 2},
        {"bundle": "no name"},
        {"version": 2},
    ],
)
def test_what_is_no_plan_is_refused(change: dict[str, Any]) -> None:
    """Other members, types and ranges are a typed error, wherever a plan is read."""
    with pytest.raises(Refused) as refused:
        parse_plan(encoded(json.loads(SMALL_SGD.canonical) | change))
    assert refused.value.code is ErrorCode.PLAN_INVALID


def test_another_spelling_is_refused() -> None:
    """Whatever parses re-encodes to the same bytes."""
    with pytest.raises(Refused, match="canonical"):
        parse_plan(SMALL_SGD.canonical.replace(b'"batch":2', b'"batch": 2'))


@pytest.mark.parametrize(
    ("p_error", "accepts", "stands"),
    [
        (MAX_P_ERROR, False, True),
        (2.0**-45, False, True),
        (2.0**-39, False, False),
        (0.01, False, False),  # what Concrete ML ships
        (0.01, True, True),
        (0.011, True, False),
        (MAX_P_ERROR, True, False),
        (0.0, False, False),
    ],
)
def test_an_error_probability_above_ours_is_accepted_by_name_or_refused(
    p_error: float, accepts: bool, stands: bool
) -> None:
    """Either the plan says that it means it, or nobody compiles it and no device makes keys for it."""
    tree = json.loads(SMALL_SGD.canonical) | {"p_error": p_error, "accepts_p_error": accepts}
    if stands:
        assert parse_plan(encoded(tree)).canonical == encoded(tree)
        return
    with pytest.raises(Refused) as refused:
        parse_plan(encoded(tree))
    assert "p_error" in refused.value.detail


@given(st.floats(-100, 100), st.integers(2, 8), st.floats(0.1, 16.0))
def test_weights_are_clipped_to_the_range_that_the_plan_states(real: float, bits: int, limit: float) -> None:
    """Whatever is rounded lies within a unit of it, and comes back as itself."""
    grid: Grid = replace(SMALL_SGD, bits=bits, weight_limit=limit).weight_grid
    rounded = grid.integers(np.array([real]))
    assert abs(grid.reals(rounded)[0]) <= limit + grid.unit
    assert (grid.integers(grid.reals(rounded)) == rounded).all()
    if abs(real) <= limit - grid.unit:
        assert abs(grid.reals(rounded)[0] - real) <= grid.unit


def test_values_are_scaled_from_public_ranges_and_clipped_to_them() -> None:
    """The middle of a range is zero, its ends are one, and nothing lies beyond."""
    values = np.array([[0.5, 0.0], [0.0, -2.0], [1.0, 2.0], [7.0, -9.0]])
    assert SMALL_SGD.scaled(values).tolist() == [[0.0, 0.0], [-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]]


def test_frames_follow_the_arrays_of_a_report() -> None:
    """Each value of a report and of an update has the numbers that the plan says, and keys travel whole."""
    found = specification()
    assert check_sgd_specification(found, SMALL_SGD) == 128
    frames = sgd_frames(found, SMALL_SGD)
    assert [frame.payload_bytes // 24 for frame in frames.report] == [
        field.size for field in SMALL_SGD.report_fields
    ]
    assert [field.quantity for field in SMALL_SGD.report_fields[-2:]] == [
        Quantity.WEIGHTS,
        Quantity.INTERCEPT,
    ]
    assert frames.update == frames.results
    assert frames.keys == frames.key_form.filled


def test_a_specification_below_128_bits_is_refused_whatever_its_plan_accepts() -> None:
    """Accepting errors accepts no weaker keys."""
    careless = replace(SMALL_SGD, p_error=0.01, accepts_p_error=True)
    with pytest.raises(Untrusted) as refused:
        check_sgd_specification(specification(variance=2.0**-110), careless)
    assert refused.value.code is ErrorCode.SPECIFICATION_UNTRUSTED
    assert "too little noise" in refused.value.detail


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL_SGD, batch=3),
        replace(SMALL_SGD, features=(*SMALL_SGD.features, Feature("third", 0.0, 1.0))),
        replace(SMALL_SGD, bits=8),
    ],
)
def test_another_plans_specification_is_refused(other: SgdPlan) -> None:
    """Shapes and widths of values are compared."""
    with pytest.raises(Untrusted):
        check_sgd_specification(specification(), other)


def test_keys_larger_than_a_trainer_takes_are_refused() -> None:
    """A plan that compiles to them cannot be served, and says so before anybody makes such keys."""
    with pytest.raises(Refused, match="keys take"):
        sgd_frames(specification(levelCount=4), SMALL_SGD)
