"""Accounts within a transaction: whose is what, how much they may have, and what goes when a device leaves.

Every blob that a deleted row named is doomed in the same transaction; see `tidy`.

Allowances drain with time. Nothing is charged before a signature holds, so nobody can use up another device's
allowance. An allowance is one row that a single statement charges, so that any number of API processes count
together.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, not_, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from quietkeys_protocol.errors import ErrorCode, StartOver, TryAgain
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.database import hold
from quietkeys_trainer.ledger.tables import (
    AccountRow,
    Allowance,
    DeviceRow,
    DoomedBlobRow,
    InvitationRow,
    JobRow,
    KeyRow,
    MailRow,
    ReportRow,
    UsageRow,
)

MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0
LATER_S: Final = 60  # where only the work of others has to be waited for
_ROUNDING: Final = 1e-6  # of levels and of times since 1970, as floating point

_CHARGE: Final = text(
    "INSERT INTO usage (device_id, kind, level, at) VALUES (:device_id, :kind, :amount, :now)"
    " ON CONFLICT (device_id, kind) DO UPDATE SET at = excluded.at, level = excluded.level + CASE"
    " WHEN usage.level > (excluded.at - usage.at) * :drain THEN"
    " usage.level - (excluded.at - usage.at) * :drain ELSE 0 END RETURNING level"
)


def device_of(session: Session, device_id: str) -> DeviceRow:
    """Return the row of an enrolled device."""
    row = session.get(DeviceRow, device_id)
    if row is None:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    return row


def account_of(session: Session, device_id: str) -> str:
    """Return the id of the account that an enrolled device belongs to."""
    return device_of(session, device_id).account_id


def hold_account_of(session: Session, device_id: str) -> str:
    """Keep an enrolled device's account from other transactions until this one ends; return its id."""
    earlier = ""
    while (account_id := _account_now(session, device_id)) != earlier:
        hold(session, account_id)
        earlier = account_id
    return account_id


def _account_now(session: Session, device_id: str) -> str:
    account_id = session.scalar(select(DeviceRow.account_id).where(DeviceRow.id == device_id))
    if account_id is None:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    return account_id


def members_of(session: Session, account_id: str) -> Sequence[DeviceRow]:
    """Return the devices of an account, by source."""
    rows = select(DeviceRow).where(DeviceRow.account_id == account_id).order_by(DeviceRow.source)
    return session.scalars(rows).all()


def new_account(session: Session) -> str:
    """Add an account that nobody belongs to yet; return its id."""
    account_id = secrets.token_hex(16)
    session.add(AccountRow(id=account_id))
    session.flush()
    return account_id


def depart(session: Session, device: DeviceRow) -> None:
    """Delete what a device has left in its account, which it no longer belongs to afterwards.

    The account's invitations are over: the device may know their secrets. The caller gives the device another
    account or deletes it, and then calls `close_if_empty`.
    """
    account_id = device.account_id
    reports = (ReportRow.account_id == account_id, ReportRow.device_id == device.id)
    jobs = (JobRow.account_id == account_id, JobRow.device_id == device.id)
    _doom_named(session, account_id, ReportRow.blob, *reports)
    _doom_named(session, account_id, JobRow.update_blob, *jobs)
    session.execute(delete(ReportRow).where(*reports))
    session.execute(delete(JobRow).where(*jobs))
    session.execute(delete(InvitationRow).where(InvitationRow.account_id == account_id))
    session.execute(delete(MailRow).where(or_(MailRow.sender == device.id, MailRow.recipient == device.id)))
    device.card = b""


def close_if_empty(session: Session, account_id: str) -> None:
    """Delete an account with everything in it where no device belongs to it any longer."""
    session.flush()
    if not members_of(session, account_id):
        delete_keys(session, account_id, session.scalars(key_ids(account_id)).all())
        session.execute(delete(AccountRow).where(AccountRow.id == account_id))


def key_ids(account_id: str) -> Select[str]:
    """Select the ids of all key sets of an account, the newest first."""
    newest_first = (KeyRow.stored_at.desc(), KeyRow.key_id)
    return select(KeyRow.key_id).where(KeyRow.account_id == account_id).order_by(*newest_first)


def delete_keys(session: Session, account_id: str, ids: Sequence[str]) -> None:
    """Delete key sets, and with them their reports and jobs."""
    for column, row in ((KeyRow.blob, KeyRow), (ReportRow.blob, ReportRow), (JobRow.update_blob, JobRow)):
        _doom_named(session, account_id, column, row.account_id == account_id, row.key_id.in_(ids))
    session.execute(delete(KeyRow).where(KeyRow.account_id == account_id, KeyRow.key_id.in_(ids)))


def doom(session: Session, account_id: str, blobs: Iterable[str]) -> None:
    """Note, within a transaction, that no row names these blobs of an account any longer."""
    session.add_all(DoomedBlobRow(blob=blob, account_id=account_id) for blob in blobs)


def _doom_named(
    session: Session,
    account_id: str,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    *conditions: ColumnElement[bool],
) -> None:
    names = session.scalars(select(column).where(*conditions, column.is_not(None)))
    doom(session, account_id, [name for name in names if name is not None])


class Throttled(TryAgain):
    """Too much was asked for; the same request may succeed after `retry_after_s`."""

    def __init__(self, retry_after_s: int, detail: str = "") -> None:
        super().__init__(ErrorCode.TOO_MANY_REQUESTS, detail)
        self.retry_after_s: Final = retry_after_s


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device may have, 0 for as much as it likes.

    A device polls a job every few seconds, sends a report a day and new keys once a year.
    """

    requests_per_minute: int = 240
    bytes_per_day: int = 2 << 30
    reports_per_day: int = 100
    key_sets_per_day: int = 10
    jobs_in_flight: int = 16

    @property
    def allowances(self) -> Mapping[Allowance, tuple[int, float]]:
        """How much of each kind, and in how many seconds."""
        return {
            Allowance.REQUESTS: (self.requests_per_minute, MINUTE_S),
            Allowance.BYTES: (self.bytes_per_day, DAY_S),
            Allowance.REPORTS: (self.reports_per_day, DAY_S),
            Allowance.KEYS: (self.key_sets_per_day, DAY_S),
        }


NO_LIMITS: Final = Limits(0, 0, 0, 0, 0)


def charge(
    session: Session, limits: Limits, device_id: str, kind: Allowance, amount: float, now: float
) -> None:
    """Charge an enrolled device's allowance; raise `Throttled`, which undoes it, where that is used up."""
    most, within_s = limits.allowances[kind]
    if not most or not amount:
        return
    drain = most / within_s
    values = {"device_id": device_id, "kind": kind.value, "amount": amount, "now": now, "drain": drain}
    try:
        level = float(session.execute(_CHARGE, values).scalar_one())
    except IntegrityError as error:  # it was deleted at this very moment
        raise StartOver(ErrorCode.DEVICE_UNKNOWN) from error
    if level > most + _ROUNDING:
        raise Throttled(_whole_seconds((level - most) / drain), f"{kind.value}: {most} in {within_s:.0f} s")


def require_left(session: Session, limits: Limits, device_id: str, kind: Allowance, now: float) -> None:
    """Raise `Throttled` where one more would be too many, without charging it."""
    most, within_s = limits.allowances[kind]
    row = session.get(UsageRow, (device_id, kind.value))
    if most and row is not None:
        excess = row.level - max(0.0, now - row.at) * most / within_s + 1 - most
        if excess > _ROUNDING:
            raise Throttled(_whole_seconds(excess * within_s / most), f"{kind.value}: {most} a day")


def require_room(session: Session, limits: Limits, account_id: str, key_id: str, source: int) -> None:
    """Raise `Throttled` where an account has too many jobs in flight for one more.

    The job that waits under this key and source does not count: the new one would take its place.
    """
    if not limits.jobs_in_flight:
        return
    replaced = and_(JobRow.state == JobState.QUEUED, JobRow.key_id == key_id, JobRow.source == source)
    in_flight = or_(JobRow.state == JobState.QUEUED, JobRow.state == JobState.RUNNING)
    counted = select(func.count()).where(JobRow.account_id == account_id, in_flight, not_(replaced))
    if (session.scalar(counted) or 0) >= limits.jobs_in_flight:
        raise Throttled(LATER_S, f"{limits.jobs_in_flight} jobs in flight")


def _whole_seconds(seconds: float) -> int:
    return max(1, math.ceil(seconds - 1000 * _ROUNDING))
