"""How long things are kept, and the end of what nobody came back for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Engine, delete, exists, select
from sqlalchemy.orm import Session, aliased

from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.accounts import delete_keys, doom
from quietkeys_trainer.ledger.audit import Action, Actor, forget_before, note
from quietkeys_trainer.ledger.database import hold, reading, writing
from quietkeys_trainer.ledger.invites import forget_invites
from quietkeys_trainer.ledger.tables import JobRow, KeyRow, ReportRow

DAY_S: Final = 86_400.0
_ENDED: Final = (JobState.DONE, JobState.FAILED, JobState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that things are kept, 0 for ever.

    results: jobs that have ended and their updates, which a device fetches within hours. reports: the latest
    of a source that has sent none since. keys: those under which nothing was sent since; a device makes new
    ones every year. audit: lines of the audit log.
    """

    results: int = 30
    reports: int = 180
    keys: int = 400
    audit: int = 365


def expire(database: Engine, kept: Retention, now: float) -> int:
    """Delete what is over, dooming every blob of it; return how many things that were."""
    forget_invites(database, now)
    if kept.audit:
        forget_before(database, now - kept.audit * DAY_S)
    ended = 0
    for account_id in _accounts_with_something_over(database, kept, now):
        with writing(database) as session:
            hold(session, account_id)
            ended += _expire_account(session, account_id, kept, now)
    if ended:
        with writing(database) as session:
            note(session, Actor.TRAINER, Action.EXPIRED, now, ended)
    return ended


def _accounts_with_something_over(database: Engine, kept: Retention, now: float) -> list[str]:
    with reading(database) as session:
        found: set[str] = set()
        for owner, over in (
            (JobRow.account_id, _results_over(kept, now)),
            (ReportRow.account_id, _reports_over(kept, now)),
            (KeyRow.account_id, _keys_over(kept, now)),
        ):
            if over is not None:
                found |= set(session.scalars(select(owner).where(over).distinct()))
        return sorted(found)


def _expire_account(session: Session, account_id: str, kept: Retention, now: float) -> int:
    count = 0
    if (over := _keys_over(kept, now)) is not None:
        ids = session.scalars(select(KeyRow.key_id).where(KeyRow.account_id == account_id, over)).all()
        delete_keys(session, account_id, ids)
        count += len(ids)
    if (over := _reports_over(kept, now)) is not None:
        for report in session.scalars(
            select(ReportRow).where(ReportRow.account_id == account_id, over)
        ).all():
            doom(session, [report.blob])
            session.delete(report)
            count += 1
    if (over := _results_over(kept, now)) is not None:
        jobs = session.scalars(select(JobRow).where(JobRow.account_id == account_id, over)).all()
        doom(session, [job.update_blob for job in jobs if job.update_blob is not None])
        session.execute(delete(JobRow).where(JobRow.id.in_([job.id for job in jobs])))
        count += len(jobs)
    return count


def _results_over(kept: Retention, now: float) -> ColumnElement[bool] | None:
    if not kept.results:
        return None
    return JobRow.state.in_(_ENDED) & (JobRow.finished_at < now - kept.results * DAY_S)


def _reports_over(kept: Retention, now: float) -> ColumnElement[bool] | None:
    """Return the condition for reports that are old and that no job waits to be trained on."""
    if not kept.reports:
        return None
    waits = exists().where(
        JobRow.account_id == ReportRow.account_id,
        JobRow.key_id == ReportRow.key_id,
        JobRow.state.in_((JobState.QUEUED, JobState.RUNNING)),
    )
    return (ReportRow.received_at < now - kept.reports * DAY_S) & ~waits


def _keys_over(kept: Retention, now: float) -> ColumnElement[bool] | None:
    """Return the condition for keys that are old and under which nothing came since."""
    if not kept.keys:
        return None
    since = now - kept.keys * DAY_S
    recent = aliased(ReportRow)
    used = exists().where(
        recent.account_id == KeyRow.account_id, recent.key_id == KeyRow.key_id, recent.received_at >= since
    )
    return (KeyRow.stored_at < since) & ~used
