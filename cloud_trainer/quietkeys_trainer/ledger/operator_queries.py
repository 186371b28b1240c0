"""What operators see and do: devices, jobs, another try, runs of late. Ids and numbers, never content.

Workers, wherever they are, note their runs in the database, and every API reads them from there: figures are
those of the whole trainer, whichever API is asked. A run names no job and no device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import reading, time_in, writing
from quietkeys_trainer.ledger.tables import DeviceRow, JobRow, KeyRow, Outcome, ReportRow, RunRow

RUNS_KEPT_S: Final = 86_400.0
MOST_RUNS: Final = 5000  # read at a time, however many there are
_RUNS: Final = select(RunRow.id, RunRow.ended_at, RunRow.seconds, RunRow.outcome)


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device: how many key sets its account has, how many reports and jobs are its own."""

    device_id: str
    enrolled_at: float
    source: int
    key_sets: int
    reports: int
    jobs: int


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job; `failure`: why it failed, empty where it did not."""

    job_id: str
    device_id: str
    state: str
    attempts: int
    queued_at: float
    failure: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job that has ended; `number` grows, but runs may be noted out of turn."""

    number: int
    ended_at: float
    seconds: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Backlog:
    """What there is to do: jobs that wait, those being run, the workers at it, how long the oldest waits."""

    queued: int
    running: int
    busy_workers: int
    oldest_s: float


def devices(database: Engine, most: int) -> list[DeviceLine]:
    """Return the devices that enrolled last."""
    with reading(database) as session:
        rows = session.execute(_device_lines().order_by(DeviceRow.enrolled_at.desc()).limit(most))
        return [DeviceLine(*row) for row in rows]


def device(database: Engine, device_id: str) -> DeviceLine:
    """Return a device; raise `Refused` (NOTHING_NAMED_SO) where there is none of that id."""
    with reading(database) as session:
        row = session.execute(_device_lines().where(DeviceRow.id == device_id)).one_or_none()
        if row is None:
            raise Refused(ErrorCode.NOTHING_NAMED_SO, f"no device {device_id[:40]!r}")
        return DeviceLine(*row)


def _require_failed(session: Session, job_ids: Sequence[str]) -> None:
    there = select(JobRow.id).where(JobRow.state == JobState.FAILED, JobRow.id.in_(job_ids))
    missing = set(job_ids) - set(session.scalars(there))
    if missing:
        raise Refused(ErrorCode.NOTHING_NAMED_SO, f"no failed job {min(missing)[:40]!r}")


def _device_lines() -> Select[str, float, int, int, int, int]:
    key_sets = select(func.count()).where(KeyRow.account_id == DeviceRow.account_id).scalar_subquery()
    reports = select(func.count()).where(ReportRow.device_id == DeviceRow.id).scalar_subquery()
    jobs = select(func.count()).where(JobRow.device_id == DeviceRow.id).scalar_subquery()
    return select(DeviceRow.id, DeviceRow.enrolled_at, DeviceRow.source, key_sets, reports, jobs)


def jobs(database: Engine, states: Sequence[JobState], most: int) -> list[JobLine]:
    """Return the jobs in these states that were queued last."""
    chosen = select(JobRow).where(JobRow.state.in_(states)).order_by(JobRow.queued_at.desc()).limit(most)
    with reading(database) as session:
        return [
            JobLine(row.id, row.device_id, row.state, row.attempts, row.queued_at, row.failure or "")
            for row in session.scalars(chosen)
        ]


def retry(database: Engine, job_ids: Sequence[str] | None, now: float) -> list[str]:
    """Queue failed jobs again (of these, or of all); return their ids.

    Those whose source has sent a report since, or whose report is gone, are left as they are. Raises
    `Refused` (NOTHING_NAMED_SO) where one of these is no failed job; then none is queued.
    """
    later = aliased(JobRow)
    followed = exists().where(
        later.account_id == JobRow.account_id,
        later.key_id == JobRow.key_id,
        later.source == JobRow.source,
        (later.queued_at > JobRow.queued_at) | (later.state == JobState.QUEUED),
    )
    has_report = exists().where(
        ReportRow.account_id == JobRow.account_id,
        ReportRow.key_id == JobRow.key_id,
        ReportRow.source == JobRow.source,
        ReportRow.plan_hash == JobRow.plan_hash,
    )
    failed = update(JobRow).where(JobRow.state == JobState.FAILED, ~followed, has_report)
    if job_ids is not None:
        failed = failed.where(JobRow.id.in_(job_ids))
    queued = {"state": JobState.QUEUED, "attempts": 0, "failure": None, "finished_at": None}
    with writing(database) as session:
        _require_failed(session, job_ids or ())
        again = failed.values(**queued).returning(JobRow.id)
        found = list(session.scalars(again, execution_options={"synchronize_session": False}))
        if found:
            note(session, Actor.OPERATOR, Action.JOBS_RETRIED, now, len(found))
        return found


def runs_since(database: Engine, unix_time: float, most: int = MOST_RUNS) -> Sequence[Run]:
    """Return the first runs that ended at or after a time, in the order in which they did."""
    return _runs(
        database, _RUNS.where(RunRow.ended_at >= unix_time).order_by(RunRow.ended_at, RunRow.id), most
    )


def latest_runs(database: Engine, unix_time: float, most: int = MOST_RUNS) -> Sequence[Run]:
    """Return the last runs that ended at or after a time, the latest first."""
    latest = _RUNS.where(RunRow.ended_at >= unix_time).order_by(RunRow.ended_at.desc(), RunRow.id.desc())
    return _runs(database, latest, most)


def _runs(database: Engine, wanted: Select[int, float, float, str], most: int) -> Sequence[Run]:
    with reading(database) as session:
        rows = session.execute(wanted.limit(most))
        return [
            Run(number, ended_at, seconds, Outcome(outcome)) for number, ended_at, seconds, outcome in rows
        ]


def backlog(database: Engine, now: float) -> Backlog:
    """Return how much there is to do."""
    with reading(database) as session:
        queued, oldest = session.execute(
            select(func.count(), func.min(JobRow.queued_at)).where(JobRow.state == JobState.QUEUED)
        ).one()
        running, busy = session.execute(
            select(func.count(), func.count(JobRow.worker.distinct())).where(
                JobRow.state == JobState.RUNNING, JobRow.lease_until >= time_in(session)
            )
        ).one()
    return Backlog(queued, running, busy, max(0.0, now - oldest) if queued else 0.0)


def forget_runs(database: Engine, now: float) -> None:
    """Forget runs that ended more than a day ago."""
    with writing(database) as session:
        session.execute(delete(RunRow).where(RunRow.ended_at < now - RUNS_KEPT_S))
