"""Starting the engine's children and ending them: the parent's side of `child`.

A child is started afresh, in a process group of its own, with an empty environment and a private temporary
folder that is removed afterwards (Concrete leaves files behind). It is ended, with whatever it started, when
it is not needed any longer, its time is over, or its folder has grown too large. It dies with its parent.
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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

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

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="child-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        deadline = time.monotonic() + self.wall_s
        while not self._over.wait(LOOK_S):
            if time.monotonic() > deadline or _size(self.folder) > FOLDER_BYTES:
                self.ended_it = True
                _end_group(self.child)
                return


class Child:
    """A child that can be asked more than once. Whoever starts one ends it.

    It has to be started in a thread that outlives it: the kernel ends a child with the thread that made it.
    """

    def __init__(self, arguments: Sequence[str], limits: Limits, hidden: Sequence[Path] = ()) -> None:
        """Start a child. hidden: folders that it must not see. Raises `ExecutorLostError`."""
        self._limits = limits
        self._private = _private_folder()
        try:
            self._process = _start(arguments, limits, self._private, hidden)
        except ExecutorLostError:
            shutil.rmtree(self._private, ignore_errors=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def is_there(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds; 0 where the system does not say."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def ask(self, *messages: Sequence[bytes], told: Told = nobody, last: bool = False) -> list[bytes]:
        """Send messages of some parts each; return the parts of the one answer.

        `told` hears how many parts have come. last: the child is to end by itself then, and well. Raises
        `EngineFailed` with how it ended, in words of ours, and `ExecutorLostError` where that was the
        system's doing: it was killed, or its disk was full.
        """
        with _Watch(self._process, self._private, self._limits.wall_s) as watch:
            try:
                self._signal(signal.SIGCONT)
                return self._exchange(messages, told, last)
            except EngineFailed as error:
                killed = self._process.returncode == -signal.SIGKILL and not watch.ended_it
                if killed or shutil.disk_usage(self._private).free < _LEAST_FREE:
                    raise ExecutorLostError from error
                raise

    def rest(self) -> None:
        """Stop it until it is asked again: whatever runs in it now computes and writes nothing meanwhile."""
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """End it and whatever it started, and remove its folder."""
        _end_group(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()
        for left in SHARED_MEMORY.glob(OPENMP_FILE.format(self._process.pid)):
            left.unlink(missing_ok=True)
        shutil.rmtree(self._private, ignore_errors=True)

    def _exchange(self, messages: Sequence[Sequence[bytes]], told: Told, last: bool) -> list[bytes]:
        child = self._process
        if child.stdin is None or child.stdout is None:
            raise EngineFailed("no pipes to the child")
        try:
            for parts in messages:
                write_parts(child.stdin, parts)
            if last:
                child.stdin.close()
            answer = read_parts(child.stdout, MAX_REQUEST_BYTES, told)
        except (OSError, ValueError) as error:
            for pipe in (child.stdin, child.stdout):
                with suppress(OSError):
                    pipe.close()
            raise EngineFailed(f"child ended with status {child.wait()}") from error
        if last and (status := child.wait()) != 0:
            raise EngineFailed(f"child ended with status {status}")
        return answer

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def ask(
    arguments: Sequence[str], parts: Sequence[bytes], limits: Limits, hidden: Sequence[Path] = ()
) -> list[bytes]:
    """Ask a child one thing; return what it answers. Raises as `Child`."""
    with Child(arguments, limits, hidden) as child:
        return child.ask(parts, last=True)


def _private_folder() -> Path:
    """Make a folder; raise `ExecutorLostError` where none can be made."""
    try:
        return Path(tempfile.mkdtemp(prefix="quietkeys-engine-"))
    except OSError as error:
        raise ExecutorLostError from error


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
