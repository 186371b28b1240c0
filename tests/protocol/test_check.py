"""`plan check`: what is refused, and what a plan is said to cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from quietkeys_bench.common.synthetic_plan import Shape, synthetic_plan
from quietkeys_protocol.check import check_plan
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan

GOOD: Final = Shape(64, 6, z_bits=13, steps=4, gains=(2, 2), stability=1.1, strength_max=255)
PLAN: Final = synthetic_plan(GOOD, Shape(32, 6, z_bits=12))


def changed(**changes: Any) -> Plan:
    """The plan with other values in its first block."""
    return replace(PLAN, blocks=(replace(PLAN.blocks[0], **changes), PLAN.blocks[1]))


def reason(plan: Plan) -> str:
    """Why the plan is refused."""
    with pytest.raises(Refused) as refused:
        check_plan(plan)
    assert refused.value.code is ErrorCode.PLAN_INVALID
    return refused.value.detail


def test_a_good_plan_passes_with_its_costs() -> None:
    """Costs are counted from the plan: look-ups, bytes of a report and an update, bits of every block."""
    found = check_plan(PLAN)
    assert found.look_ups == 64 * 2 * 4 + 32 * 2 * 3
    assert found.weights == 12
    assert found.upload_bytes == 4 * 248 + 24 * (64 + 6 + 32 + 6)
    assert found.download_bytes == 2 * 4 + 2049 * 2 * 12
    assert [block.accumulator_bits for block in found.blocks] == [14, 13]
    assert [block.table_bits for block in found.blocks] == [4, 4]
    assert 0.5 < found.blocks[0].stability < 1.2
    assert all(0.0 < block.z_share <= 1.0 for block in found.blocks)


def test_the_costs_are_printed() -> None:
    """A person reads bits, seconds and bytes."""
    text = str(check_plan(PLAN))
    for part in (
        PLAN.hash,
        "accumulator 14 bits",
        "table 4 bits",
        "704 look-ups",
        "10 s on 2 idle cores",
        "norm 2^",
        "MB",
    ):
        assert part in text


def test_a_failure_rate_above_the_rule_is_refused() -> None:
    """2^-40 passes, anything above does not."""
    assert "p_error" in reason(replace(PLAN, p_error=2.0**-39))
    check_plan(replace(PLAN, p_error=2.0**-60))


def test_steps_that_diverge_are_refused() -> None:
    """A step table steeper than 2 makes an error larger; so do gains that make a smaller one as steep."""
    assert "converge" in reason(synthetic_plan(replace(GOOD, stability=2.6, gains=())))
    assert "converge" in reason(synthetic_plan(replace(GOOD, stability=1.8, gains=(3, 3, 3))))


def test_steps_that_overshoot_on_the_way_are_refused() -> None:
    """Gains whose last step mends what the first ones broke are refused all the same."""
    assert "overshoots" in reason(synthetic_plan(replace(GOOD, steps=3, stability=1.05, gains=(4,))))


def test_a_table_that_pulls_away_is_refused() -> None:
    """The pull must grow with z for either bit."""
    table = list(PLAN.blocks[0].step_tables[0])
    table[9], table[10] = table[10], table[9]
    assert "falls" in reason(changed(step_tables=(tuple(table), PLAN.blocks[0].step_tables[1])))


def test_wide_tables_and_fields_are_refused() -> None:
    """A look-up reads four bits, and an accumulator has at most fifteen."""
    wide = tuple(table[:8] * 2 + table[8:] * 2 for table in PLAN.blocks[0].step_tables)
    assert "table input" in reason(changed(z_top_bits=4, step_tables=wide))
    assert "accumulator" in reason(changed(z_bits=15))


@pytest.mark.parametrize("limit", ["gradient_limit", "weight_limit"])
def test_limits_that_do_not_fit_are_refused(limit: str) -> None:
    """Every g and u within its limit must fit the accumulator."""
    check_plan(changed(**{limit: (1 << 13) - 1}))
    assert "do not fit" in reason(changed(**{limit: 1 << 13}))


def test_a_field_that_people_leave_is_refused() -> None:
    """People whose optimum lies inside the field must not be led out of it on the way."""
    table = tuple(round(1400 * np.tanh((entry - 3.5) / 2)) for entry in range(8))
    single = changed(
        events=("one", "two"),
        matrix=((1, 0), (0, 1)),
        plane_tables=((0,) * 8 + (1,) * 8,),
        step_tables=((0,) * 8 + table,),
        gains=(2, 2, 2),
    )
    assert check_plan(single).blocks[0].z_share <= 1.0
    hasty = replace(single.blocks[0], gains=(4, 2, 2))
    assert "leaves its field" in reason(replace(single, blocks=(hasty,)))


def test_too_much_work_is_refused() -> None:
    """A round has at most 1,200 look-ups and 120 weights."""
    assert "look-ups" in reason(synthetic_plan(*[replace(GOOD, events=256, gains=())] * 2))
    assert "weights" in reason(synthetic_plan(*[replace(GOOD, weights=61, steps=2, gains=())] * 2))


def test_noise_that_adds_up_is_refused() -> None:
    """A look-up reads a sum of earlier ones: rows of many and large entries make it noisy, steps as well."""
    assert "adds up" in reason(synthetic_plan(replace(GOOD, reach=3, gains=())))
    assert "adds up" in reason(synthetic_plan(replace(GOOD, steps=12, gains=())))
    assert check_plan(synthetic_plan(replace(GOOD, steps=2, gains=()))).blocks[0].norm == 1.0
