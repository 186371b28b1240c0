"""Jobs: what a report does to the queue, and how leases make every result land once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import text

from quietkeys_protocol.containers import Report
from quietkeys_protocol.errors import ErrorCode, QuietkeysError
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.jobs import MAX_ATTEMPTS, Arrival, Job, Jobs, Lease
from quietkeys_trainer.ledger.tables import Failure

NOW = 1_700_000_000.0
ANN, BOB = "a" * 32, "b" * 32
KEY, OTHER_KEY, PLAN, OTHER_PLAN = bytes(32), bytes([1] * 32), bytes([2] * 32), bytes([3] * 32)
PLANS = [PLAN.hex(), OTHER_PLAN.hex()]
WORKER, OTHER_WORKER = "1" * 32, "2" * 32


@dataclass
class Desk:
    """Jobs with short ways to say what the tests say often."""

    jobs: Jobs
    ledger: Ledger
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def accept(
        self, sequence: int = 0, device_id: str = ANN, idempotency_key: str = "", **report: object
    ) -> str:
        """The job of a report; sequence and idempotency key are the next, unless given."""
        number = next(self.numbers)
        base = Report(PLAN, KEY, 0, 2, sequence or number, (b"x",))
        changed = replace(base, **report)  # type: ignore[arg-type]
        arrival = Arrival(
            device_id, changed, f"blob{number}", f"{number:064x}", idempotency_key or f"{number:032x}"
        )
        return self.jobs.accept(arrival, NOW + number).job.job_id

    def lease(self, now: float = NOW, worker: str = WORKER) -> Lease:
        """The next lease, of 10 s; there must be one."""
        lease = self.lease_next(worker, now)
        assert lease is not None
        return lease

    def lease_next(self, worker: str = WORKER, now: float = NOW) -> Lease | None:
        """The next lease, of 10 s, by a database whose clock says `now`, if there is one."""
        return self.at(now).lease_next(worker, PLANS, 10)

    def at(self, now: float) -> Jobs:
        """The jobs, by a database whose clock says `now`."""
        return replace(self.jobs, clock=lambda _: now)

    def state(self, job_id: str, device_id: str = ANN) -> JobState:
        """The state of a job."""
        return self.jobs.find(device_id, job_id).state


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """Ann with two keys, Bob with one, all for both plans."""
    database = open_database(database_url)
    migrate(database)
    ledger = Ledger(database)
    for device_id, key in ((ANN, KEY), (ANN, OTHER_KEY), (BOB, KEY)):
        ledger.enrol(device_id, bytes(32), NOW)
        ledger.add_keys(device_id, key.hex(), PLANS, f"keys of {device_id[0]} {key[0]}", NOW)
    yield Desk(Jobs(database), ledger)
    database.dispose()


def refused(code: ErrorCode, desk: Desk, **report: object) -> None:
    """Accepting such a report is refused with this code."""
    with pytest.raises(QuietkeysError) as caught:
        desk.accept(**report)  # type: ignore[arg-type]
    assert caught.value.code is code


def test_a_report_makes_a_job_that_runs_once(desk: Desk) -> None:
    """Queued, leased, done; after that there is nothing to lease, and the update is named."""
    job_id = desk.accept()
    assert desk.state(job_id) is JobState.QUEUED
    lease = desk.lease()
    assert (lease.job_id, lease.report_blobs, lease.key_blob) == (job_id, ("blob1",), "keys of a 0")
    assert desk.state(job_id) is JobState.RUNNING
    assert desk.lease_next(OTHER_WORKER, NOW) is None
    assert desk.jobs.finish(lease, "update", NOW)
    assert desk.jobs.find(ANN, job_id).update_blob == "update"
    assert desk.lease_next(WORKER, NOW + 99) is None


def test_a_repeated_report_is_the_same_job(desk: Desk) -> None:
    """The same idempotency key and body answer with the first job, in whatever state it is."""
    arrival = Arrival(ANN, Report(PLAN, KEY, 0, 2, 5, (b"x",)), "blob", "e" * 64, "f" * 32)
    first = desk.jobs.accept(arrival, NOW)
    assert first.took_blob
    again = desk.jobs.accept(replace(arrival, blob="blob again"), NOW)
    assert not again.took_blob
    assert again.job.job_id == first.job.job_id
    desk.jobs.finish(desk.lease(), "update", NOW)
    found = desk.jobs.repeated(ANN, "f" * 32, "e" * 64)
    assert found is not None
    assert found.state is JobState.DONE


def test_an_idempotency_key_stands_for_one_report(desk: Desk) -> None:
    """Another body under the same key is refused; another device may use the same key."""
    desk.accept(idempotency_key="f" * 32)
    refused(ErrorCode.IDEMPOTENCY_CONFLICT, desk, idempotency_key="f" * 32)
    with pytest.raises(QuietkeysError):
        desk.jobs.repeated(ANN, "f" * 32, "0" * 64)
    desk.accept(idempotency_key="f" * 32, device_id=BOB)


def test_sequences_grow_for_every_source(desk: Desk) -> None:
    """A sequence number that is not above the last of its key and source is refused; others do not matter."""
    desk.accept(sequence=7)
    refused(ErrorCode.SEQUENCE_REPLAYED, desk, sequence=7)
    refused(ErrorCode.SEQUENCE_REPLAYED, desk, sequence=6)
    desk.accept(sequence=6, source=1)
    desk.accept(sequence=6, key_id=OTHER_KEY)
    desk.accept(sequence=6, device_id=BOB)
    desk.accept(sequence=8)


def test_a_report_needs_keys_of_its_own_device_and_plan(desk: Desk) -> None:
    """Keys that are another device's, or of another framing, are unknown."""
    refused(ErrorCode.KEY_UNKNOWN, desk, device_id=BOB, key_id=OTHER_KEY)
    refused(ErrorCode.KEY_UNKNOWN, desk, plan_hash=bytes([9] * 32))


def test_a_newer_report_supersedes_the_queued_job_of_its_source(desk: Desk) -> None:
    """Only the newest report of a source waits; its predecessor's blob is doomed and its job says so."""
    first, other = desk.accept(), desk.accept(source=1)
    second = desk.accept()
    assert desk.state(first) is JobState.SUPERSEDED
    assert desk.state(other) is desk.state(second) is JobState.QUEUED
    assert desk.ledger.doomed_blobs() == ["blob1"]


def test_a_running_job_is_not_superseded(desk: Desk) -> None:
    """A report that arrives while its source's job runs waits for its own turn, and both finish."""
    first = desk.accept()
    lease = desk.lease()
    second = desk.accept()
    assert desk.jobs.finish(lease, "update one", NOW)
    assert desk.state(first) is JobState.DONE
    assert desk.jobs.finish(desk.lease(), "update two", NOW)
    assert desk.state(second) is JobState.DONE


def test_a_source_keeps_its_newest_update_only(desk: Desk) -> None:
    """When a source's next job is done, its earlier update is doomed; other sources and keys keep theirs."""
    others = [desk.accept(source=1), desk.accept(key_id=OTHER_KEY), desk.accept(device_id=BOB)]
    for job_id in others:
        assert desk.jobs.finish(desk.lease(), f"update of {job_id}", NOW)
    first = desk.accept()
    assert desk.jobs.finish(desk.lease(), "update one", NOW)
    second = desk.accept()
    lease = desk.lease()
    assert desk.jobs.find(ANN, first).update_blob == "update one"
    assert desk.jobs.finish(lease, "update two", NOW)
    assert desk.jobs.find(ANN, first) == Job(first, JobState.SUPERSEDED, None)
    assert desk.jobs.find(ANN, second) == Job(second, JobState.DONE, "update two")
    assert [desk.state(job_id, BOB if job_id == others[2] else ANN) for job_id in others] == [
        JobState.DONE
    ] * 3
    assert [name for name in desk.ledger.doomed_blobs() if name.startswith("update")] == ["update one"]


def test_an_earlier_job_that_lands_late_does_not_cost_the_newer_update(desk: Desk) -> None:
    """Where two of a source's jobs run at once, the newer report's update stays, whichever lands first."""
    first = desk.accept()
    earlier = desk.lease()
    second = desk.accept()
    assert desk.jobs.finish(desk.lease(), "update two", NOW)
    assert desk.jobs.finish(earlier, "update one", NOW + 1)
    assert (desk.state(first), desk.state(second)) == (JobState.SUPERSEDED, JobState.DONE)
    assert "update one" in desk.ledger.doomed_blobs()


def test_training_adds_the_latest_report_of_every_source(desk: Desk) -> None:
    """A job trains on the newest report of each source at its start, its own source's first."""
    desk.accept(source=0)
    desk.accept(source=1)
    desk.accept(source=0)
    desk.accept(source=1, key_id=OTHER_KEY)
    desk.accept(source=1, device_id=BOB)
    assert desk.lease().report_blobs == ("blob2", "blob3")
    assert desk.lease().report_blobs == ("blob3", "blob2")


def test_only_reports_of_one_plan_and_number_of_sources_are_added(desk: Desk) -> None:
    """A source that still reports under another plan, or for fewer sources, is left out."""
    desk.accept(source=1, plan_hash=OTHER_PLAN)
    mine = desk.accept(source=0)
    desk.lease()
    lease = desk.lease()
    assert (lease.job_id, lease.report_blobs) == (mine, ("blob2",))
    desk.accept(source=1, sources=3)
    desk.accept(source=0, sources=3)
    assert desk.lease().report_blobs == ("blob3", "blob4")


def test_only_served_plans_are_leased(desk: Desk) -> None:
    """A worker takes no job of a plan that it did not compile."""
    desk.accept()
    assert desk.jobs.lease_next(WORKER, [OTHER_PLAN.hex()], 10) is None


def test_a_job_whose_worker_died_runs_again_and_has_one_result(desk: Desk) -> None:
    """When a lease has run out another worker takes the job; what the first one still says is dropped."""
    job_id = desk.accept()
    lost = desk.lease(NOW)
    assert desk.lease_next(OTHER_WORKER, NOW + 9) is None
    taken = desk.lease(NOW + 11, OTHER_WORKER)
    assert (taken.job_id, taken.attempt) == (job_id, 2)
    assert not desk.at(NOW + 12).extend(lost, 10)
    assert not desk.jobs.finish(lost, "late", NOW + 12)
    assert not desk.jobs.fail(lost, Failure.ENGINE, NOW + 12)
    assert desk.jobs.finish(taken, "update", NOW + 13)
    assert not desk.jobs.finish(taken, "twice", NOW + 14)
    assert desk.jobs.find(ANN, job_id).update_blob == "update"


def test_a_heartbeat_keeps_the_lease(desk: Desk) -> None:
    """An extended lease is not taken by another worker."""
    desk.accept()
    lease = desk.lease(NOW)
    assert desk.at(NOW + 9).extend(lease, 10)
    assert desk.lease_next(OTHER_WORKER, NOW + 18) is None


def test_blocks_are_counted_by_the_worker_that_has_the_job(desk: Desk) -> None:
    """A device reads how many are done; another worker begins at none, and a lost lease counts nothing."""
    job_id = desk.accept()
    lost = desk.lease(NOW)
    assert desk.jobs.find(ANN, job_id).blocks_done == 0
    assert desk.jobs.note_blocks(lost, 2)
    assert desk.jobs.find(ANN, job_id).blocks_done == 2
    taken = desk.lease(NOW + 11, OTHER_WORKER)
    assert desk.jobs.find(ANN, job_id).blocks_done == 0
    assert not desk.jobs.note_blocks(lost, 3)
    assert desk.jobs.note_blocks(taken, 1)
    assert desk.jobs.find(ANN, job_id).blocks_done == 1


def test_the_job_of_a_worker_known_to_be_dead_is_free_at_once(desk: Desk) -> None:
    """The supervisor need not wait for the lease; other workers' jobs are left alone."""
    desk.accept()
    desk.accept(key_id=OTHER_KEY)
    first = desk.lease(NOW, WORKER)
    second = desk.lease(NOW, OTHER_WORKER)
    assert desk.at(NOW).release_worker(WORKER) == 1
    assert desk.lease(NOW, OTHER_WORKER).job_id == first.job_id
    assert desk.at(NOW).extend(second, 10)


def test_a_job_that_kills_its_workers_fails(desk: Desk) -> None:
    """After as many deaths as attempts are allowed the job has failed, and others go on."""
    deadly = desk.accept()
    for attempt in range(MAX_ATTEMPTS):
        assert desk.lease(NOW + 20 * attempt).attempt == attempt + 1
    harmless = desk.accept(key_id=OTHER_KEY)
    assert desk.lease(NOW + 20 * MAX_ATTEMPTS).job_id == harmless
    assert desk.state(deadly) is JobState.FAILED


def test_a_job_given_back_does_not_count_as_tried(desk: Desk) -> None:
    """A worker that stops, or finds no space, may give a job back any number of times."""
    job_id = desk.accept()
    for turn in range(2 * MAX_ATTEMPTS):
        lease = desk.lease(NOW + turn)
        assert (lease.job_id, lease.attempt) == (job_id, 1)
        assert desk.at(NOW + turn).give_back(lease, 0.5)
        assert desk.lease_next(WORKER, NOW + turn + 0.5) is None


def test_a_left_behind_job_whose_report_no_longer_fits_is_superseded(desk: Desk) -> None:
    """A job is not run on other sources' reports alone."""
    orphan = desk.accept()
    desk.lease(NOW)
    newer = desk.accept(sources=1)
    assert desk.lease(NOW + 11).job_id == newer
    assert desk.state(orphan) is JobState.SUPERSEDED


def test_deleting_the_device_ends_its_jobs(desk: Desk) -> None:
    """A result that arrives after the deletion is dropped, and the job is unknown."""
    job_id = desk.accept()
    lease = desk.lease()
    desk.ledger.delete_device(ANN, NOW)
    assert not desk.jobs.finish(lease, "update", NOW)
    with pytest.raises(QuietkeysError) as caught:
        desk.state(job_id)
    assert caught.value.code is ErrorCode.JOB_UNKNOWN


def test_another_devices_job_is_unknown(desk: Desk) -> None:
    """Asking for it answers as if it did not exist."""
    job_id = desk.accept()
    for device_id, asked in ((BOB, job_id), (ANN, "0" * 32)):
        with pytest.raises(QuietkeysError) as caught:
            desk.state(asked, device_id)
        assert caught.value.code is ErrorCode.JOB_UNKNOWN


def test_workers_never_share_a_job(desk: Desk) -> None:
    """Eight threads that lease at once get every job exactly once."""
    accepted = {desk.accept(source=n, sources=8) for n in range(8)}
    accepted |= {desk.accept(source=n, sources=8, key_id=OTHER_KEY) for n in range(8)}
    leased: list[str] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        while (lease := desk.lease_next(WORKER, NOW)) is not None:
            leased.append(lease.job_id)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leased) == len(accepted)
    assert set(leased) == accepted


def test_the_oldest_job_goes_first(desk: Desk) -> None:
    """Jobs are leased in the order of their reports."""
    order = [desk.accept(source=n, sources=4) for n in (2, 0, 3, 1)]
    assert [desk.lease().job_id for _ in order] == order


def test_a_refused_report_changes_nothing(desk: Desk) -> None:
    """After a refusal reports, jobs and doomed blobs are what they were."""
    desk.accept(sequence=7)

    def contents() -> list[object]:
        with desk.ledger.database.connect() as connection:
            return [
                connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608 - our own names
                for table in ("reports", "jobs", "doomed_blobs")
            ]

    before = contents()
    refused(ErrorCode.SEQUENCE_REPLAYED, desk, sequence=7)
    refused(ErrorCode.KEY_UNKNOWN, desk, device_id=BOB, key_id=OTHER_KEY)
    assert contents() == before
