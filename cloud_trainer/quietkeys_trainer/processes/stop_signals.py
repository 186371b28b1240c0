"""How a process is asked to stop: SIGTERM or SIGINT once to finish what it does, twice to drop it."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from types import FrameType


@dataclass(frozen=True, slots=True)
class Stop:
    """Whether this process was asked to stop, and whether it was asked to hurry."""

    asked: threading.Event = field(default_factory=threading.Event)
    hurry: threading.Event = field(default_factory=threading.Event)

    def listen(self, *, at_once: bool) -> None:
        """Take the signals from now on; `at_once` raises `SystemExit` when asked for the second time."""

        def handle(_signal: int, _frame: FrameType | None) -> None:
            again, already = self.asked.is_set(), self.hurry.is_set()
            self.asked.set()
            if again:
                self.hurry.set()
            if again and at_once and not already:
                raise SystemExit(1)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)

    def when_orphaned(self, parent: int) -> None:
        """Ask to stop as soon as the process `parent` is no longer this one's parent."""

        def watch() -> None:
            while os.getppid() == parent:
                if self.asked.wait(1.0):
                    return
            self.asked.set()

        threading.Thread(target=watch, name="orphan-watch", daemon=True).start()
