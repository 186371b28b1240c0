"""What operators watch of the work: runs that have ended, and what waits. No job and no device is named.

Workers, wherever they are, note their runs in the database, and every API reads them from there: figures are
those of the whole trainer, whichever API is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, delete, func, select

from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.database import reading, writing
from quietkeys_trainer.ledger.tables import JobRow, Outcome, RunRow

KEPT_S: Final = 86_400.0


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


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs in a database; times are Unix seconds."""

    database: Engine

    def note(self, plan_hash: str, outcome: Outcome, seconds: float, now: float) -> None:
        """Notes that a run has ended."""
        with writing(self.database) as session:
            session.add(RunRow(ended_at=now, seconds=seconds, outcome=outcome, plan_hash=plan_hash))

    def since(self, unix_time: float) -> Sequence[Run]:
        """The runs that ended at or after a time, in the order in which they did."""
        wanted = select(RunRow).where(RunRow.ended_at >= unix_time).order_by(RunRow.ended_at, RunRow.id)
        with reading(self.database) as session:
            return [
                Run(row.id, row.ended_at, row.seconds, Outcome(row.outcome))
                for row in session.scalars(wanted)
            ]

    def backlog(self, now: float) -> Backlog:
        """What there is to do."""
        with reading(self.database) as session:
            queued, oldest = session.execute(
                select(func.count(), func.min(JobRow.queued_at)).where(JobRow.state == JobState.QUEUED)
            ).one()
            running, busy = session.execute(
                select(func.count(), func.count(JobRow.worker.distinct())).where(
                    JobRow.state == JobState.RUNNING, JobRow.lease_until >= now
                )
            ).one()
        return Backlog(queued, running, busy, max(0.0, now - oldest) if queued else 0.0)

    def clear(self, now: float) -> None:
        """Forgets runs that ended more than a day ago."""
        with writing(self.database) as session:
            session.execute(delete(RunRow).where(RunRow.ended_at < now - KEPT_S))
