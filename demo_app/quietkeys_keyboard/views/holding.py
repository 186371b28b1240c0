"""Whether a touch lasts: long presses, and keys that repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kivy.clock import Clock

LONG_PRESS_S: Final = 0.5
_FRAMES: Final = 2


class Hold:
    """Calls back once a touch has lasted.

    A late frame makes no long press of a tap. In a frame the clock comes first, then touches, and the window
    is asked last what else has happened; so when the time is over, two more frames pass: a finger that
    was lifted while the application was busy is known by then.
    """

    def __init__(self) -> None:
        self._waiting: Any = None

    def begin(self, action: Callable[[], None], seconds: float = LONG_PRESS_S) -> None:
        """Call an action after seconds, unless the touch ends before."""
        self.end()
        self._waiting = Clock.schedule_once(lambda _: self._over(action, _FRAMES), seconds)

    def end(self) -> bool:
        """End the touch; return whether it was too short for the action."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        return waiting is not None

    def _over(self, action: Callable[[], None], frames: int) -> None:
        if frames:
            self._waiting = Clock.schedule_once(lambda _: self._over(action, frames - 1), 0)
            return
        self._waiting = None
        action()
