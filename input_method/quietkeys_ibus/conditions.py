"""What the desktop says of mains, network and idleness, for syncs by themselves; each where it is there."""

from __future__ import annotations

from typing import Any, Final

from quietkeys import Conditions
from quietkeys_ibus.introspection import Gio, GLib

ANSWERS_MS: Final = 2000  # within which a service of the system answers
_METERED: Final = frozenset((1, 3))  # NetworkManager's NMMetered: yes, and guessed so
_UPOWER: Final = ("org.freedesktop.UPower", "/org/freedesktop/UPower", "org.freedesktop.UPower")
_NETWORK: Final = (
    "org.freedesktop.NetworkManager",
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
)
_LOGIND: Final = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")


def of_desktop() -> Conditions:
    """Return what holds now by UPower, NetworkManager and logind; what none of them tells counts as holding.

    Asked from the thread of the syncs: it waits for answers.
    """
    battery = _property(*_UPOWER, "OnBattery")
    metered = _property(*_NETWORK, "Metered")
    idle = _property(*_LOGIND, "IdleHint")
    return Conditions(
        charging=battery is not True,
        unmetered=metered not in _METERED,
        idle=idle is not False,
    )


def _property(name: str, path: str, interface: str, wanted: str) -> Any:
    # None where there is no such service, or it does not answer.
    try:
        bus = Gio.bus_get_sync(Gio.BusType.SYSTEM, None)
        answer = bus.call_sync(
            name,
            path,
            "org.freedesktop.DBus.Properties",
            "Get",
            GLib.Variant("(ss)", (interface, wanted)),
            None,
            Gio.DBusCallFlags.NONE,
            ANSWERS_MS,
            None,
        )
    except GLib.Error:
        return None
    return answer.unpack()[0]


def notify(title: str, text: str) -> None:
    """Show a notification of the desktop, where there are any."""
    try:
        bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        bus.call_sync(
            "org.freedesktop.Notifications",
            "/org/freedesktop/Notifications",
            "org.freedesktop.Notifications",
            "Notify",
            GLib.Variant("(susssasa{sv}i)", ("quietkeys", 0, "input-keyboard", title, text, [], {}, -1)),
            None,
            Gio.DBusCallFlags.NONE,
            ANSWERS_MS,
            None,
        )
    except GLib.Error:
        return
