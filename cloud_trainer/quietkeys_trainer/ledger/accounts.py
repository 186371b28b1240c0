"""Accounts within a transaction: whose is what, and what goes when a device leaves or keys are deleted.

Every blob that a deleted row named is doomed in the same transaction; see `tidy`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Select, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from quietkeys_protocol.errors import ErrorCode, StartOver
from quietkeys_trainer.ledger.database import hold
from quietkeys_trainer.ledger.tables import (
    AccountRow,
    DeviceRow,
    DoomedBlobRow,
    InvitationRow,
    JobRow,
    KeyRow,
    MailRow,
    ReportRow,
)


def device_of(session: Session, device_id: str) -> DeviceRow:
    """The row of an enrolled device."""
    row = session.get(DeviceRow, device_id)
    if row is None:
        raise StartOver(ErrorCode.DEVICE_UNKNOWN)
    return row


def account_of(session: Session, device_id: str) -> str:
    """The id of the account that an enrolled device belongs to."""
    return device_of(session, device_id).account_id


def hold_account_of(session: Session, device_id: str) -> str:
    """The id of the account of an enrolled device, which no other transaction changes until this one ends."""
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
    """The devices of an account, by source."""
    rows = select(DeviceRow).where(DeviceRow.account_id == account_id).order_by(DeviceRow.source)
    return session.scalars(rows).all()


def new_account(session: Session) -> str:
    """The id of an account that nobody belongs to yet."""
    account_id = secrets.token_hex(16)
    session.add(AccountRow(id=account_id))
    session.flush()
    return account_id


def depart(session: Session, device: DeviceRow) -> None:
    """Deletes what a device has left in its account, which it no longer belongs to afterwards.

    The account's invitations are over: the device may know their secrets. The caller gives the device another
    account or deletes it, and then calls `close_if_empty`.
    """
    account_id = device.account_id
    _doom_named(session, ReportRow.blob, ReportRow.account_id == account_id, ReportRow.device_id == device.id)
    _doom_named(session, JobRow.update_blob, JobRow.account_id == account_id, JobRow.device_id == device.id)
    session.execute(
        delete(ReportRow).where(ReportRow.account_id == account_id, ReportRow.device_id == device.id)
    )
    session.execute(delete(JobRow).where(JobRow.account_id == account_id, JobRow.device_id == device.id))
    session.execute(delete(InvitationRow).where(InvitationRow.account_id == account_id))
    session.execute(delete(MailRow).where(or_(MailRow.sender == device.id, MailRow.recipient == device.id)))
    device.card = b""


def close_if_empty(session: Session, account_id: str) -> None:
    """Deletes an account with everything in it where no device belongs to it any longer."""
    session.flush()
    if not members_of(session, account_id):
        delete_keys(session, account_id, session.scalars(key_ids(account_id)).all())
        session.execute(delete(AccountRow).where(AccountRow.id == account_id))


def key_ids(account_id: str) -> Select[str]:
    """The ids of all key sets of an account, the newest first."""
    newest_first = (KeyRow.stored_at.desc(), KeyRow.key_id)
    return select(KeyRow.key_id).where(KeyRow.account_id == account_id).order_by(*newest_first)


def delete_keys(session: Session, account_id: str, ids: Sequence[str]) -> None:
    """Deletes key sets with their reports and jobs, which hang on them."""
    _doom_named(session, KeyRow.blob, KeyRow.account_id == account_id, KeyRow.key_id.in_(ids))
    _doom_named(session, ReportRow.blob, ReportRow.account_id == account_id, ReportRow.key_id.in_(ids))
    _doom_named(session, JobRow.update_blob, JobRow.account_id == account_id, JobRow.key_id.in_(ids))
    session.execute(delete(KeyRow).where(KeyRow.account_id == account_id, KeyRow.key_id.in_(ids)))


def doom(session: Session, blobs: Iterable[str]) -> None:
    """Notes, within a transaction, that no row names these blobs any longer."""
    session.add_all(DoomedBlobRow(blob=blob) for blob in blobs)


def _doom_named(
    session: Session,
    column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None],
    *conditions: ColumnElement[bool],
) -> None:
    names = session.scalars(select(column).where(*conditions, column.is_not(None)))
    doom(session, [name for name in names if name is not None])
