"""Tidying up: deleting what was doomed, what is past its time, and what processes that died left behind.

What a device had deleted goes at once and whatever the clock says. What goes by age goes only where the clock
can be believed, and more than a tenth of the store only where somebody has confirmed it: a ledger that has
forgotten much is more often the wrong one than right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_trainer.ledger.database import forget_history
from quietkeys_trainer.ledger.identity import newest_time
from quietkeys_trainer.ledger.operator_queries import forget_runs
from quietkeys_trainer.ledger.retention import agree, expire, tenth
from quietkeys_trainer.service.figures import Reason
from quietkeys_trainer.service.parts import Service
from quietkeys_trainer.storage.blobs import STALE_S

BATCH: Final = 500  # blobs whose rows are looked for at a time


@dataclass(frozen=True, slots=True)
class Tidied:
    """How many things were past their time, how many blobs no row named, and how many blobs there are now."""

    expired: int
    unnamed: int
    blobs: int


def tidy(service: Service, now: float, *, confirmed: bool = False) -> Tidied:
    """Delete what is over, doomed, or so old that its writer must have died before naming it.

    Raises `Refused` and deletes nothing by age where the clock has jumped (CLOCK_JUMPED), and (TIDY_LARGE)
    where more than a tenth would go and nobody has confirmed that; `TryAgain` where database or store does
    not answer.
    """
    database = service.ledger.database
    erase(service)
    newest = newest_time(database, now)
    agree(database, service.kept, newest, confirmed=confirmed)
    service.circles.expire(newest)
    service.uploads.give_up(newest)
    forget_runs(database, newest)
    expired = expire(database, service.kept, newest)
    erase(service)
    service.blobs.clear_unfinished(newest - STALE_S)
    total, unnamed = _unnamed(service, newest)
    service.figures.waiting.set(0)
    if len(unnamed) > tenth(total) and not confirmed:
        service.figures.waiting.set(len(unnamed))
        raise Refused(
            ErrorCode.TIDY_LARGE, f"{len(unnamed)} of {total} ciphertexts, which the ledger does not know"
        )
    for name in unnamed:
        service.blobs.delete(name)
    service.figures.note(Reason.UNNAMED, len(unnamed))
    return Tidied(expired, len(unnamed), total - len(unnamed))


def erase(service: Service) -> None:
    """Finish deletions: what the ledger no longer names is deleted now, and its traces are cut off.

    Raises `TryAgain` (DELETION_UNDER_WAY) where a file cannot be removed; a blob that cannot be stays doomed.
    """
    delete_doomed(service)
    try:
        service.uploads.clear()
    except OSError as error:
        raise TryAgain(ErrorCode.DELETION_UNDER_WAY) from error
    forget_history(service.ledger.database)


def delete_doomed(service: Service) -> None:
    """Delete the blobs that no row names; one that cannot be deleted now stays doomed."""
    deleted = 0
    for name in service.ledger.doomed_blobs():
        try:
            service.blobs.delete(name)
        except (OSError, TryAgain) as error:
            structlog.get_logger().warning("blob_not_deleted", error=type(error).__name__)
        else:
            service.ledger.forget_doomed(name)
            deleted += 1
    service.figures.note(Reason.ENDED, deleted)


def _unnamed(service: Service, now: float) -> tuple[int, list[str]]:
    """Return how many blobs there are, and those that nobody names and nobody is about to name."""
    listed = list(service.blobs.listed())
    old = [name for name, stored_at in listed if stored_at < now - STALE_S]
    if not (found := _without_row(service, old)):
        return len(listed), []
    stale = (
        min(now, service.blobs.clock()) - STALE_S
    )  # whose clock is ahead takes a fresh blob for an old one
    times = dict(listed)
    return len(listed), [name for name in found if times[name] < stale]


def _without_row(service: Service, names: Sequence[str]) -> list[str]:
    batches = (names[at : at + BATCH] for at in range(0, len(names), BATCH))
    return [name for batch in batches for name in sorted(set(batch) - service.ledger.named_blobs(batch))]
