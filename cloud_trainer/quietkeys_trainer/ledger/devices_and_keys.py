"""The ledger's first pages: who is enrolled, which nonces were used, whose evaluation keys are stored where.

Everything here belongs to an account and is found through a device of it: asked for another account's keys,
the ledger answers as if there were none. Jobs are in `jobs`, circles in `circles`. `now` is Unix seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, Refused, StartOver
from quietkeys_protocol.signing import WINDOW_S
from quietkeys_trainer.ledger.accounts import (
    NO_LIMITS,
    Limits,
    account_of,
    charge,
    close_if_empty,
    delete_keys,
    depart,
    device_of,
    doom,
    hold_account_of,
    key_ids,
    new_account,
    require_left,
    require_room,
)
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import hold, reading, writing
from quietkeys_trainer.ledger.identity import require_row
from quietkeys_trainer.ledger.invites import use_invite
from quietkeys_trainer.ledger.tables import (
    Allowance,
    DepartedRow,
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
NONCES_AT_ONCE: Final = 100  # forgotten with every request, which adds one

_NEW_NONCE: Final = text(
    "INSERT INTO nonces (digest, expires_at) VALUES (:digest, :expires_at) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Devices, nonces and evaluation keys in a database.

    is_open: whether a device enrols without an invite. marker: of the trainer that the database is of.
    """

    database: Engine
    limits: Limits = NO_LIMITS
    is_open: bool = True
    marker: str = ""

    def enrol(self, device_id: str, public_key: bytes, now: float, invite: str = "") -> bool:
        """Enrol a device, a new one in an account of its own; return whether it is new.

        Enrolling again changes nothing. A new one uses an invite up where the trainer is not open. Raises
        `Refused` where it has none that can be used, and (DEVICE_DELETED) where it had itself deleted.
        """
        with writing(self.database) as session:
            hold(session, device_id)
            if session.get(DeviceRow, device_id) is not None:
                return False
            if session.get(DepartedRow, _digest(device_id)) is not None:
                raise Refused(ErrorCode.DEVICE_DELETED)
            if not self.is_open:
                use_invite(session, invite, now)
            note(session, Actor.DEVICE, Action.ENROLLED, now)
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

    def knows(self, device_id: str) -> bool:
        """Return whether the device is enrolled."""
        with reading(self.database) as session:
            return session.get(DeviceRow, device_id) is not None

    def public_key(self, device_id: str) -> bytes:
        """Return the key that the device's requests are signed with."""
        with reading(self.database) as session:
            return device_of(session, device_id).public_key

    def use_nonce(self, device_id: str, nonce: str, time: int, now: float, body_bytes: int = -1) -> None:
        """Note that a request was received; raise `Refused` if it was received before.

        `body_bytes` are charged to a device that is enrolled (-1: it is not), and so is the request.

        A nonce is kept until its request would be refused for its time, and forgotten then. Only a digest is
        stored, so that it may outlive its device and name nobody. The database decides which of two
        processes was first. A power cut may lose the last ones: what is replayed then finds what it did the
        first time.
        """
        digest = hashlib.sha256(f"{device_id} {nonce}".encode()).digest()
        over = select(NonceRow.digest).where(NonceRow.expires_at < now).limit(NONCES_AT_ONCE)
        with writing(self.database, durably=False) as session:
            session.execute(
                delete(NonceRow).where(NonceRow.digest.in_(over.with_for_update(skip_locked=True))),
                execution_options={"synchronize_session": False},
            )
            values = {"digest": digest, "expires_at": float(time + 2 * WINDOW_S)}
            if not session.execute(_NEW_NONCE, values).rowcount:  # type: ignore[attr-defined]
                raise Refused(ErrorCode.NONCE_REPLAYED)
            if body_bytes >= 0:
                account_of(session, device_id)
                charge(session, self.limits, device_id, Allowance.REQUESTS, 1, now)
                charge(session, self.limits, device_id, Allowance.BYTES, body_bytes, now)

    def admit_report(self, device_id: str, key_id: str, source: int, now: float) -> None:
        """Charge a new report; raise `Throttled` where the device may not send one now."""
        with writing(self.database) as session:
            require_room(session, self.limits, account_of(session, device_id), key_id, source)
            charge(session, self.limits, device_id, Allowance.REPORTS, 1, now)

    def admit_keys(self, device_id: str, now: float) -> None:
        """Raise `Throttled` where the device has used up its key sets, before it sends another."""
        with reading(self.database) as session:
            require_left(session, self.limits, device_id, Allowance.KEYS, now)

    def has_keys(self, device_id: str, key_id: str, plan_hash: str) -> bool:
        """Return whether the device's account has these evaluation keys and their framing is the plan's."""
        with reading(self.database) as session:
            return session.get(KeyPlanRow, (account_of(session, device_id), key_id, plan_hash)) is not None

    def key_blob(self, device_id: str, key_id: str) -> str:
        """Return where the evaluation keys lie; "" where the device's account has none of that id."""
        with reading(self.database) as session:
            row = session.get(KeyRow, (account_of(session, device_id), key_id))
            return "" if row is None else row.blob

    def add_keys(
        self, device_id: str, key_id: str, plan_hashes: Sequence[str], blob: str, now: float, lost: str = ""
    ) -> bool:
        """Add keys; return whether the blob is theirs from now on.

        Of known keys only the plans are noted, and the blob is not taken, unless theirs is `lost`: then this
        one takes its place, and what was sent and made under them stays. New keys end the account's oldest
        where it has `MAX_KEY_SETS`, and everything that was sent or made under these. The upload of these
        keys is over.
        """
        with writing(self.database) as session:
            account_id = hold_account_of(session, device_id)
            known = session.get(KeyRow, (account_id, key_id))
            if known is None:
                delete_keys(
                    session, account_id, session.scalars(key_ids(account_id)).all()[MAX_KEY_SETS - 1 :]
                )
                charge(session, self.limits, device_id, Allowance.KEYS, 1, now)
                note(session, Actor.DEVICE, Action.KEYS_STORED, now)
                session.add(KeyRow(account_id=account_id, key_id=key_id, blob=blob, stored_at=now))
                session.flush()
            elif known.blob == lost:
                doom(session, account_id, [lost])
                known.blob = blob
            _note_plans(session, account_id, key_id, plan_hashes)
            _end_upload(session, account_id, key_id)
            return known is None or known.blob == blob

    def note_plans(self, device_id: str, key_id: str, plan_hashes: Sequence[str]) -> None:
        """Note further plans whose framing stored evaluation keys have."""
        with writing(self.database) as session:
            account_id = hold_account_of(session, device_id)
            if session.get(KeyRow, (account_id, key_id)) is not None:
                _note_plans(session, account_id, key_id, plan_hashes)

    def delete_keys(self, device_id: str, key_id: str, now: float) -> None:
        """Remove evaluation keys, or what has arrived of them, and everything sent or made under them."""
        with writing(self.database) as session:
            account_id = hold_account_of(session, device_id)
            delete_keys(session, account_id, [key_id])
            note(session, Actor.DEVICE, Action.KEYS_DELETED, now)
            _end_upload(session, account_id, key_id)

    def delete_device(self, device_id: str, now: float, actor: Actor = Actor.DEVICE) -> bool:
        """Remove every row of the device, and of its account if nobody else belongs to it.

        Return whether it was here. That it has asked for that itself is remembered, by a digest.
        """
        with writing(self.database) as session:
            try:
                account_id = hold_account_of(session, device_id)
            except StartOver:
                return False
            device = device_of(session, device_id)
            note(session, actor, Action.DELETED, now)
            if actor is Actor.DEVICE:
                session.add(DepartedRow(digest=_digest(device_id), account_id=account_id, at=now))
            depart(session, device)
            session.delete(device)
            close_if_empty(session, account_id)
            return True

    def require_not_departed(self, device_id: str) -> None:
        """Raise `Refused` (DEVICE_DELETED) where a device had itself deleted."""
        with reading(self.database) as session:
            if session.get(DepartedRow, _digest(device_id)) is not None:
                raise Refused(ErrorCode.DEVICE_DELETED)

    def is_erased(self, device_id: str) -> bool:
        """Return whether a device is not here and nothing that its account had stored is still to be deleted.

        Of a device of which nothing is remembered that is certain only where nothing at all is to be deleted.
        """
        with reading(self.database) as session:
            departed = session.get(DepartedRow, _digest(device_id))
            left = select(func.count()).select_from(DoomedBlobRow)
            if departed is not None:
                left = left.where(DoomedBlobRow.account_id == departed.account_id)
            return session.get(DeviceRow, device_id) is None and not session.scalar(left)

    def doomed_blobs(self) -> list[str]:
        """Return the blobs that are to be deleted from the store."""
        with reading(self.database) as session:
            return list(session.scalars(select(DoomedBlobRow.blob)))

    def forget_doomed(self, blob: str) -> None:
        """Note that a doomed blob is gone from the store."""
        with writing(self.database) as session:
            session.execute(delete(DoomedBlobRow).where(DoomedBlobRow.blob == blob))

    def named_blobs(self, blobs: Collection[str]) -> set[str]:
        """Return those of the blobs that any row names; processes that died have left the others behind."""
        columns = (KeyRow.blob, ReportRow.blob, JobRow.update_blob, DoomedBlobRow.blob)
        with reading(self.database) as session:
            found = [session.scalars(select(column).where(column.in_(blobs))).all() for column in columns]
        return {name for names in found for name in names if name is not None}

    def keys_there(self, blobs: Collection[str]) -> set[str]:
        """Return those of the blobs in which evaluation keys lie that nobody has deleted."""
        with reading(self.database) as session:
            return set(session.scalars(select(KeyRow.blob).where(KeyRow.blob.in_(blobs))))

    def ping(self) -> None:
        """Raise `TryAgain` where the database does not answer, or is another trainer's by now."""
        with reading(self.database) as session:
            require_row(session, self.marker)


def _digest(device_id: str) -> bytes:
    return hashlib.sha256(f"quietkeys-departed-v1\n{device_id}".encode()).digest()


def _note_plans(session: Session, account_id: str, key_id: str, plan_hashes: Sequence[str]) -> None:
    for plan_hash in plan_hashes:
        session.merge(KeyPlanRow(account_id=account_id, key_id=key_id, plan_hash=plan_hash))


def _end_upload(session: Session, account_id: str, key_id: str) -> None:
    session.execute(delete(UploadRow).where(UploadRow.account_id == account_id, UploadRow.key_id == key_id))
