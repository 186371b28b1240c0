"""The real application's window on a screen in memory, through keys and clicks of the window system."""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quietkeys_bench.common.processes import screen_in_memory
from tests.patience import HANGS_S

TYPED: Final = "F9"  # what the driver takes for: what keys type is on the screen
TOUCHED: Final = "F10"  # the same of a finger, which a list takes a moment to tell from scrolling
SWIPE: Final = 200
NOT_FOR_PEOPLE: Final = re.compile(  # names of the SDK, of formats and of Python; counts with a point
    r"None(?! of)|adapter|ciphertext|profile|bundle|_|\bnats?\b|\bbits each|HOST|\(\)|[{}<>]|\d\.\d+ times"
)
_CLIENT_MESSAGE: Final = 33
_WHEEL_UP: Final = 4  # buttons of a mouse, as the window system counts them
_WHEEL_DOWN: Final = 5
_NAMES: Final = {
    " ": "space",
    "'": "apostrophe",
    '"': "quotedbl",
    ",": "comma",
    ".": "period",
    "/": "slash",
    ":": "colon",
    "⌫": "BackSpace",
}


@dataclass(slots=True)
class Screen:
    """The application's window, through xdotool, and what it says that it shows."""

    display: str
    state_file: Path
    process: subprocess.Popen[bytes]
    fences: int = 0  # behind what was done so far

    def state(self) -> dict[str, Any]:
        """What is shown now."""
        found: dict[str, Any] = json.loads(self.state_file.read_text())
        return found

    def wait(self, holds: Callable[[dict[str, Any]], bool], seconds: float = HANGS_S) -> dict[str, Any]:
        """Wait until something is shown; return the state then.

        Where it never is, the application is ended, so that other tests of it need not wait as long again.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the application ended"
            if self.state_file.exists() and holds(state := self.state()):
                return state
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"not shown: {self.state()}")

    def keys(self, *names: str) -> None:
        """Press keys of the hardware keyboard."""
        self._do("key", "--delay", "60", *names, fence=TYPED)

    def click(self, place: str) -> None:
        """Click in the middle of something, once it is there and has settled."""
        x, y = self._settled(place)
        self._do("mousemove", str(x), str(y), "click", "1")

    def hold(self, place: str, until: Callable[[dict[str, Any]], bool], right: int = 0) -> None:
        """Hold something until what that brings is shown, slide so many pixels to the right, and let go."""
        x, y = self._settled(place)
        self._do("mousemove", str(x), str(y), "mousedown", "1")
        self.wait(until)
        self._do("mousemove", str(x + right), str(y))
        self._do("mouseup", "1")

    def press(self, place: str, button: int) -> None:
        """Press another button of the mouse, or turn its wheel, over something."""
        x, y = self._settled(place)
        self._do("mousemove", str(x), str(y), "click", str(button))

    def tap_twice(self, place: str) -> None:
        """Tap twice in a row."""
        x, y = self._settled(place)
        self._do("mousemove", str(x), str(y), "click", "--repeat", "2", "--delay", "10", "1")

    def until(self, name: str, key: str = "Tab") -> None:
        """Press a key until the keyboard is at something of this name, at most once round the screen."""
        for _ in range(self.state()["stops"]):
            self.keys(key)
            if self.state()["at"] == name:
                return
        raise AssertionError(f"not reached: {name} in {self.state()}")

    def swipe_left(self, place: str) -> None:
        """Draw a finger from something to the left, over half of the window."""
        x, y = self._settled(place)
        self._do("mousemove", str(x), str(y), "mousedown", "1")  # it begins where it is when first seen
        for to in range(x - 20, x - SWIPE, -20):
            self._do("mousemove", str(to), str(y), fence=TYPED)
        self._do("mouseup", "1")

    def scroll_to(self, place: str) -> None:
        """Turn the wheel, down to the end and then up to the beginning, until something is on the screen."""
        wide, high = self.state()["size"]
        self._do("mousemove", str(wide // 2), str(high * 2 // 3))
        for button in (_WHEEL_DOWN, _WHEEL_UP):
            before: list[float] = []
            while (state := self.state())["scrolled"] != before:
                if place in state["places"]:
                    return
                before = state["scrolled"]
                self._do("click", "--repeat", "3", "--delay", "30", str(button))
        raise AssertionError(f"not there: {place} in {self.state()}")

    def close_window(self) -> None:
        """Ask the window to close, as a window manager does."""
        xlib = ctypes.CDLL("libX11.so.6")
        xlib.XOpenDisplay.restype = ctypes.c_void_p
        xlib.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        xlib.XInternAtom.restype = ctypes.c_ulong
        xlib.XSendEvent.argtypes = [
            *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long),
            ctypes.c_void_p,
        ]
        xlib.XCloseDisplay.argtypes = [ctypes.c_void_p]
        display = xlib.XOpenDisplay(self.display.encode())
        (window,) = self.windows()
        protocols, delete = (
            xlib.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
        )
        event = (ctypes.c_long * 24)(_CLIENT_MESSAGE, 0, 1, 0, window, protocols, 32, delete, 0)
        xlib.XSendEvent(display, window, 0, 0, ctypes.byref(event))
        xlib.XCloseDisplay(display)

    def windows(self) -> list[int]:
        """Return the windows of the application that can be seen."""
        command = ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid)]
        environment = os.environ | {"DISPLAY": self.display}
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return [int(one) for one in found.stdout.split()]

    def _settled(self, place: str) -> tuple[int, int]:
        # Where it is, once two looks in a row have found it there.
        while True:
            before = self.wait(lambda state: place in state["places"])
            later = before["time"] + 0.15
            after = self.wait(lambda state, later=later: state["time"] > later)  # type: ignore[misc]
            if after["places"].get(place) == before["places"][place]:
                x, y = after["places"][place]
                return int(x), int(y)

    def _do(self, *arguments: str, fence: str = TOUCHED) -> None:
        # The window system keeps the order of events: when the application has seen the key behind them, and
        # has gone on for a while, it has done what they are for.
        environment = os.environ | {"DISPLAY": self.display}
        subprocess.run(["xdotool", *arguments, "key", fence], env=environment, check=True)
        self.fences += 1
        fences = self.fences
        self.wait(lambda state: state["passed"] >= fences)

    def type(self, text: str) -> None:
        """Press the keys of a text; ⌫ is backspace."""
        self.keys(*(_NAMES.get(character, character) for character in text))

    def wait_for(self, text: str, **others: Any) -> dict[str, Any]:
        """Wait until a text stands in the field, and whatever else the state is to have."""
        return self.wait(
            lambda state: state["text"] == text and all(state[name] == what for name, what in others.items())
        )

    def empty(self) -> None:
        """Empty the field."""
        self.keys("ctrl+a", "BackSpace")
        self.wait_for("")


@contextmanager
def shown(
    folder: Path, *, bundle: str = "", url: str = "", size: str = "420x840", text: float = 1.0
) -> Iterator[Screen]:
    """Start the application on the profile in a folder's `data`; "": the shipped bundle, and no trainer.

    It has a screen of its own: where two windows share one without a window manager, keys go nowhere once the
    later has gone.

    size: of the window. text: how much larger than usual its type is.
    """
    state_file = folder / "state.json"
    arguments = ["tests.app.window_driver", str(folder / "data"), bundle, url, str(state_file), size]
    with driven(folder, arguments, state_file, text) as found:
        yield found


@contextmanager
def driven(folder: Path, module: list[str], state_file: Path, text: float, **more: str) -> Iterator[Screen]:
    """Start a module that runs an application, with its arguments, and more in its environment."""
    state_file.unlink(missing_ok=True)  # of a window that was here before
    driver = [sys.executable, "-m", *module]
    with screen_in_memory() as display:
        process = subprocess.Popen(
            driver,
            env=os.environ
            | {"DISPLAY": display, "KIVY_HOME": str(folder / "kivy"), "HOME": str(folder)}
            | {"KIVY_METRICS_FONTSCALE": str(text)}
            | more,
            stderr=subprocess.DEVNULL,
        )
        found = Screen(display, state_file, process)
        try:
            found.wait(lambda state: bool(state["screen"]))
            yield found
        finally:
            process.terminate()
            process.wait()
