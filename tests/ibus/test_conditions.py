"""Mains, network and idleness as UPower, NetworkManager and logind tell of them; each may be missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from quietkeys import Conditions
from quietkeys_bench.ibus.desktop import bus, python_path
from quietkeys_ibus.owner import Owner
from tests.ibus.desktop import wait_until, what_is_missing

_MOCK: Final = Path("/usr/lib/python3/dist-packages/dbusmock")
_ASK: Final = "from quietkeys_ibus.conditions import of_desktop; from dataclasses import asdict; import json"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A system bus of its own, for programs of the tests."""
    absent = what_is_missing() or ("" if _MOCK.is_dir() else "python3-dbusmock")
    if absent:
        pytest.skip(f"the system lacks {absent}")
    with bus() as address:
        folder = python_path(tmp_path_factory.mktemp("conditions"))
        yield os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": address, "PYTHONPATH": str(folder)}


def told(environment: dict[str, str]) -> Conditions:
    """What a process of that system finds."""
    program = f"{_ASK}; print(json.dumps(asdict(of_desktop())))"
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    return Conditions(**json.loads(ran.stdout))


@contextmanager
def service(environment: dict[str, str], template: str, **parameters: object) -> Iterator[None]:
    """One of python-dbusmock's, until it is on the bus."""
    with ExitStack() as stack:
        command = ["/usr/bin/python3", "-m", "dbusmock", "--system", "--template", template]
        command += ["--parameters", json.dumps(parameters)]
        clean = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        name = {"upower": "UPower", "logind": "login1", "networkmanager": "NetworkManager"}[template]
        wait_until(lambda: f"org.freedesktop.{name}" in _names(clean), lambda: "no such service")
        if template == "networkmanager":
            path = f"/org/freedesktop/{name}"
            _gdbus(
                clean,
                f"org.freedesktop.{name}",
                path,
                "org.freedesktop.DBus.Mock.AddProperty",
                f"org.freedesktop.{name}",
                "Metered",
                f"<uint32 {parameters['Metered']}>",
            )
        yield


def _gdbus(environment: dict[str, str], name: str, path: str, method: str, *values: str) -> str:
    command = ["gdbus", "call", "--address", environment["DBUS_SYSTEM_BUS_ADDRESS"]]
    command += ["--dest", name, "--object-path", path, "--method", method, *values]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def _names(environment: dict[str, str]) -> str:
    where = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames")
    return _gdbus(environment, *where)


def test_what_nobody_tells_counts_as_holding(environment: dict[str, str]) -> None:
    """As on a machine without any of the services, or without a system bus."""
    assert told(environment) == Conditions()
    assert told(environment | {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}) == Conditions()


@pytest.mark.parametrize(
    ("template", "parameters", "expected"),
    [
        ("upower", {"OnBattery": True}, Conditions(charging=False)),
        ("upower", {"OnBattery": False}, Conditions()),
        ("logind", {"IdleHint": False}, Conditions(idle=False)),
        ("logind", {"IdleHint": True}, Conditions()),
        *[
            ("networkmanager", {"Metered": number}, Conditions(unmetered=number not in (1, 3)))
            for number in range(5)
        ],
    ],
)
def test_each_condition_is_told_by_its_service(
    environment: dict[str, str], template: str, parameters: dict[str, Any], expected: Conditions
) -> None:
    """A guess of NetworkManager's counts as what it guesses."""
    with service(environment, template, **parameters):
        assert told(environment) == expected


def test_the_user_is_told_of_the_first_sync_alone(tmp_path: Path) -> None:
    """When the conditions of a slot hold first; not again, also after a new start."""
    notes: list[str] = []
    now = Conditions(charging=False)

    def owner() -> Owner:
        return Owner(
            tmp_path / "profile",
            tmp_path / "ibus.json",
            conditions=lambda: now,
            notify=lambda title, _: notes.append(title),
        )

    first = owner()
    first.open()
    assert first.keyboard is not None
    conditions = first.keyboard.schedule.policy.conditions
    assert conditions() == now
    assert notes == []
    now = Conditions()
    conditions()
    conditions()
    first.close()
    assert len(notes) == 1
    again = owner()
    again.open()
    assert again.keyboard is not None
    again.keyboard.schedule.policy.conditions()
    again.close()
    assert len(notes) == 1


def test_it_syncs_by_itself_where_that_was_agreed_to(tmp_path: Path) -> None:
    """With a trainer, with consent, and while it is not switched off."""
    owner = Owner(tmp_path / "profile", tmp_path / "ibus.json")
    owner.choose(trainer="https://trainer.test")
    owner.open()
    assert owner.keyboard is not None
    schedule = owner.keyboard.schedule

    def runs() -> bool:
        return any(one.name == "quietkeys-schedule" for one in threading.enumerate())

    assert not runs()
    owner.keyboard.consent.give("yes")
    owner.schedule()
    assert runs()
    owner.choose(syncs=False)
    wait_until(lambda: not runs(), lambda: schedule.next_slot())
    owner.close()
