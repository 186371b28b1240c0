"""A desktop for tests: a screen in memory, a session bus, ibus-daemon with our engine, applications.

Nothing depends on how fast it is: whatever is typed next waits until what was typed before is there.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quietkeys_bench.ibus.desktop import SYSTEM_GI, bus, fresh_environment
from quietkeys_ibus import component
from tests.patience import HANGS_S

KEY_MS: Final = 60  # between keys, as a person types: GTK 4 turns the order of keys round that queue
_NAMES: Final = {" ": "space", "\b": "BackSpace", "\t": "Tab", "\n": "Return", ",": "comma", ".": "period"}
QT: Final = "qt"
SYSTEM_PYTHON: Final = "/usr/bin/python3"  # has PyQt5 of the system
OURS: Final = (sys.executable, "-P", "-m", "quietkeys_ibus.watch")
_COMMANDS: Final = ("ibus-daemon", "ibus", "dbus-daemon", "gdbus", "xdotool", "Xvfb")


def what_is_missing() -> str:
    """What the system lacks for these tests, "" for nothing."""
    absent = [name for name in _COMMANDS if shutil.which(name) is None]
    if not SYSTEM_GI.is_dir():
        absent.append("python3-gi")
    elif not list(SYSTEM_GI.glob(f"_gi.{sys.implementation.cache_tag}-*.so")):
        absent.append(f"python3-gi for Python {sys.version_info[0]}.{sys.version_info[1]}")
    for name in ("IBus-1.0", "Gtk-3.0", "Gtk-4.0", "Vte-2.91"):
        if not list(Path("/usr/lib").glob(f"*/girepository-1.0/{name}.typelib")):
            absent.append(f"gir1.2-{name.lower()}")
    if not list(Path("/usr/lib/python3/dist-packages").glob("PyQt5/QtWidgets*.so")):
        absent.append("python3-pyqt5")
    return ", ".join(absent)


@dataclass(slots=True)
class Session:
    """The processes of a desktop. folder: everything that they write."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str | Path, **more: str) -> subprocess.Popen[bytes]:
        """Start a program of this desktop."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment | more, stdout=log, stderr=log, start_new_session=True
            )
        self.started.append(process)
        return process

    def say(self, *command: str, errors: bool = False) -> str:
        """What a program of this desktop says, or what it complains of."""
        ran = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=HANGS_S, check=False
        )
        return (ran.stderr if errors else ran.stdout).strip()

    def log(self) -> str:
        """What the programs have complained about."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def profile(self) -> Path:
        """The folder of the profile."""
        return self.folder / "data/quietkeys/profile"

    @property
    def panel_file(self) -> Path:
        """What the panel shows."""
        return self.folder / "panel.json"

    def shown(self) -> dict[str, Any]:
        """What the panel shows now: a strip, the best of it, a mark."""
        found: dict[str, Any] = {"strip": [], "best": "", "mark": ""}
        return json.loads(self.panel_file.read_text()) if self.panel_file.exists() else found

    def call(self, method: str, *values: str) -> str:
        """What a method of the interface on the session bus answers."""
        return self._gdbus(f"org.quietkeys.Keyboard1.{method}", *values)

    def property(self, name: str) -> str:
        """What a property of that interface is."""
        return self._gdbus("org.freedesktop.DBus.Properties.Get", "org.quietkeys.Keyboard1", name)

    def set_property(self, name: str, value: str) -> str:
        """Change such a property; value: as GVariant writes it."""
        return self._gdbus(
            "org.freedesktop.DBus.Properties.Set", "org.quietkeys.Keyboard1", name, f"<{value}>"
        )

    def refused(self, name: str, value: str) -> str:
        """What is said of a value that a property does not take."""
        return self._gdbus(
            "org.freedesktop.DBus.Properties.Set", "org.quietkeys.Keyboard1", name, f"<{value}>", errors=True
        )

    def _gdbus(self, method: str, *values: str, errors: bool = False) -> str:
        where = ["--dest", "org.quietkeys.Keyboard", "--object-path", "/org/quietkeys/Keyboard"]
        return self.say("gdbus", "call", "--session", *where, "--method", method, *values, errors=errors)

    def engine_process(self) -> int:
        """The process of the engine; 0 if there is none."""
        where = ["--dest", "org.freedesktop.DBus", "--object-path", "/org/freedesktop/DBus"]
        method = ["--method", "org.freedesktop.DBus.GetConnectionUnixProcessID", "org.quietkeys.Keyboard"]
        found = re.search(r"uint32 (\d+)", self.say("gdbus", "call", "--session", *where, *method))
        return int(found[1]) if found else 0


def wait_until(holds: Callable[[], object], what: Callable[[], object], seconds: float = HANGS_S) -> None:
    """Wait until something holds; what: said if it never does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come: {what()}")
        time.sleep(0.02)


@contextmanager
def session(display: str, folder: Path, engine: Sequence[str] = OURS) -> Iterator[Session]:
    """A desktop without applications, its input method ours; engine: what IBus is to start."""
    environment = fresh_environment(display, folder)
    environment |= {"QT_IM_MODULE": "ibus", "QT_QPA_PLATFORM": "xcb", "XMODIFIERS": "@im=ibus"}
    found = Session(folder, environment)
    (folder / "component/quietkeys.xml").write_text(component.component(list(engine)))
    with ExitStack() as stack:
        environment["DBUS_SESSION_BUS_ADDRESS"] = stack.enter_context(bus())
        stack.callback(_end, found)
        _daemon(found)
        yield found


def _daemon(one: Session) -> None:
    panel = shlex.join([sys.executable, str(Path(__file__).with_name("panel.py")), str(one.panel_file)])
    options = ["--panel", panel, "--config", "disable", "--emoji-extension", "disable", "--cache", "none"]
    one.start("ibus-daemon", *options)

    def chosen() -> bool:
        if one.say("ibus", "engine") != "quietkeys":
            one.say("ibus", "engine", "quietkeys")  # exits with 1 where it succeeds, so it is asked again
        return one.say("ibus", "engine") == "quietkeys"

    wait_until(chosen, one.log)
    wait_until(lambda: one.property("Ready") == "(<true>,)", one.log)


def _end(one: Session) -> None:
    engine = one.engine_process()
    for process in reversed(one.started):
        process.terminate()
    for process in one.started:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if engine:
        wait_until(lambda: not Path(f"/proc/{engine}").exists(), lambda: "the engine goes on", 60)


@dataclass(slots=True)
class Window:
    """An application with fields, through keys and clicks of the window system."""

    session: Session
    state_file: Path
    process: subprocess.Popen[bytes]
    number: str = ""

    def state(self) -> dict[str, Any]:
        """What it holds now."""
        found: dict[str, Any] = json.loads(self.state_file.read_text()) if self.state_file.exists() else {}
        return found

    def wait(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until something holds of its state; return that."""
        wait_until(
            lambda: self.process.poll() is None and bool(self.state()) and holds(self.state()),
            lambda: f"{self.state()}\n{self.session.log()[-2000:]}",
        )
        return self.state()

    def text(self, name: str) -> str:
        """What stands in a field."""
        return str(self.state()["texts"][name])

    def wait_for(self, name: str, text: str) -> None:
        """Wait until a text stands in a field."""
        self.wait(lambda state: state["texts"][name] == text)

    def click(self, name: str) -> None:
        """Click into a field, and wait until it has the cursor."""
        x, y = self.state()["places"][name]
        self._do("mousemove", "--window", self.number, str(x), str(y), "click", "1")
        self.wait(lambda state: state["focus"] == name)

    def shows(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until something holds of what the panel shows; return that."""
        wait_until(lambda: holds(self.session.shown()), lambda: self.session.shown())
        return self.session.shown()

    def offers(self, typed: str, best: str) -> list[str]:
        """Wait until the strip for a word is there, with what Space will leave of it; return the strip."""
        shown = self.shows(lambda panel: typed in panel["strip"] and panel["best"] == best)
        strip: list[str] = shown["strip"]
        return strip

    def keys(self, *names: str) -> None:
        """Press keys by name."""
        self._do("key", "--delay", str(KEY_MS), *names)

    def rattle(self, text: str, key_ms: int) -> None:
        """Type a text without waiting for any of it."""
        self._do("type", "--delay", str(key_ms), text)

    def type(self, name: str, text: str, becomes: str | None = None) -> None:
        """Type into the field that has the cursor, key by key as each is there.

        becomes: what stands there then, None: what stood there before and what was typed.
        Only what ends no word is waited for by itself: a key that ends one may change more.
        """
        expected = self.text(name) + text if becomes is None else becomes
        for character in text:
            before = self.text(name)
            self.keys(_NAMES.get(character, character))
            if character.isalnum():
                self.wait_for(name, before + character)
            else:
                self.wait(lambda state, before=before: state["texts"][name] != before)  # type: ignore[misc]
        self.wait_for(name, expected)

    def _do(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self.session.environment, check=True)


@contextmanager
def compositor(one: Session) -> Iterator[tuple[str, dict[str, str]]]:
    """Wayland in a window of the screen: that window's number, and the environment of a program in it."""
    socket, log = "wayland-of-test", one.folder / "weston.log"
    size = ["--width=800", "--height=600", "--use-pixman", "--idle-time=0"]
    options = ["--backend=x11-backend.so", "--shell=kiosk-shell.so", f"--socket={socket}", f"--log={log}"]
    process = one.start("weston", *options, *size)
    try:
        wait_until(lambda: log.exists() and "window id" in log.read_text(), one.log)
        found = re.search(r"window id (\d+)", log.read_text())
        assert found is not None
        # IBus looks for its daemon by the name of the screen, and this one has another.
        address = one.say("ibus", "address")
        yield (
            found[1],
            {"WAYLAND_DISPLAY": socket, "GDK_BACKEND": "wayland", "IBUS_ADDRESS": address},
        )
    finally:
        process.terminate()
        process.wait()


@contextmanager
def window(one: Session, version: str, inside: str = "", **more: str) -> Iterator[Window]:
    """An application of GTK 3, GTK 4 or Qt ("qt"), started with more in its environment.

    inside: the number of the window that shows it; "" for one of its own.
    """
    state_file = one.folder / f"fields-{version}.json"
    state_file.unlink(missing_ok=True)
    here = Path(__file__).parent
    gtk, qt = (sys.executable, here / "gtk_window.py", version), (SYSTEM_PYTHON, here / "qt_window.py")
    process = one.start(*(qt if version == QT else gtk), state_file, **more)
    found = Window(one, state_file, process)
    found.wait(lambda state: len(state["places"]) == len(state["texts"]))

    def number() -> str:
        found.number = (
            inside or one.say("xdotool", "search", "--onlyvisible", "--name", "^fields$").split("\n")[-1]
        )
        return found.number

    wait_until(number, one.log)
    try:
        one.say("xdotool", "windowfocus", "--sync", found.number)
        found.wait(lambda state: bool(state["active"]))
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
