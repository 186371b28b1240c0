"""What the command asks of the engine that has the profile open, over the session bus."""

from __future__ import annotations

from typing import Any, Final

from quietkeys_ibus.introspection import Gio, GLib
from quietkeys_ibus.service import INTERFACE, NAME, PATH, TYPES

ANSWERS_MS: Final = 5_000
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"


class NotAnsweredError(Exception):
    """The engine does not run, or refuses; its text says which, and holds nothing that was typed."""


class Client:
    """The interface on the session bus, as Python. All methods raise NotAnsweredError."""

    def __init__(self) -> None:
        try:
            self._bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        except GLib.Error as error:
            raise NotAnsweredError("There is no session bus here.") from error

    def properties(self) -> dict[str, bool | str | int]:
        """Return all properties by name."""
        found: dict[str, bool | str | int] = self._call(
            _PROPERTIES, "GetAll", GLib.Variant("(s)", (INTERFACE,))
        )
        return found

    def change(self, name: str, value: bool | str) -> None:
        """Change a property."""
        given = GLib.Variant(TYPES[name], value)
        self._call(_PROPERTIES, "Set", GLib.Variant("(ssv)", (INTERFACE, name, given)))

    def agree(self, statement: str) -> None:
        """Record what the user agreed to."""
        self._call(INTERFACE, "GiveConsent", GLib.Variant("(s)", (statement,)))

    def sync(self) -> bool:
        """Begin a sync; return False where one is under way."""
        return bool(self._call(INTERFACE, "Sync"))

    def ledger(self) -> list[tuple[float, str, str]]:
        """Return what was sent, received and decided: Unix seconds, kind, sentence."""
        found: list[tuple[float, str, str]] = self._call(INTERFACE, "Ledger")
        return found

    def _call(self, interface: str, method: str, values: Any = None) -> Any:
        try:
            answer = self._bus.call_sync(
                NAME, PATH, interface, method, values, None, Gio.DBusCallFlags.NO_AUTO_START, ANSWERS_MS, None
            )
        except GLib.Error as error:
            said = Gio.DBusError.get_remote_error(error) or ""
            if not said.startswith("org.quietkeys."):
                raise NotAnsweredError("The input method does not run.") from error
            Gio.DBusError.strip_remote_error(error)
            raise NotAnsweredError(f"It refuses: {error.message}.") from error
        return answer.unpack()[0] if answer.unpack() else None
