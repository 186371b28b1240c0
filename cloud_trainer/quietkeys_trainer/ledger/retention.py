"""How long things are kept, and the end of what nobody came back for.

The ledger remembers for how many days things were kept. Where they are to be kept for less and that would
take more than a tenth of them at once, somebody is asked first: a day too few is soon typed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Engine, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.accounts import delete_keys, doom
from quietkeys_trainer.ledger.audit import Action, Actor, forget_before, note
from quietkeys_trainer.ledger.database import hold, reading, writing
from quietkeys_trainer.ledger.invites import forget_invites
from quietkeys_trainer.ledger.tables import JobRow, KeyRow, ReportRow, TrainerRow

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

    @property
    def text(self) -> str:
        """The days as the ledger remembers them, in the order of the fields."""
        return f"{self.results} {self.reports} {self.keys} {self.audit}"

    def is_shorter(self, text: str) -> bool:
        """Return whether anything is kept for less time than these days say."""
        mine, before = ([int(days) or math.inf for days in one.split()] for one in (self.text, text))
        return any(new < old for new, old in zip(mine, before, strict=True))


def tenth(count: int) -> int:
    """Return a tenth, rounded up: how many of so many things may go without a question."""
    return -(-count // 10)


def agree(database: Engine, kept: Retention, now: float, *, confirmed: bool) -> None:
    """Have the ledger remember how long things are kept.

    Raises `Refused` (TIDY_LARGE) where they are kept shorter than it remembers, more than a tenth of them
    would end at once, and nobody has confirmed that.
    """
    with writing(database) as session:
        before = session.scalar(select(TrainerRow.kept))
        if before is None or before == kept.text:
            return
        if not confirmed and kept.is_shorter(before):
            _require_few(session, kept, now)
        session.execute(update(TrainerRow).values(kept=kept.text))


def _require_few(session: Session, kept: Retention, now: float) -> None:
    for name, row, over in (
        ("jobs", JobRow, _results_over(kept, now)),
        ("reports", ReportRow, _reports_over(kept, now)),
        ("key sets", KeyRow, _keys_over(kept, now)),
    ):
        total = session.scalar(select(func.count()).select_from(row)) or 0
        ending = 0 if over is None else session.scalar(select(func.count()).select_from(row).where(over)) or 0
        if ending > tenth(total):
            raise Refused(
                ErrorCode.TIDY_LARGE, f"{ending} of {total} {name}, which are to be kept for less time"
            )


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
            doom(session, account_id, [report.blob])
            session.delete(report)
            count += 1
    if (over := _results_over(kept, now)) is not None:
        jobs = session.scalars(select(JobRow).where(JobRow.account_id == account_id, over)).all()
        doom(session, account_id, [job.update_blob for job in jobs if job.update_blob is not None])
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
