"""The bench of agreement, on a small model: what it compares, and that nothing is said of what is equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from quietkeys.arrays import Int64
from quietkeys.evaluation.ladder import reference_weights
from quietkeys.updates.report import Encoded
from quietkeys_bench.agreement.bench import Settings, run
from quietkeys_bench.common.circles import ClearTraining, SimulatedTraining
from quietkeys_bench.common.figures import read_figures
from quietkeys_bench.common.subject import Subject
from quietkeys_bench.common.texts import find_people
from quietkeys_protocol.plan import Plan


def nothing(done: int, total: int, name: str) -> None:
    """Say nothing of how far it is."""


def test_what_is_trained_alike_agrees(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """Where the steps that come back are those of the clear program, every distance is zero."""
    out = tmp_path / "agreement.json"
    settings = Settings(find_people(writers)[:1], devices=(1, 2), rounds=2)
    run(settings, out, small_subject, ClearTraining(small_subject.model.plan), nothing)
    figures = read_figures(out, "agreement")
    assert [(row["devices"], row["round"]) for row in figures["totals"]] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for row in figures["totals"]:
        assert (row["same_best"], row["spilt"], row["runs"]) == (1.0, 0, 1)
        worst = [block[what]["worst"] for block in row["blocks"] for what in ("step", "adapter")]
        assert set(worst) <= {0.0, None} and 0.0 in worst


def test_noise_is_seen_and_a_later_adapter_has_less_of_it(
    small_subject: Subject, writers: Path, tmp_path: Path
) -> None:
    """Every run has noise of its own; of a second step half is followed, of what came back a quarter."""
    out = tmp_path / "agreement.json"
    settings = Settings(find_people(writers)[:1], devices=(1,), rounds=2, runs=3)
    run(settings, out, small_subject, SimulatedTraining(small_subject.model.plan), nothing)
    first, second = read_figures(out, "agreement")["totals"]
    assert first["runs"] == 3
    for row in (first, second):
        noisy = [block for block in row["blocks"] if block["step"]["mean"]]
        assert noisy
        assert any(block["step"]["mean"] < block["step"]["worst"] for block in noisy)
    for block in second["blocks"]:
        if block["step"]["mean"]:
            assert block["adapter"]["mean"] < block["step"]["mean"]


def test_a_run_that_was_stopped_goes_on(small_subject: Subject, writers: Path, tmp_path: Path) -> None:
    """People that are there already are not measured again; under other settings they are."""
    out = tmp_path / "agreement.json"
    plan = small_subject.model.plan
    run(
        Settings(find_people(writers)[:1], devices=(1,), rounds=1), out, small_subject, Counted(plan), nothing
    )
    counted = Counted(plan)
    run(Settings(find_people(writers)[:2], devices=(1,), rounds=1), out, small_subject, counted, nothing)
    assert counted.trained == 1
    run(Settings(find_people(writers)[:1], devices=(1,), rounds=2), out, small_subject, counted, nothing)
    assert counted.trained == 3


class Counted:
    """The clear program, and how often it was asked."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.trained = plan, 0

    def alone(self, report: Mapping[str, Encoded]) -> Mapping[str, Int64]:
        """Train one device's report."""
        self.trained += 1
        return reference_weights(self.plan, report)

    def joined(self, parts: Sequence[Mapping[str, Encoded]]) -> Mapping[str, Int64]:
        """No circle is asked for."""
        pytest.fail("nobody shares keys here")
