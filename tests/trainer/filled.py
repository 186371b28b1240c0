"""A trainer that somebody uses, and what of it must still be there whatever its administrator does."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import requests
from sqlalchemy import MetaData, select
from typer.testing import CliRunner

from quietkeys_trainer.cli.main import app
from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.service.settings import Settings
from tests.patience import HANGS_S
from tests.trainer.device import Device
from tests.trainer.fake_engine import CONTROL, PLAN
from tests.trainer.running import WIDE, Trainer, fake_keys, fake_values, wait_until
from tests.trainer.stores import Storage

AHEAD = "QUIETKEYS_TEST_CLOCK_AHEAD"
KEYS = fake_keys(b"one")
_COME_AND_GO = {"alembic_version", "audit", "nonces", "runs", "usage", "trainer"}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class Filled:
    """A trainer with devices that have keys, a report and an update each, running or not."""

    folder: Path
    storage: Storage
    trainer: Trainer
    devices: list[Device] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "state"

    def fill(self, devices: int = 2) -> None:
        """Has devices come, send and fetch."""
        for number in range(devices):
            device = self.trainer.device()
            assert device.put_keys(KEYS).json()["state"] == "stored"
            job_id = device.post(device.report(PLAN.hash, KEYS, fake_values(b"%d" % number))).json()["job_id"]
            assert device.wait(job_id, "done", "failed") == "done"
            self.devices.append(device)
            self.jobs.append(job_id)

    def start(self, *arguments: str) -> None:
        """Starts the trainer again; devices find it."""
        self.trainer.start(*arguments)
        for device in self.devices:
            device.url = self.trainer.url

    def rows(self, database: str = "") -> dict[str, set[str]]:
        """What is in every table but those that come and go by themselves."""
        address = Settings(state=self.state, database=database or self.storage.database).database_address
        opened, tables = open_database(address), MetaData()
        tables.reflect(opened)
        with opened.connect() as connection:
            found = {
                table.name: {repr(tuple(row)) for row in connection.execute(select(table))}
                for table in tables.sorted_tables
                if table.name not in _COME_AND_GO
            }
        opened.dispose()
        return found

    def everything(self) -> tuple[dict[str, set[str]], list[str]]:
        """All rows and all objects that must not be lost."""
        return self.rows(), self.storage.names()

    def run(self, *arguments: str, **environment: str) -> Done:
        """What a command of the trainer does and says: `serve`, which must fail, or one of `admin`.

        The latter is run in this process, where nothing but its clock is another one: that takes a process.
        """
        told = WIDE | {CONTROL: str(self.trainer.control)} | self.trainer.environment | environment
        line = self.trainer.command(*arguments)
        if arguments[0] == "admin":
            line = [*line[:3], *arguments, "--state", str(self.state)]
            if AHEAD not in told:
                mask = os.umask(0o077)
                ran = CliRunner().invoke(app, line[3:], env=told)
                os.umask(mask)
                return Done(ran.exit_code, ran.stdout, ran.stderr)
        done = subprocess.run(
            line, env=os.environ | told, capture_output=True, text=True, timeout=HANGS_S, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def refusal(self, *arguments: str, **environment: str) -> str:
        """The one sentence in which a command is refused, with its advice."""
        done = self.run(*arguments, **environment)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
        lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
        assert len(lines) == 1, done.stderr
        assert "Traceback" not in done.stderr
        return lines[0]

    def said(self, *arguments: str, **environment: str) -> str:
        """The output of a command that went well."""
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


def ready(filled: Filled) -> int:
    """The status of `/readyz`."""
    return requests.get(filled.trainer.private_url + "/readyz", timeout=900).status_code


def new_report(filled: Filled, number: int = 0) -> requests.Response:
    """The answer to another report of a device."""
    device = filled.devices[number]
    return device.post(device.report(PLAN.hash, KEYS, fake_values(b"more")))


def works(filled: Filled) -> None:
    """Another report is trained, and the earlier updates are there unless they were replaced."""
    device = filled.devices[0]
    assert device.wait(new_report(filled).json()["job_id"], "done", "failed") == "done"
    assert filled.devices[1].update(filled.jobs[1]).status_code == 200
    wait_until(lambda: ready(filled) == 200)


def tidied(filled: Filled, *arguments: str) -> None:
    """Starts the trainer again, and waits until it has tidied, or refused to."""
    before = filled.trainer.log.count('"tidied"') + filled.trainer.log.count("not_tidied")
    filled.start(*arguments)
    wait_until(lambda: filled.trainer.log.count('"tidied"') + filled.trainer.log.count("not_tidied") > before)


def key_id() -> str:
    """Of the evaluation keys that devices have."""
    return hashlib.sha256(KEYS).hexdigest()


def public(device: Device) -> str:
    """The public key of a device in base64."""
    return base64.b64encode(device.public_key).decode()
