"""The schema: devices and their accounts, what they send, jobs with the rules of their life, circles.

It says what `tables` says, in the words of one version; a test compares the two.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from quietkeys_trainer.ledger.job_triggers import enforce, suspend

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Create the tables, and the triggers on the table of jobs."""
    _create_trainer()
    _create_devices()
    _create_sent()
    _create_jobs()
    _create_circles()
    _create_rest()
    enforce(op.get_bind())


def downgrade() -> None:
    """Drop the triggers and the tables, children first, with everything in them."""
    suspend(op.get_bind())
    for table in (
        "departed",
        "doomed_blobs",
        "audit",
        "nonces",
        "enrolment_tokens",
        "mail",
        "invitations",
        "runs",
        "jobs",
        "reports",
        "uploads",
        "evaluation_key_plans",
        "evaluation_keys",
        "usage",
        "devices",
        "accounts",
        "trainer",
    ):
        op.drop_table(table)


def _create_trainer() -> None:
    """Create the table of the one row that says what trainer this is."""
    op.create_table(
        "trainer",
        sa.Column("number", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("marker", sa.CHAR(32), nullable=False),
        sa.Column("has_store", sa.Boolean, nullable=False),
        sa.Column("trainer_key", sa.LargeBinary(32), nullable=False),
        sa.Column("seen_at", sa.Float(53), nullable=False),
        sa.Column("kept", sa.String(100), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_trainer_one")),
        sa.CheckConstraint("length(trainer_key) = 32", name=op.f("ck_trainer_trainer_key_length")),
        sa.PrimaryKeyConstraint("number", name="pk_trainer"),
    )


def _create_devices() -> None:
    """Create accounts and the devices that share them."""
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
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_devices_public_key_length")),
        sa.CheckConstraint("source BETWEEN 0 AND 7", name=op.f("ck_devices_source")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_devices_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.UniqueConstraint("account_id", "source", name="uq_devices_account_id_source"),
    )
    op.create_index("ix_devices_enrolled_at", "devices", ["enrolled_at"])
    op.create_table(
        "usage",
        sa.Column("device_id", sa.CHAR(32), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("level", sa.Float(53), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.CheckConstraint("kind IN ('requests', 'bytes', 'reports', 'keys')", name=op.f("ck_usage_kind")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_usage_devices", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device_id", "kind", name="pk_usage"),
    )


def _create_sent() -> None:
    """Create the tables of what devices send."""
    op.create_table(
        "evaluation_keys",
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("stored_at", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_evaluation_keys_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "key_id", name="pk_evaluation_keys"),
        sa.UniqueConstraint("blob", name="uq_evaluation_keys_blob"),
    )
    op.create_table(
        "evaluation_key_plans",
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "key_id"],
            ["evaluation_keys.account_id", "evaluation_keys.key_id"],
            name="fk_evaluation_key_plans_evaluation_keys",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "key_id", "plan_hash", name="pk_evaluation_key_plans"),
    )
    op.create_table(
        "uploads",
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("name", sa.CHAR(32), nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("touched_at", sa.Float(53), nullable=False),
        sa.CheckConstraint("received >= 0", name=op.f("ck_uploads_received")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_uploads_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_uploads"),
        sa.UniqueConstraint("name", name="uq_uploads_name"),
    )
    op.create_table(
        "reports",
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("key_id", sa.CHAR(64), nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("sources", sa.SmallInteger, nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("device_id", sa.CHAR(32), nullable=False),
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("received_at", sa.Float(53), nullable=False),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_reports_sequence")),
        sa.CheckConstraint("source >= 0 AND source < sources", name=op.f("ck_reports_source")),
        sa.CheckConstraint("sources BETWEEN 1 AND 8", name=op.f("ck_reports_sources")),
        sa.ForeignKeyConstraint(
            ["account_id", "key_id"],
            ["evaluation_keys.account_id", "evaluation_keys.key_id"],
            name="fk_reports_evaluation_keys",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_reports_devices"),
        sa.PrimaryKeyConstraint("account_id", "key_id", "source", name="pk_reports"),
        sa.UniqueConstraint("blob", name="uq_reports_blob"),
    )


def _create_jobs() -> None:
    """Create the tables of jobs, and of what their runs took."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("account_id", sa.CHAR(32), nullable=False),
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
        sa.Column("blocks_done", sa.SmallInteger, server_default="0", nullable=False),
        sa.CheckConstraint(
            "(state = 'done') = (update_blob IS NOT NULL)", name=op.f("ck_jobs_done_has_update")
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_jobs_failed_has_reason")
        ),
        sa.CheckConstraint(
            "(state = 'running') = (lease IS NOT NULL)", name=op.f("ck_jobs_running_is_leased")
        ),
        sa.CheckConstraint(
            "(state IN ('queued', 'running')) = (finished_at IS NULL)", name=op.f("ck_jobs_ended_has_time")
        ),
        sa.CheckConstraint(
            "failure IS NULL OR failure IN ('engine', 'inputs', 'workers')", name=op.f("ck_jobs_failure")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'superseded')", name=op.f("ck_jobs_state")
        ),
        sa.CheckConstraint("(lease IS NULL) = (lease_until IS NULL)", name=op.f("ck_jobs_lease_ends")),
        sa.CheckConstraint("(lease IS NULL) = (worker IS NULL)", name=op.f("ck_jobs_lease_is_held")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_jobs_attempts")),
        sa.CheckConstraint(
            "sources BETWEEN 1 AND 8 AND source >= 0 AND source < sources", name=op.f("ck_jobs_source")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "key_id"],
            ["evaluation_keys.account_id", "evaluation_keys.key_id"],
            name="fk_jobs_evaluation_keys",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_jobs_devices"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("account_id", "idempotency_key", name="uq_jobs_account_id_idempotency_key"),
        sa.UniqueConstraint("update_blob", name="uq_jobs_update_blob"),
    )
    op.create_index("ix_jobs_state_queued_at", "jobs", ["state", "queued_at"])
    op.create_index(
        "uq_jobs_queued_per_source",
        "jobs",
        ["account_id", "key_id", "source"],
        unique=True,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", sa.Float(53), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.CheckConstraint("outcome IN ('done', 'failed', 'dropped')", name=op.f("ck_runs_outcome")),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_ended_at", "runs", ["ended_at"])


def _create_circles() -> None:
    """Create the tables of what devices of a circle leave for each other."""
    op.create_table(
        "invitations",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("claim_sha256", sa.CHAR(64), nullable=False),
        sa.Column("package", sa.LargeBinary, nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.Column("claimed_by", sa.CHAR(32)),
        sa.CheckConstraint("attempts BETWEEN 0 AND 2", name=op.f("ck_invitations_attempts")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_invitations_accounts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
    )
    op.create_index("ix_invitations_account_id", "invitations", ["account_id"])
    op.create_table(
        "mail",
        sa.Column("recipient", sa.CHAR(32), nullable=False),
        sa.Column("sender", sa.CHAR(32), nullable=False),
        sa.Column("sha256", sa.CHAR(64), nullable=False),
        sa.Column("package", sa.LargeBinary, nullable=False),
        sa.Column("put_at", sa.Float(53), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient"], ["devices.id"], name="fk_mail_recipient_devices", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sender"], ["devices.id"], name="fk_mail_sender_devices", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recipient", "sender", name="pk_mail"),
    )


def _create_rest() -> None:
    """Create the tables of what belongs to no account."""
    op.create_table(
        "enrolment_tokens",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("uses_left", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_enrolment_tokens_uses_left")),
        sa.PrimaryKeyConstraint("digest", name="pk_enrolment_tokens"),
    )
    op.create_table(
        "nonces",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_nonces"),
    )
    op.create_index("ix_nonces_expires_at", "nonces", ["expires_at"])
    op.create_table(
        "audit",
        sa.Column("id", sa.CHAR(32), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("actor", sa.String(10), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "doomed_blobs",
        sa.Column("blob", sa.String(81), nullable=False),
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.PrimaryKeyConstraint("blob", name="pk_doomed_blobs"),
    )
    op.create_index("ix_doomed_blobs_account_id", "doomed_blobs", ["account_id"])
    op.create_table(
        "departed",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("account_id", sa.CHAR(32), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_departed"),
    )
