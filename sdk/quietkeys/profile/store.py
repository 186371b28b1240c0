"""What the device keeps between runs: settings, local memory, event counts, held-out events, the ledger.

A word that the lexicon lacks enters local memory only after it was kept KEEPS times over SESSIONS sessions: a
password or a slip that gets past all else is seldom kept so often. Until then it is a mark, without its
letters (`Pending`). The mark stays with a word that entered: `undo` may still take a keep away, and the word
with it.

Adapters and the outbox have modules of their own over the same database, so that a change that belongs
together is one transaction.
"""

from __future__ import annotations

import math
import secrets
import struct
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.profile.database import Database, NumberedRows, SealedRows
from quietkeys.profile.ledger import LedgerKind, LedgerLine
from quietkeys.profile.memory import ADDED, FORM, Entry, Key
from quietkeys.profile.settings import BYTES_SENT, SETTINGS, WIPING, Setting, Until, setting_named
from quietkeys.profile.trainers import Trainers
from quietkeys.vault.sealing import DataKey
from quietkeys_protocol.errors import ErrorCode, TryAgain, Untrusted, error_of

_SEPARATOR: Final = "\x1f"  # between the words of a key; never part of a word
_LONGEST: Final = 3  # words of a key
_KIND_BYTES: Final = 4  # of a mark's name
_MEMORY: Final = struct.Struct("<dq")  # count, tick
_MEMORY_BLOCK: Final = 64  # bytes that a row of memory is padded to: one word or three, short or long
_LEDGER_BLOCK: Final = 256
_COUNTED_BLOCK: Final = 64  # bytes that a counted choice is padded to
_AGE: Final = struct.Struct(">I")  # what the name of a counted choice begins with: its epoch
_NAME_BYTES: Final = 16  # of a counted choice; the rest is random, so that rows of an epoch have no order
KEEPS: Final = 3
SESSIONS: Final = 2
_MOST: Final = 8  # keeps that a mark counts
_SESSION: Final = struct.Struct(">Q")  # the number of the session of one keep
_WIPED: Final = ("marks", "memory", "arrays", "counted", "held_out", "adapters", "ledger", "sent", "outbox")
_PENDING: Final = "pending"
_FORGOTTEN: Final = "forgotten"

Sessions = tuple[int, ...]  # of each keep, in order

Value = TypeVar("Value")


class Store:
    """What was learned, over a profile database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._settings = SealedRows(database, "settings")
        self._memory = SealedRows(database, "memory", _MEMORY_BLOCK)
        self._arrays = SealedRows(database, "arrays")
        self._held_out = NumberedRows(database, "held_out")
        self._ledger = NumberedRows(database, "ledger", _LEDGER_BLOCK)

    @classmethod
    def open(cls, path: Path, key: DataKey) -> Store:
        """Open the store in this file, sealed under a key; raise as `Database.open`."""
        return cls(Database.open(path, key))

    @classmethod
    def copied(cls, path: Path, key: DataKey) -> Store:
        """Return a store in memory of what this file holds; raise as `Database.copied`."""
        return cls(Database.copied(path, key))

    @classmethod
    def in_memory(cls) -> Store:
        """Make a store that keeps nothing on disk."""
        return cls(Database.in_memory(DataKey.generate()))

    def twin(self) -> Store:
        """Return a copy in memory of this store, which must be in memory too."""
        return type(self)(self.database.twin())

    def check(self) -> None:
        """Read every row but those of local memory, and every setting by its form.

        Raises Untrusted (PROFILE_DAMAGED) if one is damaged.
        """
        adapters, sent = (NumberedRows(self.database, table) for table in ("adapters", "sent"))
        for name, content in self._settings.all():
            setting = setting_named(name)
            if setting is not None:
                setting.of_bytes(content)
        for rows in (self._arrays, self._held_out, self._ledger, adapters, sent):
            for _ in rows.all():
                pass
        for name, sealed in self.database.rows("SELECT name, content FROM marks"):
            self.database.key.unseal("marks", name, sealed)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Do everything inside, or nothing of it. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        return self.database.transaction()

    def setting(self, setting: Setting[Value]) -> Value | None:
        """Return what a setting holds, None for nothing. Raises Untrusted (PROFILE_DAMAGED)."""
        content = self._settings.get(setting.name)
        return None if content is None else setting.of_bytes(content)

    def set_setting(self, setting: Setting[Value], value: Value) -> None:
        """Store what a setting holds from now on."""
        self._settings.put(setting.name, setting.codec.write(value).encode())

    def drop_setting(self, setting: Setting[Any]) -> None:
        """Remove a setting."""
        self._settings.drop(setting.name)

    def drop_key_settings(self) -> None:
        """Remove the settings that go with the keys."""
        for setting in SETTINGS:
            if setting.until is Until.KEYS_GO:
                self.drop_setting(setting)

    def add_bytes_sent(self, size: int) -> None:
        """Add to the bodies of all syncs. Raises Untrusted (PROFILE_DAMAGED)."""
        self.set_setting(BYTES_SENT, (self.setting(BYTES_SENT) or 0) + size)

    def mark(self, kind: str, text: str) -> bytes | None:
        """Return what is kept about a text under its keyed hash, None if nothing is."""
        name = self._mark_name(kind, text)
        row = self.database.row("SELECT content FROM marks WHERE name = ?", name)
        return None if row is None else self.database.key.unseal("marks", name, row[0])

    def set_mark(self, kind: str, text: str, content: bytes | None) -> None:
        """Keep something about a text without keeping the text; None removes it."""
        name = self._mark_name(kind, text)
        if content is None:
            self.database.run("DELETE FROM marks WHERE name = ?", name)
        else:
            sealed = self.database.key.seal("marks", name, content)
            self.database.run("INSERT OR REPLACE INTO marks VALUES (?, ?)", name, sealed)

    def marks(self, kind: str) -> list[bytes]:
        """Return the contents of all marks of a kind, in no order that means anything."""
        prefix = self._kind_name(kind)
        rows = self.database.rows("SELECT name, content FROM marks WHERE substr(name, 1, ?) = ?", *prefix)
        return [self.database.key.unseal("marks", name, sealed) for name, sealed in rows]

    def _kind_name(self, kind: str) -> tuple[int, bytes]:
        return _KIND_BYTES, self.database.key.name("kinds of marks", kind)[:_KIND_BYTES]

    def _mark_name(self, kind: str, text: str) -> bytes:
        return self._kind_name(kind)[1] + self.database.key.name(f"marks/{kind}", text)

    def memory(self) -> Iterator[tuple[Key, float, int]]:
        """Yield what local memory held: (key, count, tick). Raises Untrusted (PROFILE_DAMAGED)."""
        for name, content in self._memory.all():
            key = tuple(name.split(_SEPARATOR))
            if len(key) > _LONGEST or (key[0] in (FORM, ADDED) and not _is_form(key)):
                raise error_of(ErrorCode.PROFILE_DAMAGED, "local memory")
            yield key, *unpack_count(content)

    def write_memory(self, changes: Iterable[tuple[Key, Entry | None]]) -> None:
        """Store changed counts; None removes a key."""
        for key, entry in changes:
            name = _SEPARATOR.join(key)
            if entry is None:
                self._memory.drop(name)
            else:
                self._memory.put(name, pack_count(*entry))

    def array(self, name: str) -> Float64 | None:
        """Return a stored array of counts; raise Untrusted (PROFILE_DAMAGED) if it is not one."""
        content = self._arrays.get(name)
        return None if content is None else unpack_array(content)

    def arrays(self, prefix: str) -> dict[str, Float64]:
        """Return the stored arrays whose names begin so, by the rest of the name; raises as `array`."""
        return {
            name.removeprefix(prefix): unpack_array(content)
            for name, content in self._arrays.all()
            if name.startswith(prefix)
        }

    def drop_array(self, name: str) -> None:
        """Remove an array."""
        self._arrays.drop(name)

    def drop_arrays_before(self, prefix: str, end: str) -> None:
        """Remove arrays whose names begin so and end with something less than `end`, of the same length."""
        for name, _ in self._arrays.all():
            if name.startswith(prefix) and name[-len(end) :] < end:
                self._arrays.drop(name)

    def write_array(self, name: str, array: Float64) -> None:
        """Store an array."""
        self._arrays.put(name, pack_array(array))

    def held_out(self, after: int = 0) -> list[bytes]:
        """Return the held-out events younger than that with the id `after`, oldest first.

        Damaged ones are left out.
        """
        found: list[bytes] = []
        for number, sealed in self._held_out.stored():
            with suppress(Untrusted):
                if number > after:
                    found.append(self._held_out.unsealed(number, sealed))
        return found

    def newest_held_out(self) -> int:
        """Return the id of the newest held-out event, 0 for none; ids grow and are never used again."""
        ((identity,),) = self.database.rows("SELECT coalesce(max(id), 0) FROM held_out")
        return int(identity)

    def add_held_out(self, content: bytes, keep: int) -> int:
        """Store one held-out event, drop all but the newest `keep`; return its id."""
        identity = self._held_out.add(content)
        self.database.run("DELETE FROM held_out WHERE id <= ?", identity - keep)
        return identity

    def drop_held_out(self, identity: int) -> None:
        """Remove one held-out event."""
        self.database.run("DELETE FROM held_out WHERE id = ?", identity)

    def add_counted(self, epoch: int, content: bytes, keep: int) -> bytes:
        """Store one choice that is counted, drop all but the newest `keep`; return its name.

        epoch: when, so coarse that the rows do not tell the order of words; within one they have none.
        """
        name = _AGE.pack(epoch) + secrets.token_bytes(_NAME_BYTES - _AGE.size)
        sealed = self.database.key.seal("counted", name, content, _COUNTED_BLOCK)
        self.database.run("INSERT INTO counted VALUES (?, ?)", name, sealed)
        self.database.run(
            "DELETE FROM counted WHERE name < (SELECT name FROM counted ORDER BY name DESC LIMIT 1 OFFSET ?)",
            keep - 1,
        )
        return name

    def drop_counted(self, name: bytes) -> None:
        """Remove one choice that was counted."""
        self.database.run("DELETE FROM counted WHERE name = ?", name)

    def counted(self, newest: int) -> list[tuple[int, bytes]]:
        """Return (epoch, content) of the newest counted choices, newest first; damaged ones are left out."""
        found: list[tuple[int, bytes]] = []
        for name, sealed in self.database.rows(
            "SELECT name, content FROM counted ORDER BY name DESC LIMIT ?", newest
        ):
            with suppress(Untrusted, struct.error):
                found.append((*_AGE.unpack_from(name), self.database.key.unseal("counted", name, sealed)))
        return found

    def forget_events(self) -> None:
        """Remove counted and held-out choices: those of another plan mean something else."""
        for table in ("counted", "held_out"):
            self.database.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours

    def write_ledger(self, time: float, kind: LedgerKind, text: str) -> None:
        """Append a line to the user's ledger."""
        self._ledger.add(LedgerLine(time, kind, text).to_bytes())

    def ledger(self) -> list[LedgerLine]:
        """Return the ledger, oldest first. Raises Untrusted (PROFILE_DAMAGED)."""
        return [LedgerLine.of_bytes(content) for _, content in self._ledger.all()]

    def wipe(self) -> None:
        """Remove everything learned, sent and received.

        Settings stay that outlive a wipe, and the trainers at which this device is still to be deleted.
        """
        with self.transaction():
            for table in _WIPED:
                self.database.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            for name, _ in self._settings.all():
                setting = setting_named(name)
                if setting is None or setting.until is not Until.FOLDER_GOES:
                    self._settings.drop(name)
            Trainers(self.database).leave_all()
            self.set_setting(WIPING, True)


class Pending:
    """The keeps of words that the lexicon lacks, and which words are never to be learnt."""

    def __init__(self, store: Store, lexicon: Container[str], own_words: Container[str]) -> None:
        self._store = store
        self._lexicon = lexicon
        self._own_words = own_words

    def keep(self, word: str, session: int) -> tuple[bool, bool]:
        """Count one keep; return (whether the word is to be learnt, whether the mark counts this keep).

        Raises Untrusted (PROFILE_DAMAGED).
        """
        if word in self._lexicon:
            return True, False
        known, kept = word in self._own_words, self._kept(word)
        if known and (not kept or len(kept) == _MOST):
            return True, False  # it was put there, or has been here for long
        kept = (*kept, session)[-_MOST:]
        self._write(word, kept)
        return known or enough(kept), True

    def keeps(self, word: str) -> int:
        """Return how many keeps the mark of a word counts; 0 if the store cannot be read.

        So a word is left alone as it is typed from its first keep on, before it is learnt.
        """
        try:
            return len(self._store.mark(_PENDING, word) or b"") // _SESSION.size
        except TryAgain:
            return 0

    def of(self, word: str) -> Sessions | None:
        """Return the keeps of a word that is not learnt yet and may be; None for any other word."""
        known = word in self._lexicon or word in self._own_words
        return None if known or self.is_forgotten(word) else self._kept(word)

    def take_back(self, word: str, session: int) -> bool:
        """Uncount a keep that the mark counts; return whether the word may stay in local memory."""
        kept = list(self._kept(word))
        if session not in kept:
            return True  # it was put there since, or forgotten
        kept.remove(session)
        self._write(word, tuple(kept))
        return enough(kept)

    def is_forgotten(self, word: str) -> bool:
        """Return whether a word is never to be learnt."""
        return self._store.mark(_FORGOTTEN, word) is not None

    def forget(self, word: str) -> None:
        """Mark a word as one that is never to be learnt."""
        self._store.set_mark(_PENDING, word, None)
        self._store.set_mark(_FORGOTTEN, word, b"\x01")

    def clear(self, word: str) -> None:
        """Remove the marks of a word, so that it can be learnt."""
        self._store.set_mark(_PENDING, word, None)
        self._store.set_mark(_FORGOTTEN, word, None)

    def _kept(self, word: str) -> Sessions:
        content = self._store.mark(_PENDING, word) or b""
        if len(content) % _SESSION.size or len(content) > _MOST * _SESSION.size:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a mark")
        return tuple(session for (session,) in _SESSION.iter_unpack(content))

    def _write(self, word: str, kept: Sessions) -> None:
        content = b"".join(map(_SESSION.pack, kept))
        self._store.set_mark(_PENDING, word, content or None)


def enough(kept: Sequence[int]) -> bool:
    """Return whether a word that was kept in these sessions enters local memory."""
    return len(kept) >= KEEPS and len(set(kept)) >= SESSIONS


def _is_form(key: Key) -> bool:
    # Whether a key that begins like that of a form is one.
    kind, *rest = key
    return len(rest) in ((1, 2) if kind == FORM else (2,)) and all(part.lower() == rest[0] for part in rest)


def pack_count(count: float, tick: int) -> bytes:
    """Return the bytes of a decayed count and its tick."""
    return _MEMORY.pack(count, tick)


def unpack_count(content: bytes) -> tuple[float, int]:
    """Return the count, not negative, and tick in these bytes. Raises Untrusted (PROFILE_DAMAGED)."""
    if len(content) != _MEMORY.size:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "local memory")
    count, tick = _MEMORY.unpack(content)
    if not 0.0 <= count < math.inf or tick < 0:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "local memory")
    return count, tick


def pack_array(array: Float64) -> bytes:
    """Return the bytes of an array."""
    shape = "x".join(str(size) for size in array.shape)
    return shape.encode() + b"\n" + np.ascontiguousarray(array, dtype="<f8").tobytes()


def unpack_array(content: bytes) -> Float64:
    """Return the array of counts, none negative, in these bytes. Raises Untrusted (PROFILE_DAMAGED)."""
    shape, _, values = content.partition(b"\n")
    try:
        sizes = tuple(int(part) for part in shape.split(b"x"))
        array: Float64 = np.frombuffer(values, dtype="<f8").reshape(sizes).copy()
    except ValueError as error:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "an array") from error
    if not (np.isfinite(array).all() and (array >= 0.0).all()):
        raise error_of(ErrorCode.PROFILE_DAMAGED, "an array")
    return array
