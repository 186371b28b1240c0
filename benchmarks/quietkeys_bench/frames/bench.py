"""`quietkeys bench frames`: how long the keyboard's frames take while somebody types, also during a training.

On a screen in memory with a software renderer. Keys come from the window system, 8 a second; the trainer has
niceness 19 and one core, the encryption process niceness 10.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import child, make_polite, screen_in_memory
from quietkeys_bench.common.prose import prose_of_python
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_protocol.plan import Plan

KEYS_PER_SECOND: Final = 8.0
SIZE: Final = "420x840"
BESIDE: Final = "1180x760"  # as wide as both sides take beside the chat, which are looked at twice a second
LONGEST_S: Final = 900.0  # until an application that hangs is ended
LONG_MS: Final = 200.0
PHASES: Final = ("idle", "training")  # in a window of SIZE, then BESIDE


def run(out: Path, tell: Tell) -> None:
    """Measure and write the figures. Raises Untrusted, DemoFailed if a process fails, OSError."""
    bundle = Keyboards().bundle()
    plan = Plan.parse(bundle["plan.json"])
    with TemporaryDirectory(prefix="quietkeys-bench-") as name, screen_in_memory() as display:
        folder = Path(name)
        pinned = bundle.manifest.client_specification
        tell(0, 3, "a trainer compiles the plan")
        with trainer_process(folder / "trainer", plan, pinned) as trainer:
            make_polite(trainer.process.pid)
            url = trainer.wait_until_ready()
            tell(1, 3, "somebody types, then trains")
            said = _application(folder / "phone", url, display, SIZE)
            tell(2, 3, "the same with both sides beside it")
            beside = _application(folder / "desktop", url, display, BESIDE)
    tree = {
        "bench": "frames",
        "mode": "execute",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "machine": this_machine().tree(),
        "p_error": plan.p_error,
        "size": SIZE,
        "keys_per_second": KEYS_PER_SECOND,
        "outcome": said["headline"],
        **{phase: figures(said["frames"][phase]) for phase in PHASES},
        "size_beside": BESIDE,
        **{f"{phase}_beside": figures(beside["frames"][phase]) for phase in PHASES},
    }
    write_figures(out, "frames", tree)


def figures(frames: Sequence[float]) -> dict[str, float]:
    """Return what frames of a phase took, in milliseconds."""
    if not frames:
        raise DemoFailed("The application drew nothing.", "Is Mesa installed?")
    return {
        "frames": len(frames),
        "p50_ms": float(np.percentile(frames, 50)),
        "p95_ms": float(np.percentile(frames, 95)),
        "worst_ms": max(frames),
        "long": sum(took > LONG_MS for took in frames),
    }


def _application(folder: Path, url: str, display: str, size: str) -> dict[str, Any]:
    environment = {"DISPLAY": display, "KIVY_HOME": str(folder / "kivy")}
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "app.json").write_text(json.dumps({"introduced": True}))
    arguments = ["-m", "quietkeys_keyboard.frames", str(folder / "app"), url, size]
    done = threading.Event()
    with child(arguments, environment) as application:
        ender = threading.Timer(LONGEST_S, application.kill)
        ender.start()
        hands = threading.Thread(target=_type, args=(environment, done))
        said: dict[str, Any] = {}
        for line in application.stdout or ():
            if line.strip() == "typing":
                hands.start()
            else:
                with suppress(ValueError):
                    said = json.loads(line)
        done.set()
        ender.cancel()
    if not said:
        raise DemoFailed("The measured application failed.", "Does `quietkeys-keyboard` run here?")
    return said


def _type(environment: dict[str, str], done: threading.Event) -> None:
    # One xdotool for every key, at a steady pace.
    hands = shutil.which("xdotool")
    if hands is None:
        return
    letters = (letter for sentence in itertools.cycle(prose_of_python()) for letter in sentence + " ")
    begin = time.monotonic()
    for place, letter in enumerate(letters):
        if done.wait(max(0.0, begin + place / KEYS_PER_SECOND - time.monotonic())):
            return
        key = "space" if letter == " " else letter if letter.isascii() and letter.isalpha() else "e"
        subprocess.run([hands, "key", key], env=os.environ | environment, check=False)
