"""The window: its size, its mouse, its silence. To be set before anything else of Kivy is imported."""

from __future__ import annotations

import os


def configure(size: str, *, corner: bool = False) -> None:
    """Set up the window. size: WIDTHxHEIGHT. corner: put it into the top left of the screen."""
    os.environ.setdefault("KIVY_NO_ARGS", "1")
    os.environ.setdefault("KIVY_NO_CONSOLELOG", "1")
    from kivy.config import Config

    width, _, height = size.partition("x")
    Config.set("graphics", "width", width)
    Config.set("graphics", "height", height)
    if corner:
        for name, value in (("position", "custom"), ("left", "0"), ("top", "0")):
            Config.set("graphics", name, value)
    Config.set("input", "mouse", "mouse,disable_multitouch")
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "log_level", "warning")
