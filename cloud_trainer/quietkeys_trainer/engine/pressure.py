"""Backpressure: work and bodies are refused while there is still memory to say so.

A body is refused before it is read, a report before it is queued, and a job is not started, where memory or
the queue have no room for them. Devices are told when to come back; a worker looks again by itself.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, TryAgain

RESERVE_BYTES: Final = 256 << 20  # left free by whoever answers devices: 512 connections take half of it
JOB_BYTES: Final = 640 << 20  # what a job of a plan is taken to need that was never run here
SCRATCH_BYTES: Final = 64 << 20  # that a child may write to the folder for temporary files
MOST_QUEUED: Final = 10_000  # jobs; a queue of more than a day helps nobody
MEMORY_AFTER_S: Final = 15  # memory comes back as soon as a job ends
QUEUE_AFTER_S: Final = 300
FRESH_S: Final = 1.0  # how old a figure may be

_PROC: Final = Path("/proc/meminfo")
_CGROUP: Final = Path("/sys/fs/cgroup")


class Overloaded(TryAgain):
    """The trainer has no room; the same request may succeed after `retry_after_s`."""

    def __init__(self, retry_after_s: int, detail: str) -> None:
        super().__init__(ErrorCode.TRAINER_FULL, detail)
        self.retry_after_s: Final = retry_after_s


def available_bytes(meminfo: Path = _PROC, cgroup: Path = _CGROUP) -> int:
    """Return the memory that may be taken, the machine's or, if less, the container's; 1 TB if unknown."""
    found = [1 << 40]
    try:
        lines = meminfo.read_text().splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    try:
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        found.append(limit - used + int(statistics.get("inactive_file", 0)))  # file cache is given up first
    except (OSError, ValueError):
        pass  # no container, or one without a limit ("max")
    return max(0, min(found))


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Return how many cores this process may keep busy: those it may run on, the container's if fewer."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no container, or one without a limit ("max")
    return max(1, cores)


def require_memory(most: int, available: Callable[[], int] = available_bytes) -> None:
    """Raise `Overloaded` where less than this is free."""
    if available() < most:
        raise Overloaded(MEMORY_AFTER_S, "memory")


def require_scratch(most: int = SCRATCH_BYTES) -> None:
    """Raise `TryAgain` (DISK_FULL) where the folder for temporary files has no room for a child's."""
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError as error:  # it is full to the last byte, or gone
        raise TryAgain(ErrorCode.DISK_FULL) from error
    if free < most:
        raise TryAgain(ErrorCode.DISK_FULL)


@dataclass(slots=True)
class Pressure:
    """What the process that answers devices looks at before it takes more; a figure is used for a second.

    most_bytes: of what all devices store together, 0 for as much as there is room for.
    """

    most_queued: int = MOST_QUEUED
    most_bytes: int = 0
    reserve_bytes: int = RESERVE_BYTES
    available: Callable[[], int] = available_bytes
    clock: Callable[[], float] = time.monotonic
    _memory: tuple[float, int] = (float("-inf"), 0)
    _queue: tuple[float, int] = (float("-inf"), 0)
    _stored: tuple[float, int] = (float("-inf"), 0)

    def admit_body(self) -> None:
        """Raise `Overloaded` where a body should not be read now."""
        if self._memory[0] < self.clock() - FRESH_S:
            self._memory = (self.clock(), self.available())
        if self._memory[1] < self.reserve_bytes:
            raise Overloaded(MEMORY_AFTER_S, "memory")

    def admit_job(self, count: Callable[[], int]) -> None:
        """Raise `Overloaded` where the queue, which `count` counts, is full."""
        if self._queue[0] < self.clock() - FRESH_S:
            self._queue = (self.clock(), count())
        if self._queue[1] >= self.most_queued:
            raise Overloaded(QUEUE_AFTER_S, "queue")

    def admit_keys(self, count: Callable[[], int]) -> None:
        """Raise `TryAgain` (DISK_FULL) where what all devices store, which `count` counts, is too much."""
        if not self.most_bytes:
            return
        if self._stored[0] < self.clock() - FRESH_S:
            self._stored = (self.clock(), count())
        if self._stored[1] >= self.most_bytes:
            raise TryAgain(ErrorCode.DISK_FULL)
