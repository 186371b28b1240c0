"""Evaluation keys on their way: a file that grows part by part, over days, lost connections and restarts.

A row names the file and says how many of its bytes count; what a process that died wrote beyond these is cut
off by the next part. The row is there before the file, so a file that no row names is nobody's. An account
has one upload: another key set's first part takes its place.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Engine, delete, select, update

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_protocol.signing import is_id
from quietkeys_trainer.ledger.accounts import account_of, hold_account_of
from quietkeys_trainer.ledger.database import reading, writing
from quietkeys_trainer.ledger.tables import UploadRow
from quietkeys_trainer.storage.blobs import full_disk_typed
from quietkeys_trainer.storage.files import write_all

BATCH: Final = 1024 * 1024  # bytes of a part that are in memory at a time
ABANDONED_S: Final = 86_400.0  # an upload of which nothing came for so long is given up


@dataclass(slots=True)
class Upload:
    """An upload that nobody else can touch now; `size` bytes of its file have arrived for good."""

    name: str
    file: IO[bytes]
    size: int


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads in a database and a folder."""

    database: Engine
    folder: Path

    def received(self, device_id: str, key_id: str) -> int:
        """Return how many bytes of these evaluation keys the device's account has sent so far."""
        with reading(self.database) as session:
            row = session.get(UploadRow, account_of(session, device_id))
            return 0 if row is None or row.key_id != key_id else row.received

    @contextmanager
    def at(self, device_id: str, key_id: str, offset: int, now: float) -> Iterator[Upload]:
        """Hold the upload as long as the block lasts, and yield it, to go on with at `offset`.

        Raises `Refused` (UPLOAD_OFFSET) where it has not got there, or farther, `TryAgain` where another
        request is at it.
        """
        name = self._name(device_id, key_id, offset, now)
        with full_disk_typed():
            descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise TryAgain(ErrorCode.TRAINER_BUSY) from error
            if self._received_as(name) != offset:
                raise Refused(ErrorCode.UPLOAD_OFFSET)
            if os.fstat(descriptor).st_size < offset:  # a power cut, or somebody's hand
                self.drop(name)
                raise Refused(ErrorCode.UPLOAD_OFFSET)
            yield Upload(name, file, offset)

    def append(self, upload: Upload, part: IO[bytes], now: float) -> None:
        """Add a part, a file that is read from its beginning: on disk first, then in the row."""
        part.seek(0)
        upload.file.truncate(upload.size)
        upload.file.seek(upload.size)
        try:
            with full_disk_typed():
                while batch := part.read(BATCH):
                    write_all(upload.file, batch)
                os.fsync(upload.file.fileno())
        except BaseException:
            upload.file.truncate(upload.size)
            raise
        with writing(self.database) as session:
            grown = update(UploadRow).where(UploadRow.name == upload.name, UploadRow.received == upload.size)
            size = part.tell()
            values = {"received": upload.size + size, "touched_at": now}
            if session.scalars(grown.values(**values).returning(UploadRow.name)).first() is None:
                raise Refused(ErrorCode.UPLOAD_OFFSET)  # another one took its place
        upload.size += size

    def drop(self, name: str) -> None:
        """Give an upload up, with its file."""
        with writing(self.database) as session:
            session.execute(delete(UploadRow).where(UploadRow.name == name))
        (self.folder / name).unlink(missing_ok=True)

    def give_up(self, now: float) -> None:
        """Give up uploads that nobody has gone on with for a day; `clear` removes their files."""
        with writing(self.database) as session:
            session.execute(delete(UploadRow).where(UploadRow.touched_at < now - ABANDONED_S))

    def clear(self) -> None:
        """Remove every file that no row names."""
        if not self.folder.is_dir():  # of a machine that takes no uploads
            return
        files = list(self.folder.iterdir())
        with reading(self.database) as session:
            named = set(session.scalars(select(UploadRow.name)))
        for path in files:
            if is_id(path.name) and path.name not in named:
                path.unlink(missing_ok=True)

    def _name(self, device_id: str, key_id: str, offset: int, now: float) -> str:
        """Note a new upload if `offset` is 0 and there is none; return the file of the one at `offset`."""
        with writing(self.database) as session:
            account_id = hold_account_of(session, device_id)
            row = session.get(UploadRow, account_id)
            if row is not None and row.key_id == key_id and row.received == offset:
                return row.name
            if offset or (row is not None and row.key_id == key_id):
                raise Refused(ErrorCode.UPLOAD_OFFSET)
            earlier = "" if row is None else row.name
            name = secrets.token_hex(16)
            session.merge(
                UploadRow(account_id=account_id, key_id=key_id, name=name, received=0, touched_at=now)
            )
        if earlier:
            (self.folder / earlier).unlink(missing_ok=True)
        return name

    def _received_as(self, name: str) -> int:
        with reading(self.database) as session:
            received = session.scalars(select(UploadRow.received).where(UploadRow.name == name)).first()
            return -1 if received is None else received
