"""The processes that a bench starts and what they may have: children that are measured, cores, a screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import usable_cores

LONGEST_S: Final = 1200.0  # until a child that hangs is ended
TRAINER_NICENESS: Final = 19


class ChildFailed(DemoFailed):
    """A measured process gave no answer. status: its exit status; None if its time was up."""

    def __init__(self, status: int | None) -> None:
        super().__init__("The measured process failed.", "Does `quietkeys demo` run on this machine?")
        self.status = status


@contextmanager
def child(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    executable: Path = Path(sys.executable),
) -> Iterator[subprocess.Popen[str]]:
    """Start an interpreter with pipes to its input and output; wait for its end, or end it after an error.

    environment: what is set besides our own. executable: the interpreter. Its complaints go nowhere: an error
    of ours says that it failed.
    """
    process = subprocess.Popen(
        [str(executable), *arguments],
        env=os.environ | dict(environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def ask(
    arguments: Sequence[str],
    told: str = "",
    longest_s: float | None = LONGEST_S,
    environment: Mapping[str, str] | None = None,
    executable: Path = Path(sys.executable),
) -> Any:
    """Return the JSON in the last line that an interpreter says, after it was told something on its input.

    Raises ChildFailed if it ends with another status than 0, says nothing, or takes longer.
    """
    with child(arguments, environment, executable) as process:
        try:
            said, _ = process.communicate(told, longest_s)
        except subprocess.TimeoutExpired as error:
            raise ChildFailed(None) from error
    if process.returncode:
        raise ChildFailed(process.returncode)
    try:
        return json.loads(said.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise ChildFailed(process.returncode) from error


def answer(respond: Callable[[Any], object]) -> int:
    """Answer, in a child, the one JSON that `ask` told it; return its exit status.

    What native code prints meanwhile goes with the complaints.
    """
    told = json.loads(sys.stdin.read())
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        out.write(json.dumps(respond(told)) + "\n")
    return 0


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Return the processes that a process started, whichever of its threads did."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            found += map(int, listing.read_text().split())
    return found


def family(pid: int) -> list[int]:
    """Return a process and all that it has started that is still there, however far down."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def lives(pid: int) -> bool:
    """Return whether a process is there and has not ended."""
    found = _status(pid)
    return bool(found) and found[0] != "Z"


def processor_s(pids: Iterable[int]) -> float:
    """Return the processor time of these processes, and of what they started and have waited for."""
    used = (_status(pid)[11:15] for pid in pids)  # utime, stime, cutime, cstime: proc(5)
    return sum(int(ticks) for times in used for ticks in times) / os.sysconf("SC_CLK_TCK")


def own_bytes(pids: Iterable[int]) -> int:
    """Return the memory of these processes that is in RAM and stands in no file."""
    pages = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
            pages += resident - shared
    return pages * os.sysconf("SC_PAGE_SIZE")


def _status(pid: int) -> list[str]:
    """Return the fields of a process from its state on; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and what it starts, on one of its cores, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def make_polite(process: int) -> None:
    """Give a trainer the least priority and one core, before it starts its workers, which inherit both."""
    os.setpriority(os.PRIO_PROCESS, process, TRAINER_NICENESS)
    if usable_cores() > 1:
        os.sched_setaffinity(process, {max(os.sched_getaffinity(0))})


@contextmanager
def screen_in_memory(size: str = "1280x900") -> Iterator[str]:
    """Start a screen in memory (Xvfb); give what DISPLAY is to be. Raises OSError where there is none."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-r"]
    server = subprocess.Popen(
        command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as stream:
            number = stream.readline().strip()
        if not number:
            raise OSError("Xvfb did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
