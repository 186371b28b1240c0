"""Structured logs on standard error, one JSON object a line: what happened, how long, how much.

They hold no content and no device: no body, no header, no path with an id in it, no message of a foreign
exception. Job ids are random and lead nowhere without the ledger.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict


class _Unfailing(io.TextIOBase):
    """Standard error; what cannot be written there, as on a full disk, is lost, and no work with it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def configure_logs(process: str) -> None:
    """Send every log line to standard error, with the name of this kind of process in each."""

    def named(_: object, __: str, event: EventDict) -> EventDict:
        return {**event, "process": process, "pid": os.getpid()}

    structlog.configure(
        processors=[
            named,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Unfailing())),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library: their warnings may quote what they were given.
    logging.basicConfig(handlers=[logging.NullHandler()], level=logging.CRITICAL)
