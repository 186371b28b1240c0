"""The interface on the session bus: `Control` under a name that other programs call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from quietkeys import QuietkeysError
from quietkeys_ibus.control import Control, NotReadyError
from quietkeys_ibus.introspection import Gio, GLib

NAME: Final = "org.quietkeys.Keyboard"
PATH: Final = "/org/quietkeys/Keyboard"
INTERFACE: Final = "org.quietkeys.Keyboard1"
# Stable: what is here stays as it is, and a change of meaning is another interface.
XML: Final = """
<node>
  <interface name="org.quietkeys.Keyboard1">
    <property name="Ready" type="b" access="read"/>
    <property name="Problem" type="s" access="read"/>
    <property name="Paused" type="b" access="readwrite"/>
    <property name="Incognito" type="b" access="readwrite"/>
    <property name="Level" type="s" access="readwrite"/>
    <property name="Strip" type="b" access="readwrite"/>
    <property name="Tab" type="b" access="readwrite"/>
    <property name="Mark" type="b" access="readwrite"/>
    <property name="Trainer" type="s" access="readwrite"/>
    <property name="Syncs" type="b" access="readwrite"/>
    <property name="Consent" type="b" access="read"/>
    <property name="Words" type="u" access="read"/>
    <property name="Version" type="u" access="read"/>
    <property name="Syncing" type="b" access="read"/>
    <property name="LastSync" type="s" access="read"/>
    <property name="LastError" type="s" access="read"/>
    <property name="Step" type="s" access="read"/>
    <property name="BytesSent" type="t" access="read"/>
    <property name="BytesReceived" type="t" access="read"/>
    <property name="BlocksDone" type="u" access="read"/>
    <property name="Blocks" type="u" access="read"/>
    <method name="Sync"><arg name="begun" type="b" direction="out"/></method>
    <method name="CancelSync"/>
    <method name="GiveConsent"><arg name="statement" type="s" direction="in"/></method>
    <method name="WithdrawConsent">
      <arg name="keep_learned" type="b" direction="in"/>
      <arg name="deletion" type="s" direction="out"/>
    </method>
    <method name="Forget"><arg name="deletion" type="s" direction="out"/></method>
    <method name="Apps"><arg name="apps" type="a(sbbs)" direction="out"/></method>
    <method name="SetApp">
      <arg name="app" type="s" direction="in"/>
      <arg name="learn" type="b" direction="in"/>
      <arg name="suggest" type="b" direction="in"/>
      <arg name="level" type="s" direction="in"/>
    </method>
    <method name="RemoveApp"><arg name="app" type="s" direction="in"/></method>
    <method name="AddWord"><arg name="word" type="s" direction="in"/></method>
    <method name="ForgetWord"><arg name="word" type="s" direction="in"/></method>
    <method name="Readiness">
      <arg name="kept_aside" type="u" direction="out"/>
      <arg name="needed" type="u" direction="out"/>
      <arg name="words_left" type="u" direction="out"/>
    </method>
    <method name="RollBack"><arg name="version" type="u" direction="out"/></method>
    <method name="Ledger"><arg name="lines" type="a(dss)" direction="out"/></method>
  </interface>
</node>
"""

_ERRORS: Final = "org.quietkeys.Error"
TYPES: Final = {one.name: one.signature for one in Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0].properties}

Answer = Callable[..., None]


class Service:
    """`Control` on the session bus, from `publish` on; another process that has the name keeps it."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._connection: Any = None

    def publish(self) -> None:
        """Appear on the session bus, if there is one."""
        try:
            self._connection = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        except GLib.Error:
            return
        interface = Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0]
        # Without a function for it a write comes as a call, which can say what is wrong with a value.
        self._connection.register_object(PATH, interface, self._called, self._asked, None)
        Gio.bus_own_name_on_connection(self._connection, NAME, Gio.BusNameOwnerFlags.NONE, None, None)

    def changed(self) -> None:
        """Tell whoever listens what all properties are now."""
        if self._connection is None:
            return
        now = {name: self._value(name) for name in TYPES}
        told = GLib.Variant("(sa{sv}as)", (INTERFACE, now, []))
        self._connection.emit_signal(None, PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", told)

    def _value(self, name: str) -> Any:
        return GLib.Variant(TYPES[name], self._control.property(name))

    def _asked(self, _bus: Any, _sender: str, _path: str, _interface: str, name: str) -> Any:
        return self._value(name)

    def _called(
        self, _bus: Any, _sender: str, _path: str, _interface: str, name: str, values: Any, call: Any
    ) -> None:
        def answer(form: str = "()", *answers: object) -> None:
            call.return_value(GLib.Variant(form, answers))

        try:
            self._call(name, values.unpack(), answer)
        except (QuietkeysError, NotReadyError, ValueError, KeyError) as error:
            call.return_dbus_error(f"{_ERRORS}.{type(error).__name__}", _code(error))

    def _call(self, name: str, values: tuple[Any, ...], answer: Answer) -> None:
        control = self._control
        match name:
            case "Set":
                control.set_property(values[1], values[2])
                answer()
            case "Sync":
                answer("(b)", control.sync())
            case "WithdrawConsent":
                control.withdraw(values[0], lambda said: answer("(s)", said))
            case "Forget":
                control.forget(lambda said: answer("(s)", said))
            case "Apps":
                answer("(a(sbbs))", control.apps())
            case "Readiness":
                answer("(uuu)", *control.readiness())
            case "RollBack":
                answer("(u)", control.roll_back())
            case "Ledger":
                answer("(a(dss))", control.ledger())
            case _:
                wishes: dict[str, Callable[..., None]] = {
                    "CancelSync": control.cancel_sync,
                    "GiveConsent": control.consent,
                    "SetApp": control.set_app,
                    "RemoveApp": control.remove_app,
                    "AddWord": control.add_word,
                    "ForgetWord": control.forget_word,
                }
                wishes[name](*values)
                answer()


def _code(error: Exception) -> str:
    # What went wrong, with nothing of what was given.
    if isinstance(error, QuietkeysError):
        return error.code.value
    return "not ready" if isinstance(error, NotReadyError) else "not a value of this property"
