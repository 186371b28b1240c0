"""Starting: what is refused before anything is served, and how a trainer says that it is ready."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner, Result

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan
from quietkeys_trainer.cli.main import make_cli
from quietkeys_trainer.plans.catalogue import Catalogue, ServedPlan, read_plan
from quietkeys_trainer.plans.served import load_engines, served_plans
from quietkeys_trainer.service.settings import Settings
from tests.fhe_fixtures import SMALL_PLAN
from tests.trainer.fake_engine import PLAN, FakeEngine, load_fake
from tests.trainer.running import Trainer, wait_until

PIN = FakeEngine().client_specification_sha256
OTHER_PIN = hashlib.sha256(b"another").hexdigest()


def write(folder: Path, content: bytes) -> Path:
    """A file to be read as a plan."""
    path = folder / "plan.json"
    path.write_bytes(content)
    return path


def run(*arguments: str) -> Result:
    """The command line in this process, for commands that end before they serve."""
    return CliRunner().invoke(make_cli(load_fake, "tests.trainer.fake_trainer"), arguments)


def refused(folder: Path, *served: ServedPlan) -> str:
    """What a trainer says that refuses to load these plans."""
    with pytest.raises(Refused) as caught:
        load_engines(served, Settings(state=folder), load_fake)
    assert caught.value.code is ErrorCode.PLAN_INVALID
    return caught.value.detail


def test_the_pinned_plan_is_loaded(tmp_path: Path) -> None:
    """A plan whose specification is the pinned one is found by its hash."""
    served = ServedPlan(write(tmp_path, PLAN.canonical), PIN)
    assert set(load_engines([served], Settings(state=tmp_path), load_fake)) == {PLAN.hash}


def test_a_plan_without_a_pin_is_served_only_when_that_is_asked_for(tmp_path: Path) -> None:
    """Whatever was compiled is not taken for what devices have, unless the operator says so."""
    served = ServedPlan(write(tmp_path, PLAN.canonical))
    assert "--no-pin" in refused(tmp_path, served)
    unpinned = Settings(state=tmp_path, pin=False)
    assert set(load_engines([served], unpinned, load_fake)) == {PLAN.hash}


def test_another_client_specification_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """A circuit that devices would not recognize is not served, and both hashes can be compared."""
    path = write(tmp_path, PLAN.canonical)
    said = refused(tmp_path, ServedPlan(path, PIN), ServedPlan(path, OTHER_PIN))
    assert PIN in said


def test_a_pin_is_a_hash(tmp_path: Path) -> None:
    """A pin that could never match is refused as such."""
    assert "64 hex digits" in refused(tmp_path, ServedPlan(write(tmp_path, PLAN.canonical), "abc"))


def test_a_trainer_serves_something(tmp_path: Path) -> None:
    """Without any plan there is nothing to start for."""
    assert "none to serve" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, PLAN.canonical + b"\n", b"\xff"])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything but a plan's canonical form is a typed error."""
    assert refused(tmp_path, ServedPlan(write(tmp_path, content), PIN))


def test_a_missing_plan_is_said(tmp_path: Path) -> None:
    """A plan file that is not there is a typed error as well."""
    assert "No such file" in refused(tmp_path, ServedPlan(tmp_path / "none.json", PIN))


def test_what_devices_ship_with_is_served_unless_told_otherwise(tmp_path: Path) -> None:
    """Without any setting the shipped plan is served under the pin of the shipped bundle."""
    manifest = shipped_bundle().manifest
    (served,) = served_plans(Settings(state=tmp_path))
    assert read_plan(served.path).hash == manifest.plan
    assert served.client_specification_sha256 == manifest.client_specification
    assert served_plans(Settings(state=tmp_path, shipped_plans=False)) == ()


def test_named_and_published_plans_are_served_beside_the_shipped(tmp_path: Path) -> None:
    """A plan that is named is added; the shipped one, named or published, is not served twice."""
    path = write(tmp_path, PLAN.canonical)
    settings = Settings(state=tmp_path, plan=(path,), client_spec_sha256=(PIN,))
    hashes = [read_plan(plan.path).hash for plan in served_plans(settings)]
    shipped = shipped_bundle().manifest
    assert hashes == [shipped.plan, PLAN.hash]
    (plan,) = served_plans(Settings(state=tmp_path))
    again = Settings(state=tmp_path, plan=(plan.path,), client_spec_sha256=(shipped.client_specification,))
    assert served_plans(again) == (plan,)
    catalogue = Catalogue(tmp_path / "published")
    catalogue.publish(read_plan(plan.path), shipped.client_specification)
    catalogue.retire(shipped.plan, "Update the keyboard.")
    (retired,) = served_plans(Settings(state=tmp_path, plans=catalogue.folder))
    assert retired.retired == "Update the keyboard."


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_refusal_ends_the_command_with_one_line(tmp_path: Path, command: str) -> None:
    """Service and worker end with status 2 and a line with advice, before anything is served or stored."""
    plan, state = write(tmp_path, PLAN.canonical), tmp_path / "state"
    arguments = ["--plan", str(plan), "--client-spec-sha256", OTHER_PIN, "--state", str(state)]
    arguments.append("--no-shipped-plans")
    called = [sys.executable, "-m", "tests.trainer.fake_trainer", command, *arguments]
    done = subprocess.run(called, capture_output=True, text=True, timeout=900, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "client specification" in done.stderr
    assert not (state / "ledger.sqlite").exists()


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize(
    ("pins", "said"),
    [
        ([], "--no-pin"),
        (["--client-spec-sha256", PIN], "as many"),
        (["--client-spec-sha256", PIN, "--client-spec-sha256", PIN, "--no-pin"], "--no-pin"),
    ],
)
def test_every_plan_has_its_pin_or_none_has(tmp_path: Path, command: str, pins: list[str], said: str) -> None:
    """Two plans without pins, with one, or with two that are not to be looked at, are refused."""
    plan = str(write(tmp_path, PLAN.canonical))
    done = run(command, "--plan", plan, "--plan", plan, "--state", str(tmp_path / "state"), *pins)
    assert done.exit_code == 2
    assert said in done.stderr


def test_workers_are_started_without_a_pin_when_their_service_is(tmp_path: Path) -> None:
    """`--no-pin` reaches the workers, which would otherwise refuse to start."""
    trainer = Trainer(tmp_path, pin="")
    trainer.start("--no-pin")
    try:
        wait_until(lambda: "worker_ready" in trainer.log)
    finally:
        assert trainer.stop() == 0


def test_serve_says_what_belongs_in_front_of_it() -> None:
    """Whoever asks how to serve reads that a reverse proxy is needed beyond this machine."""
    assert "reverse proxy" in " ".join(run("serve", "--help").stdout.replace("│", " ").split())


def test_plan_check_says_what_a_round_takes(tmp_path: Path) -> None:
    """A plan that may be shipped is described: its hash, look-ups, bits, bytes."""
    done = run("plan", "check", str(write(tmp_path, SMALL_PLAN.canonical)))
    assert done.exit_code == 0, done.stderr
    assert SMALL_PLAN.hash in done.stdout
    assert f"{SMALL_PLAN.look_ups} look-ups" in done.stdout


@pytest.mark.parametrize("plan", [replace(SMALL_PLAN, p_error=0.01), None])
def test_plan_check_says_which_rule_is_broken(tmp_path: Path, plan: Plan | None) -> None:
    """A plan that may not be shipped, and what is no plan, end in a typed error."""
    done = run("plan", "check", str(write(tmp_path, plan.canonical if plan else b"{}")))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "the plan cannot be trained" in done.stderr
    assert plan is None or "p_error" in done.stderr


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    """A trainer with a pinned plan and two workers."""
    trainer = Trainer(tmp_path_factory.mktemp("started"))
    trainer.start("--workers", "2")
    yield trainer
    assert trainer.stop() == 0


def test_the_ready_line_says_where_and_what(started: Trainer) -> None:
    """Address, process and the pins of all plans, on a port that was free."""
    ready = json.loads((started.folder / "ready").read_text())
    assert started.process is not None
    assert ready == {
        "url": started.url,
        "private_url": started.private_url,
        "pid": started.process.pid,
        "plans": {PLAN.hash: PIN},
    }
    assert requests.get(ready["url"] + "/healthz", timeout=900).status_code == 200


def test_as_many_workers_run_as_were_asked_for(started: Trainer) -> None:
    """Each worker says that it is ready, under the same pin."""
    wait_until(lambda: started.log.count("worker_ready") == 2)
    assert len(started.workers()) == 2


def test_state_is_for_its_owner_only(started: Trainer) -> None:
    """No file or folder of the state can be read by anybody else."""
    started.device()
    for path in (started.folder / "state", *(started.folder / "state").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_circuits_that_others_can_write_are_refused(tmp_path: Path) -> None:
    """They are code that this service would run."""
    circuits = tmp_path / "state" / "circuits"
    circuits.mkdir(parents=True)
    circuits.chmod(0o777)
    path = write(tmp_path, PLAN.canonical)
    done = run(
        "serve", "--plan", str(path), "--no-pin", "--no-shipped-plans", "--state", str(tmp_path / "state")
    )
    assert done.exit_code == 2
    assert "others can write" in done.stderr and str(circuits) in done.stderr


@pytest.mark.parametrize("flag", ["--port", "--private-port"])
def test_a_port_that_is_taken_is_said(tmp_path: Path, flag: str) -> None:
    """With a sentence, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = Trainer(tmp_path).command("serve", "--port", "0", "--private-port", "0", flag, port)
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert port in done.stderr and "Traceback" not in done.stderr
