"""Starting: what is refused before anything is served, and how a trainer says that it is ready."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.fhe_fixtures import SMALL_PLAN
from tests.trainer.fake_engine import PLAN, FakeEngine
from tests.trainer.running import running

PIN = FakeEngine().client_specification_sha256


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A trainer that is expected to end by itself."""
    command = [sys.executable, "-m", "tests.trainer.fake_trainer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """A plan in a file."""
    path = tmp_path / "plan.json"
    path.write_bytes(PLAN.canonical)
    return str(path)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_another_client_specification_than_the_pinned_one_is_not_served(
    tmp_path: Path, plan: str, command: str
) -> None:
    """A circuit that devices would not recognize is refused, by the service and by workers."""
    pin = hashlib.sha256(b"another").hexdigest()
    state = ["--state", str(tmp_path / "state")]
    done = start(command, "--plan", plan, "--client-spec-sha256", pin, *state)
    assert done.returncode == 2
    assert "client specification" in done.stderr
    assert done.stdout == ""


def test_a_pin_is_a_hash(tmp_path: Path, plan: str) -> None:
    """A pin that could never match is refused as such."""
    done = start("serve", "--plan", plan, "--client-spec-sha256", "abc", "--state", str(tmp_path / "state"))
    assert (done.returncode, "64 hex digits" in done.stderr) == (2, True)


def test_every_plan_has_its_pin_or_none_has(tmp_path: Path, plan: str) -> None:
    """Two plans with one pin are refused."""
    arguments = ["--plan", plan, "--plan", plan, "--client-spec-sha256", PIN]
    done = start("serve", *arguments, "--state", str(tmp_path / "state"))
    assert (done.returncode, "as many" in done.stderr) == (2, True)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, PLAN.canonical + b"\n", b"\xff"])
def test_what_is_no_plan_is_not_served(tmp_path: Path, content: bytes) -> None:
    """A malformed plan is a typed error, not a traceback."""
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    done = start("serve", "--plan", str(path), "--state", str(tmp_path / "state"))
    assert done.returncode == 2
    assert done.stderr.startswith("quietkeys-trainer: the plan cannot be trained")
    assert "Traceback" not in done.stderr


def test_a_missing_plan_is_said(tmp_path: Path) -> None:
    """A plan file that is not there is a typed error as well."""
    done = start("serve", "--plan", str(tmp_path / "none.json"), "--state", str(tmp_path / "state"))
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_the_ready_line_says_where_and_what(tmp_path: Path) -> None:
    """Address, process and the pins of all plans, on a port that was free."""
    with running(tmp_path, "--workers", "0") as trainer:
        ready = json.loads((tmp_path / "ready").read_text())
        assert trainer.process is not None
        assert ready == {"url": trainer.url, "pid": trainer.process.pid, "plans": {PLAN.hash: PIN}}
        assert requests.get(ready["url"] + "/healthz", timeout=30).status_code == 200


def test_the_right_pin_is_served(tmp_path: Path) -> None:
    """A trainer whose circuit is the pinned one starts, and so do its workers."""
    with running(tmp_path) as trainer:
        trainer.stop()
        trainer.pin = PIN
        trainer.start()
        assert len(trainer.workers()) == 1


def test_plan_check_says_what_a_round_takes(tmp_path: Path) -> None:
    """A plan that may be shipped is described: look-ups, bits, bytes."""
    path = tmp_path / "plan.json"
    path.write_bytes(SMALL_PLAN.canonical)
    done = start("plan", "check", str(path))
    assert done.returncode == 0, done.stderr
    assert SMALL_PLAN.hash in done.stdout
    assert f"{SMALL_PLAN.look_ups} look-ups" in done.stdout


def test_plan_check_says_which_rule_is_broken(tmp_path: Path) -> None:
    """A plan that is well formed and may not be shipped ends in a typed error."""
    path = tmp_path / "plan.json"
    path.write_bytes(replace(SMALL_PLAN, p_error=0.01).canonical)
    done = start("plan", "check", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "p_error" in done.stderr


def test_state_is_for_its_owner_only(tmp_path: Path) -> None:
    """No file or folder of the state can be read by anybody else."""
    with running(tmp_path, "--workers", "0") as trainer:
        trainer.device()
        for path in (tmp_path / "state", *(tmp_path / "state").rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path
