"""The engine of the recipe `sgd`: Concrete ML's circuit of a batch, run batch after batch in a child.

A job is one block: each batch begins where the one before it ended, so that no two can be run apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_protocol.sgd_plan import SgdPlan
from quietkeys_protocol.sgd_specification import check_sgd_specification, circuit_of, sgd_frames
from quietkeys_protocol.specification import Specification, parse_specification
from quietkeys_protocol.templates import Frames
from quietkeys_trainer.engine.children import Limits
from quietkeys_trainer.engine.circuit_cache import (
    compiled,
    drop_unloadable,
    measured_bytes,
    require_known_concrete,
    require_known_concrete_ml,
    specification_in,
)
from quietkeys_trainer.engine.confinement import require_filters
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError, nobody
from quietkeys_trainer.engine.keyed_child import KeyedChild, Work
from quietkeys_trainer.engine.local import RUN_LIMITS
from quietkeys_trainer.engine.pressure import JOB_BYTES

SGD_LIMITS: Final = Limits(RUN_LIMITS.wall_s * 4, RUN_LIMITS.cpu_s * 4, 16 << 30)  # a batch takes 2 to 150 s
GROWN_KEYS: Final = 12  # times their bytes as they are sent
FEEDBACK: Final = "compilation_feedback.json"  # what Concrete calls it


@dataclass(frozen=True, slots=True)
class SgdEngine:
    """A plan of batches that was compiled here, see `interface.Engine`."""

    plan: SgdPlan
    specification: Specification
    frames: Frames
    security_bits: int
    folder: Path
    limits: Limits = SGD_LIMITS
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
        """What a job takes: the most that its child ever did here, and twice its keys, which it is handed.

        Before the first, what its keys may become in memory, where masks are no longer seeds.
        """
        measured = measured_bytes(self.plan, self.folder)
        keys = self.frames.keys.size
        return 2 * keys + (JOB_BYTES + GROWN_KEYS * keys if measured is None else measured)

    @property
    def blocks(self) -> int:
        """One, of all batches."""
        return 1

    def values_of_block(self, position: int, report: Sequence[bytes]) -> Sequence[bytes]:
        """Return all of a report, see `interface.Engine`."""
        return report

    def keyed(self, evaluation_keys: bytes, sources: int) -> KeyedChild:
        """Start a child, see `interface.Engine`."""
        if sources != self.plan.sources:
            raise EngineFailed(f"{sources} reports")
        folder = compiled(self.plan, 1, self.folder)
        if specification_in(folder) != self.specification.canonical:
            raise EngineFailed("a circuit for other keys")
        work = Work(
            order=("serve", self.plan.recipe.value, str(folder), "1", circuit_of(self.specification).name),
            sources=1,
            report=self.frames.report,
            results=self.frames.results,
            update=self.frames.update,
            bootstraps=_bootstraps(folder) * self.plan.batches,
            whole=True,
        )
        return KeyedChild(self, work, evaluation_keys)

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """Return the encrypted new weights, see `interface.Engine`."""
        with self.keyed(evaluation_keys, len(values)) as keyed:
            return keyed.run(values, nobody, 1)


def _bootstraps(folder: Path) -> int:
    """Return how many bootstraps a batch takes, as the compiler counted them."""
    try:
        (circuit,) = json.loads((folder / FEEDBACK).read_bytes())["circuitFeedbacks"]
        return sum(one["count"] for one in circuit["statistics"] if one["operation"] == "PBS")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineFailed("a damaged circuit") from error


def load_sgd_engine(
    plan: SgdPlan, folder: Path, limits: Limits = SGD_LIMITS, *, hidden: Sequence[Path] = ()
) -> SgdEngine:
    """Load the engine of a plan, compiling it unless `folder` has it from before; return it.

    hidden: folders that no child may see. Raises `Refused` (EXTRA_MISSING) without Concrete ML, and with
    other releases than are known, `Refused` (PLAN_INVALID) where it does not compile, or to larger keys than
    a child is handed, `Untrusted` (SPECIFICATION_UNTRUSTED) where what was compiled is not secure, `TryAgain`
    where this machine cannot compile it now.
    """
    require_filters()
    require_known_concrete()
    require_known_concrete_ml()
    try:
        drop_unloadable(plan, folder)
        specification = parse_specification(specification_in(compiled(plan, 1, folder)))
    except EngineFailed as error:
        raise Refused(ErrorCode.PLAN_INVALID, "it does not compile") from error
    except ExecutorLostError as error:
        raise TryAgain(ErrorCode.DISK_FULL, "no memory or disk to compile a plan") from error
    bits = check_sgd_specification(specification, plan)
    frames = sgd_frames(specification, plan)
    return SgdEngine(plan, specification, frames, bits, folder, limits, tuple(hidden))
