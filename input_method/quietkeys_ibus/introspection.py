"""What is used of the desktop's libraries, in the versions that it is written for."""

from __future__ import annotations

import gi

gi.require_version("IBus", "1.0")
from gi.repository import Gio, GLib, IBus  # noqa: E402 - the version comes first

__all__ = ["GLib", "Gio", "IBus"]
