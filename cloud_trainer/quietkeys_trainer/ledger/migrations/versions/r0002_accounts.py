"""Accounts that devices share, uploads in parts, invitations, mail.

Tables whose keys change are made anew around their rows: SQLite cannot alter them, and dropping a table that
others refer to would delete their rows as well.
"""

# ruff: noqa: S608 - the names in the statements are ours

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

# Parents first; what is kept of each across the change.
_CHANGED: Final = ("devices", "evaluation_keys", "evaluation_key_plans", "reports", "jobs")
_JOB_COLUMNS: Final = (
    "key_id, plan_hash, source, sources, idempotency_key, report_sha256, state, attempts, queued_at,"
    " finished_at, worker, lease, lease_until, update_blob, failure"
)
_REPORT_COLUMNS: Final = "key_id, source, sources, plan_hash, sequence"


def upgrade() -> None:
    """Gives every device an account of its own, to which all that it had belongs now."""
    _put_aside()
    op.create_table(
        "accounts",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("enrolled_at", sa.Float(53), nullable=False),
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("card", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_devices_accounts"),
        sa.UniqueConstraint("account_id", "source", name="uq_devices_account_id_source"),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_devices_public_key_length")),
        sa.CheckConstraint("source BETWEEN 0 AND 7", name=op.f("ck_devices_source")),
    )
    _create_owned("account_id", "accounts", has_sender=True)
    _create_new()
    empty = "x''" if op.get_bind().dialect.name == "sqlite" else "''"
    for statement in (
        # The id of its one device will do: it is as random, and is drawn no second time.
        "INSERT INTO accounts SELECT id FROM aside_devices",
        f"INSERT INTO devices SELECT id, public_key, enrolled_at, id, 0, {empty} FROM aside_devices",
        "INSERT INTO evaluation_keys SELECT device_id, key_id, blob, stored_at FROM aside_evaluation_keys",
        "INSERT INTO evaluation_key_plans"
        " SELECT device_id, key_id, plan_hash FROM aside_evaluation_key_plans",
        f"INSERT INTO reports (account_id, device_id, {_REPORT_COLUMNS}, blob, received_at)"
        f" SELECT device_id, device_id, {_REPORT_COLUMNS}, blob, received_at FROM aside_reports",
        f"INSERT INTO jobs (id, account_id, device_id, {_JOB_COLUMNS})"
        f" SELECT id, device_id, device_id, {_JOB_COLUMNS} FROM aside_jobs",
    ):
        op.execute(statement)
    _drop_aside()


def downgrade() -> None:
    """Gives what an account has to its first device; the others of a circle start over."""
    for table in ("mail", "invitations", "uploads"):
        op.drop_table(table)
    _put_aside()
    op.drop_table("accounts")
    op.create_table(
        "devices",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("enrolled_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_devices_public_key_length")),
    )
    _create_owned("device_id", "devices", has_sender=False)
    first = (
        "SELECT account_id, id FROM aside_devices AS d WHERE source ="
        " (SELECT min(source) FROM aside_devices AS o WHERE o.account_id = d.account_id)"
    )
    for statement in (
        "INSERT INTO devices SELECT id, public_key, enrolled_at FROM aside_devices",
        f"CREATE TABLE aside_first AS {first}",
        "INSERT INTO evaluation_keys SELECT f.id, key_id, blob, stored_at"
        " FROM aside_evaluation_keys AS k JOIN aside_first AS f ON f.account_id = k.account_id",
        "INSERT INTO evaluation_key_plans SELECT f.id, key_id, plan_hash"
        " FROM aside_evaluation_key_plans AS k JOIN aside_first AS f ON f.account_id = k.account_id",
        f"INSERT INTO reports (device_id, {_REPORT_COLUMNS}, blob, received_at)"
        f" SELECT f.id, {_REPORT_COLUMNS}, blob, received_at"
        " FROM aside_reports AS r JOIN aside_first AS f ON f.account_id = r.account_id",
        f"INSERT INTO jobs (id, device_id, {_JOB_COLUMNS}) SELECT j.id, f.id, {_JOB_COLUMNS}"
        " FROM aside_jobs AS j JOIN aside_first AS f ON f.account_id = j.account_id",
        "DROP TABLE aside_first",
    ):
        op.execute(statement)
    _drop_aside()


def _put_aside() -> None:
    """Copies the rows of the tables that change, then drops these, children first."""
    for table in _CHANGED:
        op.execute(f"CREATE TABLE aside_{table} AS SELECT * FROM {table}")
    for table in reversed(_CHANGED):
        op.drop_table(table)


def _drop_aside() -> None:
    for table in _CHANGED:
        op.execute(f"DROP TABLE aside_{table}")


def _owned_by_keys(table: str, owner: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [owner, "key_id"],
        [f"evaluation_keys.{owner}", "evaluation_keys.key_id"],
        name=f"fk_{table}_evaluation_keys",
        ondelete="CASCADE",
    )


def _sent_by(table: str, *, has_sender: bool) -> Sequence[sa.schema.SchemaItem]:
    """The column that says which device sent a row, where it is not the owner itself."""
    if not has_sender:
        return ()
    foreign_key = sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=f"fk_{table}_devices")
    return (sa.Column("device_id", sa.CHAR(32), nullable=False), foreign_key)


def _create_owned(owner: str, owners: str, *, has_sender: bool) -> None:
    """The tables whose rows belong to an owner: the column of its id, and the table that it names."""
    op.create_table(
        "evaluation_keys",
        sa.Column(owner, sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("stored_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint(owner, "key_id", name="pk_evaluation_keys"),
        sa.ForeignKeyConstraint(
            [owner], [f"{owners}.id"], name=f"fk_evaluation_keys_{owners}", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("blob", name="uq_evaluation_keys_blob"),
    )
    op.create_table(
        "evaluation_key_plans",
        sa.Column(owner, sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.PrimaryKeyConstraint(owner, "key_id", "plan_hash", name="pk_evaluation_key_plans"),
        _owned_by_keys("evaluation_key_plans", owner),
    )
    op.create_table(
        "reports",
        sa.Column(owner, sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("sources", sa.SmallInteger, nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        *_sent_by("reports", has_sender=has_sender),
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("received_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint(owner, "key_id", "source", name="pk_reports"),
        _owned_by_keys("reports", owner),
        sa.UniqueConstraint("blob", name="uq_reports_blob"),
        sa.CheckConstraint("sources BETWEEN 1 AND 8", name=op.f("ck_reports_sources")),
        sa.CheckConstraint("source >= 0 AND source < sources", name=op.f("ck_reports_source")),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_reports_sequence")),
    )
    _create_jobs(owner, has_sender=has_sender)


def _create_jobs(owner: str, *, has_sender: bool) -> None:
    rules = {
        "state": "state IN ('queued', 'running', 'done', 'failed', 'superseded')",
        "failure": "failure IS NULL OR failure IN ('engine', 'inputs', 'workers')",
        "running_is_leased": "(state = 'running') = (lease IS NOT NULL)",
        "lease_ends": "(lease IS NULL) = (lease_until IS NULL)",
        "lease_is_held": "(lease IS NULL) = (worker IS NULL)",
        "done_has_update": "(state = 'done') = (update_blob IS NOT NULL)",
        "failed_has_reason": "(state = 'failed') = (failure IS NOT NULL)",
        "ended_has_time": "(state IN ('queued', 'running')) = (finished_at IS NULL)",
        "source": "sources BETWEEN 1 AND 8 AND source >= 0 AND source < sources",
        "attempts": "attempts >= 0",
    }
    op.create_table(
        "jobs",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column(owner, sa.CHAR(32), nullable=False),
        *_sent_by("jobs", has_sender=has_sender),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("sources", sa.SmallInteger, nullable=False),
        sa.Column("idempotency_key", sa.CHAR(32), nullable=False),
        sa.Column("report_sha256", sa.CHAR(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("queued_at", sa.Float(53), nullable=False),
        sa.Column("finished_at", sa.Float(53)),
        sa.Column("worker", sa.CHAR(32)),
        sa.Column("lease", sa.CHAR(32)),
        sa.Column("lease_until", sa.Float(53)),
        sa.Column("update_blob", sa.String(81)),
        sa.Column("failure", sa.String(10)),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        _owned_by_keys("jobs", owner),
        sa.UniqueConstraint(owner, "idempotency_key", name=f"uq_jobs_{owner}_idempotency_key"),
        sa.UniqueConstraint("update_blob", name="uq_jobs_update_blob"),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_jobs_{name}")) for name, rule in rules.items()),
    )
    op.create_index("ix_jobs_state_queued_at", "jobs", ["state", "queued_at"])
    queued = sa.text("state = 'queued'")
    op.create_index(
        "uq_jobs_queued_per_source",
        "jobs",
        [owner, "key_id", "source"],
        unique=True,
        sqlite_where=queued,
        postgresql_where=queued,
    )


def _create_new() -> None:
    def of_account(table: str) -> sa.ForeignKeyConstraint:
        name = f"fk_{table}_accounts"
        return sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=name, ondelete="CASCADE")

    op.create_table(
        "uploads",
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("name", sa.CHAR(32), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("touched_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_uploads"),
        of_account("uploads"),
        sa.UniqueConstraint("name", name="uq_uploads_name"),
        sa.CheckConstraint("received >= 0", name=op.f("ck_uploads_received")),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("claim_sha256", sa.CHAR(64), nullable=False),
        sa.Column("package", sa.LargeBinary, nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.Column("claimed_by", sa.CHAR(32)),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        of_account("invitations"),
        sa.CheckConstraint("attempts BETWEEN 0 AND 2", name=op.f("ck_invitations_attempts")),
    )
    op.create_index("ix_invitations_account_id", "invitations", ["account_id"])
    op.create_table(
        "mail",
        sa.Column("recipient", sa.CHAR(32), nullable=False),
        sa.Column("sender", sa.CHAR(32), nullable=False),
        sa.Column("sha256", sa.CHAR(64), nullable=False),
        sa.Column("package", sa.LargeBinary, nullable=False),
        sa.Column("put_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "sender", name="pk_mail"),
        *(
            sa.ForeignKeyConstraint(
                [column], ["devices.id"], name=op.f(f"fk_mail_{column}_devices"), ondelete="CASCADE"
            )
            for column in ("recipient", "sender")
        ),
    )
