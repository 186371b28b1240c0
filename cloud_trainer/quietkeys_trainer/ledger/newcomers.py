"""What a trainer wants to know before it writes anything for a device that it does not know. Reads only."""

from __future__ import annotations

import hashlib

from sqlalchemy import Engine, func, select

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.ledger.database import reading
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.tables import EnrolmentTokenRow, KeyRow, UploadRow


def require_welcome(ledger: Ledger, device_id: str, invite: str, now: float) -> None:
    """Raise `Refused` where a device that is not enrolled would not get in with this invite, or had left.

    Enrolling asks again, in the transaction that uses the invite up.
    """
    ledger.require_not_departed(device_id)
    if ledger.is_open:
        return
    usable = select(EnrolmentTokenRow.digest).where(
        EnrolmentTokenRow.digest == hashlib.sha256(invite.encode()).digest(),
        EnrolmentTokenRow.uses_left > 0,
        EnrolmentTokenRow.expires_at > now,
    )
    with reading(ledger.database) as session:
        if session.scalars(usable).first() is None:
            raise Refused(ErrorCode.ENROLMENT_REFUSED)


def stored_bytes(database: Engine, key_bytes: int) -> int:
    """Return what all devices have stored, at most, where a key set has `key_bytes`.

    Reports and updates are a hundredth of the keys under which they are sent.
    """
    with reading(database) as session:
        key_sets = session.scalar(select(func.count()).select_from(KeyRow)) or 0
        arrived = session.scalar(select(func.sum(UploadRow.received))) or 0
    return key_sets * key_bytes + int(arrived)
