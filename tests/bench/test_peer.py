"""The bench beside Concrete ML: its task, the form of its figures, and one small run of each side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.figures import read_figures, write_figures
from quietkeys_bench.concrete_ml.bench import COSTS, Settings, figures, require_concrete_ml
from quietkeys_bench.concrete_ml.rows import (
    OURS,
    Request,
    Row,
    answer_to,
    train_in_the_clear,
    train_ours,
    train_theirs,
)
from quietkeys_bench.concrete_ml.task import FEATURES, SAMPLES, agreement, make_task
from quietkeys_protocol.check import check_plan

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "results" / "peer.json"
# What Concrete ML's default takes; read from its compiler, so that a new release is noticed.
DEFAULT_P_ERROR = 0.01


def made_up(clear: Row) -> Row:
    """A row of ours that nobody measured."""
    sent = {"key_bytes": 50, "upload_bytes": 10, "download_bytes": 20, "bootstraps_per_step": 160.0}
    return clear | sent | {"name": OURS, "cpu_seconds_per_step": 2.0, "cpu_seconds_per_sample_seen": 0.5}


def test_the_task_is_one_that_both_can_do() -> None:
    """Its plan may be shipped, its counts are those of its samples, and there is something to learn."""
    task = make_task(0)
    check_plan(task.plan)
    assert task.masses.evidence_for.sum() == task.labels.sum()
    assert (task.masses.evidence_for + task.masses.evidence_against).sum() == SAMPLES
    z, row = train_in_the_clear(task)
    assert row["log_loss"] < task.log_loss(np.zeros(len(task.A)))
    assert agreement(0.5 * z, z) == {"relative_l2": 0.5, "slope": 0.5}


def test_figures_have_their_form_and_ratios_to_ours(tmp_path: Path) -> None:
    """A row that was measured has its costs over ours; one that was not says why and has no ratio."""
    task = make_task(0)
    z, clear = train_in_the_clear(task)
    missing = train_theirs(task, z, Request(0, 1, 2.0**-40, limit_s=0.0))
    assert missing["not_measured"] == "not done within 0 s"
    tree = figures(Settings(), task, z, [clear, made_up(clear), missing])
    write_figures(tmp_path / "peer.json", "peer", tree)
    by_name = {row["name"]: row for row in tree["ratios"]}
    assert set(by_name) == {"in the clear", OURS}
    assert all(by_name[OURS][cost] == 1.0 for cost in COSTS)
    assert by_name["in the clear"]["key_bytes"] == 0.0


def test_the_committed_run_has_its_form() -> None:
    """What the README's section says of one run can be read."""
    assert read_figures(COMMITTED, "peer")["mode"] == "execute"


def test_without_concrete_ml_it_is_said_where_it_comes_from() -> None:
    """A plain sentence says it: no extra has it, see pyproject.toml."""
    require_concrete_ml(lambda name: name)
    with pytest.raises(DemoFailed, match="make install"):
        require_concrete_ml(lambda name: None if name == "concrete.ml" else name)


@pytest.mark.soak  # tests/cipher and tests/demo have real rounds as well
@pytest.mark.fhe
def test_our_row_comes_from_a_real_round() -> None:
    """A trainer that was started for it returns weights close to the integer program's."""
    task = make_task(0)
    z, _ = train_in_the_clear(task)
    row = train_ours(task, z)
    assert row["p_error"] == 2.0**-40
    assert row["against_clear_run"]["relative_l2"] < 0.25
    assert row["key_bytes"] > row["download_bytes"] > row["upload_bytes"] > 0


@pytest.mark.soak  # it tests their library more than ours, and compiling takes half a minute
def test_concrete_ml_compiles_the_same_task() -> None:
    """Its circuit for a batch is compiled at its default error probability; nothing is encrypted here."""
    answer = answer_to(Request(seed=0, steps=1, execute=False), make_task(0))
    assert answer["p_error"] == DEFAULT_P_ERROR
    assert answer["batch"] == 8
    assert answer["bootstraps"] > 8 * FEATURES
    assert len(answer["clear"]) == FEATURES
