"""What becomes of an update of the recipe sgd: compared with the device's own steps, and judged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quietkeys.sgd import Examples
from quietkeys.sgd.judging import MINIMUM, arrays_of, check_against_reference, expected, judge, scores
from quietkeys_protocol.errors import ErrorCode, Untrusted
from tests.sgd_plans import SMALL_SGD
from tests.sgd_side import batches, examples

GOOD = np.array([7, 7])
NOTHING = np.array([0, 0])


def test_what_the_plan_computes_passes_and_anything_else_is_refused() -> None:
    """An update that leads elsewhere than these examples do is not looked at any further."""
    arrays = batches(1)
    wanted = expected(SMALL_SGD, arrays)
    assert wanted.any()
    check_against_reference(SMALL_SGD, arrays, wanted)
    check_against_reference(SMALL_SGD, arrays, wanted + 2)
    for strange in (-wanted - 4, np.array([-8, -8])):
        with pytest.raises(Untrusted) as refused:
            check_against_reference(SMALL_SGD, arrays, strange)
        assert refused.value.code is ErrorCode.UPDATE_UNTRUSTED


def test_steps_lead_to_what_tells_the_examples() -> None:
    """More batches, better weights; they stay within the plan's range however many there are."""
    learnt = examples()
    draw = np.random.default_rng(0)
    weights = NOTHING
    for _ in range(60):
        rows = [draw.choice(60, SMALL_SGD.batch, replace=False) for _ in range(SMALL_SGD.batches)]
        arrays = arrays_of(SMALL_SGD, [learnt.at(one) for one in rows], weights)
        weights = expected(SMALL_SGD, arrays)
    grid = SMALL_SGD.weight_grid
    assert weights.max() <= grid.high
    assert (scores(SMALL_SGD, learnt, grid.reals(weights)) > 0.0).mean() > 0.85


def test_what_helps_is_applied_and_what_harms_is_not() -> None:
    """By examples that were kept aside; the reason is a sentence."""
    better = judge(SMALL_SGD, examples(), NOTHING, GOOD)
    assert better.applied
    assert (better.before, better.after) == (0.5, 1.0)
    worse = judge(SMALL_SGD, examples(), GOOD, -GOOD)
    assert not worse.applied
    assert "not tell" in worse.reason
    assert not judge(SMALL_SGD, examples(), GOOD, GOOD).applied


def test_too_few_examples_judge_nothing() -> None:
    """Then the old weights stay."""
    few = examples().at(np.arange(MINIMUM - 1))
    verdict = judge(SMALL_SGD, few, NOTHING, GOOD)
    assert not verdict.applied
    assert math.isnan(verdict.after)
    assert "too few" in verdict.reason


def test_nothing_private_is_printed() -> None:
    """Examples, verdicts and what they say of people do not show in a repr."""
    assert "0." not in repr(examples()) + repr(judge(SMALL_SGD, examples(), NOTHING, GOOD))


def test_examples_of_other_shapes_are_not_scaled_by_chance() -> None:
    """A value outside its public range counts as its end."""
    far = Examples(np.array([[9.0, 9.0]]), np.array([1]))
    edge = Examples(np.array([[1.0, 2.0]]), np.array([1]))
    weights = SMALL_SGD.weight_grid.reals(GOOD)
    assert scores(SMALL_SGD, far, weights) == scores(SMALL_SGD, edge, weights)
