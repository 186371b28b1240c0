"""Clocks that are wrong, and days that were mistyped: nothing ends before its time."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.trainer.fake_engine import CONTROL
from tests.trainer.filled import AHEAD, Filled, new_report, tidied
from tests.trainer.running import Trainer, wait_until
from tests.trainer.stores import on_both

DAY = 86_400


@on_both
@pytest.mark.parametrize("days", [401, -401])
def test_a_clock_that_jumped_ends_nothing(filled: Filled, days: int) -> None:
    """A start more than a year off deletes nothing by age, until somebody confirms the clock."""
    filled.trainer.stop()
    before = filled.everything()
    filled.trainer.environment[AHEAD] = str(days * DAY)
    tidied(filled)
    assert "clock_jumped" in filled.trainer.log
    assert filled.everything() == before
    assert "admin clock --confirm" in filled.refusal("admin", "tidy")
    told = json.loads(filled.said("admin", "clock"))
    assert told["now"][:4] != told["newest"][:4]
    assert filled.everything() == before
    filled.said("admin", "clock", "--confirm")
    filled.said("admin", "tidy", *(["--confirm"] if days > 0 else []))
    rows, names = filled.everything()
    if days > 0:
        assert (rows["evaluation_keys"], rows["jobs"], names) == (set(), set(), [])
    else:
        assert (rows, names) == before


@on_both
def test_days_that_were_mistyped_are_asked_about(filled: Filled) -> None:
    """Keeping keys for four days instead of 400 deletes nothing before somebody has confirmed it."""
    filled.trainer.stop()
    before = filled.everything()
    for turn in range(1, 11):  # half a day at a time, as if it had been running
        filled.said("admin", "tidy", **{AHEAD: str(turn * DAY // 2)})
    later = {AHEAD: str(5 * DAY)}
    assert filled.everything() == before
    refused = filled.refusal("admin", "tidy", "--keep-keys-days", "4", "--keep-results-days", "4", **later)
    assert "kept for less time" in refused
    assert filled.everything() == before
    filled.said("admin", "tidy", "--keep-keys-days", "4", "--confirm", **later)
    assert filled.rows()["evaluation_keys"] == set()


@on_both
def test_a_worker_whose_clock_is_ahead_takes_no_live_lease(filled: Filled, tmp_path: Path) -> None:
    """Beside a worker that is at a job another one, an hour ahead, looks for work and finds none."""
    with filled.trainer.held():
        job_id = new_report(filled).json()["job_id"]
        runs = len(filled.trainer.runs())
        wait_until(lambda: filled.devices[0].state(job_id) == "running")
        other = Trainer(tmp_path, filled.trainer.environment | {AHEAD: "3600"})
        line = [word for word in other.command("worker") if not word.startswith("--port")]
        with (tmp_path / "other log").open("wb") as log:
            worker = subprocess.Popen(
                line, env=os.environ | {CONTROL: str(other.control)} | other.environment, stderr=log
            )
        try:
            wait_until(lambda: "worker_ready" in (tmp_path / "other log").read_text())
            time.sleep(3)  # a lease of the tests lasts two seconds
            assert len(filled.trainer.runs()) == runs + 1 or len(filled.trainer.runs()) == runs
            assert "job_done" not in (tmp_path / "other log").read_text()
        finally:
            worker.terminate()
            worker.wait(900)
    assert filled.devices[0].wait(job_id, "done", "failed") == "done"
    assert "job_result_dropped" not in filled.trainer.log
