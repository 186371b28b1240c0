"""A panel of IBus for tests: `panel.py FILE` has the strip that is shown, and the mark, in FILE as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gi

gi.require_version("IBus", "1.0")
from gi.repository import GLib, IBus  # noqa: E402

SHOWN = Path(sys.argv[1])


class Panel(IBus.PanelService):
    """Shows everything in a file."""

    __gtype_name__ = "QuietkeysTestPanel"

    def __init__(self, bus: IBus.Bus) -> None:
        super().__init__(connection=bus.get_connection(), object_path=IBus.PATH_PANEL)
        self.strip: list[str] = []
        self.best = self.mark = ""
        self.menu: dict[str, int] = {}
        self.write()

    def write(self) -> None:
        """Write the file."""
        draft = SHOWN.with_suffix(".draft")
        draft.write_text(
            json.dumps({"strip": self.strip, "best": self.best, "mark": self.mark, "menu": self.menu})
        )
        draft.replace(SHOWN)

    def do_update_lookup_table(self, table: IBus.LookupTable, visible: bool) -> None:
        """Take a strip."""
        count = table.get_number_of_candidates() if visible else 0
        self.strip = [table.get_candidate(place).get_text() for place in range(count)]
        self.best = self.strip[table.get_cursor_pos()] if count and table.is_cursor_visible() else ""
        self.write()

    def do_hide_lookup_table(self) -> None:
        """Take the strip away."""
        self.strip, self.best = [], ""
        self.write()

    def do_update_auxiliary_text(self, text: IBus.Text, visible: bool) -> None:
        """Take a mark."""
        self.mark = text.get_text() if visible else ""
        self.write()

    def do_hide_auxiliary_text(self) -> None:
        """Take the mark away."""
        self.mark = ""
        self.write()

    def do_register_properties(self, entries: IBus.PropList) -> None:
        """Take a menu: what is checked."""
        self.menu, place = {}, 0
        while (root := entries.get(place)) is not None:
            within = 0
            while (one := root.get_sub_props().get(within)) is not None:
                self.menu[one.get_key()] = int(one.get_state())
                within += 1
            place += 1
        self.write()


def main() -> None:
    """Serve the daemon that started this."""
    IBus.init()
    bus = IBus.Bus()
    panel = Panel(bus)
    bus.request_name(IBus.SERVICE_PANEL, 0)
    loop = GLib.MainLoop()
    bus.connect("disconnected", lambda _: loop.quit())
    loop.run()
    del panel


main()
