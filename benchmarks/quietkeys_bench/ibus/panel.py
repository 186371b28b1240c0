"""A panel of IBus: `panel.py FILE` adds the time, of the monotonic clock, to FILE for each strip."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import gi

gi.require_version("IBus", "1.0")
from gi.repository import GLib, IBus  # noqa: E402

SHOWN = Path(sys.argv[1]).open("a", buffering=1)  # noqa: SIM115 - as long as this runs


class Panel(IBus.PanelService):
    """Shows nothing."""

    __gtype_name__ = "QuietkeysBenchPanel"

    def do_update_lookup_table(self, table: IBus.LookupTable, visible: bool) -> None:
        """Note a strip."""
        if visible and table.get_number_of_candidates():
            print(time.monotonic(), file=SHOWN)


def main() -> None:
    """Serve the daemon that started this."""
    IBus.init()
    bus = IBus.Bus()
    panel, loop = Panel(connection=bus.get_connection(), object_path=IBus.PATH_PANEL), GLib.MainLoop()
    bus.request_name(IBus.SERVICE_PANEL, 0)
    bus.connect("disconnected", lambda _: loop.quit())
    loop.run()
    del panel


main()
