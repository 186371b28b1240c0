"""Devices, evaluation keys, reports, jobs, nonces, doomed blobs."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None


def _owned_by_keys(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["device_id", "key_id"],
        ["evaluation_keys.device_id", "evaluation_keys.key_id"],
        name=f"fk_{table}_evaluation_keys",
        ondelete="CASCADE",
    )


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "devices",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("public_key", sa.LargeBinary(32), nullable=False),
        sa.Column("enrolled_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_devices_public_key_length")),
    )
    op.create_table(
        "evaluation_keys",
        sa.Column("device_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("stored_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "key_id", name="pk_evaluation_keys"),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name="fk_evaluation_keys_devices", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("blob", name="uq_evaluation_keys_blob"),
    )
    op.create_table(
        "evaluation_key_plans",
        sa.Column("device_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "key_id", "plan_hash", name="pk_evaluation_key_plans"),
        _owned_by_keys("evaluation_key_plans"),
    )
    op.create_table(
        "reports",
        sa.Column("device_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("sources", sa.SmallInteger, nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("received_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "key_id", "source", name="pk_reports"),
        _owned_by_keys("reports"),
        sa.UniqueConstraint("blob", name="uq_reports_blob"),
        sa.CheckConstraint("sources BETWEEN 1 AND 8", name=op.f("ck_reports_sources")),
        sa.CheckConstraint("source >= 0 AND source < sources", name=op.f("ck_reports_source")),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_reports_sequence")),
    )
    _create_jobs()
    op.create_table(
        "nonces",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_nonces"),
    )
    op.create_index("ix_nonces_expires_at", "nonces", ["expires_at"])
    op.create_table(
        "doomed_blobs",
        sa.Column("blob", sa.String(81), nullable=False),
        sa.PrimaryKeyConstraint("blob", name="pk_doomed_blobs"),
    )


def _create_jobs() -> None:
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
        sa.Column("device_id", sa.CHAR(32), nullable=False),
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
        _owned_by_keys("jobs"),
        sa.UniqueConstraint("device_id", "idempotency_key", name="uq_jobs_device_id_idempotency_key"),
        sa.UniqueConstraint("update_blob", name="uq_jobs_update_blob"),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_jobs_{name}")) for name, rule in rules.items()),
    )
    op.create_index("ix_jobs_state_queued_at", "jobs", ["state", "queued_at"])
    queued = sa.text("state = 'queued'")
    op.create_index(
        "uq_jobs_queued_per_source",
        "jobs",
        ["device_id", "key_id", "source"],
        unique=True,
        sqlite_where=queued,
        postgresql_where=queued,
    )


def downgrade() -> None:
    """Drops the tables."""
    for table in (
        "doomed_blobs",
        "nonces",
        "jobs",
        "reports",
        "evaluation_key_plans",
        "evaluation_keys",
        "devices",
    ):
        op.drop_table(table)
