"""Tidying up: deleting what was doomed, and what processes that died left behind."""

from __future__ import annotations

import structlog
from obstore.exceptions import BaseError

from quietkeys_trainer.blobs import STALE_S, Blobs
from quietkeys_trainer.database import forget_history
from quietkeys_trainer.ledger import Ledger


def tidy(ledger: Ledger, blobs: Blobs, now: float) -> None:
    """Deletes doomed blobs, and whatever is so old that its writer must have died before naming it."""
    delete_doomed(ledger, blobs)
    forget_history(ledger.database)
    blobs.clear_unfinished(now - STALE_S)
    for name in list(blobs.older_than(now - STALE_S)):
        if not ledger.knows_blob(name):
            blobs.delete(name)


def delete_doomed(ledger: Ledger, blobs: Blobs) -> None:
    """Deletes the blobs that no row names; one that cannot be deleted now stays doomed."""
    for name in ledger.doomed_blobs():
        try:
            blobs.delete(name)
        except (OSError, BaseError) as error:
            structlog.get_logger().warning("blob_not_deleted", error=type(error).__name__)
        else:
            ledger.forget_doomed(name)
