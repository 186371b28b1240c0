"""A backup: one file with every row and every blob that a row names, of whichever database and store.

A tar archive: blobs first, then the rows as they were at one moment, then what says which schema they are of.
A blob that is gone when its turn comes means that the rows have changed: then they are read again. Uploads
that are not whole are left out; their devices send those keys again. The trainer's signing key is in it: the
file is to be kept as safe.
"""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Final

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import migrate, reading, writing
from quietkeys_trainer.ledger.job_triggers import enforce, suspend
from quietkeys_trainer.ledger.tables import AccountRow, Base, DeviceRow
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.blobs import BlobDamagedError, Blobs, full_disk_typed
from quietkeys_trainer.storage.files import PRIVATE, write_first

FORMAT: Final = "quietkeys-backup-1"
READINGS: Final = 5  # of the rows, before blobs that are not there are given up
_LEFT_OUT: Final = frozenset({"uploads", "doomed_blobs"})
_BLOB_COLUMNS: Final = (("evaluation_keys", "blob"), ("reports", "blob"), ("jobs", "update_blob"))
_MANIFEST: Final = "manifest.json"
_ROWS: Final = "rows.jsonl"
_KEY: Final = "trainer.key"
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What a backup holds; `missing` blobs are named by rows and were not to be had."""

    rows: int
    blobs: int
    missing: int


def back_up(service: Service, trainer_key: Path, path: Path, now: float) -> BackupSummary:
    """Write a backup to a file that is not there yet, readable by its owner only, while the trainer runs."""
    with writing(service.ledger.database) as session:
        note(session, Actor.OPERATOR, Action.BACKED_UP, now)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with (
            full_disk_typed(),
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w") as archive,
            tempfile.TemporaryFile() as rows,
        ):
            copied: set[str] = set()
            for _ in range(READINGS):
                revision, count, named = _write_rows(service.ledger.database, rows)
                missing = _copy(service.blobs, archive, sorted(named - copied), copied)
                if not missing:
                    break
            _add(archive, _ROWS, rows, rows.tell())
            _add_bytes(archive, _KEY, trainer_key.read_bytes())
            manifest = {"format": FORMAT, "revision": revision, "rows": count, "blobs": len(named - missing)}
            _add_bytes(archive, _MANIFEST, json.dumps(manifest).encode())
            archive.close()
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()  # what is not whole is no backup, and holds the key all the same
        raise
    return BackupSummary(count, len(named - missing), len(missing))


def restore(settings: Settings, path: Path, now: float) -> BackupSummary:
    """Fill an empty trainer from a backup of this version or an earlier one.

    Raises `Refused`, and stores no row, where there is something already or the file is no whole backup.
    """
    try:
        with tarfile.open(path, mode="r:") as archive:
            manifest = json.loads(_read(archive, _MANIFEST))
            if manifest["format"] != FORMAT:
                raise Refused(ErrorCode.BACKUP_UNUSABLE, "its format")
            _place_key(settings.trainer_key, _read(archive, _KEY))
            service = open_service(settings, {})
            try:
                return _fill(service, archive, manifest, now)
            finally:
                service.ledger.database.dispose()
    except (
        *(OSError, tarfile.TarError, ValueError, KeyError, TypeError),
        *(BlobDamagedError, SQLAlchemyError, CommandError),
    ) as error:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, "it is damaged or not there") from error


def _fill(service: Service, archive: tarfile.TarFile, manifest: dict[str, Any], now: float) -> BackupSummary:
    database = service.ledger.database
    migrate(database)
    with reading(database) as session:
        used = session.scalar(select(func.count()).select_from(AccountRow)) or 0
        used += session.scalar(select(func.count()).select_from(DeviceRow)) or 0
    if used:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, "this trainer has devices")
    names: dict[str, str] = {}
    for member in archive.getmembers():
        if member.name.startswith("blobs/"):
            earlier = member.name.removeprefix("blobs/")
            content = _read(archive, member.name)
            name = service.blobs.put(content, earlier.partition("-")[0])
            service.blobs.get(name)  # as it was named for
            names[earlier] = name
    migrate(database, "base")
    migrate(database, manifest["revision"])
    with writing(database) as session:
        count = _insert(session.connection(), _lines(archive), names)
        if count != manifest["rows"]:
            raise ValueError
    migrate(database)
    with writing(database) as session:
        note(session, Actor.OPERATOR, Action.RESTORED, now)
    return BackupSummary(count, len(names), manifest["blobs"] - len(names))


def _write_rows(database: Engine, rows: IO[bytes]) -> tuple[str, int, set[str]]:
    """Write all rows at one moment; return the schema's revision, how many rows, and the blobs they name."""
    rows.seek(0)
    rows.truncate()
    count, named = 0, set[str]()
    blob_columns = dict(_BLOB_COLUMNS)
    with reading(database) as session:
        revision = MigrationContext.configure(session.connection()).get_current_revision() or ""
        for table in Base.metadata.sorted_tables:
            if table.name in _LEFT_OUT:
                continue
            for row in session.execute(select(table), execution_options={"yield_per": _BATCH}).mappings():
                values = {column.name: _to_json(row[column.name]) for column in table.columns}
                rows.write(json.dumps({"table": table.name, "row": values}).encode() + b"\n")
                count += 1
                if table.name in blob_columns and (name := row[blob_columns[table.name]]):
                    named.add(name)
    return revision, count, named


def _copy(blobs: Blobs, archive: tarfile.TarFile, names: list[str], copied: set[str]) -> set[str]:
    """Copy blobs; return those that are not there, or not as they should be."""
    missing = set()
    for name in names:
        try:
            content = blobs.get(name)
        except BlobDamagedError:
            missing.add(name)
        else:
            _add_bytes(archive, f"blobs/{name}", content)
            copied.add(name)
    return missing


def _insert(connection: Connection, lines: Iterator[dict[str, Any]], names: dict[str, str]) -> int:
    """Insert rows under the blobs' new names; return how many."""
    tables = MetaData()
    tables.reflect(connection)
    blob_columns = dict(_BLOB_COLUMNS)
    suspend(connection)
    count = 0
    for name, of_one_table in groupby(lines, key=lambda line: str(line["table"])):
        column = blob_columns.get(name)
        rows = ({key: _from_json(value) for key, value in line["row"].items()} for line in of_one_table)
        while batch := list(islice(rows, _BATCH)):
            for row in batch:
                if column is not None and row[column] is not None:
                    row[column] = names.get(row[column], row[column])
            connection.execute(insert(tables.tables[name]), batch)
            count += len(batch)
    enforce(connection)
    return count


def _lines(archive: tarfile.TarFile) -> Iterator[dict[str, Any]]:
    file = archive.extractfile(_ROWS)
    if file is None:
        raise ValueError
    for line in file:
        yield json.loads(line)


def _place_key(path: Path, secret: bytes) -> None:
    """Put the trainer's key where there is none; refuse to work beside another."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        write_first(path, secret, PRIVATE)
    if path.read_bytes() != secret:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, "this trainer has another key")


def _to_json(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value


def _from_json(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    content.seek(0)
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, content)


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    _add(archive, name, io.BytesIO(content), len(content))


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError
    return file.read()
