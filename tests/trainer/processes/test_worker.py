"""The worker on its own: how each way that a job can go ends in the ledger and in the store."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from quietkeys_protocol.containers import decode_update
from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.engine.interface import Told, nobody
from quietkeys_trainer.ledger.identity import believe
from quietkeys_trainer.ledger.jobs import Jobs, Lease
from quietkeys_trainer.processes.worker import Worker
from quietkeys_trainer.service.tidy import tidy
from quietkeys_trainer.storage.blobs import ObjectBlobs
from tests.trainer.fake_engine import PLAN, FakeEngine, result
from tests.trainer.worker_bench import ANN, KEY_ID, KEYS, Bench, InterferingEngine, values


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


def no_longer(bench: Bench) -> None:
    """Deletes Ann."""
    bench.service.ledger.delete_device(ANN, 0)


def test_a_device_deleted_meanwhile_gets_no_result(bench: Bench) -> None:
    """Nothing of a job is stored after its device was deleted."""
    bench.accept()
    engine = InterferingEngine(interfere=lambda: no_longer(bench))
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
    lease = bench.service.jobs.lease_next("2" * 32, [PLAN.hash], 10)
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
    believe(bench.service.ledger.database, time.time())
    tidy(bench.service, time.time())
    assert len(bench.names()) == len(named) + 1
    tidy(bench.service, time.time() + 7200)  # by the clock here alone
    assert len(bench.names()) == len(named) + 1
    bench.blobs.later.set()
    tidy(bench.service, time.time() + 7200)
    assert bench.names() == named
    assert bench.job(job_id).state is JobState.DONE


def test_the_newest_report_counts_though_the_clock_was_ahead(bench: Bench) -> None:
    """A report that came while the clock was ahead does not make those after it the older ones."""
    bench.now = 1200.0
    early = bench.accept(b"while the clock was ahead")
    assert bench.worker().work_once()
    bench.now = 1010.0
    newest = bench.accept(b"after it was set")
    assert bench.worker().work_once()
    assert (bench.job(early).state, bench.job(newest).state) == (JobState.SUPERSEDED, JobState.DONE)
