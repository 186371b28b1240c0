"""`InputMethod`: the input method of the desktop, which has its own profile open, asked over the session bus.

One thread sends, waits and takes what comes, so that nobody else ever waits. Names and types are those of the
interface that `quietkeys_ibus` publishes; a test compares them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, MessageFlag, MessageType, Properties
from jeepney.auth import AuthenticationError
from jeepney.bus_messages import message_bus
from jeepney.io.common import RouterClosed
from jeepney.io.threading import DBusConnection, ReceiveStopped, open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, new_method_call

NAME: Final = "org.quietkeys.Keyboard"
PATH: Final = "/org/quietkeys/Keyboard"
INTERFACE: Final = "org.quietkeys.Keyboard1"
PROPERTIES: Final = {
    "Ready": "b",
    "Problem": "s",
    "Paused": "b",
    "Incognito": "b",
    "Level": "s",
    "Strip": "b",
    "Tab": "b",
    "Mark": "b",
    "Trainer": "s",
    "Syncs": "b",
    "Consent": "b",
    "Words": "u",
    "Version": "u",
    "Syncing": "b",
    "LastSync": "s",
    "LastError": "s",
    "Step": "s",
    "BytesSent": "t",
    "BytesReceived": "t",
    "BlocksDone": "u",
    "Blocks": "u",
}
METHODS: Final = {  # what each takes
    "Sync": "",
    "CancelSync": "",
    "GiveConsent": "s",
    "WithdrawConsent": "b",
    "Forget": "",
    "Apps": "",
    "SetApp": "sbbs",
    "RemoveApp": "s",
    "AddWord": "s",
    "ForgetWord": "s",
    "Readiness": "",
    "RollBack": "",
    "Ledger": "",
}
GONE: Final = "gone"  # why a wish failed: nobody is there, or went before it answered
AGAIN_S: Final = 2.0  # until a session bus is looked for again
_ERRORS: Final = "org.quietkeys.Error."
_ADDRESS: Final = DBusAddress(PATH, bus_name=NAME, interface=INTERFACE)
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_NO_BUS: Final = (OSError, ValueError, RuntimeError, AuthenticationError, RouterClosed, DBusErrorResponse)

Value = bool | str | int
Post = Callable[[Callable[[], None]], None]
Then = Callable[..., None]
Failed = Callable[[str], None]


class Presence(StrEnum):
    """What can be said of the input method."""

    UNKNOWN = "unknown"  # it was not asked yet
    NO_BUS = "no bus"
    ABSENT = "absent"
    OPENING = "opening"  # it runs, and opens its profile
    BROKEN = "broken"  # and cannot open it
    READY = "ready"


@dataclass(frozen=True, slots=True)
class _Wish:
    message: Message
    then: Then
    failed: Failed


class InputMethod:
    """Where it is, its properties, and wishes to it. Everything it tells, it tells by `post`."""

    told: Callable[[Presence, Mapping[str, Value]], None]
    """Called where it came, went or changed, with all properties, none unless it runs."""

    def __init__(self, post: Post, again_s: float = AGAIN_S) -> None:
        """post: runs something on the thread of the screens, from any thread."""
        self.told = lambda _, __: None
        self._post, self._again_s = post, again_s
        self._found: dict[str, Value] = {}
        self._lock = threading.Lock()  # of what follows
        self._bus: DBusConnection | None = None
        self._wishes: deque[_Wish] = deque()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quietkeys-bus", daemon=True)

    def start(self) -> None:
        """Look for it, from now on."""
        self._thread.start()

    def close(self) -> None:
        """Ask and tell no more."""
        self._closed.set()
        with self._lock:
            if self._bus is not None:
                self._bus.interrupt()
        self._thread.join()

    def look(self) -> None:
        """Ask for all properties; `told` is called."""
        self._wish(Properties(_ADDRESS).get_all(), self._all, lambda _: self._is(Presence.ABSENT))

    def call(self, method: str, *values: Value, then: Then, failed: Failed) -> None:
        """Call a method. then: told what it answers. failed: told a code of the SDK's, or another reason."""
        message = new_method_call(_ADDRESS, method, METHODS[method] or None, values)
        self._wish(message, self._later(then), self._later(failed))

    def change(self, name: str, value: Value, failed: Failed) -> None:
        """Change a property. failed: as for `call`."""
        message = Properties(_ADDRESS).set(name, PROPERTIES[name], value)
        self._wish(message, lambda *_: None, self._later(failed))

    def _later(self, told: Callable[..., None]) -> Then:
        return lambda *answers: self._post(lambda: told(*answers))

    def _wish(self, message: Message, then: Then, failed: Failed) -> None:
        message.header.flags = MessageFlag.no_auto_start
        with self._lock:
            if self._bus is not None:
                self._wishes.append(_Wish(message, then, failed))
                self._bus.interrupt()
                return
        failed(GONE)

    # In the thread

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with open_dbus_connection(_session_bus()) as bus:
                    self._serve(bus)
            except _NO_BUS:
                self._is(Presence.NO_BUS)
                self._closed.wait(self._again_s)

    def _serve(self, bus: DBusConnection) -> None:
        waiting: dict[int, _Wish] = {}
        try:
            for rule in _rules():
                bus.send(message_bus.AddMatch(rule))
            with self._lock:
                self._bus = bus
            self.look()
            while not self._closed.is_set():
                try:
                    self._take(bus.receive(), waiting)
                except ReceiveStopped:
                    bus.reset_interrupt()
                    self._send(bus, waiting)
        finally:
            with self._lock:
                self._bus = None
                left = [*waiting.values(), *self._wishes]
                self._wishes.clear()
            for wish in left:
                wish.failed(GONE)

    def _send(self, bus: DBusConnection, waiting: dict[int, _Wish]) -> None:
        while self._wishes:
            serial = next(bus.outgoing_serial)
            waiting[serial] = wish = self._wishes.popleft()
            bus.send(wish.message, serial=serial)

    def _take(self, message: Message, waiting: dict[int, _Wish]) -> None:
        fields, kind = message.header.fields, message.header.message_type
        if kind is MessageType.signal:
            self._heard(fields.get(HeaderFields.member), message.body)
            return
        wish = waiting.pop(fields.get(HeaderFields.reply_serial, 0), None)
        if wish is None:
            return
        if kind is MessageType.method_return:
            wish.then(*message.body)
        else:
            ours = str(fields.get(HeaderFields.error_name)).startswith(_ERRORS)
            wish.failed(str(message.body[0]) if ours and message.body else GONE)

    def _heard(self, member: object, body: tuple[Any, ...]) -> None:
        if member == "NameOwnerChanged" and body[0] == NAME:
            if body[2]:
                self.look()
            else:
                self._is(Presence.ABSENT)
        elif member == "PropertiesChanged" and body[0] == INTERFACE:
            self._all(body[1])

    def _all(self, told: Mapping[str, tuple[str, Value]]) -> None:
        # What is not known here, of a later version, or of another type is as if it were not there.
        self._found |= {name: value for name, (kind, value) in told.items() if PROPERTIES.get(name) == kind}
        if self._found.get("Ready"):
            self._is(Presence.READY)
        else:
            self._is(Presence.BROKEN if self._found.get("Problem") else Presence.OPENING)

    def _is(self, presence: Presence) -> None:
        if presence in {Presence.NO_BUS, Presence.ABSENT}:
            self._found = {}
        found = dict(self._found)
        self._post(lambda: self.told(presence, found))


def _session_bus() -> str:
    # As GLib finds it.
    told = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    return told or f"unix:path={os.environ.get('XDG_RUNTIME_DIR', '')}/bus"


def _rules() -> list[MatchRule]:
    came = MatchRule(
        type="signal",
        sender="org.freedesktop.DBus",
        interface="org.freedesktop.DBus",
        member="NameOwnerChanged",
    )
    came.add_arg_condition(0, NAME)
    changed = MatchRule(
        type="signal", sender=NAME, path=PATH, interface=_PROPERTIES, member="PropertiesChanged"
    )
    return [came, changed]
