"""Migrations of a ledger in use: nothing is lost on the way up, and on the way down no more than is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect

from quietkeys_protocol.messages import JobState
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.jobs import Jobs
from tests.trainer.postgres import in_words_of

FIRST = (
    "INSERT INTO devices VALUES ('d', zeroblob(32), 3), ('e', zeroblob(32), 4)",
    "INSERT INTO evaluation_keys VALUES ('d', 'k', 'keys', 5)",
    "INSERT INTO evaluation_key_plans VALUES ('d', 'k', 'p')",
    "INSERT INTO reports VALUES ('d', 'k', 0, 2, 'p', 7, 'report', 8)",
    "INSERT INTO jobs VALUES"
    " ('j', 'd', 'k', 'p', 0, 2, 'i', 's', 'running', 1, 9, NULL, 'w', 'l', 10, NULL, NULL),"
    " ('m', 'd', 'k', 'p', 1, 2, 'n', 's', 'done', 1, 9, 11, NULL, NULL, NULL, 'u', NULL)",
    "INSERT INTO nonces VALUES (zeroblob(32), 12)",
    "INSERT INTO doomed_blobs VALUES ('doomed')",
)
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


def stripped(value: object) -> object:
    """A value without the spaces that PostgreSQL fills a short CHAR with."""
    return value.rstrip() if isinstance(value, str) else value


def rows(database: Engine) -> dict[str, set[tuple[object, ...]]]:
    """Everything that is in the tables."""
    tables = set(inspect(database).get_table_names()) - {"alembic_version"}
    with database.connect() as connection:
        if database.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
        select = {table: connection.exec_driver_sql(f"SELECT * FROM {table}") for table in tables}  # noqa: S608
        return {table: {tuple(map(stripped, row)) for row in found} for table, found in select.items()}


def test_accounts_come_and_go_without_a_loss(database: Engine) -> None:
    """Up to accounts and down again leaves every row of the first schema as it was."""
    migrate(database, "0001")
    run(database, *FIRST)
    before = rows(database)
    assert sum(map(len, before.values())) == 9
    migrate(database)
    assert len(rows(database)["accounts"]) == 2
    migrate(database, "0001")
    assert rows(database) == before


def test_what_a_device_had_is_its_accounts(database: Engine) -> None:
    """Keys, jobs and updates are found as before, by the device that had them and no other."""
    migrate(database, "0001")
    run(database, *FIRST)
    migrate(database)
    ledger, jobs = Ledger(database), Jobs(database)
    assert (ledger.key_blob("d", "k"), ledger.key_blob("e", "k")) == ("keys", "")
    assert ledger.has_keys("d", "k", "p")
    assert jobs.find("d", "m").update_blob == "u"
    assert jobs.find("d", "j").state is JobState.RUNNING
    ledger.delete_device("d", 0)
    assert sorted(ledger.doomed_blobs()) == ["doomed", "keys", "report", "u"]
    assert {row[0] for row in rows(database)["devices"]} == {"e"}


def test_a_circle_becomes_its_first_devices(database: Engine) -> None:
    """Down from accounts all that a circle shared is that of the device with the lowest source."""
    migrate(database)
    run(database, *CIRCLE)
    migrate(database, "0001")
    found = rows(database)
    assert {row[0] for row in found["devices"]} == {"d", "e"}
    for table in ("evaluation_keys", "evaluation_key_plans", "reports"):
        assert {row[0] for row in found[table]} == {"d"}, table
    assert {row[:2] for row in found["jobs"]} == {("j", "d")}
    migrate(database)
    assert Jobs(database).find("d", "j").state is JobState.QUEUED
