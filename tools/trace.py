"""Prints which of our files a typed word passes through to its counts, and a report to its engine.

    python tools/trace.py word      one `Personalizer.record` of a misspelled word that was put right
    python tools/trace.py report    one sync with a real trainer on this machine, until its engine runs

A file is passed through if a function of it runs, in any process: the app, the encryption process, the
trainer's API, its worker. What runs at import does not count: a round before has imported everything and made
the keys. The last line is the number of files. `report` takes some minutes, since that round is a real one.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ("sdk/quietkeys/", "protocol/quietkeys_protocol/", "cloud_trainer/quietkeys_trainer/")
ARRIVED: Final = "KeyedChild.run"  # the function of the trainer's engine that a report is for
SLICE_S: Final = 0.2  # how often one process writes about the same function
PATIENCE_S: Final = 600.0  # for a round, on a busy machine
# `site` imports this in every process that is started with its folder in PYTHONPATH.
HOOK: Final = "sitecustomize.py"
_HOOK: Final = "import sys\nsys.path.insert(0, {root!r})\nfrom tools import trace\ntrace.begin({seen!r})\n"


class Trace:
    """Tells which functions of ours begin; to be given to `sys.setprofile`."""

    def __init__(self, on_function: Callable[[str, str], None]) -> None:
        """on_function: told the file, relative to the repository, and the function's qualified name."""
        self._on_function = on_function
        self._told: set[CodeType] = set()
        self._since = time.monotonic()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Tell of a function that begins, once in a time slice."""
        code = frame.f_code
        if event != "call" or code in self._told:
            return
        if time.monotonic() - self._since > SLICE_S:
            self._told.clear()
            self._since = time.monotonic()
        self._told.add(code)
        # The bodies of modules and classes are no functions: they have no locals of their own.
        if code.co_flags & inspect.CO_NEWLOCALS and code.co_filename.startswith(f"{ROOT}/"):
            name = code.co_filename.removeprefix(f"{ROOT}/")
            if name.startswith(SOURCES) and not _is_importing(frame):
                self._on_function(name, code.co_qualname)


def _is_importing(frame: FrameType | None) -> bool:
    # Whether a module is being executed further up: its constants may call functions.
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            return True
        frame = frame.f_back
    return False


def begin(seen: str) -> None:
    """Trace this process, all its threads, to a file that others write to as well."""
    descriptor = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(file: str, function: str) -> None:
        os.write(descriptor, f"{time.monotonic()} {file} {function}\n".encode())

    trace = Trace(write)
    threading.setprofile(trace)
    sys.setprofile(trace)


def main(arguments: list[str]) -> int:
    """Print the path that is asked for; return 0, or 2 for a wrong call."""
    traces = {"word": word_path, "report": report_path}
    if len(arguments) != 1 or arguments[0] not in traces:
        print(f"usage: trace.py {'|'.join(traces)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        files = traces[arguments[0]](Path(folder))
    print("\n".join(files))
    print(f"{len(files)} files")
    return 0


def word_path(folder: Path) -> list[str]:
    """Return the files that a word passes through to its counts, in order."""
    from quietkeys import Personalizer

    files: dict[str, None] = {}
    with Personalizer.open(folder / "profile") as keyboard:
        keyboard.record("see you", "tomorow", "tomorrow")
        sys.setprofile(Trace(lambda file, _: files.setdefault(file)))
        try:
            keyboard.record("see you", "tomorow", "tomorrow")
        finally:
            sys.setprofile(None)
    return list(files)


def report_path(folder: Path) -> list[str]:
    """Return the files that a report passes through to its engine, in order."""
    from quietkeys import Personalizer, Policy, Trainer
    from quietkeys.bundle.bundle import shipped_bundle
    from quietkeys.demo.trainer_process import trainer_process
    from quietkeys_protocol.plan import Plan

    seen = folder / "seen"
    trace_what_starts(folder, seen)
    bundle = shipped_bundle()
    plan, pinned = Plan.parse(bundle["plan.json"]), bundle.manifest.client_specification
    with trainer_process(folder / "trainer", plan, pinned) as trainer:
        url = trainer.wait_until_ready(PATIENCE_S)
        counts = Policy(minimum_events=0)  # however few words there are: counts are sent, not zeros
        with Personalizer.open(folder / "profile", trainer=Trainer(url), policy=counts) as keyboard:
            keyboard.consent.give("Encrypted counts may go to a trainer on this machine.")
            keyboard.record("see you", "tomorow", "tomorrow")
            keyboard.sync(wait_seconds=PATIENCE_S)  # makes and uploads the keys, and imports everything
            keyboard.record("see you", "tomorow", "tomorrow")
            begun = time.monotonic()
            begin(str(seen))
            try:
                keyboard.sync(wait_seconds=PATIENCE_S)
            finally:
                sys.setprofile(None)
    return path_in(seen.read_text(), begun)


def trace_what_starts(folder: Path, seen: Path) -> None:
    """Have every process that is started from now on traced to a file."""
    (folder / HOOK).write_text(_HOOK.format(root=str(ROOT), seen=str(seen)))
    os.environ["PYTHONPATH"] = str(folder)


def path_in(seen: str, begun: float) -> list[str]:
    """Return the files in order, from a time on until the engine runs.

    seen: what the processes wrote, a line of time, file and function for what began. Raises ValueError if the
    engine did not run.
    """
    files: dict[str, None] = {}
    lines = (line.split() for line in seen.splitlines())
    for at, file, function in sorted((float(at), file, function) for at, file, function in lines):
        if at >= begun:
            files.setdefault(file)
            if function == ARRIVED:
                return list(files)
    raise ValueError("the report did not reach the engine")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
