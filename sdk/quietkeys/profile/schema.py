"""The tables of a profile database, and what makes the present version of an earlier one.

What was typed, counted, decided or decrypted is sealed (`quietkeys.vault`), and what might be a word has a
keyed hash for a name. In the clear are what a trainer knows as well (its address, the enrolment, the
evaluation keys' id, a report's times, ids and hash), the states of reports and adapters, the adapters' plan,
and how many rows there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from quietkeys.profile.row_codec import LedgerLine, pack_count
from quietkeys.profile.sealed_rows import NumberedRows, SealedRows, number_name

if TYPE_CHECKING:
    from quietkeys.profile.database import Database

VERSION: Final = 2
MEMORY_BLOCK: Final = 64  # bytes that a row of memory is padded to: one word or three, short or long
LEDGER_BLOCK: Final = 256
_NAMED: Final = "CREATE TABLE {} (name BLOB PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID"
_NUMBERED: Final = "CREATE TABLE {} (id INTEGER PRIMARY KEY AUTOINCREMENT, content BLOB NOT NULL) STRICT"
_SEALED: Final = (
    *(_NAMED.format(table) for table in ("settings", "marks", "memory", "arrays")),
    *(_NUMBERED.format(table) for table in ("held_out", "ledger")),
)
_SINCE_VERSION_1: Final = (
    """
    CREATE TABLE adapters (
        -- in_use -> previous (by a newer one), in_use -> rolled_back, previous -> in_use (by a roll-back)
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        state TEXT NOT NULL CHECK (state IN ('in_use', 'previous', 'rolled_back')),
        plan_hash TEXT NOT NULL, content BLOB NOT NULL) STRICT
    """,
    "CREATE UNIQUE INDEX one_adapter_in_use ON adapters (state) WHERE state = 'in_use'",
    """
    CREATE TABLE trainers (
        -- enrolled: 0 no, 1 yes, 2 to be deleted there. key_id: the evaluation keys that it acknowledged
        url TEXT PRIMARY KEY, enrolled INTEGER NOT NULL CHECK (enrolled IN (0, 1, 2)), key_id TEXT) STRICT
    """,
    """
    CREATE TABLE outbox (
        -- written -> sent (with a job) -> fetched -> closed, any -> closed
        id TEXT PRIMARY KEY, -- the idempotency key
        state TEXT NOT NULL CHECK (state IN ('written', 'sent', 'fetched', 'closed')),
        trainer TEXT NOT NULL, plan_hash TEXT NOT NULL, key_id TEXT NOT NULL,
        sequence INTEGER NOT NULL UNIQUE, job TEXT, sha256 TEXT NOT NULL, content BLOB,
        CHECK (state <> 'written' OR job IS NULL),
        CHECK (state NOT IN ('sent', 'fetched') OR job IS NOT NULL),
        CHECK ((state = 'closed') = (content IS NULL))) STRICT
    """,
    "CREATE UNIQUE INDEX one_open_report ON outbox (state <> 'closed') WHERE state <> 'closed'",
)


def create(database: Database) -> None:
    """Make the tables of an empty database. Within a transaction."""
    for statement in (*_SEALED, *_SINCE_VERSION_1):
        database.run(statement)
    database.run(f"PRAGMA user_version = {VERSION}")


def seal_version_1(database: Database) -> None:
    """Seal what version 1 held in the clear. Within a transaction; the files still hold traces of it."""
    old = ("settings", "memory", "arrays", "held_out", "ledger")
    for table in old:
        database.run(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in _SEALED:
        database.run(statement)
    settings, arrays = SealedRows(database, "settings"), SealedRows(database, "arrays")
    for name, value in database.rows("SELECT name, value FROM old_settings"):
        settings.put(name, value.encode())
    memory = SealedRows(database, "memory", MEMORY_BLOCK)
    for key, count, tick in database.rows("SELECT key, count, tick FROM old_memory"):
        memory.put(key, pack_count(count, tick))
    for name, shape, content in database.rows("SELECT name, shape, content FROM old_arrays"):
        arrays.put(name, shape.encode() + b"\n" + content)
    for (content,) in database.rows("SELECT content FROM old_held_out ORDER BY id"):
        NumberedRows(database, "held_out").add(content)
    for time, kind, text in database.rows("SELECT time, kind, text FROM old_ledger ORDER BY id"):
        NumberedRows(database, "ledger", LEDGER_BLOCK).add(LedgerLine(time, kind, text).to_bytes())
    for version, content in database.rows("SELECT version, content FROM adapters"):
        sealed = database.key.seal("adapters", number_name(version), content)
        database.run("UPDATE adapters SET content = ? WHERE version = ?", sealed, version)
    for identity, content in database.rows("SELECT id, content FROM outbox WHERE content IS NOT NULL"):
        sealed = database.key.seal("outbox", identity.encode(), content)
        database.run("UPDATE outbox SET content = ? WHERE id = ?", sealed, identity)
    for table in old:
        database.run(f"DROP TABLE old_{table}")
    database.run(f"PRAGMA user_version = {VERSION}")
