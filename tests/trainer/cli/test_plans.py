"""Plans from a recipe to their retirement: built, published, served side by side, answered with 410."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.security import MAX_P_ERROR
from quietkeys_protocol.sgd_plan import SgdPlan
from quietkeys_trainer.cli.main import make_cli
from quietkeys_trainer.engine.circuit_cache import CIRCUITS
from quietkeys_trainer.plans.catalogue import Catalogue
from quietkeys_trainer.plans.recipes import read_recipe
from tests.trainer.device import code
from tests.trainer.fake_engine import PLAN, FakeEngine, load_fake
from tests.trainer.running import Trainer, fake_keys, fake_values, wait_until

PIN: Final = FakeEngine().client_specification_sha256
NEWER: Final = replace(PLAN, bundle="newer")
ADVICE: Final = "Update the keyboard to version 2."
SHAPE: Final = {
    "planes": 2,
    "steps": 8,
    "gains": [6, 6, 6, 4, 3, 2],
    "stability": 0.2,
    "floor": 0.5,
    "prior": 1.0,
    "z_reach": 2.0,
}


def run(*arguments: str) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(make_cli(load_fake, "tests.trainer.fake_trainer"), arguments)


def recipe(folder: Path, **changes: Any) -> Path:
    """A recipe of one block, with changes to it."""
    block = {"name": "channel", "events": ["omit vowel", "hit left"], "shape": SHAPE} | changes
    path = folder / "recipe.json"
    path.write_text(json.dumps({"name": "nl", "blocks": [block]}))
    return path


def test_a_recipe_becomes_a_plan_that_may_be_shipped(tmp_path: Path) -> None:
    """The plan is in its canonical form, a weight for each event, and what a round takes is said."""
    out = tmp_path / "nl.plan"
    done = run("plan", "build", str(recipe(tmp_path)), "--out", str(out))
    assert done.exit_code == 0, done.stderr
    plan = Plan.parse(out.read_bytes())
    assert (plan.bundle, plan.sources, plan.blocks[0].width) == ("nl", 8, 2)
    assert plan.hash in done.stdout
    assert run("plan", "check", str(out)).stdout == done.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"matrix": [[1, 0]]}, "rows of the matrix"),
        ({"matrix": [[1, 0], [1]]}, "a row of the matrix"),
        ({"matrix": [[1, 0], [0, 0.5]]}, "an entry of the matrix"),
        ({"matrix": [[0], [0]]}, "a matrix of zeros"),
        ({"events": []}, "events"),
        ({"events": ["a", "a"]}, "two events of one name"),
        ({"shape": SHAPE | {"planes": 9}}, "planes"),
        ({"shape": SHAPE | {"planes": True}}, "planes"),
        ({"shape": SHAPE | {"z_reach": 0}}, "z_reach"),
        ({"shape": SHAPE | {"gains": [1.5]}}, "gains"),
        ({"shape": SHAPE | {"prior": float("inf")}}, "prior"),
        ({"shape": {}}, "keys of"),
        ({"extra": 1}, "keys of"),
        ({"shape": SHAPE | {"stability": 50.0}}, "the plan cannot be trained"),
    ],
)
def test_a_recipe_that_makes_no_plan_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """What is wrong is named, and nothing is written."""
    out = tmp_path / "out"
    done = run("plan", "build", str(recipe(tmp_path, **changes)), "--out", str(out))
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not out.exists()


SGD: Final[dict[str, Any]] = {
    "recipe": "sgd",
    "name": "clinic",
    "features": [{"name": "first", "low": 0, "high": 1}, {"name": "second", "low": -2.5, "high": 2}],
    "batch": 4,
    "batches": 6,
    "weight_limit": 2,
    "learning_rate": 2,
    "bits": 4,
    "rounding_bits": 4,
}


def test_a_recipe_of_batches_becomes_a_plan(tmp_path: Path) -> None:
    """Whole numbers may stand for reals, 2^-40 is meant without a word; `plan check` says the same."""
    path, out = tmp_path / "recipe", tmp_path / "plan"
    path.write_text(json.dumps(SGD))
    done = run("plan", "build", str(path), "--out", str(out))
    assert done.exit_code == 0, done.stderr
    plan = SgdPlan.parse(out.read_bytes())
    assert (plan.bundle, plan.features[1].low, plan.p_error) == ("clinic", -2.5, MAX_P_ERROR)
    assert "6 batches of 4 examples" in done.stdout
    assert run("plan", "check", str(out)).stdout == done.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"p_error": 0.01}, "accepts_p_error is not said"),
        ({"p_error": 0.02, "accepts_p_error": True}, "p_error"),
        ({"accepts_p_error": True}, "nothing to accept"),
        ({"recipe": "other"}, "recipe"),
        ({"features": {}}, "features"),
        ({"features": [{"name": "first"}]}, "keys of feature"),
        ({"bits": 4.5}, "bits"),
        ({"extra": 1}, "keys of recipe"),
    ],
)
def test_a_recipe_of_batches_that_makes_no_plan_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    """Concrete ML's error probability above all, unless it is accepted by name."""
    path, out = tmp_path / "recipe", tmp_path / "plan"
    path.write_text(json.dumps(SGD | changes))
    done = run("plan", "build", str(path), "--out", str(out))
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not out.exists()


def test_what_devices_ship_with_is_written_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The specification whose hash is the pin, for the app that ships both."""
    monkeypatch.setenv(CIRCUITS, str(tmp_path / "circuits"))
    (tmp_path / "plan").write_bytes(PLAN.canonical)
    arguments = ("--plans", str(tmp_path / "plans"), "--client", str(tmp_path / "client"))
    done = run("plan", "publish", str(tmp_path / "plan"), *arguments)
    assert done.stdout.split()[1] == hashlib.sha256((tmp_path / "client").read_bytes()).hexdigest()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff", b'{"name": 1, "blocks": []}'])
def test_what_is_no_recipe_is_refused(tmp_path: Path, content: bytes) -> None:
    """Anything else is a typed error."""
    path = tmp_path / "recipe"
    path.write_bytes(content)
    with pytest.raises(Refused):
        read_recipe(path)
    with pytest.raises(Refused):
        read_recipe(tmp_path / "none")


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which two plans were published."""
    monkeypatch.setenv(CIRCUITS, str(tmp_path / "circuits"))
    for plan in (PLAN, NEWER):
        (tmp_path / "plan").write_bytes(plan.canonical)
        done = run("plan", "publish", str(tmp_path / "plan"), "--plans", str(tmp_path / "plans"))
        assert (done.exit_code, done.stdout) == (0, f"{plan.hash} {PIN}\n"), done.stderr
    return tmp_path / "plans"


def test_what_is_published_is_the_integer_plan_and_its_pin(published: Path) -> None:
    """No circuit, no compiled code: two files a plan, named by its hash."""
    names = {f"{plan.hash}.{kind}" for plan in (PLAN, NEWER) for kind in ("plan", "pin")}
    assert {path.name for path in published.iterdir()} == names
    assert (published / f"{PLAN.hash}.plan").read_bytes() == PLAN.canonical
    assert (published / f"{PLAN.hash}.pin").read_text() == PIN + "\n"


def test_a_published_plan_does_not_change(published: Path) -> None:
    """Published again it is the same; under another pin, or altered on the disk, it is refused."""
    catalogue = Catalogue(published)
    before = catalogue.plans()
    catalogue.publish(PLAN, PIN)
    assert catalogue.plans() == before
    with pytest.raises(Refused):
        catalogue.publish(PLAN, hashlib.sha256(b"another").hexdigest())
    (published / f"{PLAN.hash}.plan").write_bytes(NEWER.canonical)
    with pytest.raises(Refused):
        catalogue.plans()


@pytest.mark.parametrize(
    ("plan_hash", "advice"),
    [("0" * 64, ADVICE), ("../plan", ADVICE), (PLAN.hash, ""), (PLAN.hash, "a\nb"), (PLAN.hash, "x" * 201)],
)
def test_only_what_is_published_is_retired_with_a_line_of_advice(
    published: Path, plan_hash: str, advice: str
) -> None:
    """Anything else is refused, and nothing is written."""
    done = run("plan", "retire", plan_hash, "--plans", str(published), "--advice", advice)
    assert done.exit_code == 2
    assert not list(published.glob("*.retired"))


@pytest.fixture
def trainer(tmp_path: Path, published: Path) -> Iterator[Trainer]:
    """A trainer that serves what was published."""
    trainer = Trainer(tmp_path / "trainer", catalogue=published)
    trainer.folder.mkdir()
    yield trainer
    if not trainer.ended():
        trainer.stop()


def test_plans_are_served_side_by_side_until_they_retire(trainer: Trainer, published: Path) -> None:
    """A retired plan takes no report and is not handed out: 410 with its advice; its queue is still run."""
    trainer.start("--workers", "0")
    device, keys = trainer.device(), fake_keys(b"one")
    assert device.put_keys(keys).json()["state"] == "stored"
    jobs: list[str] = []
    for plan in (PLAN, NEWER):
        assert device.send("GET", f"/v1/plans/{plan.hash}").content == plan.canonical
        report = device.report(plan.hash, keys, fake_values(b"x"), source=len(jobs), sources=2)
        jobs.append(device.post(report).json()["job_id"])
    assert trainer.stop() == 0
    assert run("plan", "retire", PLAN.hash, "--plans", str(published), "--advice", ADVICE).exit_code == 0
    trainer.start("--workers", "1")
    device.url = trainer.url
    report = device.report(PLAN.hash, keys, fake_values(b"y"))
    for answer in (device.post(report), device.send("GET", f"/v1/plans/{PLAN.hash}")):
        assert code(answer) == (410, ErrorCode.PLAN_RETIRED)
        assert ADVICE in answer.json()["error"]["message"]
    assert device.send("GET", f"/v1/plans/{NEWER.hash}").status_code == 200
    for job_id in jobs:
        assert device.wait(job_id, "done", "failed") == "done"
    wait_until(lambda: "worker_ready" in trainer.log)
