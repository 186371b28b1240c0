"""Sealed rows of a profile database: by a name that is hashed, or by a number that grows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from quietkeys_protocol.errors import ErrorCode, Untrusted

if TYPE_CHECKING:
    from quietkeys.profile.database import Database

BLOCK: Final = 16  # bytes that contents are padded to a multiple of
_SIZE: Final = struct.Struct(">H")  # of the text before a content


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
        with database.alone():
            last = database.row("SELECT seq FROM sqlite_sequence WHERE name = ?", self._table)
            number = 1 if last is None else last[0] + 1
            sealed = database.key.seal(self._table, number_name(number), content, self._block)
            names, places = ", ".join(("rowid", *columns, "content")), ", ?" * (len(columns) + 1)
            statement = f"INSERT INTO {self._table} ({names}) VALUES (?{places})"  # noqa: S608
            database.run(statement, number, *columns.values(), sealed)
        return int(number)

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
