"""Compiled circuits: made once, kept by plan, number of sources, and the runtime that they are linked with.

    FOLDER/PLAN-TOOLCHAIN/SOURCES/    what Concrete compiled
    FOLDER/PLAN-TOOLCHAIN/peak        the most memory that a run of them took here, in bytes, as text

A circuit for one source takes seconds to compile, and few services ever need one for eight. Circuits are code
that this service runs, so their folder belongs to it alone. They name the file of one wheel's runtime, which
another Python or another wheel does not have: they are kept apart by it, and tried when an engine is loaded.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Final

import structlog

from quietkeys_protocol import program, sgd_plan
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_protocol.plan import Recipe, TrainingPlan
from quietkeys_protocol.specification import canonical_specification
from quietkeys_trainer.engine.child import PROGRAM_INFO
from quietkeys_trainer.engine.children import Limits, ask
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError

CIRCUITS: Final = "QUIETKEYS_TRAINER_CIRCUITS"  # the variable that names another folder than the usual
PEAK: Final = "peak"
CONCRETE: Final = "2.10"  # whose keys and ciphertexts devices write (docs/PROTOCOL.md, section 4)
CONCRETE_ML: Final = "1.9"
# Compiling takes about a second per block and source.
COMPILATION_LIMITS: Final = Limits(wall_s=600.0, cpu_s=600, memory_bytes=8 << 30)
LOADING_LIMITS: Final = Limits(wall_s=600.0, cpu_s=60, memory_bytes=8 << 30)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def circuits_folder() -> Path:
    """Make the folder of circuits that are compiled outside a state folder, per user; return it.

    Raises `Refused` where anybody else can write to it.
    """
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get(CIRCUITS) or cache_home / "quietkeys-trainer" / "circuits")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_own(folder)
    return folder


def require_own(folder: Path) -> None:
    """Raise `Refused` where anybody else can write to a folder of circuits, or owns it."""
    status = folder.stat()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise Refused(ErrorCode.PLAN_INVALID, f"others can write to {folder}: chmod go-w, or remove it")


def compiled(plan: TrainingPlan, sources: int, folder: Path) -> Path:
    """Compile the circuits for a number of sources unless they are there; return their folder.

    Raises `EngineFailed`, and `ExecutorLostError` where the disk is full.
    """
    target = _place(plan, folder) / str(sources)
    if target.is_dir():
        return target
    with _alone(target):
        if not target.is_dir():
            _compile(plan, sources, target)
    return target


def drop_unloadable(plan: TrainingPlan, folder: Path) -> None:
    """Remove a plan's circuits of an earlier start that do not load here, so that they are compiled anew."""
    found = [path for path in sorted(_place(plan, folder).glob("[1-9]*")) if path.is_dir()]
    if not found or _loads(found):
        return
    for target in found:
        with _alone(target):
            if target.is_dir() and not _loads([target]):
                structlog.get_logger().warning(
                    "circuits_unloadable", plan_hash=plan.hash, sources=target.name
                )
                shutil.rmtree(target)


def specification_in(folder: Path) -> bytes:
    """Return the canonical client specification of compiled circuits."""
    try:
        return canonical_specification((folder / PROGRAM_INFO).read_bytes())
    except (OSError, Untrusted) as error:
        raise EngineFailed("a damaged circuit") from error


def measured_bytes(plan: TrainingPlan, folder: Path) -> int | None:
    """Return the most memory that a run of a plan's circuits took here; None where there was none."""
    try:
        return int((_place(plan, folder) / PEAK).read_text())
    except (OSError, ValueError):
        return None


def note_bytes(plan: TrainingPlan, folder: Path, peak: int) -> None:
    """Note what a run took, if it is the most so far; a figure that cannot be written now is not missed."""
    if peak > (measured_bytes(plan, folder) or 0):
        place = _place(plan, folder)
        with suppress(OSError), tempfile.NamedTemporaryFile("w", dir=place, delete=False) as draft:
            draft.write(str(peak))
            draft.close()
            Path(draft.name).replace(place / PEAK)


def require_known_concrete() -> None:
    """Raise `Refused` (EXTRA_MISSING) for a Concrete whose keys and ciphertexts are not what devices write.

    Bytes would not tell: later releases read another kind of seed, and train to noise without an error.
    """
    _require_release("concrete-python", CONCRETE, f"quietkeys[trainer]: Concrete {CONCRETE}")


def require_known_concrete_ml() -> None:
    """Raise `Refused` (EXTRA_MISSING) for a Concrete ML whose circuit of a batch nobody has looked at."""
    _require_release("concrete-ml", CONCRETE_ML, f"Concrete ML {CONCRETE_ML}, see docs/RECIPES.md")


def _require_release(package: str, release: str, wanted: str) -> None:
    try:
        found = version(package)
    except PackageNotFoundError:
        found = "none"
    if found.split(".")[:2] != release.split("."):
        raise Refused(ErrorCode.EXTRA_MISSING, f"{wanted}, here is {found}")


def _loads(folders: list[Path]) -> bool:
    try:
        ask(["load", *map(str, folders)], [], LOADING_LIMITS)
    except EngineFailed:
        return False
    return True


def _place(plan: TrainingPlan, folder: Path) -> Path:
    return folder.absolute() / f"{plan.hash}-{_toolchain(plan.recipe)}"


def _compile(plan: TrainingPlan, sources: int, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-") as scratch:
        made = Path(scratch) / "circuits"
        ask(["compile", str(made), str(sources)], [plan.canonical], COMPILATION_LIMITS)
        if not (made / PROGRAM_INFO).is_file():
            raise EngineFailed("nothing was compiled")
        made.rename(target)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Wait until nobody else on this machine is in a block for the same circuits.

    The lock dies with its owner. Raises `ExecutorLostError` where the disk is full, `EngineFailed` where the
    folder cannot be written for another reason.
    """
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (target.parent / f".{target.name}.lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        if error.errno in _FULL:
            raise ExecutorLostError from error
        raise EngineFailed("the folder of circuits cannot be written") from error


@cache
def _toolchain(recipe: Recipe) -> str:
    """Return a hash of what else a circuit is made of: the program, how it is compiled, and the runtime.

    The runtime is what the wheel of Concrete says of its files, their hashes, and this interpreter.
    """
    wheel = distribution("concrete-python").read_text("RECORD") or ""
    native = sorted(line for line in wheel.splitlines() if ".so" in line.partition(",")[0])
    digest = hashlib.sha256("\n".join([*native, sys.implementation.cache_tag or "", sys.platform]).encode())
    if recipe is Recipe.COUNTS:
        sources = [Path(program.__file__), Path(__file__).with_name("compile.py")]
    else:
        sources = [Path(sgd_plan.__file__), Path(__file__).with_name("compile_sgd.py")]
        digest.update(version("concrete-ml").encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
