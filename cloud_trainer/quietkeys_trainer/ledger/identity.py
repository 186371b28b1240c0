"""What the ledger knows of the trainer itself: its store, its signing key, and the newest time it has seen.

One row says it, made by the first `serve` and by `admin restore`, by nothing else. A database without that
row is no trainer's, however empty its tables are.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, func, inspect, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_trainer.ledger.database import hold, newest_revision, reading, writing
from quietkeys_trainer.ledger.tables import Base, TrainerRow

MOST_JUMP_S: Final = 86_400.0  # a clock that differs by more from what was seen before is not believed
_ONE: Final = 1
_OURS: Final = "trainer"  # the name under which the row is held


@dataclass(frozen=True, slots=True)
class Identity:
    """Which trainer a ledger is of.

    marker: 32 hex digits, drawn once; the store of ciphertexts carries it as well. has_store: whether that
    was written there. trainer_key: the public half of what receipts are signed with, 32 bytes. seen_at: the
    newest time that the ledger has seen. kept: days that things were kept, as `Retention.text` has them.
    """

    marker: str
    has_store: bool
    trainer_key: bytes
    seen_at: float
    kept: str


def identity_in(database: Engine) -> Identity | None:
    """Return which trainer a database is of; None where no trainer was made in it.

    Raises `TryAgain` where it does not answer, `Refused` (LEDGER_UNUSABLE) where it is no database, or its
    schema is not this version's.
    """
    try:
        with reading(database) as session:
            connection = session.connection()
            if not inspect(connection).has_table(TrainerRow.__tablename__):
                return None
            found = MigrationContext.configure(connection).get_current_revision()
            if found != newest_revision():
                raise Refused(ErrorCode.LEDGER_UNUSABLE, f"its schema is {found or 'unknown'}")
            row = session.get(TrainerRow, _ONE)
            return None if row is None else _said_by(row)
    except DatabaseError as error:
        raise Refused(ErrorCode.LEDGER_UNUSABLE, "it is damaged, or something else") from error


def has_schema(database: Engine) -> bool:
    """Return whether there are tables of ours, of whichever version; raises as `identity_in`."""
    try:
        with reading(database) as session:
            return inspect(session.connection()).has_table(TrainerRow.__tablename__)
    except DatabaseError as error:
        raise Refused(ErrorCode.LEDGER_UNUSABLE, "it is damaged, or something else") from error


def make_identity(session: Session, trainer_key: bytes, seen_at: float, kept: str) -> Identity:
    """Make the row unless there is one; return what it says. Of several that try at once one decides."""
    hold(session, _OURS)
    row = session.get(TrainerRow, _ONE)
    if row is None:
        row = TrainerRow(
            number=_ONE,
            marker=secrets.token_hex(16),
            has_store=False,
            trainer_key=trainer_key,
            seen_at=seen_at,
            kept=kept,
        )
        session.add(row)
        session.flush()
    return _said_by(row)


def note_store(database: Engine) -> None:
    """Note that the store carries the marker from now on: one that does not is not this ledger's."""
    with writing(database) as session:
        session.execute(update(TrainerRow).values(has_store=True))


def note_trainer_key(database: Engine, public_key: bytes) -> None:
    """Note with which key receipts are signed from now on."""
    with writing(database) as session:
        session.execute(update(TrainerRow).values(trainer_key=public_key))


def newest_time(database: Engine, now: float) -> float:
    """Return the newest time that the ledger has seen, `now` among them.

    Raises `Refused` (CLOCK_JUMPED) where `now` is more than a day away from the others.
    """
    with writing(database) as session:
        hold(session, _OURS)
        row = session.get_one(TrainerRow, _ONE)
        if abs(now - row.seen_at) > MOST_JUMP_S:
            raise Refused(ErrorCode.CLOCK_JUMPED, f"by {(now - row.seen_at) / MOST_JUMP_S:+.1f} days")
        row.seen_at = max(row.seen_at, now)
        return row.seen_at


def believe(database: Engine, now: float) -> None:
    """Take a time for right, however far it is from what the ledger has seen."""
    with writing(database) as session:
        session.execute(update(TrainerRow).values(seen_at=now))


def require_row(session: Session, marker: str) -> None:
    """Raise `TryAgain` where the database holds another trainer by now, or none."""
    try:
        found = session.scalar(select(TrainerRow.marker))
    except DatabaseError as error:
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error
    if found != marker:
        raise TryAgain(ErrorCode.TRAINER_BUSY)


def rows_in(database: Engine) -> dict[str, int]:
    """Return how many rows there are in each table of ours that has any."""
    with reading(database) as session:
        there = set(inspect(session.connection()).get_table_names())
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
            if table.name in there
        }
    return {name: count for name, count in counts.items() if count}


def _said_by(row: TrainerRow) -> Identity:
    return Identity(row.marker, row.has_store, row.trainer_key, row.seen_at, row.kept)
