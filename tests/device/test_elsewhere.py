"""What is said of a place where the wheel was tried: whatever goes wrong there, it has not passed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.house.test_imports import imported
from tools import elsewhere
from tools.elsewhere import PLACES, Place, faults, main, said_by_pytest, tried
from tools.interpreters import Interpreter, NotHereError
from tools.wheels import ROOT

SYNCS: Final = Place("3.13", syncs=True)
EMULATED: Final = Place("3.13", "a machine that nobody has", syncs=True)


def row(**changed: Any) -> dict[str, Any]:
    """What a place says where all went well, but for what a test changes."""
    suite = {"status": 0, "passed": 500, "failed": 0, "left_out": [], "said": []}
    app = {"heavy_modules": [], "sync": {"outcome": "applied", "reason": "better"}}
    return {"installed_bytes": 1, "app": app, "suite": suite} | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"app": {"failed": ["ValueError"]}},
        {"app": {"heavy_modules": ["torch"], "sync": {"outcome": "applied", "reason": ""}}},
        {"app": {"heavy_modules": [], "sync": {"outcome": "kept_old", "reason": "no better"}}},
        {"installed_bytes": 0},
        {"suite": said_by_pytest(5, "no tests ran in 0.01s")},
        {"suite": said_by_pytest(0, "")},
        {"suite": said_by_pytest(1, "FAILED tests/a.py::b - no\n1 failed, 499 passed in 9.0s")},
        {"suite": said_by_pytest(0, "ERROR tests/a.py\n499 passed, 1 error in 9.0s")},
        {"suite": said_by_pytest(-9, "tests/a.py ....")},
    ],
)
def test_whatever_goes_wrong_is_said(changed: dict[str, Any]) -> None:
    """An app that fails or gets no update, an empty environment, a suite that ends early."""
    assert faults(SYNCS, row()) == []
    assert faults(SYNCS, row(**changed)) != []


def test_under_an_emulator_an_update_may_be_kept_back() -> None:
    """Too few words are typed there for the gate; a sync without an update is a failure even so."""
    app = {"heavy_modules": [], "sync": {"outcome": "kept_old", "reason": "no better"}}
    assert faults(EMULATED, row(app=app)) == []
    app["sync"] = {"outcome": "waiting", "reason": "nothing came"}
    assert faults(EMULATED, row(app=app)) != []


def test_what_was_left_out_is_counted() -> None:
    """Tests that a place skips are kept with their reasons, not counted as passed."""
    said = said_by_pytest(0, "....s\nSKIPPED [1] tests/a.py:3: no clock\n4 passed, 1 skipped in 1.00s\n")
    assert (said["passed"], said["failed"]) == (4, 0)
    assert said["left_out"] == ["SKIPPED [1] tests/a.py:3: no clock"]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the places that are tried, none for real: the second fails, the third cannot be had."""
    names: list[str] = []

    def attempt(place: Place, wheel: Path) -> dict[str, Any]:
        names.append(place.name)
        if place == PLACES[1]:
            return row() | {"passed": False, "wrong": ["no"]}
        return {"missing": "no such Python"} if place == PLACES[2] else row() | {"passed": True, "wrong": []}

    monkeypatch.setattr(elsewhere, "attempt", attempt)
    return names


def test_a_run_that_was_ended_goes_on(tmp_path: Path, attempts: list[str]) -> None:
    """What was tested is not tested again, what could not be had is; a failure ends no run."""
    out = tmp_path / "devices.json"
    places = tried(out, PLACES)
    next(places)
    places.close()
    assert list(json.loads(out.read_text())) == attempts == [PLACES[0].name]
    assert main([str(out)]) == 1
    assert attempts == [place.name for place in PLACES]
    assert main([str(out)]) == 1
    assert attempts[len(PLACES) :] == [PLACES[2].name]
    assert main([str(out), PLACES[0].name]) == 0
    assert attempts[-1] == PLACES[0].name


def test_other_tests_or_another_wheel_are_tried_again(
    tmp_path: Path, attempts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is of one wheel and one suite."""
    list(tried(tmp_path / "devices.json", PLACES[:1]))
    monkeypatch.setattr(elsewhere, "SUITE", elsewhere.SUITE[1:])
    list(tried(tmp_path / "devices.json", PLACES[:1]))
    assert len(attempts) == 2


def test_a_wheel_that_does_not_install_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an interpreter may be missing: a wheel that asks for what there is not is our own fault."""

    def refuses(*_: object) -> None:
        raise NotHereError("no solution found")

    monkeypatch.setattr(Interpreter, "environment", lambda *_: tmp_path / "python")
    monkeypatch.setattr(elsewhere, "install", refuses)
    assert elsewhere.attempt(SYNCS, tmp_path / "some.whl") == {
        "passed": False,
        "wrong": ["no solution found"],
    }
    monkeypatch.setattr(Interpreter, "environment", refuses)
    assert elsewhere.attempt(SYNCS, tmp_path / "some.whl") == {"missing": "no solution found"}


def test_the_suite_needs_nothing_that_is_not_taken_along() -> None:
    """Its tests import each other and what is beside them, and neither the service nor Concrete."""
    taken = [ROOT / relative for relative in (*elsewhere.BESIDE, *elsewhere.SUITE)]
    files = {file for path in taken for file in (path.rglob("*.py") if path.is_dir() else [path])}
    modules = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files}
    folders = {module.rpartition(".")[0] for module in modules}
    for path in elsewhere.SUITE:
        suite = ROOT / path
        for file in suite.rglob("*.py") if suite.is_dir() else [suite]:
            wanted = set(imported(file.read_text()))
            assert {name for name in wanted if name.startswith("tests.")} <= modules | folders, file
            assert not [name for name in wanted if name.startswith(("concrete", "quietkeys_trainer"))], file
