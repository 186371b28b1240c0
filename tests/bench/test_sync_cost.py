"""`quietkeys bench sync`: how figures come from what a host measured; the bench itself runs in the soak."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

from quietkeys.cli.estimate import Estimate
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import read_figures, write_figures
from quietkeys_bench.common.processes import ChildFailed
from quietkeys_bench.sync import bench as sync_cost
from quietkeys_bench.sync.command import show
from tests.bench import promises
from tests.bench.keyboards import small_keyboards

EXPECTED = Estimate(
    keys_bytes=1000,
    report_bytes=100,
    update_bytes=400,
    look_ups=10,
    first_seconds={"generate keys": 2.0, "train": 8.0},
    later_seconds={"train": 8.0},
    trainer_seconds=8.0,
    device_memory=1000,
    trainer_memory=2000,
)
SAID = {
    "idle_ms": [1.0] * 19 + [2.0],
    "busy": [["train", 1.0]] * 10 + [["generate keys", 3.0]] * 10,
    "resident_before": 50_000_000,
    "resident_peak": 60_000_000,
    "encryption_peak": 1100,
    "heavy_modules": [],
    "outcome": "applied",
    "sent": {"evaluation_keys": 1000, "report": 100},
    "received": {"update": 400},
    "seconds": {"generate keys": 3.0, "train": 8.0},
}


def tree() -> dict[str, object]:
    """A whole JSON of made-up measurements."""
    measured = sync_cost.figures_of(SAID, 9.0, 2200)
    return {
        "bench": "sync",
        "mode": "execute",
        "subject": "s",
        "bundle_version": 1,
        "machine": this_machine().tree(),
        "trainer_cores": 1,
        "p_error": 2.0**-40,
        "words": 3,
        "estimated": asdict(EXPECTED),
        "measured": measured,
        "measured_over_estimated": sync_cost.ratios(EXPECTED, measured),
        "host": sync_cost.host_figures(SAID),
    }


def test_figures_of_a_host() -> None:
    """Percentiles over all keys of the sync and over those while encryption worked; memory over before."""
    host = sync_cost.host_figures(SAID)
    assert host["sync_over_idle"] == pytest.approx(3.0 / 1.05)
    assert (host["idle_calls"], host["sync_calls"], host["encrypting_calls"]) == (20, 20, 10)
    assert host["added_rss_bytes"] == 10_000_000
    over = sync_cost.ratios(EXPECTED, sync_cost.figures_of(SAID, 9.0, 2200))
    assert over["all_bytes"] == 1.0
    assert over["all_seconds"] == pytest.approx(1.1)
    assert over["device_memory"] == pytest.approx(1.1)
    assert over["trainer_seconds"] == pytest.approx(9.0 / 8.0)


def test_figures_have_their_form_and_are_shown(tmp_path: Path) -> None:
    """The JSON passes its schema; the promises read it."""
    out = tmp_path / "sync.json"
    write_figures(out, "sync", tree())
    console = Console(record=True, width=200)
    show(console, read_figures(out, "sync"))
    assert "2.86 times" in console.export_text()
    assert promises.short_on_syncing(read_figures(out, "sync")) == [
        "suggest during a sync takes 2.86 times as long"
    ]


def test_a_host_that_fails_is_said_plainly(tmp_path: Path) -> None:
    """Without the traceback of another process."""
    keyboards = small_keyboards(tmp_path)
    with pytest.raises(ChildFailed, match="measured process failed"):
        sync_cost._host(keyboards, tmp_path / "profile", "http://not-loopback.test", 3)
