"""A desktop in memory: a session bus, ibus-daemon with one engine, PyGObject of the system."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.demo.failing import DemoFailed

PATIENCE_S: Final = 180.0
SETTLES_S: Final = 3.0
SYSTEM_GI: Final = Path("/usr/lib/python3/dist-packages/gi")  # where Debian has PyGObject
HERE: Final = Path(__file__).parent


def python_path(folder: Path) -> Path:
    """Make a folder with PyGObject of the system, and nothing else of its packages."""
    found = folder / "python"
    found.mkdir()
    (found / "gi").symlink_to(SYSTEM_GI)
    return found


@contextmanager
def bus() -> Iterator[str]:
    """Start a message bus; yield its address."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stream:
        command = ["dbus-daemon", "--session", "--nofork", f"--print-address={writer}"]
        process = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        try:
            yield stream.readline().strip()
        finally:
            process.terminate()
            process.wait()


def fresh_environment(display: str, folder: Path) -> dict[str, str]:
    """Make a user's folders in `folder`, if they are missing; return an environment that knows no others."""
    home = {
        name: folder / short
        for name, short in {
            "HOME": "home",
            "XDG_RUNTIME_DIR": "run",
            "XDG_CONFIG_HOME": "config",
            "XDG_CACHE_HOME": "cache",
            "XDG_DATA_HOME": "data",
            "IBUS_COMPONENT_PATH": "component",
        }.items()
    }
    for path in home.values():
        path.mkdir(mode=0o700, exist_ok=True)
    environment = os.environ | {name: str(path) for name, path in home.items()}
    environment |= {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "DISPLAY": display,
        "GDK_BACKEND": "x11",
        "GDK_DEBUG": "nogl",
        "GSETTINGS_BACKEND": "keyfile",  # in the folder of this user
        "GSK_RENDERER": "cairo",
        "GTK_A11Y": "none",
        "GTK_IM_MODULE": "ibus",
        "NO_AT_BRIDGE": "1",
        "PYTHONPATH": str(python_path(folder)),
    }
    for name in ("WAYLAND_DISPLAY", "IBUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS"):
        environment.pop(name, None)
    return environment


@dataclass(frozen=True, slots=True)
class Method:
    """What keys go through. component: the file by which IBus finds its engine, None for no input method."""

    name: str
    engine: str = ""
    component: str | None = None

    @property
    def module(self) -> str:
        """What GTK is told to use."""
        return "gtk-im-context-simple" if self.component is None else "ibus"


@dataclass(frozen=True, slots=True)
class Desktop:
    """A desktop with an input method chosen. folder: all that its programs write."""

    folder: Path
    environment: dict[str, str]

    def say(self, *command: str) -> str:
        """Return what a program of this desktop says."""
        ran = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return ran.stdout.strip()

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of this desktop."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)


@contextmanager
def desktop(
    display: str, folder: Path, method: Method, panel: str | None = None, settings: str = ""
) -> Iterator[Desktop]:
    """Start a desktop, and wait until its input method is chosen. Raises DemoFailed.

    panel: the command of a program that shows strips; None: one that only notes when. settings: a keyfile of
    GSettings.
    """
    found = Desktop(folder, fresh_environment(display, folder) | {"GTK_IM_MODULE": method.module})
    keyfile = folder / "config/glib-2.0/settings/keyfile"
    keyfile.parent.mkdir(parents=True)
    keyfile.write_text(settings)
    with ExitStack() as stack:
        found.environment["DBUS_SESSION_BUS_ADDRESS"] = stack.enter_context(bus())
        if method.component is not None:
            (folder / "component" / f"{method.engine}.xml").write_text(method.component)
            if panel is None:
                panel = shlex.join([sys.executable, str(HERE / "panel.py"), str(folder / "shown")])
            options = ["--panel", panel, "--config", "disable", "--emoji-extension", "disable"]
            stack.callback(_end, found.start("ibus-daemon", *options, "--cache", "none"))
            _wait(lambda: _chosen(found, method.engine), f"IBus does not start {method.engine}.")
        yield found


@contextmanager
def window(one: Desktop, version: str, out: Path) -> Iterator[None]:
    """Show a window of GTK 3 or 4 that has the cursor; it leaves its times in `out`. Raises DemoFailed."""
    process = one.start(sys.executable, str(HERE / "window.py"), version, str(out))
    try:
        _wait(lambda: _shown(one), f"The window of GTK {version} did not come.")
        time.sleep(SETTLES_S)  # until it has the cursor and has told IBus
        yield
        time.sleep(SETTLES_S)  # what was typed last
    finally:
        _end(process)


def _chosen(one: Desktop, engine: str) -> bool:
    one.say("ibus", "engine", engine)  # exits with 1 where it succeeds, so it is asked
    return one.say("ibus", "engine") == engine


def _shown(one: Desktop) -> bool:
    number = one.say("xdotool", "search", "--onlyvisible", "--name", "^typed$").split("\n")[-1]
    if number:
        one.say("xdotool", "windowfocus", "--sync", number)
    return bool(number)


def _wait(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise DemoFailed(otherwise, "`make screen` installs what it needs.")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
