"""The application that is measured: `python -m quietkeys_keyboard.frames DATA URL SIZE`, a JSON on stdout.

Keys come from the window system. For some seconds it only types, then it trains as well. A frame is timed
from the beginning of its round of the event loop, which takes in keys and asks for suggestions, until it is
on the screen; rounds that draw nothing are no frames.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

from quietkeys_keyboard.window import configure

SETTLE_S: Final = 3.0
IDLE_S: Final = 25.0


def main(data: str, url: str, size: str) -> None:
    """Measure."""
    configure(size, corner=True)
    from kivy.clock import Clock
    from kivy.core.window import Window

    from quietkeys_keyboard.app import KeyboardApp

    app = KeyboardApp(Path(data), url)
    app.settings_kept.introduced = True
    frames: dict[str, list[float]] = {"settling": [], "idle": [], "training": []}
    phase, begun = "settling", [0.0]

    def begin(_: float) -> None:
        begun[0] = time.perf_counter()

    def flipped(_: object) -> None:
        frames[phase].append(1000.0 * (time.perf_counter() - begun[0]))

    def idle(_: float) -> None:
        nonlocal phase
        phase = "idle"
        print("typing", flush=True)

    def train(_: float) -> None:
        nonlocal phase
        phase = "training"
        app.training.agree()
        app.training.start()
        Clock.schedule_interval(watch, 0.5)

    def watch(_: float) -> bool:
        if app.training.busy:
            return True
        print(json.dumps({"frames": frames, "headline": app.training.headline}), flush=True)
        app.stop()
        return False

    def start(_: float) -> None:
        Clock.schedule_interval(begin, 0)
        Window.bind(on_flip=flipped)
        Clock.schedule_once(idle, SETTLE_S)
        Clock.schedule_once(train, SETTLE_S + IDLE_S)

    Clock.schedule_once(start, 0)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:4])
