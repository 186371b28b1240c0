"""What the device keeps between runs: settings, local memory, event counts, held-out events, the ledger.

Adapters and the outbox have modules of their own over the same database, so that a change that belongs
together is one transaction.
"""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.database import Database
from quietkeys.memory import Entry, Key
from quietkeys_protocol.errors import ErrorCode, error_of

WIPING: Final = "wiping"  # the setting that is there from a wipe until its files are gone too
BYTES_SENT: Final = "bytes_sent"  # the setting that adds up the bodies of all syncs
_MARKS_KEY: Final = "marks_key"  # the setting that keys the names of marks
_SEPARATOR: Final = "\x1f"  # between the words of a key; never part of a word
_LONGEST: Final = 3  # words of a key
_DIGITS: Final = 18  # of a number that fits SQLite's integers
_KEPT: Final = "bundle/%"  # settings that outlive a wipe: the bundle versions seen


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the user's ledger: Unix seconds, a kind for programs, a sentence for people."""

    time: float
    kind: str
    text: str


class Store:
    """What was learned, over a profile database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, path: Path) -> Store:
        """Return the store in this file; raises as `Database.open`."""
        return cls(Database.open(path))

    @classmethod
    def in_memory(cls) -> Store:
        """Return a store that keeps nothing on disk."""
        return cls(Database.in_memory())

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Do everything inside, or nothing of it. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        return self.database.transaction()

    def setting(self, name: str) -> str | None:
        """Return a stored setting."""
        row = self.database.row("SELECT value FROM settings WHERE name = ?", name)
        return None if row is None else str(row[0])

    def number(self, name: str) -> int:
        """Return a stored setting that counts something, 0 if it is missing; Untrusted (PROFILE_DAMAGED)."""
        value = self.setting(name) or "0"
        if not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a setting")
        return int(value)

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        self.database.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value)

    def mark(self, kind: str, text: str) -> bytes | None:
        """Return what is kept about a text under its keyed hash, None if nothing is."""
        value = self.setting(self._mark_name(kind, text))
        return None if value is None else bytes.fromhex(value)

    def set_mark(self, kind: str, text: str, content: bytes | None) -> None:
        """Keep something about a text without keeping the text; None removes it."""
        if content is None:
            self.drop_setting(self._mark_name(kind, text))
        else:
            self.set_setting(self._mark_name(kind, text), content.hex())

    def marks(self, kind: str) -> list[bytes]:
        """Return the contents of all marks of a kind, in no order that means anything."""
        prefix = f"mark/{kind}/"
        rows = self.database.rows(
            "SELECT value FROM settings WHERE substr(name, 1, ?) = ? ORDER BY name", len(prefix), prefix
        )
        return [bytes.fromhex(value) for (value,) in rows]

    def _mark_name(self, kind: str, text: str) -> str:
        key = self.setting(_MARKS_KEY)
        if key is None:
            key = secrets.token_hex(32)
            self.set_setting(_MARKS_KEY, key)
        return f"mark/{kind}/{hmac.digest(bytes.fromhex(key), text.encode(), 'sha256').hex()}"

    def memory(self) -> Iterator[tuple[Key, float, int]]:
        """Yield what local memory held: (key, count, tick). Untrusted (PROFILE_DAMAGED) if it cannot be."""
        for name, count, tick in self.database.rows("SELECT key, count, tick FROM memory"):
            key = tuple(name.split(_SEPARATOR))
            if len(key) > _LONGEST or not 0.0 <= count < math.inf or tick < 0:
                raise error_of(ErrorCode.PROFILE_DAMAGED, "local memory")
            yield key, count, tick

    def write_memory(self, changes: Iterable[tuple[Key, Entry | None]]) -> None:
        """Store changed counts; None removes a key."""
        for key, entry in changes:
            name = _SEPARATOR.join(key)
            if entry is None:
                self.database.run("DELETE FROM memory WHERE key = ?", name)
            else:
                self.database.run("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", name, *entry)

    def array(self, name: str) -> NDArray[np.float64] | None:
        """Return a stored array of counts; Untrusted (PROFILE_DAMAGED) if it is not one."""
        row = self.database.row("SELECT shape, content FROM arrays WHERE name = ?", name)
        if row is None:
            return None
        try:
            shape = tuple(int(part) for part in row[0].split("x"))
            array: NDArray[np.float64] = np.frombuffer(row[1], dtype="<f8").reshape(shape).copy()
        except ValueError as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "an array") from error
        if not (np.isfinite(array).all() and (array >= 0.0).all()):
            raise error_of(ErrorCode.PROFILE_DAMAGED, "an array")
        return array

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """Return the stored arrays whose names begin so, by the rest of the name; raises as `array`."""
        names = self.database.rows(
            "SELECT name FROM arrays WHERE substr(name, 1, ?) = ?", len(prefix), prefix
        )
        found = ((name.removeprefix(prefix), self.array(name)) for (name,) in names)
        return {rest: array for rest, array in found if array is not None}

    def drop_array(self, name: str) -> None:
        """Remove an array."""
        self.database.run("DELETE FROM arrays WHERE name = ?", name)

    def drop_arrays_before(self, prefix: str, end: str) -> None:
        """Remove arrays whose names begin so and end with something less than `end`, of the same length."""
        self.database.run(
            "DELETE FROM arrays WHERE substr(name, 1, ?) = ? AND substr(name, -?) < ?",
            *(len(prefix), prefix, len(end), end),
        )

    def write_array(self, name: str, array: NDArray[np.float64]) -> None:
        """Store an array."""
        shape = "x".join(str(size) for size in array.shape)
        content = np.ascontiguousarray(array, dtype="<f8").tobytes()
        self.database.run("INSERT OR REPLACE INTO arrays VALUES (?, ?, ?)", name, shape, content)

    def held_out(self, after: int = 0) -> list[bytes]:
        """Return the held-out events younger than that with the id `after`, oldest first."""
        rows = self.database.rows("SELECT content FROM held_out WHERE id > ? ORDER BY id", after)
        return [row[0] for row in rows]

    def newest_held_out(self) -> int:
        """Return the id of the newest held-out event, 0 for none; ids grow and are never used again."""
        ((identity,),) = self.database.rows("SELECT coalesce(max(id), 0) FROM held_out")
        return int(identity)

    def add_held_out(self, content: bytes, keep: int) -> int:
        """Store one held-out event, drop all but the newest `keep`; return its id."""
        identity = self.database.insert("INSERT INTO held_out (content) VALUES (?)", content)
        self.database.run("DELETE FROM held_out WHERE id <= ?", identity - keep)
        return identity

    def drop_held_out(self, identity: int) -> None:
        """Remove one held-out event."""
        self.database.run("DELETE FROM held_out WHERE id = ?", identity)

    def forget_events(self) -> None:
        """Remove counts and held-out events: those of another plan mean something else."""
        self.database.run("DELETE FROM arrays WHERE name LIKE 'masses/%'")
        self.database.run("DELETE FROM held_out")

    def write_ledger(self, time: float, kind: str, text: str) -> None:
        """Append a line to the user's ledger."""
        self.database.run("INSERT INTO ledger (time, kind, text) VALUES (?, ?, ?)", time, kind, text)

    def ledger(self) -> list[LedgerLine]:
        """Return the ledger, oldest first."""
        return [
            LedgerLine(*row) for row in self.database.rows("SELECT time, kind, text FROM ledger ORDER BY id")
        ]

    def wipe(self) -> None:
        """Remove everything learned, sent and received.

        The bundle versions seen stay, and the trainers at which this device is still to be deleted.
        """
        with self.transaction():
            for table in ("memory", "arrays", "held_out", "adapters", "ledger", "outbox"):
                self.database.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self.database.run("DELETE FROM settings WHERE name NOT LIKE ?", _KEPT)
            self.database.run("DELETE FROM trainers WHERE enrolled = 0")
            self.database.run("UPDATE trainers SET enrolled = 2, key_id = NULL")
            self.set_setting(WIPING, "1")

    def drop_setting(self, name: str) -> None:
        """Remove a setting."""
        self.database.run("DELETE FROM settings WHERE name = ?", name)
