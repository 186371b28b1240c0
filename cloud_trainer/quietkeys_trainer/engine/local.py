"""The engine: compiles a plan once, then runs it on strangers' bytes, each time in a child of its own.

Nothing native runs in this process. A child is started afresh, with an empty environment, a private
temporary folder that is removed afterwards (Concrete leaves files behind), limits on memory and time, and
only the bytes it is to work on. It dies with its parent. Whatever happens in it ends here as
`EngineFailed`.

Compiled circuits are kept below the folder that `load_engine` is given, by plan, program and number of
sources, because a circuit for one source takes seconds to compile and few services ever need one for eight.
They are code that this service runs: the folder belongs to it alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog

from quietkeys_protocol import program
from quietkeys_protocol.check import check_plan
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_protocol.framing import Frame, Frames
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.security import check_specification
from quietkeys_protocol.specification import Specification, canonical_specification, parse_specification
from quietkeys_protocol.templates import frames_of
from quietkeys_trainer.engine.child import (
    MAX_REQUEST_BYTES,
    OPENMP_FILE,
    SHARED_MEMORY,
    read_parts,
    write_parts,
)
from quietkeys_trainer.engine.interface import EngineFailed, Told, nobody

CHILD: Final = "quietkeys_trainer.engine.child"
PROGRAM_INFO: Final = "program_info.concrete.params.json"  # what Concrete calls it
_ENVIRONMENT: Final = ("LANG", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: seconds on the clock, seconds of processor time, bytes of address space."""

    wall_s: float
    cpu_s: int
    memory_bytes: int


# A round of 4,000 look-ups takes 36 s on 2 idle cores, 70 s of processor time, and 0.5 GB of memory. Of
# address space the libraries reserve far more than they touch, 4 GB at times, and they hang where they do
# not get it.
RUN_LIMITS: Final = Limits(wall_s=900.0, cpu_s=900, memory_bytes=8 << 30)
# Compiling takes about a second per block and source.
COMPILATION_LIMITS: Final = Limits(wall_s=600.0, cpu_s=600, memory_bytes=8 << 30)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the encrypted new weights, and what it took; public."""

    ciphertexts: tuple[bytes, ...]
    bootstraps: int
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True)
class CompiledEngine:
    """A plan that was compiled here, see `interface.Engine`."""

    plan: Plan
    specification: Specification
    frames: Frames
    security_bits: int
    folder: Path
    limits: Limits = RUN_LIMITS

    @property
    def client_specification_sha256(self) -> str:
        """The hash of the client specification that the compiler made, which devices have pinned."""
        return self.specification.hash

    def run(
        self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
    ) -> list[bytes]:
        """Run the circuits and log what it took; return the encrypted new weights.

        See `interface.Engine`. Raises `EngineFailed`.
        """
        return self._logged(self.measure(evaluation_keys, reports, told), len(reports))

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """Return the encrypted new weights of one block, see `interface.Engine`. Raises `EngineFailed`."""
        return self._logged(
            self._measure(range(position, position + 1), evaluation_keys, values), len(values)
        )

    def _logged(self, run: Run, reports: int) -> list[bytes]:
        structlog.get_logger().info(
            "circuit_done",
            plan_hash=self.plan.hash,
            reports=reports,
            bootstraps=run.bootstraps,
            seconds=round(run.seconds, 3),
            cpu_seconds=round(run.cpu_seconds, 3),
            peak_rss_bytes=run.peak_rss_bytes,
        )
        return list(run.ciphertexts)

    def measure(self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody) -> Run:
        """Run as `run` does; return what it took as well. Raises `EngineFailed`."""
        return self._measure(range(len(self.plan.blocks)), evaluation_keys, reports, told)

    def _measure(
        self,
        blocks: range,
        evaluation_keys: bytes,
        reports: Sequence[Sequence[bytes]],
        told: Told = nobody,
    ) -> Run:
        """Run some blocks on their values of each report."""
        if not 1 <= len(reports) <= self.plan.sources:
            raise EngineFailed(f"{len(reports)} reports")
        frames = self.frames.report[3 * blocks.start : 3 * blocks.stop]
        if not self.frames.keys.matches(evaluation_keys) or not all(_framed(frames, one) for one in reports):
            raise EngineFailed("a frame is not the plan's")
        folder = compiled(self.plan, len(reports), self.folder)
        if _specification(folder) != _repeated(self.specification, len(reports)):
            raise EngineFailed("a circuit for other keys")
        values = [value for report in reports for value in report]
        circuits = self.specification.ordered(self.plan)
        names = [circuits[position].name for position in blocks]
        order = ["run", str(folder), str(len(reports)), *names]

        def counted(parts: int) -> None:
            if parts <= len(blocks):  # what follows them is what it took
                told(parts)

        parts = _ask(order, [evaluation_keys, *values], self.limits, counted)
        try:
            facts = json.loads(parts[-1])
            seconds, cpu_seconds = float(facts["seconds"]), float(facts["cpu_seconds"])
            peak = int(facts["peak_rss_bytes"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise EngineFailed("an answer that makes no sense") from error
        if len(parts) - 1 != len(blocks):
            raise EngineFailed("number of results")
        look_ups = sum(self.plan.blocks[position].look_ups for position in blocks)
        return Run(tuple(parts[:-1]), look_ups, seconds, cpu_seconds, peak)


def _framed(frames: Sequence[Frame], values: Sequence[bytes]) -> bool:
    return len(values) == len(frames) and all(
        frame.matches(value) for frame, value in zip(frames, values, strict=True)
    )


def load_engine(plan: Plan, folder: Path, limits: Limits = RUN_LIMITS) -> CompiledEngine:
    """Load the engine of a plan, compiling it for one source unless `folder` has it from before; return it.

    Raises `Refused` (PLAN_INVALID) where the plan breaks a rule of `plan check` or does not compile,
    `Untrusted` (SPECIFICATION_UNTRUSTED) where what was compiled is not secure.
    """
    check_plan(plan)
    return compile_engine(plan, folder, limits)


def compile_engine(plan: Plan, folder: Path, limits: Limits = RUN_LIMITS) -> CompiledEngine:
    """Load an engine as `load_engine` does but without `plan check`, to measure plans that nobody ships."""
    try:
        specification = parse_specification(_specification(compiled(plan, 1, folder)))
    except EngineFailed as error:
        raise Refused(ErrorCode.PLAN_INVALID, "it does not compile") from error
    bits = check_specification(specification, plan)
    return CompiledEngine(plan, specification, frames_of(specification, plan), bits, folder, limits)


def compiled(plan: Plan, sources: int, folder: Path) -> Path:
    """Compile the circuits for a number of sources unless they are there; return their folder.

    Raises `EngineFailed`.
    """
    target = folder.absolute() / f"{plan.hash}-{_toolchain()}" / str(sources)
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(target.parent / f".{sources}.lock"):
        if not target.is_dir():
            _compile(plan, sources, target)
    return target


def _compile(plan: Plan, sources: int, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".compiling-") as scratch:
        made = Path(scratch) / "circuits"
        _ask(["compile", str(made), str(sources)], [plan.canonical], COMPILATION_LIMITS)
        if not (made / PROGRAM_INFO).is_file():
            raise EngineFailed("nothing was compiled")
        try:
            made.rename(target)
        except OSError as error:
            raise EngineFailed("the folder of circuits cannot be written") from error


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until nobody else on this machine is in a block under the same lock, which dies with its owner."""
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _specification(folder: Path) -> bytes:
    """Return the canonical client specification of compiled circuits."""
    try:
        return canonical_specification((folder / PROGRAM_INFO).read_bytes())
    except (OSError, Untrusted) as error:
        raise EngineFailed("a damaged circuit") from error


def _repeated(specification: Specification, sources: int) -> bytes:
    """Return the canonical specification for several sources: the same keys, every input once per source."""
    tree = json.loads(specification.canonical)
    for circuit in tree["circuits"]:
        circuit["inputs"] *= sources
    return canonical_specification(json.dumps(tree).encode())


def _ask(arguments: list[str], parts: Sequence[bytes], limits: Limits, told: Told = nobody) -> list[bytes]:
    """Ask a child; return what it answers. `told` hears how many parts have come.

    Raises `EngineFailed` with how the child ended, in words of ours.
    """
    with tempfile.TemporaryDirectory(prefix="quietkeys-engine-") as private:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"TMPDIR": private, "HOME": private, "PYTHONPATH": _search_path()}
        limited = [str(os.getpid()), str(limits.cpu_s), str(limits.memory_bytes)]
        command = [sys.executable, "-P", "-m", CHILD, *limited, *arguments]
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=private,
        )
        try:
            return _exchange(child, parts, limits.wall_s, told)
        finally:  # also where this process is told to stop
            child.kill()
            child.wait()
            for left in SHARED_MEMORY.glob(OPENMP_FILE.format(child.pid)):
                left.unlink(missing_ok=True)


def _exchange(
    child: subprocess.Popen[bytes], parts: Sequence[bytes], wall_s: float, told: Told
) -> list[bytes]:
    if child.stdin is None or child.stdout is None:
        raise EngineFailed("no pipes to the child")
    timer = threading.Timer(wall_s, child.kill)
    timer.daemon = True
    timer.start()
    try:
        with child.stdin, child.stdout:
            write_parts(child.stdin, parts)
            answer = read_parts(child.stdout, MAX_REQUEST_BYTES, told)
        status = child.wait()
    except (OSError, ValueError) as error:
        raise EngineFailed(f"child ended with status {child.wait()}") from error
    finally:
        timer.cancel()
    if status != 0:
        raise EngineFailed(f"child ended with status {status}")
    return answer


def _search_path() -> str:
    """Return where this process finds modules by its environment, as absolute paths."""
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(str(Path(place).absolute()) for place in places if place)


@cache
def _toolchain() -> str:
    """Return a hash of what else a circuit is made of: the program, how it is compiled, and the compiler."""
    digest = hashlib.sha256(version("concrete-python").encode())
    for source in (Path(program.__file__), Path(__file__).with_name("compile.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
