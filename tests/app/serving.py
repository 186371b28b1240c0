"""The input method as far as the session bus sees it: the real `Control` and `Service`, on a bus of its own.

`python -m tests.app.serving FOLDER BUNDLE KEY POLLS` is its process, with a cipher that hides nothing and a
trainer in memory. It has no IBus and no keys: nothing is typed in it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys import Trainer
from quietkeys.environment import Environment
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys.vault.protection import CallerKey
from quietkeys_bench.ibus.desktop import SYSTEM_GI, python_path
from quietkeys_keyboard.input_method import INTERFACE, NAME, PATH
from quietkeys_protocol.plan import Plan

TRAINER: Final = "https://trainer.test"


def what_is_missing() -> str:
    """What the system lacks for this, "" for nothing."""
    absent = [name for name in ("dbus-daemon", "gdbus") if shutil.which(name) is None]
    if not list(SYSTEM_GI.glob(f"_gi.{sys.implementation.cache_tag}-*.so")):
        absent.append("python3-gi of this Python")
    if not list(Path("/usr/lib").glob("*/girepository-1.0/IBus-1.0.typelib")):
        absent.append("gir1.2-ibus-1.0")
    if importlib.util.find_spec("jeepney") is None:
        absent.append("jeepney")
    return ", ".join(absent)


def opening(folder: Path, bundle: Path, trusted: bytes) -> dict[str, Any]:
    """How a profile is opened. trusted: the key that has signed the bundle."""
    return {
        "profile_dir": folder / "profile",
        "bundle": bundle,
        "trusted_keys": (trusted,),
        "protection": CallerKey(bytes(32)),
        "environment": Environment(rng=np.random.default_rng(0)),
    }


@dataclass(slots=True)
class Served:
    """The input method on a bus. polls: how often its trainer is asked before it has trained."""

    folder: Path
    bundle: Path
    trusted: bytes
    environment: dict[str, str]
    polls: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Have it appear."""
        command = [sys.executable, "-m", "tests.app.serving"]
        command += [str(self.folder), str(self.bundle), self.trusted.hex(), str(self.polls)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def signal(self, number: int) -> None:
        """Stop it, let it go on, or kill it."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """Have it go away."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def call(self, method: str, *values: str) -> str:
        """What it answers another program."""
        return self._gdbus(f"{INTERFACE}.{method}", *values)

    def set(self, name: str, value: str) -> str:
        """Change a property, as another program does; value: as GVariant writes it."""
        return self._gdbus("org.freedesktop.DBus.Properties.Set", INTERFACE, name, f"<{value}>")

    def _gdbus(self, method: str, *values: str) -> str:
        command = ["gdbus", "call", "--session", "--dest", NAME, "--object-path", PATH, "--method", method]
        ran = subprocess.run(
            [*command, *values], env=self.environment, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()


@contextmanager
def served(folder: Path, bundle: Path, trusted: bytes, address: str, polls: int = 0) -> Iterator[Served]:
    """The input method on the bus at an address, with the profile in a folder; it is not started yet."""
    path = os.pathsep.join([str(python_path(folder)), *filter(None, sys.path)])
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": address, "PYTHONPATH": path}
    found = Served(folder, bundle, trusted, environment, polls)
    try:
        yield found
    finally:
        found.stop()


def main(folder: Path, bundle: Path, trusted: bytes, polls: int) -> None:
    """Be the input method until told to end."""
    from quietkeys_ibus.control import Control
    from quietkeys_ibus.engine import post
    from quietkeys_ibus.introspection import GLib
    from quietkeys_ibus.owner import Owner
    from quietkeys_ibus.service import Service

    owner, loop = Owner(folder / "profile", folder / "ibus.json"), GLib.MainLoop()
    control = Control(owner, post)
    service = Service(control)
    control.told = control.stepped = service.changed
    service.publish()
    plan = Plan.parse((bundle / "plan.json").read_bytes())

    def opened() -> None:
        owner.keyboard = open_profile(
            **opening(folder, bundle, trusted),
            trainer=Trainer(owner.preferences.trainer),
            cipher=NoopCipher,
            transport=InMemoryTrainer(plan, polls=polls),
        )
        control.told()

    post(opened)  # while it is on the bus already, as the real one does
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
    loop.run()
    owner.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4]))
