"""The audit log: what was done, by which kind of actor. It names no device and has no content.

A line is written in the transaction that does what it says, so it is there exactly when that was done.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from quietkeys_trainer.ledger.database import reading, writing
from quietkeys_trainer.ledger.tables import AuditRow


class Actor(StrEnum):
    """Who did it."""

    DEVICE = "device"
    OPERATOR = "operator"
    TRAINER = "trainer"


class Action(StrEnum):
    """What was done."""

    ENROLLED = "device_enrolled"
    DELETED = "device_deleted"
    KEYS_STORED = "keys_stored"
    KEYS_DELETED = "keys_deleted"
    INVITES_MADE = "enrolments_invited"
    TOKEN_MADE = "operator_token_made"  # noqa: S105 - a name
    KEY_REPLACED = "signing_key_replaced"
    JOBS_RETRIED = "jobs_retried"
    EXPIRED = "expired"
    BACKED_UP = "backed_up"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log."""

    at: float
    actor: str
    action: str
    amount: int


def note(session: Session, actor: Actor, action: Action, now: float, amount: int = 1) -> None:
    """Add a line within a transaction."""
    row = AuditRow(id=secrets.token_hex(16), at=now, actor=actor.value, action=action.value, amount=amount)
    session.add(row)


def entries(database: Engine, since: float) -> Iterator[Entry]:
    """Yield the lines from a time on, in order."""
    with reading(database) as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.at >= since).order_by(AuditRow.at)).all()
        found = [Entry(row.at, row.actor, row.action, row.amount) for row in rows]
    yield from found


def forget_before(database: Engine, time: float) -> None:
    """Drop the lines before a time."""
    with writing(database) as session:
        session.execute(delete(AuditRow).where(AuditRow.at < time))
