"""What operators do: invites, tokens, another try, purges, backups, and the end of what is past its time."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from sqlalchemy import text
from typer.testing import CliRunner, Result

from quietkeys_protocol.containers import Report
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.cli.main import app
from quietkeys_trainer.ledger import operator_queries as administration
from quietkeys_trainer.ledger.audit import entries
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.jobs import Arrival, Jobs
from quietkeys_trainer.ledger.retention import Retention, expire
from quietkeys_trainer.ledger.tables import Failure
from quietkeys_trainer.service.founding import found_trainer
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.settings import Settings
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import WIDE, fake_keys, running
from tests.trainer.stores import Storage, in_folder, on_both

NOW, DAY = 1_700_000_000.0, 86_400.0
ANN, KEY = "a" * 32, bytes(32)
KEYS = fake_keys(b"one")


@dataclass
class Desk:
    """A ledger in which Ann has keys, and what is done with it."""

    ledger: Ledger
    jobs: Jobs
    count: int = 0

    def accept(self, now: float, key: bytes = KEY, source: int = 0) -> str:
        """The job of Ann's next report."""
        self.count += 1
        report = Report(bytes.fromhex(PLAN.hash), key, source, 2, self.count, (b"x",))
        number = f"{self.count:032x}"
        arrival = Arrival(ANN, report, f"report {self.count}", number * 2, number)
        return self.jobs.accept(arrival, now).job.job_id

    def fail(self, now: float) -> None:
        """Fails the job whose turn it is."""
        lease = self.jobs.lease_next("w" * 32, [PLAN.hash], 10)
        assert lease is not None
        assert self.jobs.fail(lease, Failure.ENGINE, now)

    def finish(self, now: float) -> None:
        """Finishes the job whose turn it is."""
        lease = self.jobs.lease_next("w" * 32, [PLAN.hash], 10)
        assert lease is not None
        assert self.jobs.finish(lease, f"update {lease.job_id}", now)

    def state(self, job_id: str) -> JobState:
        """The state of a job."""
        return self.jobs.find(ANN, job_id).state


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A desk on each kind of database."""
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    ledger.enrol(ANN, bytes(32), NOW)
    ledger.add_keys(ANN, KEY.hex(), [PLAN.hash], "keys", NOW)
    yield Desk(ledger, Jobs(database))
    database.dispose()


def test_a_failed_job_gets_another_try(desk: Desk) -> None:
    """It is queued again with all its attempts, and can be done; jobs in other states are left alone."""
    database = desk.ledger.database
    job_id = desk.accept(NOW)
    assert administration.retry(database, None, NOW) == []
    desk.fail(NOW)
    with pytest.raises(Refused) as caught:
        administration.retry(database, ["0" * 32], NOW)
    assert caught.value.code is ErrorCode.NOTHING_NAMED_SO
    assert administration.retry(database, [job_id], NOW) == [job_id]
    (line,) = administration.jobs(database, [JobState.QUEUED], 10)
    assert (line.job_id, line.attempts, line.failure) == (job_id, 0, "")
    desk.finish(NOW)
    assert desk.state(job_id) is JobState.DONE


def test_a_job_that_a_newer_report_follows_gets_no_other_try(desk: Desk) -> None:
    """The newer report's job stands for it, whatever became of that one."""
    older = desk.accept(NOW)
    desk.fail(NOW)
    newer = desk.accept(NOW + 1)
    assert administration.retry(desk.ledger.database, None, NOW) == []
    desk.fail(NOW + 1)
    assert administration.retry(desk.ledger.database, None, NOW) == [newer]
    assert desk.state(older) is JobState.FAILED


def test_devices_are_listed_with_what_they_have(desk: Desk) -> None:
    """Ann has a key set, a report and a job."""
    desk.accept(NOW)
    (line,) = administration.devices(desk.ledger.database, 10)
    assert (line.device_id, line.key_sets, line.reports, line.jobs) == (ANN, 1, 1, 1)


def test_results_end_after_their_time(desk: Desk) -> None:
    """A result is there until its days are over, then its job is unknown and its blob doomed."""
    database = desk.ledger.database
    job_id = desk.accept(NOW)
    desk.finish(NOW)
    kept = Retention(results=30, reports=0, keys=0)
    assert expire(database, kept, NOW + 30 * DAY) == 0
    assert desk.state(job_id) is JobState.DONE
    assert expire(database, kept, NOW + 30 * DAY + 1) == 1
    assert administration.jobs(database, list(JobState), 10) == []
    assert desk.ledger.doomed_blobs() == [f"update {job_id}"]
    assert [entry.action for entry in entries(database, NOW + 1)] == ["expired"]


def test_reports_end_after_their_time_unless_a_job_needs_them(desk: Desk) -> None:
    """An old report of which no newer one came is deleted once it has been trained on."""
    database, kept = desk.ledger.database, Retention(results=0, reports=180, keys=0)
    desk.accept(NOW)
    late = NOW + 180 * DAY + 1
    assert expire(database, kept, late) == 0
    desk.finish(late)
    assert expire(database, kept, late) == 1
    assert desk.ledger.doomed_blobs() == ["report 1"]


def test_keys_end_when_nothing_is_sent_under_them(desk: Desk) -> None:
    """Keys live on while reports come, and take everything under them along when they end."""
    database, kept = desk.ledger.database, Retention(results=0, reports=0, keys=400)
    desk.accept(NOW + 100 * DAY)
    desk.finish(NOW + 100 * DAY)
    assert expire(database, kept, NOW + 401 * DAY) == 0
    assert expire(database, kept, NOW + 501 * DAY) == 1
    assert len(desk.ledger.doomed_blobs()) == 3
    with database.connect() as connection:
        for table in ("evaluation_keys", "evaluation_key_plans", "reports", "jobs"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608 - our own names


def test_what_is_kept_for_ever_stays(desk: Desk) -> None:
    """With no days at all nothing ends."""
    desk.accept(NOW)
    desk.finish(NOW)
    assert expire(desk.ledger.database, Retention(0, 0, 0, 0), NOW + 10_000 * DAY) == 0
    assert list(entries(desk.ledger.database, 0))


def founded(settings: Settings) -> Service:
    """A new trainer's parts."""
    found_trainer(settings, NOW)
    return open_service(settings, {})


def admin(state: Path, storage: Storage, *arguments: str) -> Result:
    """What an `admin` command does and says."""
    mask = os.umask(0o077)
    try:
        line = ["admin", *arguments, "--state", str(state)]
        return CliRunner().invoke(app, line, env=WIDE | storage.variables())
    finally:
        os.umask(mask)


def refusal(done: Result) -> str:
    """The one line of a command that was refused."""
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    (line,) = done.stderr.splitlines()
    return line


def said(done: Result) -> str:
    """The output of a command that went well."""
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


@on_both
def test_operators_work_beside_a_running_trainer(storage: Storage, tmp_path: Path) -> None:
    """An operator's token makes invites over HTTP, nobody else does; a purge is final; all is logged."""
    state = tmp_path / "state"
    flags = ("--workers", "0", "--enrolment", "invited")
    with running(tmp_path, *flags, **storage.variables()) as trainer:
        wish = json.dumps({"uses": "1", "days": "7"})
        url = trainer.url + "/v1/admin/invites"

        def ask(**headers: str) -> requests.Response:
            return requests.post(url, data=wish, headers=headers, timeout=900)

        assert code(ask()) == (401, ErrorCode.OPERATOR_REFUSED)
        assert code(ask(Authorization="Bearer ")) == (401, ErrorCode.OPERATOR_REFUSED)
        first = said(admin(state, storage, "token"))
        assert "ends the token" in refusal(admin(state, storage, "token"))
        token = said(admin(state, storage, "token", "--confirm"))
        assert code(ask(Authorization=f"Bearer {first}")) == (401, ErrorCode.OPERATOR_REFUSED)
        assert code(ask(Authorization=token)) == (401, ErrorCode.OPERATOR_REFUSED)
        answer = ask(Authorization=f"Bearer {token}")
        assert answer.status_code == 201
        device = Device(trainer.url)
        assert enrol(device, answer.json()["invite"]) == 201
        assert enrol(Device(trainer.url), said(admin(state, storage, "invite"))) == 201
        device.put_keys(KEYS)
        lines = [json.loads(line) for line in said(admin(state, storage, "devices")).splitlines()]
        assert device.device_id in {line["device_id"] for line in lines}
        assert "1 devices" in refusal(admin(state, storage, "purge", device.device_id))
        said(admin(state, storage, "purge", device.device_id, "--confirm"))
        assert code(device.send("GET", "/v1/circle")) == (404, ErrorCode.DEVICE_UNKNOWN)
        assert storage.names() == []
        assert admin(state, storage, "purge", device.device_id).exit_code == 2
        log = said(admin(state, storage, "audit"))
        assert [json.loads(line)["action"] for line in log.splitlines()] == [
            *("operator_token_made", "operator_token_made", "enrolments_invited", "device_enrolled"),
            *("enrolments_invited", "device_enrolled", "keys_stored", "device_deleted"),
        ]
        for secret in (token, device.device_id, answer.json()["invite"]):
            assert secret not in log + trainer.log
            assert not any(secret in path.read_text() for path in state.glob("operator*"))


def enrol(device: Device, invite: str) -> int:
    """The status of an enrolment with an invite."""
    body = {"public_key": base64.b64encode(device.public_key).decode(), "invite": invite}
    return device.send("POST", "/v1/devices", json.dumps(body).encode()).status_code


@on_both
def test_migrations_go_down_under_the_command_once_that_is_confirmed(
    storage: Storage, tmp_path: Path
) -> None:
    """Up once more changes nothing; down to nothing asks first, and then there is no trainer any longer."""
    state = tmp_path / "state"
    with running(tmp_path, "--workers", "0", **storage.variables()) as trainer:
        device = trainer.device()
    said(admin(state, storage, "migrate"))
    assert device.device_id in said(admin(state, storage, "devices"))
    assert "--confirm" in refusal(admin(state, storage, "migrate", "base"))
    assert "NONSENSE" in refusal(admin(state, storage, "migrate", "NONSENSE"))
    assert device.device_id in said(admin(state, storage, "devices"))
    said(admin(state, storage, "migrate", "base", "--confirm"))
    assert "no trainer" in refusal(admin(state, storage, "migrate"))
    assert "no trainer" in refusal(admin(state, storage, "devices"))


def test_storage_that_is_none_is_refused(tmp_path: Path) -> None:
    """An address of no database we know, or of no store, ends the command with status 2 and says so."""
    founded(Settings(state=tmp_path / "state")).ledger.database.dispose()
    for flag, address in (("--database", "mysql://host/x"), ("--database", "x"), ("--blobs", "ftp://host")):
        done = admin(tmp_path / "state", in_folder(tmp_path), "devices", flag, address)
        assert done.exit_code == 2
        assert "no address" in done.output


def test_a_password_is_not_told(tmp_path: Path) -> None:
    """What a database's address holds is in no error and no representation."""
    address = "postgresql://user:open-sesame@127.0.0.1:1/none"
    done = admin(tmp_path / "state", in_folder(tmp_path), "devices", "--database", address)
    assert done.exit_code == 2
    assert "open-sesame" not in done.output
    assert "open-sesame" not in repr(Settings(state=tmp_path, database=address))
