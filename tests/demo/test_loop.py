"""The whole loop: a trainer as a process, real keys, real ciphertexts; and what is left when it fails."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.loop import Given, run_loop
from quietkeys.demo.screen import Screen, show_figures
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.messages import typed_words
from quietkeys.prediction.model import PLAN
from quietkeys_bench.common.figures import read_figures, validator
from quietkeys_protocol.plan import Plan
from quietkeys_trainer.engine.local import load_engine
from tests.fhe_fixtures import SMALL_PLAN
from tests.patience import HANGS_S
from tests.sdk import small
from tools.model_build import contents

CANARY = "zyzzo"  # a word that is typed and must appear nowhere in the trainer's folder


def trainers_below(folder: Path) -> list[int]:
    """Process ids whose command line names this folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in part for part in process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


@dataclass(frozen=True, slots=True)
class Quick:
    """A small bundle whose plan takes one step, and the circuits whose client specification is in it."""

    bundle: Path
    circuits: Path


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Quick:
    """What the loop runs on."""
    files = small.files()
    plan = Plan.parse(files[PLAN])
    plan = replace(plan, blocks=tuple(replace(block, steps=2, gains=()) for block in plan.blocks))
    engine = load_engine(plan, tmp_path_factory.mktemp("circuits"))
    files |= {
        PLAN: plan.canonical,
        contents.CLIENT_SPECIFICATION: engine.specification.canonical,
    }
    return Quick(small.write(tmp_path_factory.mktemp("quick") / "en", files), engine.folder)


@pytest.mark.fhe
def test_the_loop_runs_from_typing_to_the_ladder(quick: Quick, tmp_path: Path) -> None:
    """All rungs are measured, the costs are read from what ran, and the trainer never held a typed word."""
    shutil.copytree(quick.circuits, tmp_path / "demo" / "trainer" / "state" / "circuits")
    lines = [f"{line[:-1]} {CANARY}." for line in small.text(5, 300)]
    given = Given(typed_words(lines), 0, quick.bundle, small.TRUSTED)
    console = Console(file=io.StringIO(), width=200)
    with Screen(console) as screen:
        figures = run_loop(given, tmp_path / "demo", screen)
    show_figures(console, figures)
    out = tmp_path / "demo.json"
    figures.write(out)
    tree = read_figures(out, "demo")
    validator("demo").validate(tree)
    rungs = {row["rung"]: row["word_accuracy"] for row in tree["ladder"]}
    assert list(rungs) == ["none", "base", "local", "raw", "float", "reference", "encrypted"]
    assert abs(rungs["encrypted"] - rungs["reference"]) < 0.02
    assert tree["security_bits"] >= 128
    assert tree["p_error"] <= 2.0**-40
    assert tree["evaluation_key_bytes"] <= 100e6
    assert tree["upload_bytes"] <= 100e3
    assert tree["download_bytes"] <= 2e6
    assert 50e6 < tree["worker_peak_rss_bytes"] <= 3e9
    assert 0 < tree["server_seconds"] < tree["seconds"]["all"]
    assert trainers_below(tmp_path) == []
    for path in (tmp_path / "demo" / "trainer").rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "What the trainer saw" in said
    assert "computed locally in milliseconds" in said


@pytest.mark.fhe
def test_a_trainer_that_compiles_something_else_is_not_used(tmp_path: Path) -> None:
    """Where the compiled specification is not the pinned one, nothing is sent and nothing left running."""
    with (
        pytest.raises(DemoFailed, match="ended before it was ready"),
        trainer_process(tmp_path / "trainer", SMALL_PLAN, "0" * 64) as trainer,
    ):
        trainer.wait_until_ready()
    assert trainers_below(tmp_path) == []


def test_the_trainer_is_stopped_when_the_device_side_fails(tmp_path: Path) -> None:
    """An error in the block ends the trainer before it goes on its way."""
    with pytest.raises(ZeroDivisionError), trainer_process(tmp_path / "trainer", SMALL_PLAN, "0" * 64):
        deadline = time.monotonic() + 900.0
        while not trainers_below(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)  # a process shows its command line a moment after it was made
        assert trainers_below(tmp_path)
        raise ZeroDivisionError
    assert trainers_below(tmp_path) == []


def _wait_until_none(folder: Path) -> None:
    # A child that its parent's end has killed is gone a moment later.
    deadline = time.monotonic() + HANGS_S
    while trainers_below(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and a polite kill end with a sentence; no process and no file stays."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quietkeys", "demo"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not trainers_below(tmp_path):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=900)
    assert process.returncode == 2
    assert said == "quietkeys: Stopped. Nothing is left behind.\n"
    _wait_until_none(tmp_path)
    assert list(tmp_path.glob("quietkeys-demo-*")) == []
