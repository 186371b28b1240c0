"""The database: opened with the settings we rely on, and brought to the schema of this version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, TryAgain

MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_MS: Final = 10_000  # how long a writer waits for another one

_WRITES: Final = "quietkeys_writes"
_DURABLY: Final = "quietkeys_durably"
_SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA journal_mode = WAL",  # readers and one writer at the same time
    "PRAGMA synchronous = FULL",  # an accepted report survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what a device deletes is overwritten
)
_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}


def open_database(url: str) -> Engine:
    """The database at `url`; connections are made when needed."""
    database = create_engine(url, pool_size=40, max_overflow=10)
    if database.dialect.name == "sqlite":
        event.listen(database, "connect", _prepare_sqlite)
        event.listen(database, "begin", _begin_sqlite)
    return database


@contextmanager
def reading(database: Engine) -> Iterator[Session]:
    """A transaction that only reads."""
    with _typed_errors(), Session(database) as session, session.begin():
        yield session


@contextmanager
def writing(database: Engine, *, durably: bool = True) -> Iterator[Session]:
    """A transaction that may write, from its first statement: SQLite takes the lock at once.

    durably: off where a power cut may undo what was written last; a process that dies never does.
    """
    options = {_WRITES: True, _DURABLY: durably}
    with _typed_errors(), Session(database.execution_options(**options)) as session, session.begin():
        yield session


def migrate(database: Engine, revision: str = "head") -> None:
    """Brings the schema up, or down, to a revision; does nothing where it is there already."""
    with database.execution_options(**{_WRITES: True}).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        current = MigrationContext.configure(connection).get_current_revision()
        heads = ScriptDirectory.from_config(config).get_heads()
        if revision == "head" and current in heads:
            return
        if revision == "head" or (current is None and revision != "base"):
            alembic.command.upgrade(config, revision)
        else:
            alembic.command.downgrade(config, revision)


def forget_history(database: Engine) -> None:
    """Cuts off SQLite's write-ahead log, which still holds deleted rows; other databases look after theirs.

    Does nothing where another process is reading; the next call will do it.
    """
    if database.dialect.name == "sqlite":
        connection = database.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = (
        None  # transactions begin where SQLAlchemy says so, not where sqlite3 guesses
    )
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes = options.get(_WRITES, False)
    if writes:
        level = "FULL" if options.get(_DURABLY, True) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Translates what a database says when it cannot take more now."""
    try:
        yield
    except OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code in _FULL:
            raise TryAgain(ErrorCode.DISK_FULL) from error
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error
