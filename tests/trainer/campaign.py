"""Devices that go on whatever befalls their trainer, and what of theirs was lost or done twice."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

import requests
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from quietkeys_protocol.containers import decode_update
from quietkeys_protocol.errors import ErrorCode
from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.service.settings import Settings
from tests.patience import HANGS_S
from tests.trainer.device import Device, code
from tests.trainer.filled import Filled, public

PAUSE_S: Final = 0.3
LEAVES: Final = 0.02  # of the turns of a device: it has itself deleted, and another one comes
LONGEST_CALM_S: Final = 20.0
TWICE: Final = 0.2  # of its reports are followed by another one at once
_LATER: Final = {ErrorCode.TRAINER_BUSY, ErrorCode.TRAINER_FULL, ErrorCode.DISK_FULL}
_LATER_ON: Final = {ErrorCode.DELETION_UNDER_WAY, ErrorCode.CLOCK_SKEWED}


class Work(Protocol):
    """What devices of a campaign have computed."""

    @property
    def plan_hash(self) -> str:
        """Of the plan of all reports."""

    @property
    def key_sets(self) -> Sequence[bytes]:
        """Evaluation keys; devices share them out."""

    @property
    def numbers(self) -> int:
        """How many different reports there are under a key set."""

    def values(self, which: int, number: int) -> Sequence[bytes]:
        """The values of a report under a key set."""

    def is_right(self, which: int, number: int, update: Sequence[bytes]) -> bool:
        """Whether an update is what becomes of this report."""


@dataclass(slots=True)
class Tally:
    """What came of all reports. wrong: a line for each thing that must not be."""

    accepted: list[str] = field(default_factory=list)
    done: int = 0
    superseded: int = 0
    failed: int = 0
    left: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0


@dataclass(slots=True)
class Campaign:
    """A trainer, and devices at it."""

    filled: Filled
    work: Work
    think_s: float = 0.0  # of a device, between an update and its next report
    tally: Tally = field(default_factory=Tally)
    _devices: dict[int, Device] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, devices: int, seed: int) -> None:
        """Have so many devices go on, the same as before; return once all have keys."""
        ready, self.tally = threading.Semaphore(0), Tally()
        self._stop.clear()
        self._threads.clear()
        for number in range(devices):
            chance = Random(f"{seed}/{number}")
            line = threading.Thread(target=self._live, args=(number, chance, ready), daemon=True)
            line.start()
            self._threads.append(line)
        for _ in range(devices):
            assert ready.acquire(timeout=HANGS_S)

    def go_on(self) -> None:
        """Return once another report was accepted, so that every fault meets a trainer that is used."""
        before, until = len(self.tally.accepted), time.monotonic() + LONGEST_CALM_S
        while len(self.tally.accepted) == before and time.monotonic() < until:
            time.sleep(PAUSE_S)

    def finish(self) -> Tally:
        """What came of all, counted in ledger and store too, once every device has ended what it began."""
        self._stop.set()
        for thread in self._threads:
            thread.join(HANGS_S)
            assert not thread.is_alive()
        self._look_at_ledger()
        self._look_at_log()
        return self.tally

    def _live(self, number: int, chance: Random, ready: threading.Semaphore) -> None:
        which = number % len(self.work.key_sets)
        try:
            if number not in self._devices:
                self._devices[number] = self._newcomer(which)
            ready.release()
            while not self._stop.is_set():
                if chance.random() < LEAVES:
                    self._leave(self._devices[number])
                    self._devices[number] = self._newcomer(which)
                else:
                    self._send(self._devices[number], which, chance)
                    self._stop.wait(chance.uniform(0, self.think_s))
        except BaseException as error:  # noqa: BLE001 - carried over to the test's thread
            ready.release()
            self._note(f"{type(error).__name__}: {error}")

    def _newcomer(self, which: int) -> Device:
        device, keys = Device(""), self.work.key_sets[which]
        self._insist(device, device.enrol, 201, 200)
        key_id = hashlib.sha256(keys).hexdigest()
        while True:
            answer = self._insist(device, lambda: device.send("GET", f"/v1/keys/{key_id}"), 200)
            if answer.json()["state"] == "stored":
                return device
            received = int(answer.json()["received"])
            part = keys[received : received + (4 << 20)]
            self._insist(device, lambda at=received, part=part: device.put_part(key_id, at, part), 200, 409)  # type: ignore[misc]

    def _leave(self, device: Device) -> None:
        """Have a device deleted; when it is told so, nothing of it is in the store any longer."""
        blobs = self._blobs_of(device)
        path = f"/v1/devices/{device.device_id}"
        headers = {"QK-Public-Key": public(device)}
        self._insist(device, lambda: device.send("DELETE", path, headers=headers), 200)
        left = blobs & set(self._names())
        if left:
            self._note(f"{len(left)} blobs of a device that was told they are gone")
        with self._lock:
            self.tally.left += 1

    def _send(self, device: Device, which: int, chance: Random) -> None:
        jobs = [self._report(device, which, chance)]
        if chance.random() < TWICE:
            jobs.append(self._report(device, which, chance))
        for job_id, number in jobs:
            state = self._outcome(device, job_id)
            if state == "done" and job_id == jobs[-1][0]:
                self._fetch(device, job_id, which, number)
            with self._lock:
                self.tally.done += state == "done"
                self.tally.superseded += state == "superseded"
                self.tally.failed += state == "failed"
                if state == "superseded" and job_id == jobs[-1][0]:
                    self.tally.lost += 1
                    self.tally.wrong.append("the newest report was superseded")

    def _report(self, device: Device, which: int, chance: Random) -> tuple[str, int]:
        number, key = chance.randrange(self.work.numbers), secrets.token_hex(16)
        report = device.report(
            self.work.plan_hash, self.work.key_sets[which], self.work.values(which, number), sources=1
        )
        job_id = str(self._insist(device, lambda: device.post(report, key), 202).json()["job_id"])
        if chance.random() < TWICE:
            again = self._insist(device, lambda: device.post(report, key), 202).json()["job_id"]
            if again != job_id:
                self._note("a repeated report got another job")
                self.tally.doubled += 1
        with self._lock:
            self.tally.accepted.append(job_id)
        return job_id, number

    def _outcome(self, device: Device, job_id: str) -> str:
        deadline = time.monotonic() + HANGS_S
        while time.monotonic() < deadline:
            state = self._insist(device, lambda: device.send("GET", f"/v1/jobs/{job_id}"), 200).json()[
                "state"
            ]
            if state in ("done", "superseded", "failed"):
                return str(state)
            time.sleep(PAUSE_S)
        with self._lock:
            self.tally.lost += 1
        self._note(f"a job is still {state}")
        return "lost"

    def _fetch(self, device: Device, job_id: str, which: int, number: int) -> None:
        update = decode_update(self._insist(device, lambda: device.update(job_id), 200).content)
        if update.job_id.hex() != job_id or not self.work.is_right(which, number, update.ciphertexts):
            self._note("an update is not what the report asked for")
            with self._lock:
                self.tally.lost += 1

    def _insist(
        self, device: Device, ask: Callable[[], requests.Response], *wanted: int
    ) -> requests.Response:
        """The answer to what is asked again and again, as devices do; only a refusal for now is no end."""
        deadline = time.monotonic() + HANGS_S
        while time.monotonic() < deadline:
            device.url = self.filled.trainer.url
            try:
                answer = ask()
            except requests.RequestException as error:
                if isinstance(error, requests.Timeout):  # the port may be somebody else's while ours is down
                    with self._lock:
                        self.tally.answers["timed_out"] += 1
                time.sleep(PAUSE_S)
                continue
            if answer.status_code in wanted:
                return answer
            try:
                _, name = code(answer)
            except (AssertionError, KeyError, ValueError):
                name = "untyped"
            with self._lock:
                self.tally.answers[name] += 1
            if name not in _LATER | _LATER_ON:
                raise AssertionError(f"answered {answer.status_code} {name}: {answer.text[:80]!r}")
            time.sleep(PAUSE_S)
        raise AssertionError("never answered")

    def _note(self, line: str) -> None:
        with self._lock:
            self.tally.wrong.append(line)

    def _names(self) -> list[str]:
        return self.filled.storage.names()

    def _blobs_of(self, device: Device) -> set[str]:
        """What the ledger names of a device that shares its account with nobody."""
        return self._ask(
            "SELECT blob FROM evaluation_keys JOIN devices USING (account_id) WHERE id = :id"
            " UNION SELECT blob FROM reports WHERE device_id = :id"
            " UNION SELECT update_blob FROM jobs WHERE device_id = :id",
            id=device.device_id,
        )

    def _ask(self, statement: str, **values: str) -> set[str]:
        """The first column of what a database answers, as soon as it does."""
        address = Settings(state=self.filled.state, database=self.filled.storage.database).database_address
        database = open_database(address)
        try:
            deadline = time.monotonic() + HANGS_S
            while True:
                try:
                    with database.connect() as connection:
                        return {str(row[0]) for row in connection.execute(text(statement), values) if row[0]}
                except DBAPIError:
                    assert time.monotonic() < deadline
                    time.sleep(PAUSE_S)
        finally:
            database.dispose()

    def _look_at_ledger(self) -> None:
        """Every accepted report of a device that is still there has one job, and every row its blob."""
        jobs = self._ask("SELECT id FROM jobs")
        repeated = self._accepted & set(self.tally.accepted)
        self._accepted |= set(self.tally.accepted)
        extra = jobs - self._accepted
        if extra:
            self.tally.doubled += len(extra)
            self._note(f"{len(extra)} jobs that nobody asked for")
        if repeated or len(set(self.tally.accepted)) != len(self.tally.accepted):
            self.tally.doubled += 1
            self._note("two reports have one job")
        named = self._ask(
            "SELECT blob FROM evaluation_keys UNION SELECT blob FROM reports"
            " UNION SELECT update_blob FROM jobs WHERE update_blob IS NOT NULL"
        )
        gone = named - set(self._names())
        if gone:
            self.tally.lost += len(gone)
            self._note(f"{len(gone)} blobs that rows name are gone")

    def _look_at_log(self) -> None:
        """No job has landed twice, and nothing was answered that nobody foresaw."""
        log = self.filled.trainer.log
        # Not parsed as lines: where a disk was full or a writer killed, the next begins in the middle of one.
        landed = Counter(re.findall(r'"event": "job_done", "job_id": "([0-9a-f]{32})"', log))
        for job_id, times in landed.items():
            if times > 1:
                self.tally.doubled += 1
                self._note(f"job {job_id} has landed {times} times")
        for line in re.findall(r'.*"status": 500.*|.*Traceback.*', log):
            self._note(line[:200])
