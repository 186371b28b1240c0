"""Answers that are made at most once in a while, however many ask for them, and by one thread at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from quietkeys_protocol.errors import TryAgain

Made = TypeVar("Made")


@dataclass(slots=True)
class Brief(Generic[Made]):
    """What `make` returned, or the `TryAgain` that it raised, kept for so many seconds."""

    make: Callable[[], Made]
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _kept: tuple[float, Made | TryAgain] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Made:
        """Return it, made anew where it is too old."""
        with self._lock:
            if self._kept is None or self.clock() - self._kept[0] > self.seconds:
                try:
                    made: Made | TryAgain = self.make()
                except TryAgain as error:
                    made = error
                self._kept = (self.clock(), made)
            kept = self._kept[1]
        if isinstance(kept, TryAgain):
            raise kept
        return kept
