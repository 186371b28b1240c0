"""Takes the tour of the keyboard unattended, with real encryption, and pictures of it: `make tour`.

    python tools/tour.py FOLDER FIGURES

It presses what a visitor presses on the first screen, and nothing else. It prints where the tour is and when,
and writes that to FIGURES, with what was said last at each stage. It ends with 1 where it takes longer than
120 seconds or does not end as it should. Needs Xvfb.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys import Outcome
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import write_figures
from quietkeys_bench.common.processes import screen_in_memory
from quietkeys_bench.common.subject import bundle_identity
from quietkeys_keyboard.presenters.tour import Stage
from quietkeys_keyboard.settings import Settings, free_port
from quietkeys_keyboard.window import configure
from quietkeys_protocol.plan import Plan
from tools import pictures

SIZE: Final = "420x840"
LONGEST_S: Final = 120.0
LATE_S: Final = {  # of a stage, when its picture is taken
    Stage.TYPES: 2.2,
    Stage.ENOUGH: 1.0,
    Stage.TRAINS: 5.0,
    Stage.RECEIVED: 2.0,
    Stage.CHANGED: 2.0,
    Stage.REPLAYS: 3.3,
    Stage.MEDDLES: 2.0,
    Stage.REFUSED: 2.0,
    Stage.DONE: 0.5,
}


def take(data: str, url: str, out: Path, figures: Path) -> None:
    """Take the tour in a window; runs in a process of its own."""
    configure(SIZE, corner=True)
    from kivy.clock import Clock
    from kivy.core.window import Window

    from quietkeys_keyboard.app import KeyboardApp

    app = KeyboardApp(Path(data), url)
    began = time.monotonic()
    shots = dict(LATE_S)
    seen: dict[Stage, float] = {}
    told: dict[Stage, dict[str, object]] = {}  # what was last said at each, and what stood in the field
    refused: list[bool] = []
    failed: list[str] = []

    def begin(_: float) -> None:
        pictures.take(Window, out / "tour-0-welcome.png")
        if app.dialog is not None:
            app.dialog.give("Show me")
        Clock.schedule_interval(watch, 0.1)

    def watch(_: float) -> None:
        if app.tour is None:
            return
        tour, now = app.tour.presenter, time.monotonic()
        if tour.stage not in seen:
            seen[tour.stage] = now
            print(f"{now - began:5.1f} s  {tour.title()}. {tour.text()}", flush=True)
            refused.append(tour.training.outcome is Outcome.UNTRUSTED)
        told[tour.stage] = {
            "stage": tour.stage.value[0],
            "at_s": seen[tour.stage] - began,
            "until": time.time(),
            "title": tour.title(),
            "text": tour.text(),
            "field": app.typing.editor.text,
        }
        if tour.stage in shots and now - seen[tour.stage] >= shots[tour.stage]:
            del shots[tour.stage]
            number = list(LATE_S).index(tour.stage) + 1
            pictures.take(Window, out / f"tour-{number}-{tour.stage.value[0]}.png")
            if tour.stage is Stage.DONE:
                end(now)
        if now - began > 5 * LONGEST_S:
            fail("it does not end")

    def end(now: float) -> None:
        if now - began > LONGEST_S:
            fail(f"it took {now - began:.0f} s")
        if not any(refused):
            fail("the changed byte was not refused")
        write_figures(figures, "tour", _figures(now - began, list(told.values())))
        print(f"{now - began:5.1f} s  the end", flush=True)
        app.stop()  # which leaves the tour

    def fail(why: str) -> None:
        print(f"the tour failed: {why}", flush=True)
        failed.append(why)
        app.stop()

    Clock.schedule_once(begin, 2.0)
    app.run()
    if failed or not refused:
        raise SystemExit(1)


def _figures(seconds: float, stages: list[dict[str, object]]) -> dict[str, object]:
    bundle = shipped_bundle()
    return {
        "bench": "tour",
        "mode": "execute",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "machine": this_machine().tree(),
        "p_error": Plan.parse(bundle["plan.json"]).p_error,
        "size": SIZE,
        "longest_s": LONGEST_S,
        "seconds": seconds,
        "stages": stages,
    }


def tour(url: str, work: Path, out: Path, figures: Path) -> int:
    """Take the tour with the trainer at an address; return what it ended with.

    work: an empty folder, for the application. out: where the pictures go.
    """
    (work / "data").mkdir()
    Settings().save(work / "data")
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--take", str(work / "data"), url, str(out), str(figures)]
    with screen_in_memory() as display:
        environment: dict[str, Any] = {"DISPLAY": display, "KIVY_HOME": str(work / "kivy")}
        return subprocess.run(command, env=os.environ | environment, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Take the tour and return 0, 1 where it fails, or 2 where not both places are named."""
    if arguments[:1] == ["--take"]:
        try:
            take(arguments[1], arguments[2], Path(arguments[3]), Path(arguments[4]))
        except Exception:  # noqa: BLE001 - Kivy has taken stderr
            traceback.print_exc(file=sys.__stderr__)
            return 1
        return 0
    if len(arguments) != 2:
        print("usage: tour.py FOLDER FIGURES", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="quietkeys-tour-") as name:
        work = Path(name)
        with shipped_trainer(work / "trainer", free_port()) as url:
            return min(tour(url, work, Path(arguments[0]), Path(arguments[1])), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
