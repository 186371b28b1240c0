"""Where jobs are run: in a child of the worker, or as tasks of a cluster (`ray_executor`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quietkeys_trainer.engine.interface import Engine, Told
from quietkeys_trainer.engine.pressure import JOB_BYTES, require_memory


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
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told
    ) -> list[bytes]:
        """The encrypted new weights, and `told` how many blocks are done, see `Engine.run`.

        Raises `EngineFailed` where the job does not run on these bytes, `ExecutorLostError` where what ran it
        died, `TryAgain` where nothing can be run now, and what `fetch` raises.
        """

    def width(self) -> int:
        """How many jobs a worker should have under way at once, at least 1; it changes with a cluster."""

    def require_room(self) -> None:
        """Raises `TryAgain` where memory is too short to start another job."""

    def drop(self) -> None:
        """Ends what is under way as soon as may be; `run` then raises `SystemExit`."""

    def close(self) -> None:
        """Gives back what the executor holds."""


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """One job at a time, in a child of this process; the number of workers is that of jobs at once."""

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told
    ) -> list[bytes]:
        """All blocks in one child."""
        return engine.run(keys.fetch(), reports, told)

    def width(self) -> int:
        """One: a second job at once is a second worker."""
        return 1

    def require_room(self) -> None:
        """Room for the job's child, which is the first to be killed where there is none."""
        require_memory(JOB_BYTES)

    def drop(self) -> None:
        """Nothing: the signal that says so ends the run by itself."""

    def close(self) -> None:
        """Nothing is held."""
