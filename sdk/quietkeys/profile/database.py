"""The profile database, without what its rows mean: one SQLite file, transactions, our errors.

In write-ahead mode a committed transaction survives the process, so a kill at any moment leaves either
all of a transaction or none. SQLite checks pages on open. Words are not stored in the order they
were typed: their rows are sorted by a keyed hash (WITHOUT ROWID), and what is deleted is overwritten.
Held-out events are in the order they happened; they name no word.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quietkeys.profile import schema
from quietkeys.profile.sealed_rows import SealedRows
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of

if TYPE_CHECKING:
    from quietkeys.vault.sealing import DataKey

SCRUBBING: Final = "scrubbing"  # the setting that is there until the traces of version 1 are gone
# Codes of what our statements meet in a damaged file only: tables that are not there, wrong types.
_DAMAGE: Final = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
)
BUSY_S: Final = 5.0  # to wait for another connection's transaction


class Database:
    """One open SQLite file. Threads may share it; each waits for the transaction or statement before."""

    def __init__(self, connection: sqlite3.Connection, key: DataKey) -> None:
        """key: what rows are sealed under."""
        self.key = key
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, key: DataKey) -> Database:
        """Return the database in this file, made with mode 0600 if it is missing.

        One of version 1, in the clear, is sealed. Raises Untrusted (PROFILE_DAMAGED), Outdated
        (PROFILE_NEWER) or TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        with translated():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
        return cls._prepared(connection, key)

    @classmethod
    def in_memory(cls, key: DataKey) -> Database:
        """Return a database that keeps nothing on disk."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        return cls._prepared(connection, key)

    @classmethod
    def _prepared(cls, connection: sqlite3.Connection, key: DataKey) -> Database:
        database = cls(connection, key)
        try:
            database._prepare()
        except BaseException:
            connection.close()
            raise
        return database

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
            self.rows(f"PRAGMA {pragma}")
        if self.rows("PRAGMA quick_check") != [("ok",)]:
            raise error_of(ErrorCode.PROFILE_DAMAGED)
        ((version,),) = self.rows("PRAGMA user_version")
        if version > schema.VERSION:
            raise error_of(ErrorCode.PROFILE_NEWER)
        if version < schema.VERSION:
            with self.transaction():
                if version == 0:
                    schema.create(self)
                else:
                    schema.seal_version_1(self)
                    SealedRows(self, "settings").put(SCRUBBING, b"")
        if SealedRows(self, "settings").get(SCRUBBING) is not None:
            self.scrub()
            SealedRows(self, "settings").drop(SCRUBBING)

    def close(self) -> None:
        """Close; what the write-ahead log held is in the file afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside, or nothing of it. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        with self._lock, translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def run(self, statement: str, *values: object) -> None:
        """Run a statement that returns nothing."""
        with self._lock, translated():
            self._connection.execute(statement, values)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        with self._lock, translated():
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row of a statement."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def alone(self) -> AbstractContextManager[object]:
        """Keep other threads from running statements in between."""
        return self._lock

    def copy(self) -> bytes:
        """Return a file's worth of this database as it is now, rows sealed as they are."""
        with self._lock, translated():
            return self._connection.serialize()

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the files, the write-ahead log included."""
        self.run("VACUUM")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def version_of(path: Path) -> int:
    """Return the version of the database in a file, 0 where there is none; raises as `Database.open`."""
    with translated():
        if not path.exists():
            return 0
        connection = sqlite3.connect(path, BUSY_S)
        try:
            ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        finally:
            connection.close()
    return int(version)


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of SQLite and of the operating system as ours; they may name paths, never words."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error_of(error) from error
    except UnicodeDecodeError:  # in the message of an error about a damaged schema; it quotes the file
        raise error_of(ErrorCode.PROFILE_DAMAGED) from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise error_of(ErrorCode.DISK_FULL if full else ErrorCode.STORAGE_FAILED) from error


def _error_of(error: sqlite3.Error) -> QuietkeysError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return error_of(ErrorCode.DISK_FULL)
    if code in _DAMAGE or (code == 0 and isinstance(error, sqlite3.OperationalError)):  # 0: of the module
        return error_of(ErrorCode.PROFILE_DAMAGED)
    return error_of(ErrorCode.STORAGE_FAILED)
