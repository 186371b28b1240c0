"""Noise of look-ups, by formula: what the parameters leave, and what cutting keys adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from quietkeys_protocol.errors import Refused
from quietkeys_protocol.noise import (
    MAX_CUT_SHARE,
    check_parameters,
    cut_share,
    margin_of,
    noise_of,
    squared_norm,
)
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.shipped_plans import shipped_plans
from quietkeys_protocol.specification import Specification, parse_specification

VECTORS: Final = Path(__file__).parents[1] / "vectors"
SMALL_PLAN: Final = Plan.parse((VECTORS / "small_plan.json").read_bytes())
ONE_LEVEL: Final = parse_specification((VECTORS / "small_specification.json").read_bytes())


def levelled(levels: int, base_log: int) -> Specification:
    """The same keys with other levels."""
    (bootstrap,) = ONE_LEVEL.bootstrap_keys
    return replace(ONE_LEVEL, bootstrap_keys=(replace(bootstrap, levels=levels, base_log=base_log),))


TWO_LEVELS: Final = levelled(2, 15)


def test_the_figures_are_those_that_runs_have() -> None:
    """0.07 of an entry of a table of four bits: what benches move look-ups by."""
    noise = noise_of(TWO_LEVELS, 2.0**15.7)
    assert 2**5 * noise.total**0.5 == pytest.approx(0.0695, abs=0.0005)
    assert noise.total == pytest.approx(
        noise.keys + noise.digits + noise.cut + noise.keyswitch + noise.rounding
    )


def test_48_bits_do_for_one_level_and_two_and_44_for_two_alone() -> None:
    """A larger base multiplies what was cut: with one level 44 bits would more than double the variance."""
    assert noise_of(TWO_LEVELS, 2.0**15.7, 16).cut_share < 1e-5
    assert noise_of(TWO_LEVELS, 2.0**15.7, 20).cut_share == pytest.approx(0.0017, abs=0.0002)
    assert noise_of(ONE_LEVEL, 2.0**10.4, 16).cut_share == pytest.approx(0.005, abs=0.0005)
    assert noise_of(ONE_LEVEL, 2.0**10.4, 20).cut_share > 1.0
    assert noise_of(ONE_LEVEL, 2.0**10.4, 0).cut_share == 0.0


def test_the_norm_is_that_of_the_worst_look_up() -> None:
    """As many earlier look-ups as there are, each times what the matrices multiply it with."""
    block = SMALL_PLAN.blocks[0]
    worst = 0.0
    for row in block.A:
        parts = [float(row @ other) ** 2 for other in block.A for _ in range(block.planes)]
        worst = max(worst, (block.steps - 2) * sum(parts) + 1.0)
    assert squared_norm(block) == pytest.approx(worst)
    assert squared_norm(replace(block, steps=block.steps + 1)) > worst
    assert np.isclose(squared_norm(replace(block, steps=2)), 1.0)


def test_shipped_plans_keep_their_probability_of_error() -> None:
    """Look-ups and declared results of every block stay within it, with keys of one level."""
    for plan, specification in shipped():
        check_parameters(specification, plan)
        for block in plan.blocks:
            margin = margin_of(specification, block)
            assert margin.p_error <= plan.p_error
            assert margin.look_up < margin.result


def test_parameters_that_nobody_should_take_are_refused() -> None:
    """Two levels, and noise above the plan's probability of error."""
    for specification, plan, why in (
        (TWO_LEVELS, SMALL_PLAN, "two levels"),
        (ONE_LEVEL, replace(SMALL_PLAN, p_error=2.0**-60), "noise"),
    ):
        with pytest.raises(Refused) as refused:
            check_parameters(specification, plan)
        assert why in refused.value.detail


def test_cutting_adds_next_to_nothing_to_shipped_plans() -> None:
    """Less than a hundredth of the variance of any look-up."""
    for plan, specification in shipped():
        assert cut_share(specification, plan) <= MAX_CUT_SHARE


def shipped() -> Iterator[tuple[Plan, Specification]]:
    """Every shipped plan with its client specification."""
    for one in shipped_plans():
        specification = one.path.with_name("client_specification.json").read_bytes()
        yield Plan.parse(one.path.read_bytes()), parse_specification(specification)
