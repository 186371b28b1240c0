"""What the service needs of the engine: frames to compare with, a way to run, and a place to run it.

An engine is one compiled plan, of whichever recipe; an executor runs jobs on engines, in children of the
worker (`local_executor`) or as tasks of a cluster (`ray_executor`). Nothing here can decrypt: there is no
name for a secret key on this side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from quietkeys_protocol.errors import ErrorCode, Outdated
from quietkeys_protocol.plan import VALUES, TrainingPlan
from quietkeys_protocol.templates import Frames

Told = Callable[[int], None]  # hears how many blocks of a job are trained


def nobody(_: int) -> None:
    """Do nothing: stands in where nobody asks how many blocks are done."""


class EngineFailed(Exception):  # noqa: N818 - what happened, as in the words we use
    """The circuit did not run on these bytes: they crashed it, or it took too long or too much memory."""


class Keyed(Protocol):
    """An engine under one account's evaluation keys, in a child that no other account's bytes ever enter."""

    @property
    def lasts(self) -> bool:
        """Whether it can be asked again: it is there, and has processor time left for any job."""

    @property
    def memory_bytes(self) -> int:
        """The memory that it holds between jobs."""

    def run(self, reports: Sequence[Sequence[bytes]], told: Told, threads: int) -> list[bytes]:
        """Return the encrypted new weights, as in `Plan.update_fields`, for the sum of the reports.

        `told` hears after each block how many are done. threads: on how many cores. Raises `EngineFailed`,
        and `ExecutorLostError` where the system ended the child or the disk was full.
        """

    def rest(self) -> None:
        """Let nothing run in it until it is asked again."""

    def close(self) -> None:
        """End it, and with it the keys in its memory."""


class Engine(Protocol):
    """One plan, compiled here."""

    @property
    def plan(self) -> TrainingPlan:
        """What was compiled."""

    @property
    def blocks(self) -> int:
        """How many blocks a job has: parts that can be run apart."""

    def values_of_block(self, position: int, report: Sequence[bytes]) -> Sequence[bytes]:
        """Return what a report has for the block at a position."""

    @property
    def client_specification(self) -> bytes:
        """The client specification that the compiler made, in its canonical form; what devices ship with."""

    @property
    def client_specification_sha256(self) -> str:
        """The hash of the client specification that the compiler made, which devices have pinned."""

    @property
    def frames(self) -> Frames:
        """The frames of everything that is sent under this plan."""

    @property
    def memory_bytes(self) -> int:
        """The memory that a job takes, as far as it was measured here: its child's, and what it is handed."""

    def keyed(self, evaluation_keys: bytes, sources: int) -> Keyed:
        """Start a child that has one account's evaluation keys, for sums of so many reports, 1 to 8.

        Bytes are parsed there alone, under limits. Whoever asks for it closes it. Raises `EngineFailed`, and
        `ExecutorLostError` where none can be started now.
        """

    def run_block(
        self, position: int, evaluation_keys: bytes, values: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """Return the encrypted new weights of the block at `position`, from its values in each report.

        Raises `EngineFailed`, and `ExecutorLostError` where the system ended the child or the disk was full.
        """


def values_of_block(position: int, report: Sequence[bytes]) -> Sequence[bytes]:
    """Return what a report of counts has for the block at a position: its strengths and its gradient."""
    return report[VALUES * position : VALUES * (position + 1)]


Engines = Mapping[str, Engine]  # by plan hash

# (plan, folder for compiled circuits, folders of the service that no child may see) -> engine; raises
# `QuietkeysError` where the plan cannot be trained.
EngineLoader = Callable[[TrainingPlan, Path, Sequence[Path]], Engine]


def engine_of(engines: Engines, retired: Mapping[str, str], plan_hash: str) -> Engine:
    """Return the engine of a served plan; raise `Outdated` where it is not, or no longer, served.

    retired: advice by plan hash, of plans whose jobs are still run.
    """
    if plan_hash in retired:
        raise Outdated(ErrorCode.PLAN_RETIRED, retired[plan_hash])
    engine = engines.get(plan_hash)
    if engine is None:
        raise Outdated(ErrorCode.PLAN_UNKNOWN)
    return engine


class ExecutorKind(StrEnum):
    """The executors there are."""

    LOCAL = "local"
    RAY = "ray"


class ExecutorLostError(Exception):
    """What ran the job died; the job itself may be fine, and is tried again."""


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Evaluation keys in the blob store: the name they are kept under, and how to read them."""

    name: str
    fetch: Callable[[], bytes]


class Executor(Protocol):
    """Runs jobs; may be called by several threads at once."""

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told, jobs: int
    ) -> list[bytes]:
        """Return the encrypted new weights; `told` hears how many blocks are done, see `Keyed.run`.

        jobs: how many there are to do, this one included; with fewer than cores, one may have more of them.
        Raises `EngineFailed` where the job does not run on these bytes, `ExecutorLostError` where what ran it
        died, `TryAgain` where nothing can be run now, and what `fetch` raises.
        """

    def width(self) -> int:
        """Return how many jobs a worker should run at once, at least 1; it changes with a cluster."""

    def require_room(self, engine: Engine) -> None:
        """Raise `TryAgain` where memory or the disk is too short to start a job of this engine."""

    def keys_held(self) -> frozenset[str]:
        """Return the names of the keys that are kept for jobs to come; may be asked by any thread."""

    def forget_keys(self, names: Collection[str]) -> None:
        """Keep these keys no longer; may be called by any thread."""

    def drop(self) -> None:
        """End what is under way as soon as possible; `run` then raises `SystemExit`."""

    def close(self) -> None:
        """Give back what the executor holds."""
