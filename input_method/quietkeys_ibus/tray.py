"""The menu of the input method in the desktop's panel: switches of `Control`, as properties of IBus."""

from __future__ import annotations

from typing import Any, Final

from quietkeys import Level, QuietkeysError
from quietkeys_ibus.control import Control, NotReadyError
from quietkeys_ibus.introspection import IBus

_LEVELS: Final = {
    Level.OFF: "Correct nothing",
    Level.CAREFUL: "Correct carefully",
    Level.NORMAL: "Correct",
    Level.EAGER: "Correct eagerly",
}
_TOGGLES: Final = {"Paused": "Pause learning", "Incognito": "Incognito until switched off"}


class Tray:
    """The menu, made anew whenever it is asked for: what it shows is what holds."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def menu(self) -> Any:
        """Return the menu as IBus takes it."""
        entries = IBus.PropList.new()
        for name, label in _TOGGLES.items():
            entries.append(_entry(name, label, IBus.PropType.TOGGLE, bool(self._control.property(name))))
        level = self._control.property("Level")
        for one, label in _LEVELS.items():
            entries.append(_entry(f"Level/{one}", label, IBus.PropType.RADIO, one == level))
        syncing = bool(self._control.property("Syncing"))
        entries.append(_entry("Sync", "Training" if syncing else "Train now", IBus.PropType.NORMAL, False))
        menu = _entry("quietkeys", "quietkeys", IBus.PropType.MENU, False)
        menu.set_sub_props(entries)
        menu.set_symbol(IBus.Text.new_from_string("qk"))
        shown = IBus.PropList.new()
        shown.append(menu)
        return shown

    def activate(self, name: str, state: int) -> None:
        """Do what an entry is for. state: 1 where it is to be on."""
        kind, _, value = name.partition("/")
        try:
            if kind in _TOGGLES:
                self._control.set_property(kind, state == IBus.PropState.CHECKED)
            elif kind == "Level":
                if state == IBus.PropState.CHECKED:
                    self._control.set_property(kind, value)
            elif kind == "Sync":
                self._control.sync()
        except (QuietkeysError, NotReadyError):
            return  # the menu goes on to show what holds


def _entry(key: str, label: str, kind: Any, checked: bool) -> Any:
    return IBus.Property.new(
        key,
        kind,
        IBus.Text.new_from_string(label),
        "",
        IBus.Text.new_from_string(""),
        True,
        True,
        IBus.PropState.CHECKED if checked else IBus.PropState.UNCHECKED,
        None,
    )
