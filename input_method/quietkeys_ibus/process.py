"""The process that IBus starts: it owns the profile, and talks to whatever has the cursor."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Final

from quietkeys_ibus.conditions import notify, of_desktop
from quietkeys_ibus.control import Control
from quietkeys_ibus.conversation import Conversation
from quietkeys_ibus.engine import NAME, Factory, later, post
from quietkeys_ibus.introspection import GLib, IBus
from quietkeys_ibus.owner import Owner
from quietkeys_ibus.service import Service
from quietkeys_ibus.tray import Tray

BUS_NAME: Final = "org.quietkeys.IBus"
SWITCH_S: Final = 0.0002  # how long the thread aside may keep a key waiting for the interpreter


class NoBusError(Exception):
    """There is no IBus to talk to."""


def run(profile: Path, preferences: Path, *, by_ibus: bool, again: bool) -> None:
    """Serve IBus until it goes away or says so. by_ibus: it started us, else we register with it.

    again: another process of ours was killed, and so IBus has no engine any more.

    Keys pass from the first moment on; the profile opens meanwhile. Raises NoBusError.
    """
    IBus.init()
    bus = IBus.Bus()
    if not bus.is_connected():
        raise NoBusError
    sys.setswitchinterval(SWITCH_S)
    owner, loop = Owner(profile, preferences, conditions=of_desktop, notify=notify), GLib.MainLoop()
    control = Control(owner, post)
    factory = Factory(bus, lambda host: Conversation(owner, host, post, later), Tray(control))
    service = Service(control)

    def refresh() -> None:
        for engine in factory.engines:
            engine.conversation.refresh()

    def told() -> None:
        service.changed()
        for engine in factory.engines:
            engine.show_menu()

    def ready() -> None:
        refresh()
        told()

    def opening() -> None:
        owner.open()
        if owner.problem is not None:
            print(f"quietkeys-ibus: {owner.problem}", file=sys.stderr, flush=True)
        post(ready)

    owner.changed, control.told, control.stepped = refresh, told, service.changed
    service.publish()
    bus.connect("disconnected", lambda _: loop.quit())
    for ending in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, ending, loop.quit)
    _announce(bus, by_ibus=by_ibus, again=again)
    opener = threading.Thread(target=opening, name="quietkeys-open")
    opener.start()
    try:
        loop.run()
    finally:
        opener.join()
        for engine in factory.engines:
            engine.conversation.blur()
        owner.close()


def _announce(bus: IBus.Bus, *, by_ibus: bool, again: bool) -> None:
    if by_ibus:
        bus.request_name(BUS_NAME, 0)
        if again and bus.get_global_engine() is None:  # the user has not chosen another
            bus.set_global_engine_async(NAME, -1, None, None, None)
        return
    component = IBus.Component.new(BUS_NAME, NAME, "1", "Apache-2.0", "", "", "", NAME)
    component.add_engine(IBus.EngineDesc.new(NAME, NAME, "", "en", "Apache-2.0", "", "", "default"))
    bus.register_component(component)
    bus.set_global_engine_async(NAME, -1, None, None, None)
