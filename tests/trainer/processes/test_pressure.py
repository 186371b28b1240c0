"""Backpressure: what is refused before memory or the queue is full, and how devices are told."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from quietkeys.environment import Environment
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys_protocol.containers import Report, encode_report
from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.engine.interface import Engine
from quietkeys_trainer.engine.local_executor import LocalExecutor
from quietkeys_trainer.engine.pressure import (
    MEMORY_AFTER_S,
    QUEUE_AFTER_S,
    Overloaded,
    Pressure,
    available_bytes,
    require_scratch,
)
from quietkeys_trainer.ledger.jobs import Jobs
from quietkeys_trainer.processes.worker import Worker
from quietkeys_trainer.service.founding import found_trainer
from quietkeys_trainer.service.parts import open_service
from quietkeys_trainer.service.settings import Settings
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN, FakeEngine, wrap
from tests.trainer.running import fake_values
from tests.trainer.sides import code_of, served
from tests.trainer.worker_bench import Bench

ENGINE = FakeEngine(key_bytes=4096)
KEYS = wrap(ENGINE.frames.keys, b"Ann's")


@dataclass(slots=True)
class Machine:
    """How much memory is free, and a clock."""

    free: int = 1 << 40
    now: float = 0.0


def test_the_queue_and_memory_are_answered_before_they_are_full(tmp_path: Path) -> None:
    """Too many jobs, or too little memory, is 429 with Retry-After; afterwards the same request works."""
    machine = Machine()
    settings = Settings(state=tmp_path / "state")
    key = found_trainer(settings, time.time())
    pressure = Pressure(most_queued=1, available=lambda: machine.free, clock=lambda: machine.now)
    service = replace(open_service(settings, {PLAN.hash: ENGINE}, trainer_key=key), pressure=pressure)
    with served(service) as url:
        ann, bob = Device(url), Device(url)
        for device in (ann, bob):
            assert device.enrol().status_code == 201
            assert device.put_keys(KEYS).json()["state"] == "stored"
        assert ann.post(ann.report(PLAN.hash, KEYS, fake_values(b"1")), "1" * 32).status_code == 202
        machine.now += 10
        late = bob.report(PLAN.hash, KEYS, fake_values(b"2"))
        full = bob.post(late)
        assert code(full) == (429, ErrorCode.TRAINER_FULL)
        assert full.headers["Retry-After"] == str(QUEUE_AFTER_S)
        again = ann.post(replace(ann.report(PLAN.hash, KEYS, fake_values(b"1")), sequence=1), "1" * 32)
        assert again.status_code == 202
        pressure.most_queued = 10
        machine.free, machine.now = 1, machine.now + 10
        for answer in (bob.post(late), bob.put_part("0" * 64, 0, b"x")):
            assert code(answer) == (429, ErrorCode.TRAINER_FULL)
            assert answer.headers["Retry-After"] == str(MEMORY_AFTER_S)
        assert bob.send("GET", f"/v1/devices/{bob.device_id}").status_code == 200
        machine.free, machine.now = 1 << 40, machine.now + 10
        assert bob.post(late).status_code == 202
    service.ledger.database.dispose()


def test_the_queue_is_counted_once_a_second() -> None:
    """However many reports are refused; a queue that has reached its limit is full."""
    machine, counted = Machine(), [0]

    def count() -> int:
        counted[0] += 1
        return 5

    pressure = Pressure(most_queued=5, clock=lambda: machine.now)
    for _ in range(3):
        with pytest.raises(Overloaded):
            pressure.admit_job(count)
    assert counted == [1]
    pressure.most_queued = 6
    machine.now += 2
    pressure.admit_job(count)
    assert counted == [2]


@pytest.mark.parametrize(
    ("meminfo", "cgroup", "free"),
    [
        ("MemTotal: 9 kB\nMemAvailable: 2 kB\n", {}, 2048),
        ("MemAvailable: 2 kB\n", {"memory.max": "max\n", "memory.current": "1\n", "memory.stat": ""}, 2048),
        (
            "MemAvailable: 2 kB\n",
            {"memory.max": "900\n", "memory.current": "800\n", "memory.stat": "anon 1\ninactive_file 50\n"},
            150,
        ),
        ("MemAvailable: 2 kB\n", {"memory.max": "1", "memory.current": "9", "memory.stat": ""}, 0),
        ("odd", {}, 1 << 40),
    ],
)
def test_free_memory_is_the_containers_where_that_is_less(
    tmp_path: Path, meminfo: str, cgroup: dict[str, str], free: int
) -> None:
    """What the machine says, what the container may still take, file cache not counted as taken."""
    (tmp_path / "meminfo").write_text(meminfo)
    for name, content in cgroup.items():
        (tmp_path / name).write_text(content)
    assert available_bytes(tmp_path / "meminfo", tmp_path) == free


def test_a_worker_starts_no_job_without_room_for_it(tmp_path: Path) -> None:
    """It asks for no lease, waits, and still stops when told to."""
    asked: list[str] = []

    @dataclass(slots=True)
    class Cramped(LocalExecutor):
        def require_room(self, engine: Engine) -> None:
            raise Overloaded(1, "memory")

    @dataclass(frozen=True, slots=True)
    class Asked(Jobs):
        def lease_next(self, worker: str, *_: object) -> None:
            asked.append(worker)

    settings = Settings(state=tmp_path / "state")
    key = found_trainer(settings, time.time())
    service = open_service(settings, {PLAN.hash: ENGINE}, trainer_key=key)
    service = replace(service, jobs=Asked(service.ledger.database))
    with pytest.raises(TryAgain):
        Worker(service, "1" * 32, 10, Cramped()).work_once()
    stop = threading.Event()
    worker = threading.Thread(target=Worker(service, "1" * 32, 10, Cramped()).work, args=(stop,))
    worker.start()
    stop.set()
    worker.join(30)
    assert not worker.is_alive()
    assert asked == []
    assert Worker(service, "1" * 32, 10).work_once() is False
    assert asked == ["1" * 32]
    service.ledger.database.dispose()


def test_what_a_job_needs_is_what_jobs_of_its_plan_took(bench: Bench) -> None:
    """With room for a small plan's jobs alone these are run, and those of a hungry plan stay queued."""
    small, hungry = FakeEngine(), HungryEngine(replace(PLAN, bundle="hungry"))
    asked: list[list[str]] = []

    @dataclass(frozen=True, slots=True)
    class Asked(Jobs):
        def lease_next(self, worker: str, plan_hashes: Collection[str], lasting_s: float) -> None:
            asked.append(sorted(plan_hashes))

    both = {engine.plan.hash: engine for engine in (small, hungry)}
    service = replace(bench.service, engines=both, jobs=Asked(bench.service.jobs.database))
    free = [small.memory_bytes]
    worker = Worker(service, "1" * 32, 10, LocalExecutor(available=lambda: free[0]))
    assert worker.work_once() is False
    free[0] = hungry.memory_bytes
    assert worker.work_once() is False
    assert asked == [[small.plan.hash], sorted(both)]
    free[0] = 0
    with pytest.raises(TryAgain):
        worker.work_once()


@dataclass(frozen=True, slots=True)
class HungryEngine(FakeEngine):
    """A plan whose jobs take much memory."""

    @property
    def memory_bytes(self) -> int:
        """64 GB."""
        return 64 << 30


def test_a_worker_waits_where_no_file_can_be_written(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder for temporary files that is full, or gone, costs no job an attempt; afterwards it is run."""
    job_id = bench.accept(b"1")
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(tmp_path / "gone"))
        with pytest.raises(TryAgain) as caught:
            bench.worker().work_once()
        assert caught.value.code is ErrorCode.DISK_FULL
    assert bench.job(job_id).state is JobState.QUEUED
    require_scratch(0)
    with pytest.raises(TryAgain):
        require_scratch(1 << 60)
    assert bench.worker().work_once()
    assert bench.job(job_id).state is JobState.DONE


def test_a_device_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    """Short of memory it repeats the request after Retry-After; a full queue is left for the next sync."""
    machine, waits = Machine(), list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        machine.free, machine.now = 1 << 40, machine.now + seconds

    settings = Settings(state=tmp_path / "state")
    key = found_trainer(settings, time.time())
    pressure = Pressure(available=lambda: machine.free, clock=lambda: machine.now)
    advice = {"1" * 64: "Update the keyboard."}
    service = replace(
        open_service(settings, {PLAN.hash: ENGINE}, trainer_key=key), pressure=pressure, retired=advice
    )
    with served(service) as url:
        client = TrainerClient(Identity.generate(), RequestsTransport(url), Environment(sleep=sleep))
        client.enrol()
        (tmp_path / "keys").write_bytes(KEYS)
        key_id = hashlib.sha256(KEYS).hexdigest()
        upload_keys(client, tmp_path / "keys", key_id)
        head = (bytes.fromhex(PLAN.hash), bytes.fromhex(key_id), 0, 1)
        first = encode_report(Report(*head, 1, fake_values(b"1")))
        machine.free, machine.now = 1, machine.now + 10
        client.post_report(first, "1" * 32)
        assert waits == [MEMORY_AFTER_S]
        pressure.most_queued, machine.now = 1, machine.now + 10
        second = encode_report(Report(*head, 2, fake_values(b"2")))
        assert code_of(client.post_report, second, "2" * 32) is ErrorCode.TRAINER_FULL
        assert len(waits) == 1
        retired = encode_report(Report(bytes.fromhex("1" * 64), *head[1:], 3, fake_values(b"3")))
        assert code_of(client.post_report, retired, "3" * 32) is ErrorCode.PLAN_RETIRED
        assert len(waits) == 1
    service.ledger.database.dispose()
