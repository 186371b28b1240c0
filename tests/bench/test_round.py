"""`quietkeys bench round`: how figures come from what sides say, and a small run of two plans."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quietkeys_bench.common.bare import bare_ms
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.round.bench import Settings, medians, ratios, run
from quietkeys_bench.round.command import show
from quietkeys_bench.round.people import pooled
from quietkeys_protocol.specification import parse_specification
from tests.bench.apart import apart
from tests.bench.keyboards import ignore
from tests.fhe_fixtures import SMALL_PLAN

VECTORS = Path(__file__).parents[1] / "vectors"


def side(factor: float) -> dict[str, Any]:
    """Figures of a side, all so many times larger."""
    times = dict.fromkeys(("cpu_seconds", "seconds"), factor)
    sizes = ("look_ups", "keys_bytes", "report_bytes", "update_bytes", "bare_ms")
    return {"one_thread": times, "all_cores": times, **dict.fromkeys(sizes, 4 * factor)}


def test_ratios_are_of_like_with_like() -> None:
    """New over other, for every time and size."""
    found = ratios(side(1.0), side(4.0))
    assert set(found.values()) == {0.25}
    assert {"one_thread_cpu_seconds", "all_cores_seconds", "keys_bytes"} <= set(found)


def test_medians_count_and_what_a_side_has_not_is_nothing() -> None:
    """One slow job changes nothing; an engine whose children do one job has no second."""
    jobs = [
        {"cpu_seconds": cpu, "seconds": 1.0, "again_cpu_seconds": None, "again_seconds": None}
        for cpu in (1.0, 9.0, 2.0)
    ]
    assert medians(jobs)["cpu_seconds"] == 2.0
    assert medians(jobs)["again_seconds"] is None


def cell(person: str, gain: float) -> dict[str, Any]:
    """What the bench of a revision leaves of somebody, after two rounds."""
    agreement = {"blocks": [{"block": "channel", "relative_l2": gain, "slope": 1.0}], "same_best": 1.0}
    rungs = {"local": -0.2, "encrypted": -0.2 + gain, "encrypted-2": -0.2 + 2 * gain}
    return {
        "person": person,
        "rungs": [{"rung": name, "log_likelihood": nats} for name, nats in rungs.items()],
        "rounds": [{"agreement": agreement}, {"agreement": agreement}],
    }


def test_gains_are_means_over_people() -> None:
    """By round, over local memory; agreement over people and rounds, and the worst."""
    found = pooled([cell("ann", 0.02), cell("bob", 0.04)], 2)
    assert found["nats_gained"] == pytest.approx([0.03, 0.06])
    assert found["relative_l2"]["channel"] == pytest.approx(0.03)
    assert found["relative_l2_worst"]["channel"] == pytest.approx(0.04)
    assert found["people"] == ["ann", "bob"]


def test_something_else_is_no_other_side(tmp_path: Path) -> None:
    """Neither a file nor a revision: said before anything is measured."""
    with pytest.raises(ValueError, match="neither a file nor a revision"):
        run(Settings("no-such-thing"), tmp_path / "round.json", lambda *_: None)


@pytest.mark.fhe
def test_a_bare_look_up_takes_time() -> None:
    """A key switch and a bootstrap of the small plan's parameters, called in Concrete's library."""
    specification = parse_specification((VECTORS / "small_specification.json").read_bytes())
    assert 1.0 < apart(bare_ms, specification, 2) < 2000.0


@pytest.mark.fhe
def test_two_plans_are_measured_in_turn(tmp_path: Path) -> None:
    """Figures of the committed form, the same sizes for the same plan, and more than bare look-ups take."""
    plan, out = tmp_path / "plan.json", tmp_path / "round.json"
    plan.write_bytes(SMALL_PLAN.canonical)
    apart(run, Settings(str(plan), 1, plan=str(plan)), out, ignore)
    figures = read_figures(out, "round")
    assert figures["ratios"]["keys_bytes"] == figures["ratios"]["look_ups"] == 1.0
    assert figures["people"] is None
    for one in (figures["new"], figures["other"]):
        assert one["plan"] == SMALL_PLAN.hash
        assert one["over_bare"] > one["again_over_bare"] > 0.5
    console = Console(file=io.StringIO(), width=80)
    show(console, figures)
    assert json.loads(out.read_text())["bench"] == "round"
