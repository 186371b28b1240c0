"""The engine: a compiled plan, and how its circuits are run on strangers' bytes, each time in a child.

Nothing native runs in this process. A child gets only the bytes it is to work on. Whatever happens in it ends
here as `EngineFailed`, or as `ExecutorLostError` where the job may be fine and the machine was not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from quietkeys_protocol.check import check_plan
from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_protocol.framing import Frame, Frames
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.security import check_specification
from quietkeys_protocol.specification import Specification, canonical_specification, parse_specification
from quietkeys_protocol.templates import frames_of
from quietkeys_trainer.engine.children import Limits, ask
from quietkeys_trainer.engine.circuit_cache import (
    compiled,
    drop_unloadable,
    measured_bytes,
    note_bytes,
    specification_in,
)
from quietkeys_trainer.engine.confinement import require_filters
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError, Told, nobody
from quietkeys_trainer.engine.pressure import JOB_BYTES

# A round of 4,000 look-ups takes 36 s on 2 idle cores, 70 s of processor time, and 0.5 GB of memory. Of
# address space the libraries reserve far more than they touch, 4 GB at times, and they hang where they do
# not get it.
RUN_LIMITS: Final = Limits(wall_s=900.0, cpu_s=900, memory_bytes=8 << 30)


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
        if specification_in(folder) != _repeated(self.specification, len(reports)):
            raise EngineFailed("a circuit for other keys")
        values = [value for report in reports for value in report]
        circuits = self.specification.ordered(self.plan)
        names = [circuits[position].name for position in blocks]
        order = ["run", str(folder), str(len(reports)), *names]

        def counted(parts: int) -> None:
            if parts <= len(blocks):  # what follows them is what it took
                told(parts)

        parts = ask(order, [evaluation_keys, *values], self.limits, counted, self.hidden)
        try:
            facts = json.loads(parts[-1])
            seconds, cpu_seconds = float(facts["seconds"]), float(facts["cpu_seconds"])
            peak = int(facts["peak_rss_bytes"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise EngineFailed("an answer that makes no sense") from error
        if len(parts) - 1 != len(blocks):
            raise EngineFailed("number of results")
        if len(blocks) == len(self.plan.blocks):
            note_bytes(self.plan, self.folder, peak)
        look_ups = sum(self.plan.blocks[position].look_ups for position in blocks)
        return Run(tuple(parts[:-1]), look_ups, seconds, cpu_seconds, peak)


def _framed(frames: Sequence[Frame], values: Sequence[bytes]) -> bool:
    return len(values) == len(frames) and all(
        frame.matches(value) for frame, value in zip(frames, values, strict=True)
    )


def load_engine(
    plan: Plan, folder: Path, limits: Limits = RUN_LIMITS, *, hidden: Sequence[Path] = ()
) -> CompiledEngine:
    """Load the engine of a plan, compiling it for one source unless `folder` has it from before; return it.

    hidden: folders that no child may see. Raises `Refused` (PLAN_INVALID) where the plan breaks a rule of
    `plan check` or does not compile, `Untrusted` (SPECIFICATION_UNTRUSTED) where what was compiled is not
    secure, `TryAgain` where this machine cannot compile it now.
    """
    check_plan(plan)
    return compile_engine(plan, folder, limits, hidden=hidden)


def compile_engine(
    plan: Plan, folder: Path, limits: Limits = RUN_LIMITS, *, hidden: Sequence[Path] = ()
) -> CompiledEngine:
    """Load an engine as `load_engine` does but without `plan check`, to measure plans that nobody ships."""
    require_filters()
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
