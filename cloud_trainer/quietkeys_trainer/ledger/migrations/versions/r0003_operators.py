"""Invites of operators, allowances of devices, the audit log; triggers that guard the life of a job."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from quietkeys_trainer.ledger.job_triggers import enforce, suspend

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Adds the tables and lays the rules on the table of jobs."""
    op.create_table(
        "enrolment_tokens",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("uses_left", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_enrolment_tokens"),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_enrolment_tokens_uses_left")),
    )
    op.create_table(
        "usage",
        sa.Column("device_id", sa.CHAR(32), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("level", sa.Float(53), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "kind", name="pk_usage"),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_usage_devices"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("kind IN ('requests', 'bytes', 'reports', 'keys')", name=op.f("ck_usage_kind")),
    )
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
    op.create_index("ix_devices_enrolled_at", "devices", ["enrolled_at"])
    enforce(op.get_bind())


def downgrade() -> None:
    """Takes the rules off and drops the tables, with the invites that are open."""
    suspend(op.get_bind())
    op.drop_index("ix_devices_enrolled_at", "devices")
    for table in ("audit", "usage", "enrolment_tokens"):
        op.drop_table(table)
