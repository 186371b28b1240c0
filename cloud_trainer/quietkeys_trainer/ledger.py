"""The ledger's first pages: who is enrolled, which nonces were used, whose evaluation keys are stored where.

Everything here belongs to an account and is found through a device of it: asked for another account's keys,
the ledger answers as if there were none. Jobs are in `jobs`, circles in `circles`. `now` is Unix seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.signing import WINDOW_S
from quietkeys_trainer.accounts import (
    account_of,
    close_if_empty,
    delete_keys,
    depart,
    device_of,
    key_ids,
    new_account,
)
from quietkeys_trainer.database import reading, writing
from quietkeys_trainer.models import (
    DeviceRow,
    DoomedBlobRow,
    JobRow,
    KeyPlanRow,
    KeyRow,
    NonceRow,
    ReportRow,
    UploadRow,
)

MAX_KEY_SETS: Final = 2  # of an account: the one in use, and the one before it while jobs under it end


@dataclass(frozen=True, slots=True)
class Ledger:
    """Devices, nonces and evaluation keys in a database."""

    database: Engine

    def enrol(self, device_id: str, public_key: bytes, now: float) -> bool:
        """Whether the device is new, and then in an account of its own; enrolling again changes nothing."""
        with writing(self.database) as session:
            if session.get(DeviceRow, device_id) is not None:
                return False
            account_id = new_account(session)
            session.add(
                DeviceRow(
                    id=device_id,
                    public_key=public_key,
                    enrolled_at=now,
                    account_id=account_id,
                    source=0,
                    card=b"",
                )
            )
            return True

    def public_key(self, device_id: str) -> bytes:
        """The key that the device's requests are signed with."""
        with reading(self.database) as session:
            return device_of(session, device_id).public_key

    def use_nonce(self, device_id: str, nonce: str, time: int, now: float) -> None:
        """Notes that a request was received; `Refused` if it was received before.

        A nonce is kept until its request would be refused for its time, and forgotten then. Only a digest is
        stored, so that it may outlive its device and name nobody. A power cut may lose the last ones: what is
        replayed then finds what it did the first time.
        """
        digest = hashlib.sha256(f"{device_id} {nonce}".encode()).digest()
        with writing(self.database, durably=False) as session:
            session.execute(delete(NonceRow).where(NonceRow.expires_at < now))
            if session.get(NonceRow, digest) is not None:
                raise Refused(ErrorCode.NONCE_REPLAYED)
            session.add(NonceRow(digest=digest, expires_at=float(time + 2 * WINDOW_S)))

    def has_keys(self, device_id: str, key_id: str, plan_hash: str) -> bool:
        """Whether the device's account has these evaluation keys and their framing is the plan's."""
        with reading(self.database) as session:
            return session.get(KeyPlanRow, (account_of(session, device_id), key_id, plan_hash)) is not None

    def key_blob(self, device_id: str, key_id: str) -> str:
        """Where the evaluation keys lie; "" where the device's account has none of that id."""
        with reading(self.database) as session:
            row = session.get(KeyRow, (account_of(session, device_id), key_id))
            return "" if row is None else row.blob

    def add_keys(
        self, device_id: str, key_id: str, plan_hashes: Sequence[str], blob: str, now: float
    ) -> bool:
        """Whether the keys are new; otherwise only the plans are noted and the blob is not taken.

        New keys end the account's oldest where it has `MAX_KEY_SETS`, and everything that was sent or made
        under these. The upload of these keys is over.
        """
        with writing(self.database) as session:
            account_id = account_of(session, device_id)
            fresh = session.get(KeyRow, (account_id, key_id)) is None
            if fresh:
                delete_keys(
                    session, account_id, session.scalars(key_ids(account_id)).all()[MAX_KEY_SETS - 1 :]
                )
                session.add(KeyRow(account_id=account_id, key_id=key_id, blob=blob, stored_at=now))
                session.flush()
            _note_plans(session, account_id, key_id, plan_hashes)
            _end_upload(session, account_id, key_id)
            return fresh

    def note_plans(self, device_id: str, key_id: str, plan_hashes: Sequence[str]) -> None:
        """Notes further plans whose framing stored evaluation keys have."""
        with writing(self.database) as session:
            account_id = account_of(session, device_id)
            if session.get(KeyRow, (account_id, key_id)) is not None:
                _note_plans(session, account_id, key_id, plan_hashes)

    def delete_keys(self, device_id: str, key_id: str) -> None:
        """Removes evaluation keys, or what has arrived of them, and everything sent or made under them."""
        with writing(self.database) as session:
            account_id = account_of(session, device_id)
            delete_keys(session, account_id, [key_id])
            _end_upload(session, account_id, key_id)

    def delete_device(self, device_id: str) -> None:
        """Removes every row of the device, and of its account if nobody else belongs to it."""
        with writing(self.database) as session:
            device = session.get(DeviceRow, device_id)
            if device is not None:
                account_id = device.account_id
                depart(session, device)
                session.delete(device)
                close_if_empty(session, account_id)

    def doomed_blobs(self) -> list[str]:
        """The blobs that are to be deleted from the store."""
        with reading(self.database) as session:
            return list(session.scalars(select(DoomedBlobRow.blob)))

    def forget_doomed(self, blob: str) -> None:
        """Notes that a doomed blob is gone from the store."""
        with writing(self.database) as session:
            session.execute(delete(DoomedBlobRow).where(DoomedBlobRow.blob == blob))

    def knows_blob(self, blob: str) -> bool:
        """Whether any row names the blob; one that none names was left behind by a process that died."""
        with reading(self.database) as session:
            return any(
                session.scalars(select(column).where(column == blob)).first() is not None
                for column in (KeyRow.blob, ReportRow.blob, JobRow.update_blob, DoomedBlobRow.blob)
            )

    def ping(self) -> None:
        """Raises `TryAgain` where the database does not answer."""
        with reading(self.database) as session:
            session.scalar(select(1))


def _note_plans(session: Session, account_id: str, key_id: str, plan_hashes: Sequence[str]) -> None:
    for plan_hash in plan_hashes:
        session.merge(KeyPlanRow(account_id=account_id, key_id=key_id, plan_hash=plan_hash))


def _end_upload(session: Session, account_id: str, key_id: str) -> None:
    session.execute(delete(UploadRow).where(UploadRow.account_id == account_id, UploadRow.key_id == key_id))
