"""Keeps a number of worker processes alive, and the store tidy, beside the API."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from quietkeys_protocol.errors import Refused, TryAgain
from quietkeys_trainer.processes.stop_signals import Stop
from quietkeys_trainer.service.parts import Service
from quietkeys_trainer.service.tidy import tidy

POLL_S: Final = 0.2
TIDY_S: Final = 600.0
DRAIN_S: Final = 90.0  # a job takes up to a minute, and is worth waiting for
HURRY_S: Final = 5.0
SHORT_LIFE_S: Final = 5.0  # a worker that dies younger than this is not started again at once
MOST_PATIENCE_S: Final = 30.0


@dataclass(slots=True)
class _Place:
    """A worker process and the one that would take its place."""

    name: str
    process: subprocess.Popen[bytes]
    started_at: float
    short_lives: int = 0
    restart_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs `count` workers; `command` makes the command line of a worker from its name.

    settings: what each reads on standard input. They hold secrets, which neither arguments nor the
    environment should: other processes of the machine can read the former, and children inherit the latter.
    """

    service: Service
    command: Callable[[str], Sequence[str]]
    count: int
    settings: bytes = field(repr=False)
    _places: list[_Place] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the workers and watch over them in a thread."""
        self._places = [self._new_place() for _ in range(self.count)]
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def living(self) -> int:
        """Return how many of the workers are there now."""
        return sum(place.process.poll() is None for place in self._places)

    def stop(self, stop: Stop) -> None:
        """Let every worker finish its job, or give it back when in a hurry; kill what does not end."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        living = [place.process for place in self._places if place.process.poll() is None]
        _signal(living, signal.SIGTERM)
        structlog.get_logger().info("draining", workers=len(living))
        if not _all_end(living, DRAIN_S, stop.hurry):
            hurry_until = time.monotonic() + HURRY_S
            while living and time.monotonic() < hurry_until:
                _signal(living, signal.SIGTERM)  # again: two that come at the same moment count as one
                _all_end(living, POLL_S, threading.Event())
                living = [process for process in living if process.poll() is None]
            _signal(living, signal.SIGKILL)
        statuses = [place.process.wait() for place in self._places]
        structlog.get_logger().info("drained", statuses=statuses)

    def _watch(self) -> None:
        tidied_at = float("-inf")
        while not self._ending.wait(POLL_S):
            try:
                for place in self._places:
                    self._look_after(place)
                if time.monotonic() - tidied_at > TIDY_S:
                    tidied_at = time.monotonic()
                    self._tidy()
            except SQLAlchemyError as error:  # of a kind that nobody foresaw
                structlog.get_logger().error("not_looked_after", error=type(error).__name__)

    def _look_after(self, place: _Place) -> None:
        """Note that a worker died, free its job, and start another in its place, sooner or later."""
        now = time.monotonic()
        status = place.process.poll()
        if status is None:
            return
        if place.restart_at is None:
            place.short_lives = place.short_lives + 1 if now - place.started_at < SHORT_LIFE_S else 0
            pause_s = min(MOST_PATIENCE_S, 2.0 ** max(0, place.short_lives - 1) - 1)
            place.restart_at = now + pause_s
            structlog.get_logger().warning("worker_died", status=status, restart_in_s=pause_s)
        try:
            self.service.jobs.release_worker(place.name)
        except TryAgain:
            return  # at the next look
        if now >= place.restart_at:
            try:
                place.name, place.process, place.started_at, place.restart_at = *self._spawn(), now, None
            except OSError as error:  # no descriptor, no memory, no further process
                structlog.get_logger().error("worker_not_started", error=type(error).__name__)
                place.restart_at = now + SHORT_LIFE_S

    def _new_place(self) -> _Place:
        name, process = self._spawn()
        return _Place(name, process, time.monotonic())

    def _spawn(self) -> tuple[str, subprocess.Popen[bytes]]:
        """Start a worker and return it.

        It gets a session of its own: a terminal's Ctrl-C is for us, and we pass it on.
        """
        name = secrets.token_hex(16)
        process = subprocess.Popen(
            self.command(name), stdin=subprocess.PIPE, stdout=sys.stderr, start_new_session=True
        )
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin as told:  # of one that has ended already
                told.write(self.settings)
        return name, process

    def _tidy(self) -> None:
        try:
            done = tidy(self.service, self.service.clock())
            structlog.get_logger().info("tidied", **asdict(done))
        except (Refused, TryAgain) as error:
            structlog.get_logger().warning("not_tidied", code=error.code.value, advice=error.advice)
        except OSError as error:
            structlog.get_logger().warning("not_tidied", error=type(error).__name__)


def _signal(processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)


def _all_end(processes: Sequence[subprocess.Popen[bytes]], within_s: float, hurry: threading.Event) -> bool:
    deadline = time.monotonic() + within_s
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline or hurry.is_set():
            return False
        hurry.wait(POLL_S / 4)
    return True
