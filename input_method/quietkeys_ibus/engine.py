"""`Engine`: what IBus calls, handed on to a `Conversation`, and what that wants done, told to IBus."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from quietkeys.typing import Choice, Edit
from quietkeys_ibus.conversation import Conversation, Host, Key
from quietkeys_ibus.introspection import GLib, IBus
from quietkeys_ibus.tray import Tray

NAME: Final = "quietkeys"
ARRIVES_MS: Final = 5  # from an engine to the text of an application, by `quietkeys bench ibus`
_PATH: Final = "/org/freedesktop/IBus/Engine/quietkeys"
_RELEASE: Final = int(IBus.ModifierType.RELEASE_MASK)
_ALT: Final = int(IBus.ModifierType.MOD1_MASK)
_COMMANDS: Final = int(
    IBus.ModifierType.CONTROL_MASK
    | IBus.ModifierType.MOD4_MASK
    | IBus.ModifierType.SUPER_MASK
    | IBus.ModifierType.HYPER_MASK
    | IBus.ModifierType.META_MASK
)

Talk = Callable[[Host], Conversation]  # begins a conversation with a host


@lru_cache(maxsize=512)
def _key(keyval: int, state: int) -> Key:
    # Asked of IBus once for each: a call to C lets the thread aside go on, and a key would wait for it again.
    character = IBus.keyval_to_unicode(keyval)
    return Key(
        IBus.keyval_name(keyval) or "",
        "" if character == "\0" else character,
        alt=bool(state & _ALT),
        commands=bool(state & _COMMANDS),
    )


def post(action: Callable[[], None]) -> None:
    """Run something on the thread of the main loop, after the keys that wait there."""

    def once() -> bool:
        action()
        return False

    GLib.idle_add(once, priority=GLib.PRIORITY_DEFAULT_IDLE)


def later(action: Callable[[], None]) -> None:
    """Run something on this thread once a key that was just taken has arrived, as far as that can be told."""

    def once() -> bool:
        action()
        return False

    GLib.timeout_add(ARRIVES_MS, once)


class Engine(IBus.Engine):
    """One engine for all input contexts, as IBus has it. Private: what passes through it is text."""

    __gtype_name__ = "QuietkeysEngine"

    def __init__(self, bus: IBus.Bus, number: int, talk: Talk, tray: Tray) -> None:
        super().__init__(
            engine_name=NAME,
            object_path=f"{_PATH}/{number}",
            connection=bus.get_connection(),
            has_focus_id=True,
        )
        self.conversation: Conversation = talk(self)
        self._tray = tray
        self._table = IBus.LookupTable.new(3, 0, True, False)
        self._table.set_orientation(IBus.Orientation.HORIZONTAL)
        for place in range(3):
            self._table.set_label(place, IBus.Text.new_from_string(f"Alt+{place + 1}"))

    # What IBus says

    def do_enable(self) -> None:
        """Ask for reports of the text."""
        self.get_surrounding_text()

    def do_focus_in_id(self, _path: str, client: str) -> None:
        """Go to another context; its content type follows if it is another."""
        purpose, hints = self.get_content_type()
        self.conversation.focus(client, purpose, hints)
        self.get_surrounding_text()
        self.show_menu()

    def do_focus_out_id(self, _path: str) -> None:
        """Go to none."""
        self.conversation.blur()

    def do_disable(self) -> None:
        """Stop, as another input method was chosen."""
        self.conversation.blur()

    def do_reset(self) -> None:
        """Know that the cursor was put elsewhere."""
        self.conversation.reset()

    def do_set_capabilities(self, capabilities: int) -> None:
        """Take what the context can do."""
        self.conversation.capable(bool(capabilities & IBus.Capabilite.SURROUNDING_TEXT))

    def do_set_content_type(self, purpose: int, hints: int) -> None:
        """Take what the context is for."""
        self.conversation.content(purpose, hints)

    def do_set_surrounding_text(self, text: IBus.Text, cursor: int, anchor: int) -> None:
        """Take a report of the text."""
        self.conversation.told(text.get_text(), cursor, anchor)

    def do_process_key_event(self, keyval: int, _keycode: int, state: int) -> bool:
        """Take a key; return whether the application does not get it."""
        if state & _RELEASE:
            return False
        return self.conversation.key(_key(keyval, state & (_ALT | _COMMANDS)))

    def do_candidate_clicked(self, index: int, _button: int, _state: int) -> None:
        """Take the suggestion that was clicked at."""
        self.conversation.take(index)

    def do_property_activate(self, name: str, state: int) -> None:
        """Do what an entry of the menu is for."""
        self._tray.activate(name, state)

    # What is told to IBus: a menu, and what a `Host` is told

    def show_menu(self) -> None:
        """Show the menu as it is now."""
        self.register_properties(self._tray.menu())

    def apply(self, edit: Edit) -> None:
        """Delete around the cursor, and insert."""
        if edit.before or edit.after:
            self.delete_surrounding_text(-edit.before, edit.before + edit.after)
        if edit.insert:
            self.commit_text(IBus.Text.new_from_string(edit.insert))

    def show(self, choices: tuple[Choice, ...]) -> None:
        """Show a strip, with the cursor at what Space will leave; none: hide it."""
        if not choices:
            self.hide_lookup_table()
            return
        self._table.clear()
        for choice in choices:
            self._table.append_candidate(IBus.Text.new_from_string(choice.text))
        best = next((place for place, one in enumerate(choices) if one.best), None)
        self._table.set_cursor_visible(best is not None)
        self._table.set_cursor_pos(best or 0)
        self.update_lookup_table(self._table, True)

    def mark(self, put: str) -> None:
        """Say beside the cursor what was put, and how to take it back; "": no longer."""
        said = IBus.Text.new_from_string(f"\u2713 {put}   \u232b")
        if put:
            self.update_auxiliary_text(said, True)
        else:
            self.hide_auxiliary_text()


class Factory(IBus.Factory):
    """Makes engines when IBus asks for one."""

    __gtype_name__ = "QuietkeysFactory"

    def __init__(self, bus: IBus.Bus, talk: Talk, tray: Tray) -> None:
        self.engines: list[Engine] = []
        self._bus, self._talk, self._tray = bus, talk, tray
        super().__init__(connection=bus.get_connection(), object_path=IBus.PATH_FACTORY)

    def do_create_engine(self, _name: str) -> Any:
        """Return a new engine."""
        engine = Engine(self._bus, len(self.engines) + 1, self._talk, self._tray)
        self.engines.append(engine)
        return engine
