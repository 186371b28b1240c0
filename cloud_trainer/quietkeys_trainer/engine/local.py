"""The engine: a compiled plan, and how its circuits are run on strangers' bytes, in a child of one account.

Nothing native runs in this process. A child gets only the bytes it is to work on. Whatever happens in it ends
here as `EngineFailed`, or as `ExecutorLostError` where the job may be fine and the machine was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import structlog

from quietkeys_protocol.check import check_plan
from quietkeys_protocol.cut_values import cut
from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_protocol.framing import Frame
from quietkeys_protocol.noise import check_parameters
from quietkeys_protocol.plan import VALUES, Plan
from quietkeys_protocol.security import check_specification
from quietkeys_protocol.specification import Specification, canonical_specification, parse_specification
from quietkeys_protocol.templates import Frames, frames_of
from quietkeys_trainer.engine.children import Child, Limits
from quietkeys_trainer.engine.circuit_cache import (
    compiled,
    drop_unloadable,
    measured_bytes,
    note_bytes,
    require_known_concrete,
    specification_in,
)
from quietkeys_trainer.engine.confinement import require_filters
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError, Told, nobody
from quietkeys_trainer.engine.pressure import JOB_BYTES, usable_cores

# A round of 4,000 look-ups takes 36 s on 2 idle cores, 70 s of processor time, and 0.5 GB of memory. Of
# address space the libraries reserve far more than they touch, 4 GB at times, and they hang where they do
# not get it.
RUN_LIMITS: Final = Limits(wall_s=900.0, cpu_s=900, memory_bytes=8 << 30)
KEPT_SHARE: Final = 0.25  # of a child's processor time, after which it is asked for no further job


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the encrypted new weights as they are sent, and what it took; public.

    seconds: on the clock. The others are processor time, all of it, then that of starting a child, of reading
    keys, and of each block; the first block's has in it what is made of keys at their first use. A child that
    has run before starts nothing and reads nothing.
    """

    ciphertexts: tuple[bytes, ...]
    bootstraps: int
    seconds: float
    cpu_seconds: float
    start_seconds: float
    keys_seconds: float
    block_seconds: tuple[float, ...]
    peak_rss_bytes: int


class KeyedChild:
    """Some blocks of an engine under one account's evaluation keys, see `interface.Keyed`."""

    def __init__(self, engine: CompiledEngine, blocks: range, evaluation_keys: bytes, sources: int) -> None:
        """Start the child. Raises `EngineFailed`, `ExecutorLostError`."""
        self._engine, self._blocks, self._sources = engine, blocks, sources
        if not 1 <= sources <= engine.plan.sources:
            raise EngineFailed(f"{sources} reports")
        if not engine.frames.keys.matches(evaluation_keys):
            raise EngineFailed("a frame is not the plan's")
        folder = compiled(engine.plan, sources, engine.folder)
        if specification_in(folder) != _repeated(engine.specification, sources):
            raise EngineFailed("a circuit for other keys")
        circuits = engine.specification.ordered(engine.plan)
        order = ["serve", str(folder), str(sources), *(circuits[position].name for position in blocks)]
        self._unsent: tuple[Sequence[bytes], ...] = ([evaluation_keys],)
        self._used_s = 0.0
        self._child = Child(order, engine.limits, engine.hidden)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def lasts(self) -> bool:
        """See `Keyed`. Its processor time is limited once and for all: what is left has to do for any job."""
        return self._child.is_there and self._used_s < KEPT_SHARE * self._engine.limits.cpu_s

    @property
    def memory_bytes(self) -> int:
        """See `Keyed`."""
        return self._child.resident_bytes or self._engine.memory_bytes

    def run(self, reports: Sequence[Sequence[bytes]], told: Told, threads: int) -> list[bytes]:
        """Run the circuits and log what it took, see `Keyed`."""
        run = self.measure(reports, told, threads)
        structlog.get_logger().info(
            "circuit_done",
            plan_hash=self._engine.plan.hash,
            reports=self._sources,
            bootstraps=run.bootstraps,
            threads=threads,
            seconds=round(run.seconds, 3),
            cpu_seconds=round(run.cpu_seconds, 3),
            start_seconds=round(run.start_seconds, 3),
            keys_seconds=round(run.keys_seconds, 3),
            block_seconds=[round(seconds, 3) for seconds in run.block_seconds],
            peak_rss_bytes=run.peak_rss_bytes,
        )
        return list(run.ciphertexts)

    def measure(
        self, reports: Sequence[Sequence[bytes]], told: Told = nobody, threads: int | None = None
    ) -> Run:
        """Run as `run` does; return what it took as well. threads: None for all cores."""
        run = self.measure_whole(reports, told, threads)
        results = self._engine.frames.results[self._blocks.start : self._blocks.stop]
        return replace(run, ciphertexts=tuple(map(cut, results, run.ciphertexts)))

    def measure_whole(
        self, reports: Sequence[Sequence[bytes]], told: Told = nobody, threads: int | None = None
    ) -> Run:
        """Run as `measure` does; the results are not cut for sending, for whoever measures their noise."""
        engine, blocks = self._engine, self._blocks
        frames = engine.frames.report[VALUES * blocks.start : VALUES * blocks.stop]
        if len(reports) != self._sources or not all(_framed(frames, one) for one in reports):
            raise EngineFailed("a frame is not the plan's")
        job = [str(threads or usable_cores()).encode(), *(value for report in reports for value in report)]

        def counted(parts: int) -> None:
            if parts <= len(blocks):  # what follows them is what it took
                told(parts)

        unsent, self._unsent = self._unsent, ()
        begin = time.perf_counter()
        parts = self._child.ask(*unsent, job, told=counted)
        run = _run_of(parts, len(blocks), time.perf_counter() - begin)
        self._used_s += run.cpu_seconds
        results = engine.frames.results[blocks.start : blocks.stop]
        if not _framed(results, run.ciphertexts):  # made from a stranger's bytes
            raise EngineFailed("a result's frame is not the plan's")
        if len(blocks) == len(engine.plan.blocks):
            note_bytes(engine.plan, engine.folder, run.peak_rss_bytes)
        return replace(run, bootstraps=sum(engine.plan.blocks[position].look_ups for position in blocks))

    def rest(self) -> None:
        """See `Keyed`."""
        self._child.rest()

    def close(self) -> None:
        """See `Keyed`."""
        self._child.end()


def _run_of(parts: Sequence[bytes], blocks: int, seconds: float) -> Run:
    """Return the run that a child's answer tells of; a child may say anything."""
    if len(parts) != blocks + 1:
        raise EngineFailed("number of results")
    try:
        facts = json.loads(parts[-1])
        names = ("cpu_seconds", "start_seconds", "keys_seconds")
        cpu, start, keys = (float(facts[name]) for name in names)
        each = tuple(float(one) for one in facts["block_seconds"])
        return Run(tuple(parts[:-1]), 0, seconds, cpu, start, keys, each, int(facts["peak_rss_bytes"]))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise EngineFailed("an answer that makes no sense") from error


@dataclass(frozen=True, slots=True)
class CompiledEngine:
    """A plan that was compiled here, see `interface.Engine`."""

    plan: Plan
    specification: Specification
    frames: Frames
    security_bits: int
    folder: Path
    limits: Limits = RUN_LIMITS
    hidden: tuple[Path, ...] = ()

    @property
    def client_specification_sha256(self) -> str:
        """The hash of the client specification that the compiler made, which devices have pinned."""
        return self.specification.hash

    @property
    def memory_bytes(self) -> int:
        """What a job takes: the most that its child ever did here, and twice its keys, which it is handed."""
        measured = measured_bytes(self.plan, self.folder)
        return JOB_BYTES if measured is None else measured + 2 * self.frames.keys.size

    def keyed(self, evaluation_keys: bytes, sources: int) -> KeyedChild:
        """Start a child for all blocks, see `interface.Engine`."""
        return KeyedChild(self, range(len(self.plan.blocks)), evaluation_keys, sources)

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """Return the encrypted new weights of one block, see `interface.Engine`."""
        with KeyedChild(self, range(position, position + 1), evaluation_keys, len(values)) as keyed:
            return keyed.run(values, nobody, 1)

    def run(
        self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
    ) -> list[bytes]:
        """Return the encrypted new weights of a job alone, run in a child of its own on all cores."""
        return list(self.measure(evaluation_keys, reports, told).ciphertexts)

    def measure(self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody) -> Run:
        """Run as `run` does; return what it took as well. Raises `EngineFailed`."""
        with self.keyed(evaluation_keys, len(reports)) as keyed:
            return keyed.measure(reports, told)


def _framed(frames: Sequence[Frame], values: Sequence[bytes]) -> bool:
    return len(values) == len(frames) and all(
        frame.matches(value) for frame, value in zip(frames, values, strict=True)
    )


def load_engine(
    plan: Plan, folder: Path, limits: Limits = RUN_LIMITS, *, hidden: Sequence[Path] = ()
) -> CompiledEngine:
    """Load the engine of a plan, compiling it for one source unless `folder` has it from before; return it.

    hidden: folders that no child may see. Raises `Refused` (PLAN_INVALID) where the plan breaks a rule of
    `plan check`, does not compile, or got parameters that `check_parameters` refuses, or (EXTRA_MISSING)
    with another release of Concrete, `Untrusted` (SPECIFICATION_UNTRUSTED) where what was compiled is not
    secure, `TryAgain` where this machine cannot compile it now.
    """
    check_plan(plan)
    engine = compile_engine(plan, folder, limits, hidden=hidden)
    check_parameters(engine.specification, plan)
    return engine


def compile_engine(
    plan: Plan, folder: Path, limits: Limits = RUN_LIMITS, *, hidden: Sequence[Path] = ()
) -> CompiledEngine:
    """Load an engine as `load_engine` does but without `plan check`, to measure plans that nobody ships."""
    require_filters()
    require_known_concrete()
    try:
        drop_unloadable(plan, folder)
        specification = parse_specification(specification_in(compiled(plan, 1, folder)))
    except EngineFailed as error:
        raise Refused(ErrorCode.PLAN_INVALID, "it does not compile") from error
    except ExecutorLostError as error:
        raise TryAgain(ErrorCode.DISK_FULL, "no memory or disk to compile a plan") from error
    bits = check_specification(specification, plan)
    frames = frames_of(specification, plan)
    return CompiledEngine(plan, specification, frames, bits, folder, limits, tuple(hidden))


def _repeated(specification: Specification, sources: int) -> bytes:
    """Return the canonical specification for several sources: the same keys, every input once per source."""
    tree = json.loads(specification.canonical)
    for circuit in tree["circuits"]:
        circuit["inputs"] *= sources
    return canonical_specification(json.dumps(tree).encode())
