"""One sync at a time, and what ends the one under way: the user, forgetting, closing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stopper:
    """Lets one sync run, and ends it. `event` is set while what runs is to end: sleep on it."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._turn = threading.RLock()  # of whoever syncs, forgets or closes
        self._state = threading.Lock()
        self._running = False
        self._claims = 0  # of those who ended the sync under way and wait for their turn

    @contextmanager
    def one_sync(self) -> Iterator[None]:
        """Wait until no other sync runs, and be the one that `cancel` ends."""
        with self._turn:
            with self._state:
                self._running = True
            try:
                yield
            finally:
                with self._state:
                    self._running = False
                    self._let_go()

    def cancel(self) -> None:
        """End the sync under way, if there is one. Does not wait for its end."""
        with self._state:
            if self._running:
                self.event.set()

    @contextmanager
    def instead(self) -> Iterator[None]:
        """End the sync under way and let no other begin while the block lasts."""
        with self._state:
            self._claims += 1
            self.event.set()
        with self._turn:
            with self._state:
                self._claims -= 1
                self._let_go()
            yield

    def close(self) -> None:
        """End the sync under way, and all later ones as they begin."""
        with self._state:
            self._claims += 1  # for good
            self.event.set()

    def _let_go(self) -> None:
        if not self._claims:
            self.event.clear()
