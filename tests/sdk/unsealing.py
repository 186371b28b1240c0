"""What a profile folder holds: its files as they lie there, and its rows as only the vault shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quietkeys.profile.database import Database, NumberedRows, SealedRows, number_name
from quietkeys.profile.settings import Setting
from quietkeys.profile.store import Store
from quietkeys.vault.header import Vault
from quietkeys.vault.sealing import DataKey
from tests.sdk import small


def files_in(folder: Path) -> bytes:
    """The content of every file of a folder."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def rows_of(database: Database) -> bytes:
    """The texts and contents of all sealed rows, unsealed."""
    found: list[bytes] = []
    for table in ("settings", "memory", "arrays"):
        for name, content in SealedRows(database, table).all():
            found += [name.encode(), content]
    for table in ("held_out", "ledger", "sent", "adapters"):
        found += [content for _, content in NumberedRows(database, table).all()]
    key = database.key
    for table in ("marks", "counted"):
        for name, sealed in database.rows(f"SELECT name, content FROM {table}"):  # noqa: S608 - names of ours
            found.append(key.unseal(table, name, sealed))
    for name, sealed in database.rows("SELECT id, content FROM outbox WHERE content IS NOT NULL"):
        found.append(key.unseal("outbox", name.encode(), sealed))
    return b"\n".join(found)


def rows_in(folder: Path) -> bytes:
    """The rows of a profile folder, unsealed: short texts would be found in ciphertext by chance."""
    return rows_of_file(folder / "profile.sqlite", Vault.open(folder, small.PROTECTION).key)


def rows_of_file(path: Path, key: DataKey) -> bytes:
    """The rows of a database file, unsealed."""
    database = Database.open(path, key)
    try:
        return rows_of(database)
    finally:
        database.close()


def everything_in(folder: Path) -> bytes:
    """The content of every file of a profile folder, and of its rows."""
    return files_in(folder) + b"\n" + rows_in(folder)


def change_setting(store: Store, setting: Setting[Any], content: str) -> None:
    """Put any text into a setting, whatever its form."""
    SealedRows(store.database, "settings").put(setting.name, content.encode())


def change_numbered(database: Database, table: str, number: int, content: bytes) -> None:
    """Put another content into a numbered row, sealed as it has to be."""
    sealed = database.key.seal(table, number_name(number), content)
    database.run(f"UPDATE {table} SET content = ? WHERE rowid = ?", sealed, number)  # noqa: S608
