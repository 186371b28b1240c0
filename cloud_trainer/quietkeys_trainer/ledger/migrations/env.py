"""What Alembic runs: the revisions, on the connection it was given."""

from __future__ import annotations

from alembic import context

from quietkeys_trainer.ledger.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
