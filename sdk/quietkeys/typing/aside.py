"""`Aside`: a thread that suggests and learns beside the keys, for hosts whose keys must not wait.

What is to be learnt is learnt in order, and none of it is lost. Of what is to be thought about only the
newest matters: a question that waits is dropped when another comes. Between two thoughts something is
learnt, so that neither waits for ever.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

KEY_WAITS_S: Final = 0.03  # for an answer that is not there yet: about what a person notices between two keys
_LOG: Final = logging.getLogger(__name__)

Action = Callable[[], object]


class Aside:
    """One thread, for all texts of a keyboard. Ends with `close`."""

    def __init__(self, key_waits_s: float = KEY_WAITS_S) -> None:
        """key_waits_s: how long a key waits at most for what is put in place of a word."""
        self._key_waits_s = key_waits_s
        self._changed = threading.Condition()
        self._lessons = deque[Action]()
        self._thought: Action | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="quietkeys-aside", daemon=True)
        self._thread.start()

    def learn(self, action: Action) -> None:
        """Do something after all that is to be learnt before it."""
        with self._changed:
            self._lessons.append(action)
            self._changed.notify_all()

    def think(self, action: Action) -> None:
        """Do something soon, in place of what waits to be thought about."""
        with self._changed:
            self._thought = action
            self._changed.notify_all()

    def done(self, action: Action) -> bool:
        """Think about something and return whether that was done within the time that a key may wait."""
        finished = threading.Event()

        def noted() -> None:
            action()
            finished.set()

        self.think(noted)
        return finished.wait(self._key_waits_s)

    def settle(self) -> None:
        """Wait until everything was learnt that was to be learnt before now."""
        reached = threading.Event()
        with self._changed:
            if self._closed or threading.current_thread() is self._thread:
                return
        self.learn(reached.set)
        reached.wait()

    def close(self) -> None:
        """Learn what is left, and end."""
        with self._changed:
            self._closed, self._thought = True, None
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._lessons or self._thought or self._closed):
                    self._changed.wait()
                thought, self._thought = self._thought, None
                lesson = self._lessons.popleft() if self._lessons else None
                if thought is None and lesson is None:
                    return
            for action in (thought, lesson):
                if action is not None:
                    _do(action)


def _do(action: Action) -> None:
    # Whatever goes wrong with one word, the next one is to be learnt.
    try:
        action()
    except Exception as error:  # noqa: BLE001 - what it says may hold text
        _LOG.error("aside: %s", type(error).__name__)
