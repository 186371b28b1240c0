"""An application of GTK 3 or GTK 4 with one field: `window.py VERSION FILE`; FILE gets times on SIGTERM.

As JSON. pressed: when each key that types came, in seconds of the monotonic clock. arrived: when the field
first showed something of it, in its text or in what is under way there.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gi

VERSION, OUT = sys.argv[1], Path(sys.argv[2])
gi.require_version("Gdk", f"{VERSION}.0")
gi.require_version("Gtk", f"{VERSION}.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402

AGAIN = 1 << 24 | 1 << 25  # IBus gave the key back: it is not a new one
pressed: list[float] = []
arrived: list[float | None] = []


def press(value: int, state: int) -> None:
    """Note a key."""
    if 32 <= value < 127 and not state & AGAIN:
        pressed.append(time.monotonic())
        arrived.append(None)


def arrive(*_: object) -> None:
    """Note that the field changed."""
    if arrived and arrived[-1] is None:
        arrived[-1] = time.monotonic()


def pressed_in_4(_controller: Any, value: int, _code: int, state: int) -> bool:
    """Take a key of GTK 4, and pass it on."""
    press(value, int(state))
    return False


def event_of_3(event: Any) -> None:
    """Take an event of GTK 3 before its input method does, and pass it on."""
    if event.type == Gdk.EventType.KEY_PRESS:
        press(event.key.keyval, int(event.key.state))
    Gtk.main_do_event(event)


def main() -> None:
    """Show the window until this process is to end."""
    window, field, loop = Gtk.Window(title="typed"), Gtk.TextView(), GLib.MainLoop()
    field.set_size_request(600, 300)
    field.set_wrap_mode(Gtk.WrapMode.WORD)
    field.get_buffer().connect("insert-text", arrive)
    field.connect("preedit-changed", arrive)
    if VERSION == "4":
        keys = Gtk.EventControllerKey()
        keys.set_propagation_phase(Gtk.PropagationPhase.CAPTURE)
        keys.connect("key-pressed", pressed_in_4)
        window.add_controller(keys)
        window.set_child(field)
        window.present()
    else:
        Gdk.event_handler_set(event_of_3)
        window.add(field)
        window.show_all()
    field.grab_focus()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    loop.run()
    buffer = field.get_buffer()
    text = buffer.get_text(buffer.get_start_iter(), buffer.get_end_iter(), True)
    OUT.write_text(json.dumps({"pressed": pressed, "arrived": arrived, "letters": len(text)}))


main()
