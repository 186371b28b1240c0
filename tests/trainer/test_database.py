"""The schema: migrations go up and down, agree with the models, and the database itself refuses nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from quietkeys_trainer.database import migrate, open_database, writing
from quietkeys_trainer.models import Base

TABLES = {
    "accounts",
    "alembic_version",
    "devices",
    "doomed_blobs",
    "evaluation_key_plans",
    "evaluation_keys",
    "invitations",
    "jobs",
    "mail",
    "nonces",
    "reports",
    "runs",
    "uploads",
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """An SQLite database at the newest schema."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrate(database)
    yield database
    database.dispose()


def test_migrations_go_up_down_and_up(database: Engine) -> None:
    """Down to nothing leaves no table of ours, and up again works."""
    assert set(inspect(database).get_table_names()) == TABLES
    migrate(database, "base")
    assert set(inspect(database).get_table_names()) == {"alembic_version"}
    migrate(database)
    migrate(database)
    assert set(inspect(database).get_table_names()) == TABLES


def test_migrations_and_models_agree(database: Engine) -> None:
    """The migrated schema is the one the models describe, check constraints and partial indexes included."""
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    other = create_engine("sqlite://")
    Base.metadata.create_all(other)
    for table in sorted(TABLES - {"alembic_version"}):
        migrated, modelled = inspect(database), inspect(other)

        def rules(inspector: object, table: str = table) -> set[tuple[str, str]]:
            checks = inspector.get_check_constraints(table)  # type: ignore[attr-defined]
            return {(check["name"], check["sqltext"]) for check in checks}

        assert rules(migrated) == rules(modelled)
        assert {i["name"] for i in migrated.get_indexes(table)} == {
            i["name"] for i in modelled.get_indexes(table)
        }
    other.dispose()


def test_the_settings_we_rely_on_are_on(database: Engine) -> None:
    """Write-ahead log, full synchronisation, foreign keys and overwriting of what is deleted."""
    with database.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        assert [connection.scalar(text(f"PRAGMA {name}")) for name in pragmas] == ["wal", 2, 1, 1]


ACCOUNT = "INSERT INTO accounts VALUES ('a')"
DEVICE = "INSERT INTO devices VALUES ('d', zeroblob(32), 0, 'a', 0, x'')"
KEYS = "INSERT INTO evaluation_keys VALUES ('a', 'k', 'blob', 0)"
JOB = (
    "INSERT INTO jobs (id, account_id, device_id, key_id, plan_hash, source, sources, idempotency_key,"
    " report_sha256, state, attempts, queued_at, finished_at, worker, lease, lease_until,"
    " update_blob, failure)"
    " VALUES ('{id}', 'a', 'd', 'k', 'p', {source}, 2, '{id}', 's', {rest})"
)


def job(rest: str, *, key: str = "j", source: int = 0) -> str:
    """An INSERT of a job; `rest` is state, attempts, times, lease and outcome."""
    return JOB.format(id=key, source=source, rest=rest)


@pytest.mark.parametrize(
    "statement",
    [
        job("'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL"),
        job("'running', 1, 0, NULL, 'w', 'l', 9, NULL, NULL"),
        job("'done', 1, 0, 5, NULL, NULL, NULL, 'u', NULL"),
        job("'failed', 1, 0, 5, NULL, NULL, NULL, NULL, 'engine'"),
        job("'superseded', 0, 0, 5, NULL, NULL, NULL, NULL, NULL"),
    ],
)
def test_every_state_can_be_stored(database: Engine, statement: str) -> None:
    """A job in each state, with what belongs to it, is taken."""
    with database.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS, statement):
            connection.exec_driver_sql(sql)


@pytest.mark.parametrize(
    "statement",
    [
        job("'lost', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL"),
        job("'queued', 0, 0, NULL, 'w', 'l', 9, NULL, NULL"),
        job("'queued', 0, 0, 5, NULL, NULL, NULL, NULL, NULL"),
        job("'queued', 0, 0, NULL, NULL, NULL, NULL, 'u', NULL"),
        job("'queued', -1, 0, NULL, NULL, NULL, NULL, NULL, NULL"),
        job("'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL", source=2),
        job("'running', 1, 0, NULL, NULL, NULL, NULL, NULL, NULL"),
        job("'running', 1, 0, NULL, 'w', 'l', NULL, NULL, NULL"),
        job("'running', 1, 0, NULL, NULL, 'l', 9, NULL, NULL"),
        job("'done', 1, 0, 5, NULL, NULL, NULL, NULL, NULL"),
        job("'done', 1, 0, NULL, NULL, NULL, NULL, 'u', NULL"),
        job("'done', 1, 0, 5, 'w', 'l', 9, 'u', NULL"),
        job("'failed', 1, 0, 5, NULL, NULL, NULL, NULL, NULL"),
        job("'failed', 1, 0, 5, NULL, NULL, NULL, NULL, 'bored'"),
        job("'failed', 1, 0, 5, NULL, NULL, NULL, 'u', 'engine'"),
        job("'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL").replace("'d', 'k'", "'d', 'x'"),
        job("'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL").replace("'d', 'k'", "'e', 'k'"),
        "INSERT INTO devices VALUES ('e', zeroblob(31), 0, 'a', 1, x'')",
        "INSERT INTO devices VALUES ('e', zeroblob(32), 0, 'a', 0, x'')",
        "INSERT INTO devices VALUES ('e', zeroblob(32), 0, 'a', 8, x'')",
        "INSERT INTO devices VALUES ('e', zeroblob(32), 0, 'x', 0, x'')",
        "INSERT INTO reports VALUES ('a', 'k', 1, 1, 'p', 1, 'd', 'b', 0)",
        "INSERT INTO reports VALUES ('a', 'k', 0, 9, 'p', 1, 'd', 'b', 0)",
        "INSERT INTO reports VALUES ('a', 'k', 0, 1, 'p', 0, 'd', 'b', 0)",
        "INSERT INTO uploads VALUES ('a', 'k', 'n', -1, 0)",
        "INSERT INTO invitations VALUES ('i', 'a', 'c', x'', 3, 0, NULL)",
    ],
)
def test_the_database_refuses_what_no_job_can_be(database: Engine, statement: str) -> None:
    """A state without what belongs to it, or with what does not, is refused by the database."""
    with database.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS):
            connection.exec_driver_sql(sql)
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(statement)


def test_one_source_has_one_queued_job(database: Engine) -> None:
    """The database refuses a second queued job of one key and source, and takes that of another source."""
    queued = "'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL"
    with database.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS, job(queued), job(queued, key="k", source=1)):
            connection.exec_driver_sql(sql)
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(job(queued, key="l"))


def test_only_what_may_be_lost_is_not_waited_for(database: Engine) -> None:
    """A nonce is written without waiting for the disk, and the next report waits again: 1 NORMAL, 2 FULL."""

    def level(durably: bool) -> int:
        with writing(database, durably=durably) as session:
            return int(session.execute(text("PRAGMA synchronous")).scalar_one())

    assert [level(durably) for durably in (True, False, True)] == [2, 1, 2]
