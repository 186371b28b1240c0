"""Starting the engine's children and ending them: the parent's side of `child`.

A child is started afresh, in a process group of its own, with an empty environment and a private temporary
folder that is removed afterwards (Concrete leaves files behind). It is ended, with whatever it started, when
its answer is there, its time is over, or its folder has grown too large. It dies with its parent.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys_trainer.engine.child import (
    MAX_REQUEST_BYTES,
    OPENMP_FILE,
    SHARED_MEMORY,
    read_parts,
    write_parts,
)
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError, Told, nobody

CHILD: Final = "quietkeys_trainer.engine.child"
FOLDER_BYTES: Final = 512 << 20  # of a child's folder; a run leaves under 1 MB there, a compilation 20 MB
LOOK_S: Final = 0.1  # between two looks at a child's folder
_LEAST_FREE: Final = 1 << 20  # bytes of the disk; with less, a child that failed may have failed for that
_ENVIRONMENT: Final = ("LANG", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: seconds on the clock, seconds of processor time, bytes of address space."""

    wall_s: float
    cpu_s: int
    memory_bytes: int


@dataclass(slots=True)
class _Watch:
    """Ends a child that takes too long or writes too much; `ended_it` says whether that was so."""

    child: subprocess.Popen[bytes]
    folder: Path
    wall_s: float
    ended_it: bool = False
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Watch, in a thread, until told to stop."""
        threading.Thread(target=self._watch, name="child-watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()

    def _watch(self) -> None:
        deadline = time.monotonic() + self.wall_s
        while not self._over.wait(LOOK_S):
            if time.monotonic() > deadline or _size(self.folder) > FOLDER_BYTES:
                self.ended_it = True
                _end_group(self.child)
                return


def ask(
    arguments: Sequence[str],
    parts: Sequence[bytes],
    limits: Limits,
    told: Told = nobody,
    hidden: Sequence[Path] = (),
) -> list[bytes]:
    """Ask a child; return what it answers. `told` hears how many parts have come.

    hidden: folders that it must not see. Raises `EngineFailed` with how it ended, in words of ours, and
    `ExecutorLostError` where that was the system's doing: it was killed, or its disk was full.
    """
    with _private_folder() as private:
        child = _start(arguments, limits, private, hidden)
        watch = _Watch(child, private, limits.wall_s)
        watch.start()
        try:
            return _exchange(child, parts, told)
        except EngineFailed as error:
            killed = child.returncode == -signal.SIGKILL and not watch.ended_it
            if killed or shutil.disk_usage(private).free < _LEAST_FREE:
                raise ExecutorLostError from error
            raise
        finally:  # also where this process is told to stop
            watch.stop()
            _end_group(child)
            child.wait()
            for left in SHARED_MEMORY.glob(OPENMP_FILE.format(child.pid)):
                left.unlink(missing_ok=True)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Yield a folder that is removed afterwards; raise `ExecutorLostError` where none can be made."""
    try:
        private = tempfile.mkdtemp(prefix="quietkeys-engine-")
    except OSError as error:
        raise ExecutorLostError from error
    try:
        yield Path(private)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _start(
    arguments: Sequence[str], limits: Limits, private: Path, hidden: Sequence[Path]
) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"TMPDIR": str(private), "HOME": str(private), "PYTHONPATH": _search_path()}
    limited = [str(os.getpid()), str(limits.cpu_s), str(limits.memory_bytes)]
    secret = os.pathsep.join(str(place.absolute()) for place in hidden)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD, *limited, secret, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=private,
            start_new_session=True,
        )
    except OSError as error:
        raise ExecutorLostError from error


def _exchange(child: subprocess.Popen[bytes], parts: Sequence[bytes], told: Told) -> list[bytes]:
    if child.stdin is None or child.stdout is None:
        raise EngineFailed("no pipes to the child")
    try:
        with child.stdin, child.stdout:
            write_parts(child.stdin, parts)
            answer = read_parts(child.stdout, MAX_REQUEST_BYTES, told)
        status = child.wait()
    except (OSError, ValueError) as error:
        raise EngineFailed(f"child ended with status {child.wait()}") from error
    if status != 0:
        raise EngineFailed(f"child ended with status {status}")
    return answer


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder, however deep; one that goes meanwhile does not count."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118 - called often
    return size


def _search_path() -> str:
    """Return where this process finds modules by its environment, as absolute paths."""
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(str(Path(place).absolute()) for place in places if place)
