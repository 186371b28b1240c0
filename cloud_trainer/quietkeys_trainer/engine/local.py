"""The engine of counts: a compiled plan, whose circuits are run in a child of one account (`keyed_child`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_protocol.check import check_plan
from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_protocol.noise import check_parameters
from quietkeys_protocol.plan import VALUES, Plan
from quietkeys_protocol.security import check_specification
from quietkeys_protocol.specification import Specification, canonical_specification, parse_specification
from quietkeys_protocol.templates import Frames, frames_of
from quietkeys_trainer.engine.children import Limits
from quietkeys_trainer.engine.circuit_cache import (
    compiled,
    drop_unloadable,
    measured_bytes,
    require_known_concrete,
    specification_in,
)
from quietkeys_trainer.engine.confinement import require_filters
from quietkeys_trainer.engine.interface import (
    EngineFailed,
    ExecutorLostError,
    Told,
    nobody,
    values_of_block,
)
from quietkeys_trainer.engine.keyed_child import KeyedChild, Work
from quietkeys_trainer.engine.keyed_child import Run as Run
from quietkeys_trainer.engine.pressure import JOB_BYTES

# A round of 4,000 look-ups takes 36 s on 2 idle cores, 70 s of processor time, and 0.5 GB of memory. Of
# address space the libraries reserve far more than they touch, 4 GB at times, and they hang where they do
# not get it.
RUN_LIMITS: Final = Limits(wall_s=900.0, cpu_s=900, memory_bytes=8 << 30)


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
    def client_specification(self) -> bytes:
        """The client specification that the compiler made, in its canonical form."""
        return self.specification.canonical

    @property
    def client_specification_sha256(self) -> str:
        """The hash of the client specification that the compiler made, which devices have pinned."""
        return self.specification.hash

    @property
    def memory_bytes(self) -> int:
        """What a job takes: the most that its child ever did here, and twice its keys, which it is handed."""
        measured = measured_bytes(self.plan, self.folder)
        return JOB_BYTES if measured is None else measured + 2 * self.frames.keys.size

    @property
    def blocks(self) -> int:
        """The number of the plan's blocks."""
        return len(self.plan.blocks)

    def values_of_block(self, position: int, report: Sequence[bytes]) -> Sequence[bytes]:
        """Return a block's strengths and gradient, see `interface.Engine`."""
        return values_of_block(position, report)

    def keyed(self, evaluation_keys: bytes, sources: int) -> KeyedChild:
        """Start a child for all blocks, see `interface.Engine`."""
        return self._keyed(evaluation_keys, range(self.blocks), sources)

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """Return the encrypted new weights of one block, see `interface.Engine`."""
        with self._keyed(evaluation_keys, range(position, position + 1), len(values)) as keyed:
            return keyed.run(values, nobody, 1)

    def _keyed(self, evaluation_keys: bytes, blocks: range, sources: int) -> KeyedChild:
        if not 1 <= sources <= self.plan.sources:
            raise EngineFailed(f"{sources} reports")
        folder = compiled(self.plan, sources, self.folder)
        if specification_in(folder) != _repeated(self.specification, sources):
            raise EngineFailed("a circuit for other keys")
        circuits = self.specification.ordered(self.plan)[blocks.start : blocks.stop]
        named = [circuit.name for circuit in circuits]
        work = Work(
            order=("serve", self.plan.recipe.value, str(folder), str(sources), *named),
            sources=sources,
            report=self.frames.report[VALUES * blocks.start : VALUES * blocks.stop],
            results=self.frames.results[blocks.start : blocks.stop],
            update=self.frames.update[blocks.start : blocks.stop],
            bootstraps=sum(self.plan.blocks[position].look_ups for position in blocks),
            whole=len(blocks) == self.blocks,
        )
        return KeyedChild(self, work, evaluation_keys)

    def run(
        self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
    ) -> list[bytes]:
        """Return the encrypted new weights of a job alone, run in a child of its own on all cores."""
        return list(self.measure(evaluation_keys, reports, told).ciphertexts)

    def measure(self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody) -> Run:
        """Run as `run` does; return what it took as well. Raises `EngineFailed`."""
        with self.keyed(evaluation_keys, len(reports)) as keyed:
            return keyed.measure(reports, told)


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
