"""Filling an empty trainer from a backup: everything is read and compared first, and nothing is overwritten.

What is restored has a marker of its own, so that it can never tidy the store of the trainer that it was
copied from.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData, insert
from sqlalchemy.exc import SQLAlchemyError

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import migrate, open_database, writing
from quietkeys_trainer.ledger.identity import identity_in, make_identity, rows_in
from quietkeys_trainer.ledger.job_triggers import enforce, suspend
from quietkeys_trainer.service.backup_file import (
    BLOB_COLUMNS,
    BackupSummary,
    Manifest,
    blob_names,
    check,
    damage_refused,
    lines,
    read_blob,
    read_key,
    values_of,
)
from quietkeys_trainer.service.founding import claim_store, reachable, unclaimed_blobs
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.blobs import ObjectBlobs
from quietkeys_trainer.storage.files import PRIVATE, write_first
from quietkeys_trainer.storage.trainer_key import trainer_key_of

_BATCH: Final = 500


def restore(settings: Settings, path: Path, now: float) -> BackupSummary:
    """Make a trainer from a backup of this version or an earlier one; return what it holds.

    Raises `Refused`, and leaves nothing behind, where there is something already (TRAINER_PRESENT,
    STORE_FOREIGN) or the file is no whole backup (BACKUP_UNUSABLE).
    """
    manifest, held = check(path)
    settings.make_folders()
    database = open_database(settings.database_address)
    try:
        with reachable(), damage_refused(), tarfile.open(path, mode="r:") as archive:
            _require_unused(database)
            blobs = unclaimed_blobs(settings)
            with _key_placed(settings.trainer_key, read_key(archive)), _blobs_placed(blobs, archive) as names:
                _insert_all(database, archive, manifest, names)
            with writing(database) as session:
                public = trainer_key_of(read_key(archive)).public_key
                identity = make_identity(session, public, manifest.seen_at, manifest.kept)
                note(session, Actor.OPERATOR, Action.RESTORED, now, held.devices)
            claim_store(settings, database, identity)
    except (SQLAlchemyError, CommandError) as error:
        raise Refused(ErrorCode.BACKUP_UNUSABLE, "its rows do not fit together") from error
    finally:
        database.dispose()
    return held


def _require_unused(database: Engine) -> None:
    """Raise `Refused` where a database holds a trainer, or rows of one."""
    if identity_in(database) is not None:
        raise Refused(ErrorCode.TRAINER_PRESENT, "a trainer")
    if rows_in(database):
        raise Refused(ErrorCode.TRAINER_PRESENT, "rows of a trainer")


@contextmanager
def _key_placed(path: Path, secret: bytes) -> Iterator[None]:
    """Put the trainer's key where there is none for the block, and leave it there if that goes well."""
    is_new = not path.exists()
    write_first(path, secret, PRIVATE)
    if path.read_bytes() != secret:
        raise Refused(ErrorCode.TRAINER_PRESENT, "another trainer's key")
    try:
        yield
    except BaseException:
        if is_new:
            path.unlink()
        raise


@contextmanager
def _blobs_placed(blobs: ObjectBlobs, archive: tarfile.TarFile) -> Iterator[dict[str, str]]:
    """Store the blobs for the block, and leave them if that goes well; yield their new names by their old."""
    names: dict[str, str] = {}
    try:
        for earlier in blob_names(archive):
            names[earlier] = blobs.put(read_blob(archive, earlier), earlier.partition("-")[0])
        yield names
    except BaseException:
        for name in names.values():
            blobs.delete(name)
        raise


def _insert_all(
    database: Engine, archive: tarfile.TarFile, manifest: Manifest, names: dict[str, str]
) -> None:
    """Make the schema that the rows are of, insert them, and bring it up to this version's."""
    migrate(database, "base")
    try:
        migrate(database, manifest.revision)
        with writing(database) as session:
            _insert(session.connection(), lines(archive), names)
        migrate(database)
    except (SQLAlchemyError, CommandError, QuietkeysError):
        migrate(database, "base")
        raise


def _insert(connection: Connection, rows: Iterator[dict[str, Any]], names: dict[str, str]) -> None:
    """Insert rows under the blobs' new names."""
    tables = MetaData()
    tables.reflect(connection)
    suspend(connection)
    for name, of_one_table in groupby(rows, key=lambda line: str(line["table"])):
        column = BLOB_COLUMNS.get(name)
        values = (values_of(line) for line in of_one_table)
        while batch := list(islice(values, _BATCH)):
            for row in batch:
                if column is not None and row[column] is not None:
                    row[column] = names.get(row[column], row[column])
            connection.execute(insert(tables.tables[name]), batch)
    enforce(connection)
