"""The profile database, without what its rows mean: one SQLite file, transactions, our errors.

In write-ahead mode a committed transaction survives the process, so a kill at any moment leaves either
all of a transaction or none. SQLite checks pages on open. Words are not stored in the order they
were typed: their keys are sorted (WITHOUT ROWID), and what is deleted is overwritten. Held-out events are in
the order they happened; they name no word.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of

SCHEMA_VERSION: Final = 1
BUSY_S: Final = 5.0  # to wait for another connection's transaction
_SCHEMA: Final = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE memory (
    key TEXT PRIMARY KEY, count REAL NOT NULL, tick INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE arrays (name TEXT PRIMARY KEY, shape TEXT NOT NULL, content BLOB NOT NULL) STRICT;
CREATE TABLE held_out (id INTEGER PRIMARY KEY AUTOINCREMENT, content BLOB NOT NULL) STRICT;
CREATE TABLE adapters (
    -- in_use -> previous (by a newer one), in_use -> rolled_back, previous -> in_use (by a roll-back)
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('in_use', 'previous', 'rolled_back')),
    plan_hash TEXT NOT NULL, content BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX one_adapter_in_use ON adapters (state) WHERE state = 'in_use';
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE trainers (
    -- enrolled: 0 no, 1 yes, 2 to be deleted there. key_id: the evaluation keys that it acknowledged
    url TEXT PRIMARY KEY, enrolled INTEGER NOT NULL CHECK (enrolled IN (0, 1, 2)), key_id TEXT) STRICT;
CREATE TABLE outbox (
    -- written -> sent (with a job) -> fetched -> closed, any -> closed
    id TEXT PRIMARY KEY, -- the idempotency key
    state TEXT NOT NULL CHECK (state IN ('written', 'sent', 'fetched', 'closed')),
    trainer TEXT NOT NULL, plan_hash TEXT NOT NULL, key_id TEXT NOT NULL,
    sequence INTEGER NOT NULL UNIQUE, job TEXT, sha256 TEXT NOT NULL, content BLOB,
    CHECK (state <> 'written' OR job IS NULL), CHECK (state NOT IN ('sent', 'fetched') OR job IS NOT NULL),
    CHECK ((state = 'closed') = (content IS NULL))) STRICT;
CREATE UNIQUE INDEX one_open_report ON outbox (state <> 'closed') WHERE state <> 'closed';
"""


class Database:
    """One open SQLite file. Threads may share it; each waits for the transaction or statement before."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Database:
        """Return the database in this file, made with mode 0600 if it is missing.

        Raises Untrusted (PROFILE_DAMAGED), Outdated (PROFILE_NEWER) or TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        with translated():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
        return cls._prepared(connection)

    @classmethod
    def in_memory(cls) -> Database:
        """Return a database that keeps nothing on disk."""
        return cls._prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))

    @classmethod
    def _prepared(cls, connection: sqlite3.Connection) -> Database:
        database = cls(connection)
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
        if version > SCHEMA_VERSION:
            raise error_of(ErrorCode.PROFILE_NEWER)
        if version == 0:
            with self.transaction():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self.run(statement)
                self.run(f"PRAGMA user_version = {SCHEMA_VERSION}")

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

    def insert(self, statement: str, *values: object) -> int:
        """Run an INSERT within a transaction; return the id of its row."""
        self.run(statement, *values)
        ((identity,),) = self.rows("SELECT last_insert_rowid()")
        return int(identity)

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the files, the write-ahead log included."""
        self.run("VACUUM")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of SQLite and of the operating system as ours; they may name paths, never words."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error_of(error) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise error_of(ErrorCode.DISK_FULL if full else ErrorCode.STORAGE_FAILED) from error


def _error_of(error: sqlite3.Error) -> QuietkeysError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return error_of(ErrorCode.DISK_FULL)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return error_of(ErrorCode.PROFILE_DAMAGED)
    return error_of(ErrorCode.STORAGE_FAILED)
