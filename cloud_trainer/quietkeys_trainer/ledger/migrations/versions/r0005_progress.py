"""How many blocks of a job are done, for the device that waits for it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Adds the column; of jobs under way it is known with their next block."""
    op.add_column("jobs", sa.Column("blocks_done", sa.SmallInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drops it."""
    op.drop_column("jobs", "blocks_done")
