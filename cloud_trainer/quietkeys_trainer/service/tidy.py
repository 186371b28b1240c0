"""Tidying up: deleting what was doomed, and what processes that died left behind."""

from __future__ import annotations

from itertools import islice
from typing import Final

import structlog

from quietkeys_protocol.errors import TryAgain
from quietkeys_trainer.ledger.database import forget_history
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.operator_queries import forget_runs
from quietkeys_trainer.ledger.retention import expire
from quietkeys_trainer.service.parts import Service
from quietkeys_trainer.storage.blobs import STALE_S, Blobs

BATCH: Final = 500  # blobs whose rows are looked for at a time


def tidy(service: Service, now: float) -> None:
    """Delete what is over, doomed, or so old that its writer must have died before naming it."""
    service.circles.expire(now)
    expire(service.ledger.database, service.kept, now)
    service.uploads.clear(now)
    forget_runs(service.ledger.database, now)
    delete_doomed(service.ledger, service.blobs)
    forget_history(service.ledger.database)
    blobs = service.blobs
    blobs.clear_unfinished(now - STALE_S)
    old = blobs.older_than(now - STALE_S)
    while batch := list(islice(old, BATCH)):
        for name in set(batch) - service.ledger.named_blobs(batch):
            blobs.delete(name)


def erase(service: Service) -> None:
    """Finish a deletion: what the ledger no longer names is deleted now, and its traces are cut off."""
    delete_doomed(service.ledger, service.blobs)
    service.uploads.clear(service.clock())
    forget_history(service.ledger.database)


def delete_doomed(ledger: Ledger, blobs: Blobs) -> None:
    """Delete the blobs that no row names; one that cannot be deleted now stays doomed."""
    for name in ledger.doomed_blobs():
        try:
            blobs.delete(name)
        except (OSError, TryAgain) as error:
            structlog.get_logger().warning("blob_not_deleted", error=type(error).__name__)
        else:
            ledger.forget_doomed(name)
