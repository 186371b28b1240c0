"""The real application's window on a screen in memory, through keys and clicks of the window system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 60.0
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

    def state(self) -> dict[str, Any]:
        """What is shown now."""
        found: dict[str, Any] = json.loads(self.state_file.read_text())
        return found

    def wait(self, holds: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until something is shown; return the state then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the application ended"
            if self.state_file.exists() and holds(state := self.state()):
                return state
            time.sleep(0.05)
        raise AssertionError(f"not shown: {self.state()}")

    def keys(self, *names: str) -> None:
        """Press keys of the hardware keyboard."""
        self._do("key", "--delay", "60", *names)

    def click(self, place: str, hold: float = 0.0) -> None:
        """Click in the middle of something, once it is there and has settled."""
        x, y = self._settled(place)
        self._do("mousemove", str(x), str(y))
        self._do("mousedown", "1")
        time.sleep(0.08 + hold)
        self._do("mouseup", "1")
        time.sleep(0.1)

    def scroll_to(self, place: str) -> None:
        """Turn the wheel until something is on the screen."""
        self._do("mousemove", "200", "600")
        for _ in range(40):
            if place in self.state()["places"]:
                return
            self._do("click", "--repeat", "5", "--delay", "30", "5")
            time.sleep(0.4)

    def _settled(self, place: str) -> tuple[int, int]:
        # Where it is, once two looks in a row have found it there.
        while True:
            before = self.wait(lambda state: place in state["places"])
            later = before["time"] + 0.15
            after = self.wait(lambda state, later=later: state["time"] > later)  # type: ignore[misc]
            if after["places"].get(place) == before["places"][place]:
                x, y = after["places"][place]
                return int(x), int(y)

    def _do(self, *arguments: str) -> None:
        environment = os.environ | {"DISPLAY": self.display}
        subprocess.run(["xdotool", *arguments], env=environment, check=True)

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
def shown(display: str, folder: Path, *, bundle: str = "", url: str = "") -> Iterator[Screen]:
    """Start the application on the profile in a folder's `data`; "": the shipped bundle, and no trainer."""
    state_file = folder / "state.json"
    driver = [
        sys.executable,
        "-m",
        "tests.app.window_driver",
        str(folder / "data"),
        bundle,
        url,
        str(state_file),
    ]
    process = subprocess.Popen(
        driver,
        env=os.environ | {"DISPLAY": display, "KIVY_HOME": str(folder / "kivy"), "HOME": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    found = Screen(display, state_file, process)
    try:
        found.wait(lambda state: bool(state["dialog"]))
        yield found
    finally:
        process.terminate()
        process.wait()
