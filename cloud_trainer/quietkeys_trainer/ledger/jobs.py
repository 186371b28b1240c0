"""The ledger's jobs: accepting reports, leasing work to workers, and landing each result exactly once.

A worker holds a job by a lease: a random token that its updates name, extended by a heartbeat. When a worker
dies the lease runs out and another worker takes the job under a new token; what the first one may still say
then changes nothing. Every change of state is an UPDATE that names the state it leaves.

`now` is Unix seconds. Leases go by the database's clock: a worker whose own is wrong takes nothing from
others.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from quietkeys_protocol.containers import Report
from quietkeys_protocol.errors import ErrorCode, Refused, StartOver
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.accounts import account_of, doom, hold_account_of
from quietkeys_trainer.ledger.database import hold, reading, time_in, writing
from quietkeys_trainer.ledger.tables import (
    Failure,
    JobRow,
    KeyPlanRow,
    KeyRow,
    Outcome,
    ReportRow,
    RunRow,
)

MAX_ATTEMPTS: Final = 3  # workers that may die on a job before it is called its fault
_AT_ONCE_S: Final = -1.0  # from now: a lease that is over
_NOBODYS: Final[dict[str, Any]] = {"worker": None, "lease": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its device sees it."""

    job_id: str
    state: JobState
    update_blob: str | None
    blocks_done: int = 0  # by the worker that has, or had, it


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report as it arrived: decoded, where its bytes lie, and what makes a repetition the same one."""

    device_id: str
    report: Report
    blob: str
    sha256: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The job of an accepted report, and whether its blob is the ledger's from now on."""

    job: Job
    took_blob: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """A job in a worker's hands.

    `report_blobs` begins with the latest report of the source that asked for the job; the other sources
    follow in their order.
    """

    job_id: str
    token: str
    plan_hash: str
    key_id: str
    key_blob: str
    report_blobs: tuple[str, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """Reports and jobs in a database.

    draw: makes ids and lease tokens, 16 random bytes in hex. clock: says what time it is for leases.
    """

    database: Engine
    draw: Callable[[], str] = lambda: secrets.token_hex(16)
    clock: Callable[[Session], float] = time_in

    def waiting(self) -> int:
        """Return how many jobs are queued."""
        with reading(self.database) as session:
            queued = select(func.count()).select_from(JobRow).where(JobRow.state == JobState.QUEUED)
            return session.scalar(queued) or 0

    def open(self) -> int:
        """Return how many jobs are queued or running."""
        with reading(self.database) as session:
            states = (JobState.QUEUED, JobState.RUNNING)
            found = select(func.count()).select_from(JobRow).where(JobRow.state.in_(states))
            return session.scalar(found) or 0

    def repeated(self, device_id: str, idempotency_key: str, sha256: str) -> Job | None:
        """Return the job that an earlier attempt at this report made.

        Raises `Refused` if the earlier attempt was with another report.
        """
        with reading(self.database) as session:
            return _repeated(session, account_of(session, device_id), idempotency_key, sha256)

    def accept(self, arrival: Arrival, now: float) -> Acceptance:
        """Queue the job of a report, now the latest of its source, superseding a queued one; return the job.

        A repetition answers with the job it made the first time, and does not take the blob.
        """
        report, device_id = arrival.report, arrival.device_id
        key_id, plan_hash = report.key_id.hex(), report.plan_hash.hex()
        with writing(self.database) as session:
            account_id = hold_account_of(session, device_id)
            earlier = _repeated(session, account_id, arrival.idempotency_key, arrival.sha256)
            if earlier is not None:
                return Acceptance(earlier, took_blob=False)
            if session.get(KeyPlanRow, (account_id, key_id, plan_hash)) is None:
                raise StartOver(ErrorCode.KEY_UNKNOWN)
            _store_latest(session, account_id, arrival, now)
            session.execute(
                update(JobRow)
                .where(
                    JobRow.account_id == account_id,
                    JobRow.key_id == key_id,
                    JobRow.source == report.source,
                    JobRow.state == JobState.QUEUED,
                )
                .values(state=JobState.SUPERSEDED, finished_at=now)
            )
            job_id, queued_at = self.draw(), _after_earlier(session, account_id, report, now)
            session.add(
                JobRow(
                    id=job_id,
                    account_id=account_id,
                    device_id=device_id,
                    key_id=key_id,
                    plan_hash=plan_hash,
                    source=report.source,
                    sources=report.sources,
                    idempotency_key=arrival.idempotency_key,
                    report_sha256=arrival.sha256,
                    state=JobState.QUEUED,
                    attempts=0,
                    queued_at=queued_at,
                )
            )
            return Acceptance(Job(job_id, JobState.QUEUED, None), took_blob=True)

    def find(self, device_id: str, job_id: str) -> Job:
        """Return a job of this device's account; raise `StartOver` where it has none of that id."""
        with reading(self.database) as session:
            row = session.get(JobRow, job_id)
            if row is None or row.account_id != account_of(session, device_id):
                raise StartOver(ErrorCode.JOB_UNKNOWN)
            return _job(row)

    def lease_next(self, worker: str, plan_hashes: Collection[str], lasting_s: float) -> Lease | None:
        """Lease the job that has waited longest to this worker alone, while the lease runs; return it.

        None where no job waits. The reports are chosen here, when the job starts: the latest of every source
        under the job's key that names the same plan and the same number of sources. A job whose own source
        has meanwhile sent a report that names others, which can only happen after its worker died, is
        superseded.
        """
        with writing(self.database) as session:
            now = self.clock(session)
            self._give_up(session, now)
            while (row := session.scalars(_waiting(plan_hashes, now)).first()) is not None:
                blobs = _inputs(session, row)
                if not blobs:
                    row.state, row.finished_at = JobState.SUPERSEDED, now
                    row.worker = row.lease = row.lease_until = None
                    session.flush()
                    continue
                row.state, row.worker = JobState.RUNNING, worker
                row.lease, row.lease_until = self.draw(), now + lasting_s
                row.attempts += 1
                row.blocks_done = 0
                return Lease(
                    job_id=row.id,
                    token=row.lease,
                    plan_hash=row.plan_hash,
                    key_id=row.key_id,
                    key_blob=session.get_one(KeyRow, (row.account_id, row.key_id)).blob,
                    report_blobs=blobs,
                    attempt=row.attempts,
                )
            return None

    def reports_of(self, lease: Lease) -> tuple[str, ...]:
        """Return the blobs that the lease would name now: a newer report dooms the one to be read."""
        with reading(self.database) as session:
            row = session.get(JobRow, lease.job_id)
            return () if row is None else _inputs(session, row)

    def extend(self, lease: Lease, lasting_s: float) -> bool:
        """Extend a lease; return whether it is still held."""
        with writing(self.database) as session:
            return _change(session, lease, {"lease_until": self.clock(session) + lasting_s})

    def note_blocks(self, lease: Lease, done: int) -> bool:
        """Note how many blocks of the job are done; return whether the lease is still held."""
        with writing(self.database) as session:
            return _change(session, lease, {"blocks_done": done})

    def finish(self, lease: Lease, update_blob: str, now: float) -> bool:
        """Make this result the job's; return whether it is, False where the lease, or the device, is gone.

        Of one source's updates only the newest report's is kept: its device has moved on from the others.
        """
        ended = {"state": JobState.DONE, "update_blob": update_blob, "finished_at": now}
        with writing(self.database) as session:
            account_id = session.scalar(select(JobRow.account_id).where(JobRow.id == lease.job_id))
            hold(session, account_id or "")  # two jobs of one source may end at the same time
            landed = _change(session, lease, ended | _NOBODYS)
            if landed:
                _keep_newest_update(session, session.get_one(JobRow, lease.job_id))
            return landed

    def fail(self, lease: Lease, failure: Failure, now: float) -> bool:
        """Fail the job for this reason; return whether it has failed, False where lease or device is gone."""
        ended = {"state": JobState.FAILED, "failure": failure, "finished_at": now}
        with writing(self.database) as session:
            return _change(session, lease, ended | _NOBODYS)

    def give_back(self, lease: Lease, after_s: float = 0.0, *, tried: bool = False) -> bool:
        """Give the job back to anybody, now or after a while; return whether that was done.

        The attempt counts if it was `tried`.
        """
        attempts = {} if tried else {"attempts": JobRow.attempts - 1}
        with writing(self.database) as session:
            until = self.clock(session) + (after_s or _AT_ONCE_S)
            return _change(session, lease, {"lease_until": until} | attempts)

    def release_worker(self, worker: str) -> int:
        """Give back at once the jobs that a worker known to be dead had left; return how many there were."""
        with writing(self.database) as session:
            held = update(JobRow).where(JobRow.state == JobState.RUNNING, JobRow.worker == worker)
            over = self.clock(session) + _AT_ONCE_S
            return len(session.scalars(held.values(lease_until=over).returning(JobRow.id)).all())

    def note_run(self, plan_hash: str, outcome: Outcome, seconds: float, now: float) -> None:
        """Note for operators that a run of a job has ended, without saying of which."""
        with writing(self.database) as session:
            session.add(RunRow(ended_at=now, seconds=seconds, outcome=outcome, plan_hash=plan_hash))

    def _give_up(self, session: Session, now: float) -> None:
        """Fail the jobs whose every attempt ended with the death of its worker."""
        session.execute(
            update(JobRow)
            .where(
                JobRow.state == JobState.RUNNING,
                JobRow.lease_until < now,
                JobRow.attempts >= MAX_ATTEMPTS,
            )
            .values(state=JobState.FAILED, failure=Failure.WORKERS, finished_at=now, **_NOBODYS)
        )


def _change(session: Session, lease: Lease, values: dict[str, Any]) -> bool:
    """Change the job if it is running under this very lease; return whether it was."""
    held = update(JobRow).where(
        JobRow.id == lease.job_id, JobRow.state == JobState.RUNNING, JobRow.lease == lease.token
    )
    return session.scalars(held.values(**values).returning(JobRow.id)).first() is not None


def _keep_newest_update(session: Session, landed: JobRow) -> None:
    """Supersede the done jobs of a source, dooming their updates, all but that of its newest report."""
    done = session.scalars(
        select(JobRow)
        .where(
            JobRow.account_id == landed.account_id,
            JobRow.key_id == landed.key_id,
            JobRow.source == landed.source,
            JobRow.state == JobState.DONE,
        )
        .order_by(JobRow.queued_at.desc(), JobRow.finished_at.desc())
    )
    for row in done.all()[1:]:
        doom(session, row.account_id, [name for name in [row.update_blob] if name is not None])
        row.state, row.update_blob = JobState.SUPERSEDED, None


def _waiting(plan_hashes: Collection[str], now: float) -> Select[JobRow]:
    """Select the job to lease next: queued, or left behind by a worker whose lease ran out."""
    left_behind = and_(JobRow.state == JobState.RUNNING, JobRow.lease_until < now)
    return (
        select(JobRow)
        .where(JobRow.plan_hash.in_(plan_hashes), or_(JobRow.state == JobState.QUEUED, left_behind))
        .order_by(JobRow.queued_at, JobRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _job(row: JobRow) -> Job:
    return Job(row.id, JobState(row.state), row.update_blob, row.blocks_done)


def _repeated(session: Session, account_id: str, idempotency_key: str, sha256: str) -> Job | None:
    row = session.scalars(
        select(JobRow).where(JobRow.account_id == account_id, JobRow.idempotency_key == idempotency_key)
    ).first()
    if row is None:
        return None
    if row.report_sha256 != sha256:
        raise Refused(ErrorCode.IDEMPOTENCY_CONFLICT)
    return _job(row)


def _store_latest(session: Session, account_id: str, arrival: Arrival, now: float) -> None:
    """Put a report in the place of its source's last one, whose blob is doomed."""
    report = arrival.report
    key_id = report.key_id.hex()
    row = session.get(ReportRow, (account_id, key_id, report.source))
    if row is None:
        row = ReportRow(account_id=account_id, key_id=key_id, source=report.source)
        session.add(row)
    elif report.sequence <= row.sequence:
        raise Refused(ErrorCode.SEQUENCE_REPLAYED)
    else:
        doom(session, account_id, [row.blob])
    row.sources, row.plan_hash, row.sequence = report.sources, report.plan_hash.hex(), report.sequence
    row.device_id, row.blob, row.received_at = arrival.device_id, arrival.blob, now


def _after_earlier(session: Session, account_id: str, report: Report, now: float) -> float:
    """Return when a job is queued: after all of its source, also where the clock was ahead for a while."""
    of_source = (JobRow.account_id == account_id, JobRow.key_id == report.key_id.hex())
    latest = session.scalar(
        select(func.max(JobRow.queued_at)).where(*of_source, JobRow.source == report.source)
    )
    return now if latest is None else max(now, math.nextafter(latest, math.inf))


def _inputs(session: Session, job: JobRow) -> tuple[str, ...]:
    """Return the blobs of the reports to add, the job's own source first; none where that one cannot be."""
    rows = session.scalars(
        select(ReportRow)
        .where(
            ReportRow.account_id == job.account_id,
            ReportRow.key_id == job.key_id,
            ReportRow.plan_hash == job.plan_hash,
            ReportRow.sources == job.sources,
        )
        .order_by(ReportRow.source)
    )
    own_first = sorted(rows, key=lambda row: row.source != job.source)
    has_own = bool(own_first) and own_first[0].source == job.source
    return tuple(row.blob for row in own_first) if has_own else ()
