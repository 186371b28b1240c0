"""The life of a job as the database itself enforces it, whoever writes to it, by triggers.

A job is born queued. Afterwards only the steps below happen, every lease is an attempt, what a job was asked
for never changes, and what it came to never changes while its state does not.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

STEPS: Final = (
    ("queued", "queued"),
    ("queued", "running"),
    ("queued", "superseded"),
    ("running", "running"),
    ("running", "queued"),
    ("running", "done"),
    ("running", "failed"),
    ("running", "superseded"),
    ("done", "done"),
    ("done", "superseded"),
    ("failed", "failed"),
    ("failed", "queued"),
    ("superseded", "superseded"),
)
_ASKED: Final = (
    "id",
    "account_id",
    "device_id",
    "key_id",
    "plan_hash",
    "source",
    "sources",
    "idempotency_key",
    "report_sha256",
    "queued_at",
)
_STEPS: Final = ", ".join(f"'{before}>{after}'" for before, after in STEPS)
_REFUSED_CHANGES: Final = (
    f"OLD.state || '>' || NEW.state NOT IN ({_STEPS})",
    *(f"NEW.{column} <> OLD.{column}" for column in _ASKED),
    "NEW.state = 'running' AND NEW.attempts <> OLD.attempts + 1"
    " AND (OLD.state <> 'running' OR NEW.lease <> OLD.lease)",
    "NEW.state = OLD.state AND coalesce(NEW.update_blob, '') <> coalesce(OLD.update_blob, '')",
    "NEW.state = OLD.state AND coalesce(NEW.failure, '') <> coalesce(OLD.failure, '')",
    "NEW.state = OLD.state AND coalesce(NEW.finished_at, 0) <> coalesce(OLD.finished_at, 0)",
)
_CHANGE: Final = " OR ".join(f"({rule})" for rule in _REFUSED_CHANGES)
_BIRTH: Final = "NEW.state <> 'queued' OR NEW.attempts <> 0"
_TRIGGERS: Final = (("jobs_change", "UPDATE", _CHANGE), ("jobs_birth", "INSERT", _BIRTH))
_SAYS: Final = "no job lives like this"


def enforce(connection: Connection) -> None:
    """Create the triggers, which enforce the rules on the table of jobs."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        connection.exec_driver_sql(
            "CREATE FUNCTION jobs_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'check_violation'; END $$"
        )
    for name, event, refused in _TRIGGERS:
        if is_sqlite:
            head, action = "", f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
        else:
            head, action = "FOR EACH ROW", "EXECUTE FUNCTION jobs_refuse()"
        connection.exec_driver_sql(
            f"CREATE TRIGGER {name} BEFORE {event} ON jobs {head} WHEN ({refused}) {action}"
        )


def suspend(connection: Connection) -> None:
    """Drop the triggers, for jobs that come from a backup, and before the table is dropped."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name, _, _ in _TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER {name}" + ("" if is_sqlite else " ON jobs"))
    if not is_sqlite:
        connection.exec_driver_sql("DROP FUNCTION jobs_refuse()")
