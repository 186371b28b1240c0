"""The profile database: everything the device keeps between runs, in one SQLite file.

Every change that belongs together is one transaction, so a kill at any moment leaves either all of it
or none. In write-ahead mode a committed transaction survives the process; SQLite checks pages on open.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.errors import ProfileCorrupted, ProfileTooNew, StorageFailed, StorageFull
from quietkeys.memory import Key

SCHEMA_VERSION: Final = 1
_SEPARATOR: Final = "\x1f"  # between the words of a key; never part of a word
_SCHEMA: Final = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE memory (key TEXT PRIMARY KEY, count REAL NOT NULL, tick INTEGER NOT NULL) STRICT;
CREATE TABLE arrays (name TEXT PRIMARY KEY, shape TEXT NOT NULL, content BLOB NOT NULL) STRICT;
CREATE TABLE held_out (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE receipts (id TEXT PRIMARY KEY, position INTEGER NOT NULL, content BLOB NOT NULL) STRICT;
CREATE TABLE adapters (
    version INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('in_use', 'previous', 'rolled_back')),
    plan_hash TEXT NOT NULL, content BLOB NOT NULL) STRICT;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, details TEXT NOT NULL) STRICT;
CREATE TABLE outbox (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('report')),
    state TEXT NOT NULL CHECK (state IN ('written', 'sent', 'fetched', 'closed')),
    sequence INTEGER NOT NULL UNIQUE, job TEXT, details TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the user's ledger: Unix seconds, what happened, details as JSON."""

    time: float
    kind: str
    details: str


def pack_array(array: NDArray[np.generic]) -> bytes:
    """Return the bytes of an array as little-endian float64."""
    return np.ascontiguousarray(array, dtype="<f8").tobytes()


class Store:
    """One open profile database. Not thread-safe; the facade holds a lock around it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Store:
        """Return the store in this file, made if it is missing.

        Raises ProfileCorrupted, ProfileTooNew, StorageFull or StorageFailed.
        """
        with _translated():
            existed = path.exists()
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            if not existed:
                os.chmod(path, 0o600)
            store = cls(connection)
            store._prepare()
            return store

    @classmethod
    def in_memory(cls) -> Store:
        """Return a store that keeps nothing on disk."""
        store = cls(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        store._prepare()
        return store

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if self._connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise ProfileCorrupted()
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise ProfileTooNew()
        if version == 0:
            with self.transaction():
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside, or nothing of it. Raises StorageFull or StorageFailed."""
        with _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def setting(self, name: str) -> str | None:
        """Return a stored setting."""
        row = self._one("SELECT value FROM settings WHERE name = ?", name)
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        self._run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value)

    def memory(self) -> Iterator[tuple[Key, float, int]]:
        """Yield what local memory held: (key, count, tick)."""
        for key, count, tick in self._all("SELECT key, count, tick FROM memory"):
            yield tuple(key.split(_SEPARATOR)), count, tick

    def write_memory(self, changes: Iterable[tuple[Key, tuple[float, int] | None]]) -> None:
        """Store changed counts; None removes a key."""
        for key, entry in changes:
            name = _SEPARATOR.join(key)
            if entry is None:
                self._run("DELETE FROM memory WHERE key = ?", name)
            else:
                self._run("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", name, *entry)

    def array(self, name: str) -> NDArray[np.float64] | None:
        """Return a stored array."""
        row = self._one("SELECT shape, content FROM arrays WHERE name = ?", name)
        if row is None:
            return None
        shape = tuple(int(part) for part in str(row[0]).split("x"))
        return np.frombuffer(row[1], dtype="<f8").reshape(shape).copy()

    def write_array(self, name: str, array: NDArray[np.float64]) -> None:
        """Store an array."""
        shape = "x".join(str(size) for size in array.shape)
        self._run("INSERT OR REPLACE INTO arrays VALUES (?, ?, ?)", name, shape, pack_array(array))

    def held_out(self) -> list[bytes]:
        """Return the held-out events, oldest first."""
        return [row[0] for row in self._all("SELECT content FROM held_out ORDER BY id")]

    def add_held_out(self, content: bytes, keep: int) -> int:
        """Store one held-out event, drop all but the newest `keep`; return its id."""
        self._run("INSERT INTO held_out (content) VALUES (?)", content)
        identity = int(self._connection.execute("SELECT last_insert_rowid()").fetchone()[0])
        self._run("DELETE FROM held_out WHERE id <= ?", identity - keep)
        return identity

    def drop_held_out(self, identity: int) -> None:
        """Remove one held-out event."""
        self._run("DELETE FROM held_out WHERE id = ?", identity)

    def receipt(self, identity: str) -> bytes | None:
        """Return what a receipt recorded, or None if it is unknown, used or too old."""
        row = self._one("SELECT content FROM receipts WHERE id = ?", identity)
        return None if row is None else bytes(row[0])

    def write_receipt(self, identity: str, position: int, content: bytes, keep: int) -> None:
        """Store what a receipt takes back; drop those more than `keep` positions older."""
        self._run("INSERT INTO receipts VALUES (?, ?, ?)", identity, position, content)
        self._run("DELETE FROM receipts WHERE position <= ?", position - keep)

    def drop_receipt(self, identity: str) -> None:
        """Remove a used receipt."""
        self._run("DELETE FROM receipts WHERE id = ?", identity)

    def write_ledger(self, time: float, kind: str, details: str) -> None:
        """Append a line to the user's ledger."""
        self._run("INSERT INTO ledger (time, kind, details) VALUES (?, ?, ?)", time, kind, details)

    def ledger(self) -> list[Row]:
        """Return the ledger, oldest first."""
        rows = self._all("SELECT time, kind, details FROM ledger ORDER BY id")
        return [Row(time, kind, details) for time, kind, details in rows]

    def wipe(self) -> None:
        """Remove everything learned, sent and received; settings stay."""
        with self.transaction():
            for table in ("memory", "arrays", "held_out", "receipts", "adapters", "ledger", "outbox"):
                self._connection.execute(f"DELETE FROM {table}")
        self._connection.execute("VACUUM")

    def _run(self, statement: str, *values: object) -> None:
        with _translated():
            self._connection.execute(statement, values)

    def _one(self, statement: str, *values: object) -> tuple[object, ...] | None:
        with _translated():
            row: tuple[object, ...] | None = self._connection.execute(statement, values).fetchone()
            return row

    def _all(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with _translated():
            return self._connection.execute(statement, values).fetchall()


@contextmanager
def _translated() -> Iterator[None]:
    # SQLite's and the operating system's errors become ours; their texts may hold paths, never words.
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageFull() from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ProfileCorrupted() from error
        raise StorageFailed() from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull() from error
        raise StorageFailed() from error
