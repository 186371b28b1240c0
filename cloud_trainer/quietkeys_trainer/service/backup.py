"""Making a backup, of whichever database and store, while the trainer serves (`backup_file` is its form).

It is written as a draft beside its place, read back, and put in its place only then. The rows are those of
one moment; a blob that is gone when its turn comes means that the rows have changed: then they are read
again. Uploads that are not whole are left out; their devices send those keys again. Invites are left out as
well: what was used since must not be good once more. The trainer's signing key is in it: the file is to be
kept as safe.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Engine, select

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import newest_revision, reading, writing
from quietkeys_trainer.ledger.identity import Identity
from quietkeys_trainer.ledger.tables import Base
from quietkeys_trainer.service.backup_file import (
    BLOB_COLUMNS,
    BackupSummary,
    Manifest,
    add_blob,
    check,
    finish,
    line_of,
)
from quietkeys_trainer.service.parts import Service
from quietkeys_trainer.storage.blobs import BlobDamagedError, Blobs, full_disk_typed
from quietkeys_trainer.storage.files import PRIVATE

READINGS: Final = 5  # of the rows, before blobs that are not there are given up
_LEFT_OUT: Final = frozenset({"trainer", "uploads", "doomed_blobs", "enrolment_tokens", "invitations"})
_BATCH: Final = 500


def back_up(service: Service, identity: Identity, key: bytes, path: Path, now: float) -> BackupSummary:
    """Write a backup to a file that is not there yet, readable by its owner only; return what was read back.

    key: the content of the trainer's key file.
    """
    with _draft_of(path) as draft:
        with (
            full_disk_typed(),
            draft.open("wb") as file,
            tarfile.open(fileobj=file, mode="w") as archive,
            tempfile.TemporaryFile() as rows,
        ):
            copied, missing = set[str](), set[str]()
            for _ in range(READINGS):
                count, named = _write_rows(service.ledger.database, rows)
                missing = _copy(service.blobs, archive, sorted(named - copied), copied)
                if not missing:
                    break
            manifest = Manifest(
                revision=newest_revision(),
                rows=count,
                rows_sha256=_sha256(rows),
                blobs=len(copied),
                missing=len(missing),
                taken_at=now,
                seen_at=identity.seen_at,
                kept=identity.kept,
            )
            finish(archive, rows, key, manifest)
            archive.close()
            file.flush()
            os.fsync(file.fileno())
        _, held = check(draft)
    with writing(service.ledger.database) as session:
        note(session, Actor.OPERATOR, Action.BACKED_UP, now, held.devices)
    return held


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """Yield a file beside a place, which gets there when the block ends; remove it where the block fails.

    What is not whole is no backup, and holds the key all the same. Raises `Refused` where something is there.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    try:
        yield draft
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, f"{path} is there already") from error
    finally:
        draft.unlink()


def _write_rows(database: Engine, rows: IO[bytes]) -> tuple[int, set[str]]:
    """Write all rows at one moment; return how many there are, and the blobs that they name."""
    rows.seek(0)
    rows.truncate()
    count, named = 0, set[str]()
    with reading(database) as session:
        for table in Base.metadata.sorted_tables:
            if table.name in _LEFT_OUT:
                continue
            for row in session.execute(select(table), execution_options={"yield_per": _BATCH}).mappings():
                rows.write(line_of(table.name, {column.name: row[column.name] for column in table.columns}))
                count += 1
                if table.name in BLOB_COLUMNS and (name := row[BLOB_COLUMNS[table.name]]):
                    named.add(name)
    return count, named


def _copy(blobs: Blobs, archive: tarfile.TarFile, names: list[str], copied: set[str]) -> set[str]:
    """Copy blobs; return those that are not there, or not as they should be."""
    missing = set()
    for name in names:
        try:
            content = blobs.get(name)
        except BlobDamagedError:
            missing.add(name)
        else:
            add_blob(archive, name, content)
            copied.add(name)
    return missing


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
