"""The worker on its own: how each way that a job can go ends in the ledger and in the store."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from obstore.store import MemoryStore

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_protocol.wire import Report, decode_update, encode_report
from quietkeys_trainer.blobs import ObjectBlobs
from quietkeys_trainer.circles import Circles
from quietkeys_trainer.circuit import Engine, Told, nobody
from quietkeys_trainer.database import migrate, open_database
from quietkeys_trainer.executors import Executor, ExecutorLostError, LocalExecutor, StoredKeys
from quietkeys_trainer.jobs import MAX_ATTEMPTS, Arrival, Job, Jobs, Lease
from quietkeys_trainer.ledger import Ledger
from quietkeys_trainer.models import JobState
from quietkeys_trainer.receipts import TrainerKey
from quietkeys_trainer.retention import Retention
from quietkeys_trainer.service import Service
from quietkeys_trainer.tidy import tidy
from quietkeys_trainer.uploads import Uploads
from quietkeys_trainer.worker import LOST_S, Worker
from tests.trainer.fake_engine import PLAN, FakeEngine, result, wrap

ANN = "a" * 32
KEYS = wrap(FakeEngine(key_bytes=1000).frames.keys, b"Ann's")
KEY_ID = hashlib.sha256(KEYS).digest()


@dataclass(frozen=True, slots=True)
class FullBlobs(ObjectBlobs):
    """A store without space, for as long as `full` is set."""

    full: threading.Event = field(default_factory=threading.Event)

    def put(self, source: bytes | IO[bytes], sha256: str) -> str:
        """Refuses while full."""
        if self.full.is_set():
            raise TryAgain(ErrorCode.DISK_FULL)
        return ObjectBlobs.put(self, source, sha256)


@dataclass(frozen=True, slots=True)
class InterferingEngine(FakeEngine):
    """Does something in the middle of a run."""

    interfere: Callable[[], None] = lambda: None

    def run(
        self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
    ) -> list[bytes]:
        """Interferes, then runs."""
        self.interfere()
        return FakeEngine.run(self, evaluation_keys, reports, told)


@dataclass
class Bench:
    """A worker, and short ways to give it work."""

    service: Service
    blobs: FullBlobs
    now: float = 1000.0
    sequence: int = 0

    def worker(
        self, engine: FakeEngine | None = None, lease_s: float = 10, executor: Executor | None = None
    ) -> Worker:
        """A worker over an engine."""
        service = replace(self.service, engines={PLAN.hash: engine or FakeEngine()}, clock=lambda: self.now)
        return Worker(service, "1" * 32, lease_s, executor or LocalExecutor())

    def accept(self, *payloads: bytes, source: int = 0, sources: int = 1) -> str:
        """The job of a report whose values begin with these payloads."""
        self.sequence += 1
        head = (bytes.fromhex(PLAN.hash), KEY_ID, source, sources, self.sequence)
        report = Report(*head, values(*payloads))
        container = encode_report(report)
        sha256 = hashlib.sha256(container).hexdigest()
        blob = self.blobs.put(container, sha256)
        arrival = Arrival(ANN, report, blob, sha256, f"{self.sequence:032x}")
        return self.service.jobs.accept(arrival, self.now).job.job_id

    def job(self, job_id: str) -> Job:
        """A job of Ann's."""
        return self.service.jobs.find(ANN, job_id)

    def names(self) -> list[str]:
        """Every blob in the store."""
        return sorted(self.blobs.older_than(float("inf")))


def values(*payloads: bytes) -> tuple[bytes, ...]:
    """The ciphertexts of a report."""
    padded = [*payloads, b"", b"", b""][:3]
    frames = FakeEngine().frames.report
    return tuple(wrap(frame, payload) for frame, payload in zip(frames, padded, strict=True))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Ann with her keys, a database in a folder, blobs in memory."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrate(database)
    blobs = FullBlobs(MemoryStore())
    ledger = Ledger(database)
    ledger.enrol(ANN, bytes(32), 0)
    ledger.add_keys(ANN, KEY_ID.hex(), [PLAN.hash], blobs.put(KEYS, KEY_ID.hex()), 0)
    (tmp_path / "uploads").mkdir()
    service = Service(
        ledger=ledger,
        jobs=Jobs(database),
        circles=Circles(database),
        blobs=blobs,
        uploads=Uploads(database, tmp_path / "uploads"),
        trainer_key=TrainerKey(Ed25519PrivateKey.generate()),
        spool=tmp_path,
        engines={},
        kept=Retention(0, 0, 0, 0),  # its clock begins in 1970
    )
    yield Bench(service, blobs)
    database.dispose()


def test_a_job_ends_in_an_update(bench: Bench) -> None:
    """The update container names plan, key and job and holds what the engine returned."""
    job_id = bench.accept(b"one")
    assert bench.worker().work_once()
    job = bench.job(job_id)
    assert job.state is JobState.DONE
    update = decode_update(bench.blobs.get(job.update_blob or ""))
    assert (update.plan_hash.hex(), update.key_id, update.job_id.hex()) == (PLAN.hash, KEY_ID, job_id)
    assert list(update.ciphertexts) == result(KEYS, [values(b"one")])
    assert not bench.worker().work_once()


def test_a_device_can_follow_the_blocks_of_its_job(bench: Bench) -> None:
    """Each block is known as soon as it is done; a database that cannot take the figure stops nothing."""
    seen: list[int] = []
    job_id = bench.accept()

    class Telling(FakeEngine):
        """Looks as the device does, after every block."""

        def run(
            self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
        ) -> list[bytes]:
            """Tells, and looks."""
            for done in (1, 2):
                told(done)
                seen.append(bench.job(job_id).blocks_done)
            return FakeEngine.run(self, evaluation_keys, reports)

    class Deaf(Jobs):
        """Takes no figures."""

        def note_blocks(self, lease: Lease, done: int) -> bool:
            """Fails."""
            raise TryAgain(ErrorCode.DISK_FULL)

    assert bench.worker(Telling()).work_once()
    assert seen == [1, 2]
    bench.service = replace(bench.service, jobs=Deaf(bench.service.jobs.database))
    job_id = bench.accept()
    assert bench.worker(Telling()).work_once()
    assert seen == [1, 2, 0, 0]
    assert bench.job(job_id).state is JobState.DONE


def test_an_engine_that_fails_is_one_failed_job(bench: Bench) -> None:
    """The job has failed, nothing was stored, and the next job runs."""
    failing = bench.accept(b"<fail>")
    before = bench.names()
    assert bench.worker().work_once()
    assert bench.job(failing).state is JobState.FAILED
    assert bench.names() == before
    good = bench.accept(b"good")
    assert bench.worker().work_once()
    assert bench.job(good).state is JobState.DONE


def test_an_engine_that_returns_nonsense_is_one_failed_job(bench: Bench) -> None:
    """An update that no device would take, by number, size or framing, is not landed."""
    good = result(KEYS, [values(b"x")])

    @dataclass(frozen=True, slots=True)
    class Returning(FakeEngine):
        returned: tuple[bytes, ...] = ()

        def run(
            self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
        ) -> list[bytes]:
            return list(self.returned)

    for returned in ((), (*good, *good), (good[0] + b"x",), (b"X" + good[0][1:],)):
        job_id = bench.accept()
        assert bench.worker(Returning(returned=returned)).work_once()
        assert bench.job(job_id).state is JobState.FAILED
    job_id = bench.accept()
    assert bench.worker(Returning(returned=tuple(good))).work_once()
    assert bench.job(job_id).state is JobState.DONE


@pytest.mark.parametrize("which", [0, 1])
def test_a_lost_blob_is_one_failed_job(bench: Bench, which: int) -> None:
    """Keys or a report that the store no longer has fail the job, once and for all."""
    job_id = bench.accept()
    bench.blobs.delete(sorted(bench.names(), key=lambda name: name.startswith(KEY_ID.hex()))[which])
    assert bench.worker().work_once()
    assert bench.job(job_id).state is JobState.FAILED


def test_a_report_that_is_replaced_while_it_is_fetched_is_no_failure(bench: Bench) -> None:
    """The newer report is trained on when the older one's blob is gone."""
    job_id = bench.accept(b"older")
    worker = bench.worker()
    older = next(name for name in bench.names() if not name.startswith(KEY_ID.hex()))

    @dataclass(frozen=True, slots=True)
    class Racing(ObjectBlobs):
        def get(self, name: str) -> bytes:
            if name == older:
                bench.accept(b"newer")
                bench.blobs.delete(older)
            return ObjectBlobs.get(self, name)

    Worker(replace(worker.service, blobs=Racing(bench.blobs.store)), worker.name, 10).work_once()
    update = decode_update(bench.blobs.get(bench.job(job_id).update_blob or ""))
    assert list(update.ciphertexts) == result(KEYS, [values(b"newer")])


def test_a_result_without_space_is_computed_again_later(bench: Bench) -> None:
    """The worker says that it waits; when there is space the job runs again and is done."""
    job_id = bench.accept()
    bench.blobs.full.set()
    with pytest.raises(TryAgain):
        bench.worker().work_once()
    assert bench.job(job_id).state is JobState.RUNNING
    bench.blobs.full.clear()
    assert not bench.worker().work_once()
    bench.now += 60
    assert bench.worker().work_once()
    assert bench.job(job_id).state is JobState.DONE


def test_a_result_that_comes_too_late_is_dropped(bench: Bench) -> None:
    """A worker that lost its lease leaves no blob and does not touch the job."""
    job_id = bench.accept()

    def take_over() -> None:
        bench.now += 11
        assert bench.worker().work_once()

    assert bench.worker(InterferingEngine(interfere=take_over)).work_once()
    assert bench.job(job_id).state is JobState.DONE
    assert len(bench.names()) == 3  # keys, report, one update


def test_a_device_deleted_meanwhile_gets_no_result(bench: Bench) -> None:
    """Nothing of a job is stored after its device was deleted."""
    bench.accept()
    engine = InterferingEngine(interfere=lambda: bench.service.ledger.delete_device(ANN, 0))
    assert bench.worker(engine).work_once()
    tidy(bench.service, bench.now)
    assert bench.names() == []


def test_the_heartbeat_outlasts_the_lease(bench: Bench) -> None:
    """A job that takes longer than its lease is still this worker's."""
    job_id = bench.accept()
    taken: list[bool] = []

    def outlast() -> None:
        before = lease_until(bench, job_id)
        while lease_until(bench, job_id) <= before:
            bench.now += 0.01
            time.sleep(0.01)
        taken.append(bench.worker().work_once())

    assert bench.worker(InterferingEngine(interfere=outlast), lease_s=0.3).work_once()
    assert taken == [False]
    assert bench.job(job_id).state is JobState.DONE


def lease_until(bench: Bench, job_id: str) -> float:
    """When the lease of a job runs out."""
    with bench.service.ledger.database.connect() as connection:
        row = connection.exec_driver_sql("SELECT lease_until FROM jobs WHERE id = ?", (job_id,)).one()
        return float(row[0])


def test_stopping_in_a_hurry_gives_the_job_back(bench: Bench) -> None:
    """A job that is interrupted by a second signal is free at once and not counted as tried."""
    bench.accept()

    def interrupt() -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        bench.worker(InterferingEngine(interfere=interrupt)).work_once()
    lease = bench.service.jobs.lease_next("2" * 32, [PLAN.hash], bench.now, 10)
    assert lease is not None
    assert lease.attempt == 1


def test_storage_does_not_grow_with_the_number_of_syncs(bench: Bench) -> None:
    """After every sync there are the keys, the latest report and its update, and no more."""
    for _ in range(4):
        bench.now += 1000
        job_id = bench.accept(b"counts")
        assert bench.worker().work_once()
        tidy(bench.service, bench.now)
        assert bench.blobs.get(bench.job(job_id).update_blob or "")
        assert len(bench.names()) == 3


def test_tidying_removes_what_nobody_names(bench: Bench) -> None:
    """Blobs of processes that died before naming them go after an hour; named ones stay."""
    job_id = bench.accept()
    bench.worker().work_once()
    named = bench.names()
    bench.blobs.put(b"orphan", hashlib.sha256(b"orphan").hexdigest())
    tidy(bench.service, time.time())
    assert len(bench.names()) == len(named) + 1
    tidy(bench.service, time.time() + 7200)
    assert bench.names() == named
    assert bench.job(job_id).state is JobState.DONE


@dataclass(frozen=True, slots=True)
class Wide(LocalExecutor):
    """Runs two jobs at once, each when both have begun; `dropped` ends them instead."""

    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    dropped: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told
    ) -> list[bytes]:
        """Runs when another one does."""
        self.begun.release()
        self.together.wait(30)
        return LocalExecutor.run(self, engine, keys, reports, told)

    def width(self) -> int:
        """Two."""
        return 2

    def drop(self) -> None:
        """Notes it."""
        self.dropped.set()


@dataclass(frozen=True, slots=True)
class Stuck(Wide):
    """Runs until it is dropped."""

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told
    ) -> list[bytes]:
        """Waits."""
        self.begun.release()
        assert self.dropped.wait(30)
        raise SystemExit(1)


def test_a_wide_executor_has_several_jobs_under_way(bench: Bench) -> None:
    """Two jobs that wait for each other are both done by one worker, which then stops."""
    jobs = [bench.accept(b"one", sources=2), bench.accept(b"two", source=1, sources=2)]
    stop = threading.Event()
    worker = threading.Thread(target=bench.worker(executor=Wide()).work, args=(stop,))
    worker.start()
    deadline = time.monotonic() + 30
    while any(bench.job(job_id).state is not JobState.DONE for job_id in jobs):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop.set()
    worker.join(30)
    assert not worker.is_alive()


def test_a_crew_in_a_hurry_gives_all_its_jobs_back(bench: Bench) -> None:
    """The second signal ends every run; the jobs are free at once and not counted as tried."""
    bench.accept(b"one", sources=2)
    bench.accept(b"two", source=1, sources=2)
    executor = Stuck()

    class Signalled(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread() is threading.main_thread():
                for _ in range(2):
                    assert executor.begun.acquire(timeout=30)
                raise SystemExit(1)
            return threading.Event.wait(self, timeout)

    with pytest.raises(SystemExit):
        bench.worker(executor=executor).work(Signalled())
    for name in ("2", "3"):
        lease = bench.service.jobs.lease_next(name * 32, [PLAN.hash], bench.now, 10)
        assert lease is not None
        assert lease.attempt == 1


def test_an_executor_that_dies_is_a_worker_that_dies(bench: Bench) -> None:
    """The job runs again after a while, longer each time; after three times it has failed."""

    class Dying(LocalExecutor):
        def run(self, *_: object) -> list[bytes]:
            raise ExecutorLostError

    job_id = bench.accept()
    for attempt in range(MAX_ATTEMPTS):
        bench.now += LOST_S * attempt + 0.1
        assert bench.job(job_id).state in {JobState.QUEUED, JobState.RUNNING}
        assert bench.worker(executor=Dying()).work_once()
        assert not bench.worker(executor=Dying()).work_once()
        bench.now += LOST_S * attempt
        assert not bench.worker(executor=Dying()).work_once()
    bench.now += LOST_S * MAX_ATTEMPTS + 0.1
    assert not bench.worker(executor=Dying()).work_once()
    assert bench.job(job_id).state is JobState.FAILED
