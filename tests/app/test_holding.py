"""Long presses are what the finger did, not how late a frame came."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import time
from kivy.clock import Clock
from quietkeys_keyboard.views.holding import Hold

said = []
hold = Hold()
Clock.tick()

hold.begin(lambda: said.append("busy"), 0.01)
time.sleep(0.05)  # a frame that took long; the finger was lifted in it
Clock.tick()
assert hold.end(), "a tap"
for _ in range(5):
    Clock.tick()
assert said == [], said

hold.begin(lambda: said.append("held"), 0.01)
time.sleep(0.05)
for _ in range(5):
    Clock.tick()
assert said == ["held"], said
assert not hold.end(), "the long press was over"

hold.begin(lambda: said.append("never"), 0.01)
assert hold.end()
time.sleep(0.05)
for _ in range(5):
    Clock.tick()
assert said == ["held"], said
"""


def test_a_late_frame_makes_no_long_press_of_a_tap() -> None:
    """The time is over and the finger was lifted meanwhile: a tap. Kivy's clock runs without a window."""
    environment = dict(os.environ, KIVY_NO_ARGS="1", KIVY_NO_CONSOLELOG="1")
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment)
