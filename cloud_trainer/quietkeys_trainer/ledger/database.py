"""The database: opened with the settings we rely on, and brought to the schema of this version.

SQLite has one writer at a time. PostgreSQL has many, so a transaction that reads before it writes says with
`hold` what nobody else may change meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain

MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_MS: Final = 10_000  # how long a writer waits for another one

_WRITES: Final = "quietkeys_writes"
_SNAPSHOT: Final[Mapping[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_POSTGRESQL_ARGUMENTS: Final[Mapping[str, Any]] = {
    "application_name": "quietkeys-trainer",
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "options": f"-c lock_timeout={BUSY_MS} -c statement_timeout=60000"
    " -c idle_in_transaction_session_timeout=60000",
}
_DURABLY: Final = "quietkeys_durably"
_SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA journal_mode = WAL",  # readers and one writer at the same time
    "PRAGMA synchronous = FULL",  # an accepted report survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # what a device deletes is overwritten
)
_SQLITE_HEAD: Final = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, 1.3
_JULIAN_1970: Final = 2_440_587.5  # days, at the beginning of Unix time
_DAY_S: Final = 86_400.0
_FULL: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC}
# What a connection says that was opened while the disk could not be written, or lost its files: for ever.
_STALE: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_PRIMARY: Final = (
    0xFF  # the part of an extended code that names the kind, https://www.sqlite.org/rescode.html
)
_FULL_SQLSTATE: Final = "53100"
_NOT_NOW: Final = {"0A000", "25006", "42501"}  # of a standby, or where somebody has locked others out


def open_database(url: str) -> Engine:
    """Open the database at `url`, of SQLite or PostgreSQL; connections are made when needed.

    Raises `Refused` where it is the address of neither, or somebody's file lies there (LEDGER_UNUSABLE).
    """
    address = _address(url)
    if address.get_backend_name() == "postgresql":
        return create_engine(
            address.set(drivername="postgresql+psycopg"),
            pool_size=10,
            max_overflow=10,
            pool_timeout=BUSY_MS / 1000,
            pool_pre_ping=True,  # a database that was started again is used again
            connect_args=dict(_POSTGRESQL_ARGUMENTS),
        )
    _require_free_or_sqlite(Path(address.database or ""))
    database = create_engine(address, pool_size=40, max_overflow=10)
    event.listen(database, "connect", _prepare_sqlite)
    event.listen(database, "begin", _begin_sqlite)
    event.listen(database, "handle_error", _open_anew)
    return database


def _require_free_or_sqlite(path: Path) -> None:
    """Raise `Refused` where a file holds something else: SQLite would overwrite a small one."""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_HEAD))
        if head and head != _SQLITE_HEAD:
            raise Refused(ErrorCode.LEDGER_UNUSABLE, "it is damaged, or something else")


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # what they say may quote a part of the password
        raise Refused(ErrorCode.STORAGE_ADDRESS_INVALID, "database") from None
    if address.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise Refused(ErrorCode.STORAGE_ADDRESS_INVALID, "database")
    return address


@contextmanager
def reading(database: Engine) -> Iterator[Session]:
    """Yield a transaction that only reads, and sees one state of the database throughout."""
    if database.dialect.name == "postgresql":
        database = database.execution_options(**_SNAPSHOT)
    with _typed_errors(), Session(database) as session, session.begin():
        yield session


@contextmanager
def writing(database: Engine, *, durably: bool = True) -> Iterator[Session]:
    """Yield a transaction that may write, from its first statement: SQLite takes the lock at once.

    durably: off where a power cut may undo what was written last; a process that dies never does.
    """
    options = {_WRITES: True, _DURABLY: durably}
    with _typed_errors(), Session(database.execution_options(**options)) as session, session.begin():
        yield session


def hold(session: Session, *names: str) -> None:
    """Lock these names for this writing transaction alone; others that lock one of them wait.

    What was read before may have changed while this one waited.
    """
    if session.get_bind().dialect.name == "postgresql":
        for name in sorted(names):  # in one order, so that two never wait for each other
            session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def time_in(session: Session) -> float:
    """Return the time by the database's clock, in Unix seconds: one for the workers of all machines."""
    if session.get_bind().dialect.name == "postgresql":
        return float(session.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0.0)
    return float(session.scalar(select((func.julianday("now") - _JULIAN_1970) * _DAY_S)) or 0.0)


def newest_revision() -> str:
    """Return the revision of the schema that this version works on."""
    return ScriptDirectory.from_config(_alembic()).get_current_head() or ""


def goes_down(database: Engine, revision: str) -> bool:
    """Return whether a revision is an earlier one than the schema's, so that rows may have no place in it.

    Raises `Refused` (LEDGER_UNUSABLE) where it is none that this version knows.
    """
    if revision == "base":
        return True
    if not revision:
        raise Refused(ErrorCode.LEDGER_UNUSABLE, "a revision has a name")
    with reading(database) as session:
        current = MigrationContext.configure(session.connection()).get_current_revision()
    scripts = ScriptDirectory.from_config(_alembic())
    try:
        scripts.get_revision(revision)
        above = {script.revision for script in scripts.iterate_revisions("head", revision)}
    except CommandError as error:
        raise Refused(ErrorCode.LEDGER_UNUSABLE, f"there is no revision {revision[:40]!r}") from error
    return current in above


def migrate(database: Engine, revision: str = "head") -> None:
    """Bring the schema up, or down, to a revision; do nothing where it is there already.

    Processes that start together do it once. Raises `Refused` (LEDGER_UNUSABLE) where the revision, or the
    one that is there, is none that this version knows.
    """
    try:
        _migrate(database, revision)
    except CommandError as error:
        raise Refused(ErrorCode.LEDGER_UNUSABLE, f"there is no way to revision {revision[:40]!r}") from error


def _migrate(database: Engine, revision: str) -> None:
    writing_database = database.execution_options(**{_WRITES: True})
    with _typed_errors(), writing_database.begin() as connection:
        if database.dialect.name == "postgresql":
            for setting in ("lock_timeout", "statement_timeout"):
                connection.exec_driver_sql(f"SET LOCAL {setting} = 0")
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("migration", 0))))
        config = _alembic()
        config.attributes["connection"] = connection
        current = MigrationContext.configure(connection).get_current_revision()
        heads = ScriptDirectory.from_config(config).get_heads()
        if revision == "head" and current in heads:
            return
        if revision == "head" or (current is None and revision != "base"):
            alembic.command.upgrade(config, revision)
        else:
            alembic.command.downgrade(config, revision)


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def forget_history(database: Engine) -> None:
    """Cut off SQLite's write-ahead log, which still holds deleted rows; other databases look after theirs.

    Does nothing where another process is reading; the next call will do it. Raises `TryAgain` where the file
    cannot be written.
    """
    if database.dialect.name == "sqlite":
        with _typed_errors():
            connection = database.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise TryAgain(ErrorCode.DELETION_UNDER_WAY) from error
        finally:
            connection.close()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = (
        None  # transactions begin where SQLAlchemy says so, not where sqlite3 guesses
    )
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _open_anew(context: ExceptionContext) -> None:
    # SQLite opens a file that it may not write for reading alone, and never asks again.
    code = getattr(context.original_exception, "sqlite_errorcode", None)
    if code is not None and code & _PRIMARY in _STALE:
        context.is_disconnect = True


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes = options.get(_WRITES, False)
    if writes:
        level = "FULL" if options.get(_DURABLY, True) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Translate what a database says when it cannot take more now."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        code, state = (getattr(error.orig, name, None) for name in ("sqlite_errorcode", "sqlstate"))
        if code in _FULL or state == _FULL_SQLSTATE:
            raise TryAgain(ErrorCode.DISK_FULL) from error
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error
    except (InternalError, NotSupportedError, ProgrammingError) as error:
        if getattr(error.orig, "sqlstate", None) in _NOT_NOW:
            raise TryAgain(ErrorCode.TRAINER_BUSY) from error
        raise
    except NoConnectionError as error:
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error
