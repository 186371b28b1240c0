"""Tries the built wheel where a device may run: other Pythons, other libraries, another processor.

    python -m tools.elsewhere benchmarks/results/devices.json          every place that is missing there
    python -m tools.elsewhere benchmarks/results/devices.json NAME...  these, again

In each place an empty environment gets the wheel with all that it asks for, and is weighed. The app in
`tests/device/app.py` types in it and, where the place says so, takes part in a whole sync with a trainer of
this checkout, which alone has Concrete. Then the device's tests run there. A place passed if all of this
went well, and says what did not. One whose interpreter cannot be had on this machine says why. A row is
written when a place is done, so that a run that was ended goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.files import write_whole
from quietkeys_protocol.plan import Plan
from tools.interpreters import Interpreter, NotHereError, run, uv
from tools.wheels import ROOT, built

CACHE: Final = ROOT / "build" / "elsewhere"
# The device's suite: keys, encryption, decryption, vectors, suggesting, recording, vault. No test of it needs
# the service or Concrete; `tests/conftest.py` does without the fixtures that do.
SUITE: Final = (
    "tests/cipher/test_altered.py",
    "tests/cipher/test_key_set.py",
    "tests/cipher/test_randomness.py",
    "tests/cipher/test_scheme.py",
    "tests/device/test_whole.py",
    "tests/protocol",
    "tests/typing/test_learning.py",
    "tests/typing/test_own_words.py",
    "tests/typing/test_touch.py",
)
BESIDE: Final = ("tests/conftest.py", "tests/patience.py", "tests/vectors", "tests/typing", "pyproject.toml")
TESTING: Final = ("hypothesis", "jsonschema", "pytest", "pytest-timeout", "pytest-xdist")
WORDS: Final = 2_400  # as many as the demo's person needs for an update that the gate lets through
FEW_WORDS: Final = 300  # without a sync, and under an emulator, where all takes twenty times as long
SEED: Final = 1
EMULATOR: Final = "QUIETKEYS_EMULATOR"  # a variable that tests of memory ask for
READY_WITHIN_S: Final = 1800.0  # circuits are compiled first, on a machine with other things to do
DEVICE_PACKAGES: Final = (
    "quietkeys/",
    "quietkeys_protocol/",
)  # of the wheel, which has the service's as well
_COUNTED: Final = re.compile(r"(\d+) (passed|skipped|failed|errors?)\b")


@dataclass(frozen=True, slots=True)
class Place:
    """oldest: the oldest libraries that the wheel admits, else the newest. syncs: with a real trainer.

    without: a library that is taken away again, as where there is no wheel of it. bound: of a library whose
    newest release does not run under the emulator.
    """

    version: str
    machine: str = "x86_64"
    oldest: bool = False
    syncs: bool = False
    without: str = ""
    bound: str = ""

    @property
    def emulated(self) -> bool:
        """Whether this machine runs it through qemu."""
        return self.machine != platform.machine()

    @property
    def name(self) -> str:
        """What it is called in the figures."""
        kind = f"without {self.without}" if self.without else "oldest" if self.oldest else "newest"
        return f"{self.version} {self.machine} {kind}"

    @property
    def outcomes(self) -> frozenset[str]:
        """How a sync may end there: under an emulator too few words are typed for a gate to be sure."""
        return frozenset({"applied", "kept_old", "on_trial"} if self.emulated else {"applied"})


PLACES: Final = (
    *(Place(version, oldest=oldest) for version in ("3.11", "3.12", "3.14") for oldest in (True, False)),
    Place("3.13", oldest=True),
    Place("3.13", syncs=True),
    Place("3.13", without="onnxruntime"),
    Place("3.13", "aarch64", syncs=True, bound="onnxruntime<1.28"),  # 1.32 ends qemu 7.2 when it is imported
)


def main(arguments: Sequence[str]) -> int:
    """Try what is missing; return 1 if a place failed that could be had."""
    names = {place.name for place in PLACES}
    if not arguments or not set(arguments[1:]) <= names:
        print("usage: elsewhere OUT.json [NAME...], of: " + ", ".join(sorted(names)), file=sys.stderr)
        return 2
    out = Path(arguments[0])
    places = [place for place in PLACES if place.name in arguments[1:]] or list(PLACES)
    rows = list(tried(out, places, anew=len(arguments) > 1))  # all of them, whichever fails
    return int(not all(row["passed"] for row in rows if "missing" not in row))


def tried(out: Path, places: Sequence[Place], *, anew: bool = False) -> Generator[dict[str, Any]]:
    """Yield the row of each place, tried unless it was tested for this wheel and these tests already."""
    with tempfile.TemporaryDirectory() as name:
        wheel = built(Path(name))
        subject = subject_of(wheel)
        for place in places:
            row = rows_in(out).get(place.name, {})
            if anew or row.get("subject") != subject or "suite" not in row:
                print(f"{place.name} ...", flush=True)
                row = {"subject": subject, **attempt(place, wheel)}
                rows = rows_in(out) | {place.name: row}
                write_whole(out, (json.dumps(rows, indent=1, sort_keys=True) + "\n").encode())
            yield row


def rows_in(out: Path) -> dict[str, Any]:
    """Return the rows of a file that may not be there yet."""
    rows: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    return rows


def attempt(place: Place, wheel: Path) -> dict[str, Any]:
    """Return the row of a place: figures and what went wrong, or `missing` with why it cannot be had here."""
    folder = CACHE / "environments" / place.name.replace(" ", "-")
    try:
        python = Interpreter(place.version, place.machine).environment(folder, CACHE)
    except NotHereError as error:
        return {"missing": str(error)}
    try:
        # What the wheel asks for is asked for directly, so that the oldest of it can be.
        oldest = ("--resolution", "lowest-direct", *asked_for(wheel)) if place.oldest else ()
        install(python, str(wheel), *oldest, *filter(None, [place.bound]))
        if place.without:
            run(uv(), "pip", "uninstall", "--quiet", "--python", python, place.without)
        row: dict[str, Any] = {"installed_bytes": weight(folder)}
        if not place.emulated:
            run(python, "-m", "compileall", "-q", "-j0", folder / "lib")  # as pip does
            row["bytecode_bytes"] = weight(folder, bytecode=True) - row["installed_bytes"]
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            url = stack.enter_context(trainer_of_checkout(Path(name))) if place.syncs else None
            row["app"] = app(
                python, Path(name), url, WORDS if place.syncs and not place.emulated else FEW_WORDS
            )
        install(python, *TESTING)
    except NotHereError as error:
        return {"passed": False, "wrong": [str(error)]}
    row["suite"] = suite(python, emulated=place.emulated)
    wrong = faults(place, row)
    return row | {"passed": not wrong, "wrong": wrong}


def faults(place: Place, row: dict[str, Any]) -> list[str]:
    """Return what went wrong in a place, one line each: nothing where it passed."""
    app, suite = row["app"], row["suite"]
    wrong: list[str] = [*(f"app: {line}" for line in app.get("failed", ())), *suite["said"]]
    if not row["installed_bytes"]:
        wrong.append("nothing was installed")
    if suite["status"] or suite["failed"] or not suite["passed"]:
        wrong.append(f"suite: status {suite['status']}, {suite['passed']} passed, {suite['failed']} failed")
    if "failed" not in app:
        wrong += [f"app: loads {module}" for module in app["heavy_modules"]]
        if place.syncs and app["sync"]["outcome"] not in place.outcomes:
            wrong.append(f"sync: {app['sync']['outcome']}: {app['sync']['reason']}")
    return wrong


@contextmanager
def trainer_of_checkout(folder: Path) -> Iterator[str]:
    """Start a trainer of the shipped plan in this checkout's environment; yield its address on loopback."""
    bundle = shipped_bundle()
    plan, pinned = Plan.parse(bundle["plan.json"]), bundle.manifest.client_specification
    with trainer_process(folder / "trainer", plan, pinned) as trainer:
        yield trainer.wait_until_ready(READY_WITHIN_S)


def app(python: Path, folder: Path, url: str | None, words: int) -> dict[str, Any]:
    """Return what an app says that runs there, alone with the SDK."""
    script = shutil.copy(ROOT / "tests" / "device" / "app.py", folder)
    arguments = [str(folder / "app"), str(words), str(SEED), *([] if url is None else [url])]
    (folder / "app").mkdir()
    began = time.monotonic()
    command: list[str | Path] = [python, "-I", script, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = {"wall_seconds": round(time.monotonic() - began, 1)}
    said = done.stdout.splitlines()[-1:]
    if done.returncode or not said:
        last = done.stderr.splitlines()[-1:]
        return {"failed": last or [f"ended with {done.returncode} and said nothing"]} | seconds
    answer: dict[str, Any] = json.loads(said[0])
    return answer | seconds


def suite(python: Path, *, emulated: bool) -> dict[str, Any]:
    """Return how the device's tests went, run from a copy without what needs the service.

    emulated: that they run under an emulator, whose own memory counts as theirs.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for relative in (*BESIDE, *SUITE):
            source, target = ROOT / relative, folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.pyc"))
            else:
                shutil.copy(source, target)
        command: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITE]
        # Nothing of this checkout may be found but what was copied.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment |= {EMULATOR: "1"} if emulated else {}
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        seconds = round(time.monotonic() - began, 1)
    return said_by_pytest(done.returncode, done.stdout) | {"wall_seconds": seconds}


def said_by_pytest(status: int, output: str) -> dict[str, Any]:
    """Return the counts in the last line of a run of pytest, what it left out and why, and what failed."""
    lines = output.strip().splitlines()
    counts = {kind.rstrip("s"): int(n) for n, kind in _COUNTED.findall("".join(lines[-1:]))}
    return {
        "status": status,
        "passed": counts.get("passed", 0),
        "failed": counts.get("failed", 0) + counts.get("error", 0),
        "left_out": [line for line in lines if line.startswith("SKIPPED")],
        "said": [line for line in lines if line.startswith(("FAILED", "ERROR"))],
    }


def install(python: Path, *arguments: str) -> None:
    """Install wheels, none built here, as outside of this checkout: its overrides are the lock's alone.

    Raises NotHereError.
    """
    command = (uv(), "pip", "install", "--quiet", "--only-binary", ":all:", "--python", python)
    run(*command, *arguments, folder=Path(tempfile.gettempdir()))


def asked_for(wheel: Path) -> list[str]:
    """Return the requirements of a wheel, those of extras left out."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().partition("\n\n")[0].splitlines()
    asked = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    return [line for line in asked if "extra ==" not in line]


def weight(folder: Path, *, bytecode: bool = False) -> int:
    """Return the bytes of an environment's packages, without bytecode unless asked for."""
    files = folder.glob("lib/python*/site-packages/**/*")
    return sum(
        path.stat().st_size for path in files if path.is_file() and (bytecode or path.suffix != ".pyc")
    )


def subject_of(wheel: Path) -> str:
    """Return the SHA-256 of what is tried: the wheel's device, what it asks for, and the tests."""
    whole = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(DEVICE_PACKAGES) or name.endswith(".dist-info/METADATA"):
                whole.update(name.encode() + b"\0" + hashlib.sha256(archive.read(name)).digest())
    tests = (ROOT / relative for relative in (*BESIDE, *SUITE, "tests/device/app.py"))
    files = {path for test in tests for path in (test.rglob("*") if test.is_dir() else [test])}
    for path in sorted(path for path in files if path.is_file() and path.suffix != ".pyc"):
        name = path.relative_to(ROOT).as_posix()
        whole.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
