"""The ledger's accounts: who is enrolled, which nonces were used, whose evaluation keys are stored where.

Everything here belongs to a device and is found through it: asked for another device's keys, the ledger
answers as if there were none. Jobs are in `jobs`. `now` is Unix seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, Select, delete, select
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, Refused, StartOver
from quietkeys_protocol.signing import WINDOW_S
from quietkeys_trainer.database import reading, writing
from quietkeys_trainer.models import (
    DeviceRow,
    DoomedBlobRow,
    JobRow,
    KeyPlanRow,
    KeyRow,
    NonceRow,
    ReportRow,
)

MAX_KEY_SETS: Final = 2  # of a device: the one in use, and the one before it while jobs under it end


@dataclass(frozen=True, slots=True)
class Ledger:
    """Devices, nonces and evaluation keys in a database."""

    database: Engine

    def enrol(self, device_id: str, public_key: bytes, now: float) -> bool:
        """Whether the device is new; enrolling again changes nothing."""
        with writing(self.database) as session:
            if session.get(DeviceRow, device_id) is not None:
                return False
            session.add(DeviceRow(id=device_id, public_key=public_key, enrolled_at=now))
            return True

    def public_key(self, device_id: str) -> bytes:
        """The key that the device's requests are signed with."""
        with reading(self.database) as session:
            row = session.get(DeviceRow, device_id)
            if row is None:
                raise StartOver(ErrorCode.DEVICE_UNKNOWN)
            return row.public_key

    def use_nonce(self, device_id: str, nonce: str, time: int, now: float) -> None:
        """Notes that a request was received; `Refused` if it was received before.

        A nonce is kept until its request would be refused for its time, and forgotten then. Only a digest is
        stored, so that it may outlive its device and name nobody.
        """
        digest = hashlib.sha256(f"{device_id} {nonce}".encode()).digest()
        with writing(self.database) as session:
            session.execute(delete(NonceRow).where(NonceRow.expires_at < now))
            if session.get(NonceRow, digest) is not None:
                raise Refused(ErrorCode.NONCE_REPLAYED)
            session.add(NonceRow(digest=digest, expires_at=float(time + 2 * WINDOW_S)))

    def has_keys(self, device_id: str, key_id: str, plan_hash: str) -> bool:
        """Whether the device has stored these evaluation keys and their framing is the plan's."""
        with reading(self.database) as session:
            return session.get(KeyPlanRow, (device_id, key_id, plan_hash)) is not None

    def add_keys(
        self, device_id: str, key_id: str, plan_hashes: Sequence[str], blob: str, now: float
    ) -> bool:
        """Whether the keys are new; otherwise only the plans are noted and the blob is not taken.

        New keys end the device's oldest where it has `MAX_KEY_SETS`, and everything that was sent or made
        under these.
        """
        with writing(self.database) as session:
            if session.get(DeviceRow, device_id) is None:  # deleted while its keys were on their way
                raise StartOver(ErrorCode.DEVICE_UNKNOWN)
            fresh = session.get(KeyRow, (device_id, key_id)) is None
            if fresh:
                newest_first = _key_ids(device_id).order_by(KeyRow.stored_at.desc(), KeyRow.key_id)
                _delete_keys(session, device_id, session.scalars(newest_first).all()[MAX_KEY_SETS - 1 :])
                session.add(KeyRow(device_id=device_id, key_id=key_id, blob=blob, stored_at=now))
                session.flush()
            for plan_hash in plan_hashes:
                session.merge(KeyPlanRow(device_id=device_id, key_id=key_id, plan_hash=plan_hash))
            return fresh

    def delete_device(self, device_id: str) -> None:
        """Removes every row of the device; its blobs are doomed in the same transaction."""
        with writing(self.database) as session:
            _delete_keys(session, device_id, session.scalars(_key_ids(device_id)).all())
            session.execute(delete(DeviceRow).where(DeviceRow.id == device_id))

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


def _key_ids(device_id: str) -> Select[str]:
    """The ids of all key sets of a device."""
    return select(KeyRow.key_id).where(KeyRow.device_id == device_id)


def _delete_keys(session: Session, device_id: str, key_ids: Sequence[str]) -> None:
    """Deletes key sets with their reports and jobs, which hang on them, and dooms all their blobs."""
    for column in (KeyRow.blob, ReportRow.blob, JobRow.update_blob):
        row = column.class_
        owned = select(column).where(row.device_id == device_id, row.key_id.in_(key_ids), column.is_not(None))
        doom(session, [name for name in session.scalars(owned) if name is not None])
    session.execute(delete(KeyRow).where(KeyRow.device_id == device_id, KeyRow.key_id.in_(key_ids)))


def doom(session: Session, blobs: Iterable[str]) -> None:
    """Notes, within a transaction, that no row names these blobs any longer."""
    session.add_all(DoomedBlobRow(blob=blob) for blob in blobs)
