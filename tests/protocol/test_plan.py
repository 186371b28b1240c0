"""Plans: one canonical form, a hash of it, and nothing else parses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_bench.common.synthetic_plan import Shape, synthetic_plan
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import MAX_PLAN_BYTES, Block, Plan, Quantity

PLAN: Final = synthetic_plan(Shape(5, 2), Shape(4, 3, planes=1, strength_max=255, gains=(2,)))
Tree = dict[str, Any]


def tree() -> Tree:
    """The plan as JSON, to break."""
    parsed: Tree = json.loads(PLAN.canonical)
    return parsed


def canonical(broken: object) -> bytes:
    """What a careful forger would send: the canonical spelling of a broken tree."""
    return json.dumps(broken, sort_keys=True, separators=(",", ":")).encode()


def test_what_is_encoded_parses_to_the_same() -> None:
    """A canonical form parses to an equal plan with the same hash."""
    parsed = Plan.parse(PLAN.canonical)
    assert parsed == PLAN
    assert parsed.hash == PLAN.hash
    assert parsed.canonical == PLAN.canonical


@given(
    st.builds(
        Shape,
        events=st.integers(1, 12),
        weights=st.integers(1, 5),
        z_bits=st.integers(8, 14),
        planes=st.integers(1, 3),
        steps=st.integers(2, 4),
        gains=st.sampled_from([(), (2,), (1, 3)]).filter(lambda gains: True),
        strength_max=st.sampled_from([15, 31, 255]),
    ).filter(lambda shape: len(shape.gains) <= shape.steps)
)
def test_every_plan_has_one_encoding(shape: Shape) -> None:
    """Encoding and parsing are inverse for plans of all shapes."""
    plan = synthetic_plan(shape)
    assert Plan.parse(plan.canonical) == plan


@given(st.data())
def test_a_changed_byte_is_another_plan_or_none(data: st.DataObject) -> None:
    """No other bytes parse to the same plan: whatever parses re-encodes to the bytes it came from."""
    changed = bytearray(PLAN.canonical)
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = Plan.parse(bytes(changed))
    except Refused as error:
        assert error.code is ErrorCode.PLAN_INVALID
    else:
        assert parsed.canonical == bytes(changed)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_parser(content: bytes) -> None:
    """Bytes that are no plan are refused with a typed error."""
    with pytest.raises(Refused):
        Plan.parse(content)


SPELLINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "spaces": lambda plan: plan.replace(b":", b": ", 1),
    "a trailing line feed": lambda plan: plan + b"\n",
    "another order": lambda plan: json.dumps(dict(reversed(json.loads(plan).items()))).encode(),
    "a repeated key": lambda plan: plan.replace(b'"sources":', b'"sources":1,"sources":'),
    "an integer written as a real number": lambda plan: plan.replace(b'"sources":8', b'"sources":8.0'),
    "a number with an exponent": lambda plan: plan.replace(b'"sources":8', b'"sources":8e0'),
    "an escaped letter": lambda plan: plan.replace(b'"synthetic"', b'"\\u0073ynthetic"'),
    "not a number": lambda plan: plan.replace(b'"p_error":9.094947017729282e-13', b'"p_error":NaN'),
    "endless nesting": lambda _: b"[" * 100_000,
    "too many bytes": lambda plan: plan + b" " * MAX_PLAN_BYTES,
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_other_spellings_are_refused(name: str) -> None:
    """The same plan spelt in another way is not the plan."""
    changed = SPELLINGS[name](PLAN.canonical)
    assert changed != PLAN.canonical
    with pytest.raises(Refused):
        Plan.parse(changed)


BREAKS: Final[dict[str, Callable[[Tree, Tree], object]]] = {
    "an unknown key": lambda plan, _: plan.update(extra=1),
    "a missing key": lambda plan, _: plan.pop("p_error"),
    "an unknown key of a block": lambda _, block: block.update(extra=1),
    "a missing key of a block": lambda _, block: block.pop("z_unit"),
    "another version": lambda plan, _: plan.update(version=2),
    "a version that is true": lambda plan, _: plan.update(version=True),
    "no sources": lambda plan, _: plan.update(sources=0),
    "nine sources": lambda plan, _: plan.update(sources=9),
    "no blocks": lambda plan, _: plan.update(blocks=[]),
    "two blocks of one name": lambda plan, block: plan["blocks"].append(block),
    "a certain failure": lambda plan, _: plan.update(p_error=1.0),
    "a name that is a path": lambda _, block: block.update(name="../x"),
    "a name with a line feed": lambda _, block: block.update(name="x\n"),
    "two events of one name": lambda _, block: block["events"].__setitem__(0, block["events"][1]),
    "an event beyond ASCII": lambda _, block: block["events"].__setitem__(0, "é"),
    "a missing row": lambda _, block: block["matrix"].pop(),
    "a short row": lambda _, block: block["matrix"][0].pop(),
    "a real number in the matrix": lambda _, block: block["matrix"][0].__setitem__(0, 1.0),
    "a text in the matrix": lambda _, block: block["matrix"][0].__setitem__(0, "1"),
    "a huge integer": lambda _, block: block["matrix"][0].__setitem__(0, 1 << 40),
    "a bit of two": lambda _, block: block["plane_tables"][0].__setitem__(0, 2),
    "a short table of a plane": lambda _, block: block["plane_tables"][0].pop(),
    "a short table of a step": lambda _, block: block["step_tables"][0].pop(),
    "more planes than steps' tables": lambda _, block: block["step_tables"].pop(),
    "no steps": lambda _, block: block.update(steps=0),
    "more gains than steps": lambda _, block: block.update(gains=[2, 2, 2, 2]),
    "a gain of nothing": lambda _, block: block.update(gains=[0, 2]),
    "a last gain of one": lambda _, block: block.update(gains=[2, 1]),
    "a strength of 100": lambda _, block: block.update(strength_max=100),
    "a limit of nothing": lambda _, block: block.update(weight_limit=0),
    "a unit of nothing": lambda _, block: block.update(z_unit=0.0),
    "a unit that is an integer": lambda _, block: block.update(z_unit=1),
    "units that are a list": lambda _, block: block.update(units=[]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_plans_are_refused(name: str) -> None:
    """Unknown keys, wrong types and impossible values are refused, spelt canonically or not."""
    broken = tree()
    BREAKS[name](broken, broken["blocks"][0])
    with pytest.raises(Refused) as refused:
        Plan.parse(canonical(broken))
    assert refused.value.code is ErrorCode.PLAN_INVALID


def test_the_tests_break_a_plan_that_parses() -> None:
    """Unbroken, the tree that the tests start from is accepted."""
    assert Plan.parse(canonical(tree())) == PLAN


def test_fields_are_listed_in_the_order_of_the_wire() -> None:
    """A report has strength, gradient and weights of every block in turn, an update the weights."""
    fields = [(field.block, field.quantity, field.size) for field in PLAN.report_fields]
    assert fields == [
        ("block0", Quantity.STRENGTH, 5),
        ("block0", Quantity.GRADIENT, 2),
        ("block1", Quantity.STRENGTH, 4),
        ("block1", Quantity.GRADIENT, 3),
    ]
    updates = [(field.block, field.quantity, field.size) for field in PLAN.update_fields]
    assert updates == [("block0", Quantity.WEIGHTS, 2), ("block1", Quantity.WEIGHTS, 3)]
    assert [(field.low, field.high) for field in PLAN.report_fields[2:3]] == [(0, 255)]


def test_every_difference_changes_the_hash() -> None:
    """Two plans that train differently have different names."""
    block = PLAN.blocks[0]
    others = [
        replace(PLAN, sources=2),
        replace(PLAN, p_error=2.0**-60),
        replace(PLAN, blocks=(replace(block, steps=4), PLAN.blocks[1])),
        replace(PLAN, blocks=(replace(block, units=(("eta", 0.5),)), PLAN.blocks[1])),
        replace(PLAN, blocks=(PLAN.blocks[1], block)),
    ]
    assert len({plan.hash for plan in [PLAN, *others]}) == 1 + len(others)


def test_gains_are_those_of_the_first_steps() -> None:
    """Steps beyond the gains have gain 1."""
    block: Block = PLAN.blocks[1]
    assert block.step_gains == (2, 1, 1)
