"""A table of the runs of the last day, which operators' figures are made from."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Adds the table."""
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ended_at", sa.Float(53), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("plan_hash", sa.CHAR(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.CheckConstraint("outcome IN ('done', 'failed', 'dropped')", name=op.f("ck_runs_outcome")),
    )
    op.create_index("ix_runs_ended_at", "runs", ["ended_at"])


def downgrade() -> None:
    """Drops it: no device's data is in it."""
    op.drop_table("runs")
