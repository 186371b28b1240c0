"""The schema of a ledger in use goes down whatever is in it, and comes up again with all its rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import IntegrityError

from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.jobs import Jobs
from tests.trainer.postgres import in_words_of

CIRCLE = (
    "INSERT INTO accounts VALUES ('a')",
    "INSERT INTO devices VALUES ('d', zeroblob(32), 0, 'a', 1, x''), ('e', zeroblob(32), 0, 'a', 4, x'00')",
    "INSERT INTO evaluation_keys VALUES ('a', 'k', 'keys', 5)",
    "INSERT INTO evaluation_key_plans VALUES ('a', 'k', 'p')",
    "INSERT INTO reports VALUES ('a', 'k', 4, 8, 'p', 7, 'e', 'report', 8)",
    "INSERT INTO jobs VALUES"
    " ('j', 'a', 'e', 'k', 'p', 4, 8, 'i', 's', 'queued', 0, 9, NULL, NULL, NULL, NULL, NULL, NULL, 0)",
    "INSERT INTO mail VALUES ('d', 'e', 's', x'00', 0)",
    "INSERT INTO uploads VALUES ('a', 'z', 'n', 5, 0)",
    "INSERT INTO invitations VALUES ('i', 'a', 'c', x'00', 0, 0, NULL)",
    "INSERT INTO usage VALUES ('d', 'keys', 1, 0)",
    "INSERT INTO runs VALUES (1, 0, 3, 'done', 'p')",
    "INSERT INTO nonces VALUES (zeroblob(32), 12)",
    "INSERT INTO enrolment_tokens VALUES (zeroblob(32), 1, 0, 12)",
    "INSERT INTO audit VALUES ('l', 0, 'device', 'keys_stored', 1)",
    "INSERT INTO doomed_blobs VALUES ('doomed', 'a')",
    "INSERT INTO departed VALUES (zeroblob(32), 'a', 0)",
    "INSERT INTO trainer VALUES (1, 'm', true, zeroblob(32), 0, '0 0 0 0')",
)


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """A database without a schema."""
    database = open_database(database_url)
    yield database
    database.dispose()


def run(database: Engine, *statements: str) -> None:
    """Runs statements in one transaction."""
    with database.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(in_words_of(database, statement))


def rows(database: Engine) -> dict[str, int]:
    """How many rows are in each table."""
    tables = set(inspect(database).get_table_names()) - {"alembic_version"}
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        return {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608
            for table in tables
        }


def test_a_ledger_in_use_goes_down_and_comes_up_empty(database: Engine) -> None:
    """With rows in every table the schema goes down, and up again there are the same tables without any."""
    migrate(database)
    run(database, *CIRCLE)
    before = rows(database)
    assert min(before.values()) > 0
    migrate(database, "base")
    assert rows(database) == {}
    migrate(database)
    assert rows(database) == dict.fromkeys(before, 0)


def test_what_is_at_the_newest_schema_stays(database: Engine) -> None:
    """Migrating to the revision that is there, by its name or as the newest, leaves every row."""
    migrate(database)
    run(database, *CIRCLE)
    before = rows(database)
    migrate(database)
    migrate(database, "0001")
    assert rows(database) == before
    assert Jobs(database).find("d", "j").state is JobState.QUEUED


def test_the_rules_of_jobs_come_and_go_with_the_schema(database: Engine) -> None:
    """After down and up the database refuses a job that begins anywhere but queued, as it did before."""
    migrate(database)
    migrate(database, "base")
    migrate(database)
    run(database, *CIRCLE)
    with pytest.raises(IntegrityError):
        run(database, "UPDATE jobs SET state = 'done', update_blob = 'u', finished_at = 3 WHERE id = 'j'")
