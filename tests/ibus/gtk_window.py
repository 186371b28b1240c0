"""An application of GTK 3 or GTK 4 with fields of some kinds: `gtk_window.py VERSION FILE`.

FILE gets what it holds, as JSON, whenever that changes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gi

VERSION, STATE = sys.argv[1], Path(sys.argv[2])
gi.require_version("Gtk", f"{VERSION}.0")
from gi.repository import GLib, Gtk  # noqa: E402

said = ""


def made() -> dict[str, Any]:
    """The fields by name."""
    fields = {name: Gtk.Entry() for name in ("text", "purpose", "email", "other")}
    fields["purpose"].set_input_purpose(Gtk.InputPurpose.PASSWORD)
    fields["email"].set_input_purpose(Gtk.InputPurpose.EMAIL)
    if VERSION == "4":  # GTK 3 has no such hint
        fields["private"] = Gtk.Entry()
        fields["private"].set_input_hints(Gtk.InputHints.PRIVATE)
    fields["hidden"] = Gtk.PasswordEntry() if VERSION == "4" else Gtk.Entry()
    if VERSION == "3":
        fields["hidden"].set_visibility(False)
    fields["lines"] = Gtk.TextView()
    fields["lines"].set_size_request(300, 80)
    if VERSION == "3":
        gi.require_version("Vte", "2.91")
        from gi.repository import Vte

        fields["terminal"] = Vte.Terminal()
        fields["terminal"].set_size_request(300, 80)
        shell = (Vte.PtyFlags.DEFAULT, None, ["/bin/cat"], None, GLib.SpawnFlags.DEFAULT, None, None, -1)
        fields["terminal"].spawn_async(*shell, None, None)
    return fields


def text_of(field: Any) -> str:
    """What stands in a field."""
    if hasattr(field, "spawn_async"):  # a terminal
        return str(field.get_text(None, None)[0]).rstrip()
    if not isinstance(field, Gtk.TextView):
        return str(field.get_text())
    buffer = field.get_buffer()
    return str(buffer.get_text(buffer.get_start_iter(), buffer.get_end_iter(), True))


def tell(window: Any, fields: dict[str, Any]) -> bool:
    """Write the state if it has changed."""
    global said
    focus = window.get_focus()
    within = [
        name for name, one in fields.items() if focus is not None and (focus is one or focus.is_ancestor(one))
    ]
    areas = {name: one.get_allocation() for name, one in fields.items()}
    state = {
        "texts": {name: text_of(one) for name, one in fields.items()},
        "focus": within[0] if within else "",
        "active": bool(window.is_active()),
        "places": {name: [area.x + 30, area.y + 12] for name, area in areas.items() if area.width > 1},
    }
    now = json.dumps(state)
    if now != said:
        said = now
        draft = STATE.with_suffix(".draft")
        draft.write_text(now)
        draft.replace(STATE)
    return True


def fill(window: Any, add: Any) -> None:
    """Put all fields into the window."""
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
    add(window, box)
    fields = made()
    for field in fields.values():
        box.append(field) if VERSION == "4" else box.add(field)
    GLib.timeout_add(20, tell, window, fields)


def main() -> None:
    """Show the window until this process ends."""
    if VERSION == "3":
        window = Gtk.Window(title="fields")
        fill(window, lambda one, box: one.add(box))
        window.show_all()
        Gtk.main()
        return
    window = Gtk.Window(title="fields")
    fill(window, lambda one, box: one.set_child(box))
    window.present()
    GLib.MainLoop().run()


main()
