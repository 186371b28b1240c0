"""The profile database, without what its rows mean: one SQLite file, transactions, sealed rows, our errors.

In write-ahead mode a committed transaction survives the process, so a kill at any moment leaves either
all of a transaction or none. SQLite checks pages on open. Words are not stored in the order they
were typed: their rows are sorted by a keyed hash (WITHOUT ROWID), and what is deleted is overwritten.
Held-out events are in the order they happened; they name no word.

Sealed rows are found by a text, which is hashed, or by a number that grows.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from quietkeys.files import system_error
from quietkeys.profile import schema
from quietkeys.vault.sealing import BLOCK, DataKey
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Untrusted, error_of

_SIZE: Final = struct.Struct(">H")  # of the text before a content
_MODES: Final = slice(18, 20)  # bytes of the file that say how it is written (SQLite's file format, 1.3)
_ROLLBACK_MODE: Final = b"\x01\x01"  # what a database in memory can have
BUSY_S: Final = 5.0  # to wait for another connection's transaction
# Codes of what our statements meet in a damaged file only: tables that are not there, wrong types.
_DAMAGE: Final = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
)


class Database:
    """One open SQLite file. Threads may share it; each waits for the transaction or statement before."""

    def __init__(self, connection: sqlite3.Connection, key: DataKey, path: Path | None = None) -> None:
        """key: what rows are sealed under. path: of the file, None in memory."""
        self.key = key
        self._connection = connection
        self._lock = threading.RLock()
        self._path = path
        self._file = _file_at(path)
        self._frozen = False

    @classmethod
    def open(cls, path: Path, key: DataKey) -> Database:
        """Open the database in this file, making it with mode 0600 if it is missing.

        Raises Untrusted (PROFILE_DAMAGED), Outdated (PROFILE_NEWER) or TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        with _translated():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        return cls._prepared(connection, key, path)

    @classmethod
    def copied(cls, path: Path, key: DataKey) -> Database:
        """Make a copy in memory of the database in a file, which takes no space on the disk.

        Raises Untrusted (PROFILE_DAMAGED), Outdated (PROFILE_NEWER), TryAgain (STORAGE_FAILED).
        """
        with _translated():
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=BUSY_S, uri=True)
            try:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # then the log needs no index on disk
                connection.execute("PRAGMA user_version")
                content = bytearray(connection.serialize())
            finally:
                connection.close()
            content[_MODES] = _ROLLBACK_MODE
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            copy.deserialize(bytes(content))
        return cls._prepared(copy, key)

    def twin(self) -> Database:
        """Make a copy in memory of this database, which must be in memory too; each goes its own way."""
        if self._path is not None:
            raise AssertionError("of a file there is `copied`")
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with self._lock:
            self._connection.backup(copy)
        return self._prepared(copy, self.key)

    @classmethod
    def in_memory(cls, key: DataKey) -> Database:
        """Make a database that keeps nothing on disk."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        return cls._prepared(connection, key)

    @classmethod
    def _prepared(cls, connection: sqlite3.Connection, key: DataKey, path: Path | None = None) -> Database:
        database = cls(connection, key, path)
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
        if version not in (0, schema.VERSION):
            raise error_of(ErrorCode.PROFILE_DAMAGED, "the version of the database")
        if version == 0:
            with self.transaction():
                for statement in schema.STATEMENTS:
                    self.run(statement)
                self.run(f"PRAGMA user_version = {schema.VERSION}")

    def close(self) -> None:
        """Close; what the write-ahead log held is in the file afterwards."""
        with self._lock:
            self._connection.close()

    def freeze(self) -> None:
        """Let nothing change this database any more: it is a copy of one on a full disk."""
        self._frozen = True

    def obstacle(self) -> ErrorCode | None:
        """Return why nothing can be stored now, None for nothing that is known."""
        if self._frozen:
            return ErrorCode.DISK_FULL
        return ErrorCode.PROFILE_GONE if _file_at(self._path) != self._file else None

    def require(self) -> None:
        """Raise TryAgain (DISK_FULL) or Refused (PROFILE_GONE) if nothing can be stored now."""
        obstacle = self.obstacle()
        if obstacle is not None:
            raise error_of(obstacle)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside, or nothing of it.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED), Refused (PROFILE_GONE).
        """
        with self._lock, _translated():
            self.require()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def run(self, statement: str, *values: object) -> None:
        """Run a statement that returns nothing. Raises as `transaction`."""
        with self._lock, _translated():
            if not self._connection.in_transaction:
                self.require()
            self._connection.execute(statement, values)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        with self._lock, _translated():
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Run a statement; return its first row, None if it has none."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def locked(self) -> AbstractContextManager[object]:
        """Keep other threads from running statements in between."""
        return self._lock

    def copy(self) -> bytes:
        """Return a file's worth of this database as it is now, rows sealed as they are."""
        with self._lock, _translated():
            return self._connection.serialize()

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the files, the write-ahead log included."""
        self.run("VACUUM")
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def is_made(path: Path) -> bool:
    """Return whether a file holds a database that `Database.open` has made; raises as that does."""
    with _translated():
        if not path.exists():
            return False
        connection = sqlite3.connect(path, timeout=BUSY_S)
        try:
            return connection.execute("PRAGMA user_version").fetchall() != [(0,)]
        finally:
            connection.close()


def _file_at(path: Path | None) -> tuple[int, int]:
    # Which file lies there now; one of the same name is another.
    try:
        found = None if path is None else path.stat()
    except FileNotFoundError:
        found = None
    return (0, 0) if found is None else (found.st_dev, found.st_ino)


@contextmanager
def _translated() -> Iterator[None]:
    # Errors of SQLite and of the operating system as ours; they may name paths, never words.
    try:
        yield
    except sqlite3.Error as error:
        raise _error_of(error) from error
    except UnicodeDecodeError:  # in the message of an error about a damaged schema; it quotes the file
        raise error_of(ErrorCode.PROFILE_DAMAGED) from None
    except OSError as error:
        raise system_error(error) from error


def _error_of(error: sqlite3.Error) -> QuietkeysError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return error_of(ErrorCode.DISK_FULL)
    if code in _DAMAGE or (code == 0 and isinstance(error, sqlite3.OperationalError)):  # 0: of the module
        return error_of(ErrorCode.PROFILE_DAMAGED)
    return error_of(ErrorCode.STORAGE_FAILED)


class SealedRows:
    """A table of rows that are found by a text: its keyed hash is the name, itself it is sealed."""

    def __init__(self, database: Database, table: str, block: int = BLOCK) -> None:
        """table: one of ours, with columns `name` and `content`."""
        self._database = database
        self._table = table
        self._block = block

    def get(self, text: str) -> bytes | None:
        """Return the content of a row. Raises Untrusted (PROFILE_DAMAGED)."""
        name = self._database.key.name(self._table, text)
        row = self._database.row(f"SELECT content FROM {self._table} WHERE name = ?", name)  # noqa: S608
        return None if row is None else self._unsealed(name, row[0])[1]

    def put(self, text: str, content: bytes) -> None:
        """Store a row, in place of any other of this text."""
        key, label = self._database.key, text.encode()
        name = key.name(self._table, text)
        sealed = key.seal(self._table, name, _SIZE.pack(len(label)) + label + content, self._block)
        self._database.run(f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?)", name, sealed)  # noqa: S608

    def drop(self, text: str) -> None:
        """Remove a row."""
        name = self._database.key.name(self._table, text)
        self._database.run(f"DELETE FROM {self._table} WHERE name = ?", name)  # noqa: S608

    def all(self) -> Iterator[tuple[str, bytes]]:
        """Yield the text and content of every row, in no order that means anything; raises as `get`."""
        rows = self._database.rows(f"SELECT name, content FROM {self._table}")  # noqa: S608
        return (self._unsealed(name, sealed) for name, sealed in rows)

    def _unsealed(self, name: bytes, sealed: bytes) -> tuple[str, bytes]:
        content = self._database.key.unseal(self._table, name, sealed)
        try:
            (size,) = _SIZE.unpack_from(content)
            return content[2 : 2 + size].decode(), content[2 + size :]
        except (struct.error, UnicodeDecodeError) as error:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, self._table) from error


class NumberedRows:
    """A table of rows in the order in which they were added; numbers are never used again."""

    def __init__(self, database: Database, table: str, block: int = BLOCK) -> None:
        """table: one of ours, with an INTEGER PRIMARY KEY AUTOINCREMENT and a column `content`."""
        self._database = database
        self._table = table
        self._block = block

    def add(self, content: bytes, **columns: str) -> int:
        """Store a row; return its number. columns: others, in the clear."""
        database = self._database
        with database.locked():
            last = database.row("SELECT seq FROM sqlite_sequence WHERE name = ?", self._table)
            number = 1 if last is None else last[0] + 1
            sealed = database.key.seal(self._table, number_name(number), content, self._block)
            names, places = ", ".join(("rowid", *columns, "content")), ", ?" * (len(columns) + 1)
            statement = f"INSERT INTO {self._table} ({names}) VALUES (?{places})"  # noqa: S608
            database.run(statement, number, *columns.values(), sealed)
        return int(number)

    def change(self, number: int, content: bytes) -> bool:
        """Store another content in a row; return whether there is one of this number."""
        database = self._database
        sealed = database.key.seal(self._table, number_name(number), content, self._block)
        statement = f"UPDATE {self._table} SET content = ? WHERE rowid = ? RETURNING rowid"  # noqa: S608
        return database.row(statement, sealed, number) is not None

    def all(self) -> Iterator[tuple[int, bytes]]:
        """Yield number and content of every row, in order. Raises Untrusted (PROFILE_DAMAGED)."""
        for number, sealed in self.stored():
            yield number, self.unsealed(number, sealed)

    def stored(self) -> list[tuple[int, bytes]]:
        """Return number and sealed content of every row, in order."""
        return [
            (number, sealed)
            for number, sealed in self._database.rows(
                f"SELECT rowid, content FROM {self._table} ORDER BY rowid"  # noqa: S608
            )
        ]

    def unsealed(self, number: int, sealed: bytes) -> bytes:
        """Return the content of a row. Raises Untrusted (PROFILE_DAMAGED)."""
        return self._database.key.unseal(self._table, number_name(number), sealed)


def number_name(number: int) -> bytes:
    """Return the name that a numbered row is sealed under."""
    return number.to_bytes(8, "big")
