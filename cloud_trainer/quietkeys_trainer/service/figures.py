"""What is counted of the store by each process, for operators: deletions, and what is not deleted unasked."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import structlog
from prometheus_client import Counter, Gauge


class Reason(StrEnum):
    """Why a blob was deleted."""

    ENDED = "ended"  # no row names it any longer: deleted by its device, replaced, or past its time
    UNNAMED = "unnamed"  # no row ever named it: its writer died


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """deleted: blobs, by reason. waiting: unnamed ones, too many to be deleted without a question."""

    deleted: Counter = field(
        default_factory=lambda: Counter(
            "quietkeys_blobs_deleted", "Blobs deleted by this process", ["reason"], registry=None
        )
    )
    waiting: Gauge = field(
        default_factory=lambda: Gauge(
            "quietkeys_blobs_unnamed",
            "Blobs that no row names and that wait for `admin tidy --confirm`",
            registry=None,
        )
    )

    def note(self, reason: Reason, count: int) -> None:
        """Count and log so many deletions, if there were any."""
        if count:
            self.deleted.labels(reason.value).inc(count)
            structlog.get_logger().info("blobs_deleted", reason=reason.value, count=count)
