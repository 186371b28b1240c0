"""What operators see and do: devices, jobs, another try. Ids and numbers, never content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, exists, func, select, update
from sqlalchemy.orm import aliased

from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import reading, writing
from quietkeys_trainer.ledger.tables import DeviceRow, JobRow, KeyRow, ReportRow


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


def devices(database: Engine, most: int) -> list[DeviceLine]:
    """The devices that enrolled last."""
    key_sets = select(func.count()).where(KeyRow.account_id == DeviceRow.account_id).scalar_subquery()
    reports = select(func.count()).where(ReportRow.device_id == DeviceRow.id).scalar_subquery()
    jobs = select(func.count()).where(JobRow.device_id == DeviceRow.id).scalar_subquery()
    columns = (DeviceRow.id, DeviceRow.enrolled_at, DeviceRow.source, key_sets, reports, jobs)
    with reading(database) as session:
        rows = session.execute(select(*columns).order_by(DeviceRow.enrolled_at.desc()).limit(most))
        return [DeviceLine(*row) for row in rows]


def jobs(database: Engine, states: Sequence[JobState], most: int) -> list[JobLine]:
    """The jobs in these states that were queued last."""
    chosen = select(JobRow).where(JobRow.state.in_(states)).order_by(JobRow.queued_at.desc()).limit(most)
    with reading(database) as session:
        return [
            JobLine(row.id, row.device_id, row.state, row.attempts, row.queued_at, row.failure or "")
            for row in session.scalars(chosen)
        ]


def retry(database: Engine, job_ids: Sequence[str] | None, now: float) -> list[str]:
    """The failed jobs (of these, or of all) that are queued again.

    Those whose source has sent a report since, or whose report is gone, are left as they are.
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
        again = failed.values(**queued).returning(JobRow.id)
        found = list(session.scalars(again, execution_options={"synchronize_session": False}))
        if found:
            note(session, Actor.OPERATOR, Action.JOBS_RETRIED, now, len(found))
        return found
