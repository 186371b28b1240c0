"""Workers and executors: several jobs at once, a hurried stop, an executor that dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest

from quietkeys_protocol.messages import JobState
from quietkeys_trainer.engine.interface import Engine, ExecutorLostError, StoredKeys, Told
from quietkeys_trainer.engine.local_executor import LocalExecutor
from quietkeys_trainer.ledger.jobs import MAX_ATTEMPTS
from quietkeys_trainer.processes.worker import LOST_S
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import wait_until
from tests.trainer.worker_bench import ANN, KEY_ID, Bench


@dataclass(slots=True)
class Wide(LocalExecutor):
    """Runs two jobs at once, each when both have begun; `dropped` ends them instead."""

    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    dropped: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told, jobs: int
    ) -> list[bytes]:
        """Runs when another one does."""
        self.begun.release()
        self.together.wait(900)
        return LocalExecutor.run(self, engine, keys, reports, told, jobs)

    def width(self) -> int:
        """Two."""
        return 2

    def drop(self) -> None:
        """Notes it."""
        self.dropped.set()


@dataclass(slots=True)
class Stuck(Wide):
    """Runs until it is dropped."""

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told, jobs: int
    ) -> list[bytes]:
        """Waits."""
        self.begun.release()
        assert self.dropped.wait(900)
        raise SystemExit(1)


def test_a_wide_executor_has_several_jobs_under_way(bench: Bench) -> None:
    """Two jobs that wait for each other are both done by one worker, which then stops."""
    jobs = [bench.accept(b"one", sources=2), bench.accept(b"two", source=1, sources=2)]
    stop = threading.Event()
    worker = threading.Thread(target=bench.worker(executor=Wide()).work, args=(stop,))
    worker.start()
    deadline = time.monotonic() + 900
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
                    assert executor.begun.acquire(timeout=900)
                raise SystemExit(1)
            return threading.Event.wait(self, timeout)

    with pytest.raises(SystemExit):
        bench.worker(executor=executor).work(Signalled())
    for name in ("2", "3"):
        lease = bench.service.jobs.lease_next(name * 32, [PLAN.hash], 10)
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


@dataclass(slots=True)
class Holding(LocalExecutor):
    """Says that it keeps some keys, until it is told to forget them."""

    held: set[str] = field(default_factory=set)

    def keys_held(self) -> frozenset[str]:
        """What was not forgotten."""
        return frozenset(self.held)

    def forget_keys(self, names: Collection[str]) -> None:
        """Forgets."""
        self.held -= set(names)


def test_deleted_keys_leave_memory_soon(bench: Bench) -> None:
    """Keys that a device deleted are forgotten while the worker waits; others, and only those, are kept."""
    ledger = bench.service.ledger
    there = ledger.key_blob(ANN, KEY_ID.hex())
    holding = Holding(held={there, "somebody's that is gone"})
    stop = threading.Event()
    worker = threading.Thread(target=bench.worker(executor=holding).work, args=(stop,))
    worker.start()
    try:
        wait_until(lambda: holding.held == {there})
        ledger.delete_keys(ANN, KEY_ID.hex(), bench.now)
        wait_until(lambda: not holding.held)
    finally:
        stop.set()
        worker.join()


def test_a_job_hears_how_many_there_are(bench: Bench) -> None:
    """Itself and those that wait, which is what its number of threads follows."""
    heard: list[int] = []

    @dataclass(slots=True)
    class Hearing(LocalExecutor):
        def run(
            self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told, jobs: int
        ) -> list[bytes]:
            heard.append(jobs)
            return LocalExecutor.run(self, engine, keys, reports, told, jobs)

    bench.accept()
    worker = bench.worker(executor=Hearing())
    assert worker.work_once()
    bench.accept(source=0, sources=2)
    bench.accept(source=1, sources=2)
    assert worker.work_once()
    assert heard == [1, 2]
