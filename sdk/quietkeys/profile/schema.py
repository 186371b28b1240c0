"""The tables of a profile database, as statements.

What was typed, counted, decided or decrypted is sealed (`quietkeys.vault`), and what might be a word has a
keyed hash for a name. In the clear are what a trainer knows as well (its address, the enrolment, the
evaluation keys' id, a report's times, ids and hash), the states of reports and adapters, the adapters' plan,
and how many rows there are.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 4  # of the format, in the database's `user_version`
_NAMED: Final = "CREATE TABLE {} (name BLOB PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID"
_NUMBERED: Final = "CREATE TABLE {} (id INTEGER PRIMARY KEY AUTOINCREMENT, content BLOB NOT NULL) STRICT"
STATEMENTS: Final = (
    *(_NAMED.format(table) for table in ("settings", "marks", "memory", "arrays", "counted")),
    *(_NUMBERED.format(table) for table in ("held_out", "ledger", "sent")),
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
