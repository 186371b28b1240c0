"""The schema: migrations go up and down, agree with the models, and the database itself refuses nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.database import migrate, open_database, writing
from quietkeys_trainer.ledger.job_triggers import STEPS, suspend
from quietkeys_trainer.ledger.tables import Base
from tests.trainer.postgres import in_words_of
from tests.trainer.stores import Services

TABLES = {
    "accounts",
    "alembic_version",
    "audit",
    "devices",
    "doomed_blobs",
    "enrolment_tokens",
    "evaluation_key_plans",
    "evaluation_keys",
    "invitations",
    "departed",
    "jobs",
    "mail",
    "nonces",
    "reports",
    "runs",
    "trainer",
    "uploads",
    "usage",
}


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """A database at the newest schema."""
    database = open_database(database_url)
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
    if database.dialect.name != "sqlite":
        return  # which writes rules in words of its own
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


@pytest.mark.parametrize(
    "address", ["", "none", "mysql://host/name", "postgresql://user:open@sesame:ajar@host/name"]
)
def test_what_is_no_address_is_refused_and_not_shown(address: str) -> None:
    """Nor is a cause, which may quote it: of a password that was not quoted as an address wants it."""
    with pytest.raises(Refused) as caught:
        open_database(address)
    assert (caught.value.code, caught.value.detail) == (ErrorCode.STORAGE_ADDRESS_INVALID, "database")
    assert caught.value.__cause__ is None


def test_the_settings_we_rely_on_are_on(tmp_path: Path) -> None:
    """Write-ahead log, full synchronisation, foreign keys and overwriting of what is deleted."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with database.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        assert [connection.scalar(text(f"PRAGMA {name}")) for name in pragmas] == ["wal", 2, 1, 1]
    database.dispose()


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


@pytest.fixture
def lenient(database: Engine) -> Engine:
    """The database without its rules on how jobs change, to see what else it refuses."""
    with database.begin() as connection:
        suspend(connection)
    return database


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
def test_every_state_can_be_stored(lenient: Engine, statement: str) -> None:
    """A job in each state, with what belongs to it, is taken."""
    with lenient.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS, statement):
            connection.exec_driver_sql(in_words_of(lenient, sql))


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
def test_the_database_refuses_what_no_job_can_be(lenient: Engine, statement: str) -> None:
    """A state without what belongs to it, or with what does not, is refused by the database."""
    with lenient.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS):
            connection.exec_driver_sql(in_words_of(lenient, sql))
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(in_words_of(lenient, statement))


def test_one_source_has_one_queued_job(database: Engine) -> None:
    """The database refuses a second queued job of one key and source, and takes that of another source."""
    queued = "'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL"
    with database.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS, job(queued), job(queued, key="k", source=1)):
            connection.exec_driver_sql(in_words_of(database, sql))
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(job(queued, key="l"))


AS = {
    "queued": "state = 'queued', lease = NULL, lease_until = NULL, worker = NULL, update_blob = NULL,"
    " failure = NULL, finished_at = NULL",
    "running": "state = 'running', attempts = attempts + 1, lease = 'l', lease_until = 9, worker = 'w',"
    " update_blob = NULL, failure = NULL, finished_at = NULL",
    "done": "state = 'done', lease = NULL, lease_until = NULL, worker = NULL, update_blob = 'u',"
    " failure = NULL, finished_at = 5",
    "failed": "state = 'failed', lease = NULL, lease_until = NULL, worker = NULL, update_blob = NULL,"
    " failure = 'engine', finished_at = 5",
    "superseded": "state = 'superseded', lease = NULL, lease_until = NULL, worker = NULL,"
    " update_blob = NULL, failure = NULL, finished_at = 5",
}
WAY = {
    "queued": ("queued",),
    "running": ("running",),
    "done": ("running", "done"),
    "failed": ("running", "failed"),
    "superseded": ("superseded",),
}


def brought_to(database: Engine, state: str) -> None:
    """Stores a job and brings it to a state on a way that is allowed."""
    queued = "'queued', 0, 0, NULL, NULL, NULL, NULL, NULL, NULL"
    with database.begin() as connection:
        for sql in (
            ACCOUNT,
            DEVICE,
            KEYS,
            job(queued),
            *(f"UPDATE jobs SET {AS[step]}" for step in WAY[state]),  # noqa: S608 - our own words
        ):
            connection.exec_driver_sql(in_words_of(database, sql))


@pytest.mark.parametrize("before", list(JobState))
def test_a_job_only_takes_steps_of_its_life(database: Engine, before: str) -> None:
    """From each state the database lets a job into those that follow it, and into no other."""
    brought_to(database, before)
    for after in JobState:
        with database.connect() as connection:  # and takes the step back
            if (before, after) in STEPS:
                connection.exec_driver_sql(f"UPDATE jobs SET {AS[after]}")  # noqa: S608 - our own words
            else:
                with pytest.raises(IntegrityError):
                    connection.exec_driver_sql(f"UPDATE jobs SET {AS[after]}")  # noqa: S608 - our own words


@pytest.mark.parametrize(
    ("state", "change"),
    [
        ("queued", "plan_hash = 'other'"),
        ("queued", "queued_at = 1"),
        ("queued", AS["running"].replace("attempts + 1", "attempts")),
        ("running", "lease = 'another'"),
        ("done", "update_blob = 'another'"),
        ("done", "finished_at = 6"),
        ("failed", "failure = 'workers'"),
    ],
)
def test_what_a_job_was_and_came_to_stays(database: Engine, state: str, change: str) -> None:
    """What was asked for and what came of it cannot be altered, and a lease is always an attempt."""
    brought_to(database, state)
    with database.begin() as connection, pytest.raises(IntegrityError):
        connection.exec_driver_sql(f"UPDATE jobs SET {change}")  # noqa: S608 - our own words


def test_a_job_is_born_queued(database: Engine) -> None:
    """No job comes into the database with a result."""
    with database.begin() as connection:
        for sql in (ACCOUNT, DEVICE, KEYS):
            connection.exec_driver_sql(in_words_of(database, sql))
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql(job("'done', 1, 0, 5, NULL, NULL, NULL, 'u', NULL"))


def test_only_what_may_be_lost_is_not_waited_for(tmp_path: Path) -> None:
    """On SQLite a nonce does not wait for the disk, and the next report waits again: 1 NORMAL, 2 FULL."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")

    def level(durably: bool) -> int:
        with writing(database, durably=durably) as session:
            return int(session.execute(text("PRAGMA synchronous")).scalar_one())

    assert [level(durably) for durably in (True, False, True)] == [2, 1, 2]


@pytest.mark.parametrize("state", ["0A000", "25006", "42501"])
def test_a_database_that_takes_nothing_now_is_asked_again(services: Services, state: str) -> None:
    """A standby that is not the first yet, or tables that somebody has locked: later, and not never."""
    database = open_database(services.postgres.new_database())
    with pytest.raises(TryAgain) as caught, writing(database) as session:
        session.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))
    assert caught.value.code is ErrorCode.TRAINER_BUSY
    database.dispose()
