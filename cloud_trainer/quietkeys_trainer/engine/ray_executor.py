"""Jobs on a Ray cluster: every block of a job is a task, its evaluation keys an object of the store.

Ray brings the keys to a node once, as bytes in shared memory, and prefers the nodes that have them for the
tasks that want them. They stay until the memory budget wants others, or nobody has asked for them for a
while. A task whose node dies is run again elsewhere; a job that this does not save runs again by its lease.

The process that uses this module is the one that knows database and blob store; the cluster knows neither.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import structlog

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_trainer.engine.interface import (
    Engine,
    EngineFailed,
    EngineLoader,
    ExecutorLostError,
    StoredKeys,
    Told,
)
from quietkeys_trainer.engine.pressure import RESERVE_BYTES, require_memory
from quietkeys_trainer.engine.ray_tasks import run_block

BUDGET_SHARE: Final = 0.5  # of this node's object store; results and keys on their way need the rest
UNUSED_S: Final = 600.0  # after which keys are dropped: their device may be deleted by now
TASK_RETRIES: Final = 2  # of a task whose process or node died
FEWEST, MOST = 2, 32  # jobs that a worker has under way; a larger cluster takes more workers
CONNECT_S: Final = 5.0
LOOK_S: Final = 0.5  # how soon a run sees that it is to be dropped
QUIET: Final = {  # nothing is reported to Ray's makers, nothing but errors printed
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


@dataclass(slots=True)
class KeyObjects:
    """Evaluation keys in the object store, the least recently used first, within a budget of bytes.

    `put` stores bytes and gives what stands for them; dropping that frees them.
    """

    put: Callable[[bytes], Any]
    budget_bytes: int
    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[str, tuple[Any, int, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, keys: StoredKeys) -> Any:
        """Fetch these keys into the cluster unless they are there; return what stands for them."""
        with self._lock:
            self._drop_unused()
            if keys.name in self._kept:
                self._kept.move_to_end(keys.name)
                stored, size, _ = self._kept[keys.name]
                self._kept[keys.name] = (stored, size, self.clock())
                return stored
            content = keys.fetch()
            while self._kept and self.held_bytes + len(content) > self.budget_bytes:
                self._kept.popitem(last=False)
            stored = self.put(content)
            self._kept[keys.name] = (stored, len(content), self.clock())
            return stored

    @property
    def held_bytes(self) -> int:
        """Bytes of all keys that are kept."""
        return sum(size for _, size, _ in self._kept.values())

    def names(self) -> frozenset[str]:
        """Return the names of the keys that are kept; drop those that nobody asked for long."""
        with self._lock:
            self._drop_unused()
            return frozenset(self._kept)

    def forget(self, names: Collection[str]) -> None:
        """Drop these keys."""
        with self._lock:
            for name in names:
                self._kept.pop(name, None)

    def clear(self) -> None:
        """Drop all keys."""
        with self._lock:
            self._kept.clear()

    def _drop_unused(self) -> None:
        for name, (_, _, used_at) in list(self._kept.items()):
            if used_at < self.clock() - UNUSED_S:
                del self._kept[name]


class RayExecutor:
    """A Ray cluster, of which this machine is a node; it may be one without processors for tasks."""

    def __init__(self, address: str, load: EngineLoader) -> None:
        """Connect; raise `TryAgain` (CLUSTER_UNREACHABLE) where there is no cluster."""
        os.environ |= QUIET
        try:
            import ray

            _require_listening(address)
            ray.init(address=address, configure_logging=False, log_to_driver=False)
            here = ray.get_runtime_context().get_node_id()
            (node,) = (node for node in ray.nodes() if node["NodeID"] == here)
        except (ImportError, ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise TryAgain(ErrorCode.CLUSTER_UNREACHABLE, type(error).__name__) from error
        self._ray = ray
        self._load = load
        self._task: Any = ray.remote(num_cpus=1, max_retries=TASK_RETRIES)(run_block)
        budget = int(node["Resources"].get("object_store_memory", 0) * BUDGET_SHARE)
        self._keys = KeyObjects(lambda content: ray.put(np.frombuffer(content, np.uint8)), budget)
        self._dropped = threading.Event()

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told, jobs: int
    ) -> list[bytes]:
        """Run a task for every block, see `Executor`."""
        errors = self._ray.exceptions
        try:
            stored = self._keys.of(keys)
            tasks = [
                self._task.remote(
                    self._load,
                    engine.plan.canonical,
                    engine.client_specification_sha256,
                    position,
                    stored,
                    [list(engine.values_of_block(position, report)) for report in reports],
                )
                for position in range(engine.blocks)
            ]
            results = self._results(tasks, told)
        except errors.ObjectStoreFullError as error:
            self._keys.clear()
            raise TryAgain(ErrorCode.TRAINER_BUSY) from error
        except errors.RayError as error:
            cause = getattr(error, "cause", None)
            structlog.get_logger().warning(
                "task_lost", error=type(error).__name__, cause=type(cause).__name__
            )
            if may_be_the_jobs_doing(error):
                raise ExecutorLostError from error
            raise TryAgain(ErrorCode.TRAINER_BUSY) from error
        weights: list[bytes] = []
        for result in results:
            if result is None:
                raise EngineFailed("a block does not run on these bytes")
            weights += result
        return weights

    def width(self) -> int:
        """Return as many jobs as the cluster has processors, within bounds."""
        processors = int(self._ray.cluster_resources().get("CPU", 0))
        return max(FEWEST, min(MOST, processors))

    def require_room(self, engine: Engine) -> None:
        """Require room for keys on their way; the memory that jobs take is that of the nodes."""
        require_memory(RESERVE_BYTES)

    def keys_held(self) -> frozenset[str]:
        """Return the names of the keys that lie in the object store for jobs to come."""
        return self._keys.names()

    def forget_keys(self, names: Collection[str]) -> None:
        """Free these keys in the object store."""
        self._keys.forget(names)

    def drop(self) -> None:
        """Have every `run` cancel its tasks."""
        self._dropped.set()

    def close(self) -> None:
        """Leave the cluster, which frees the keys."""
        self._keys.clear()
        self._ray.shutdown()

    def _results(self, tasks: list[Any], told: Told) -> list[list[bytes] | None]:
        pending = tasks
        while pending:
            done, pending = self._ray.wait(pending, timeout=LOOK_S)
            if done:
                told(len(tasks) - len(pending))
            if self._dropped.is_set():
                for task in pending:
                    self._ray.cancel(task, force=True)
                raise SystemExit(1)
        results: list[list[bytes] | None] = self._ray.get(tasks)
        return results


def may_be_the_jobs_doing(error: Exception) -> bool:
    """Return whether a job that ended so has been tried: what it did may have ended the process that ran it.

    All else that Ray raises is about the cluster, such as a node that is gone, or so slow that it is taken
    for gone; however often that happens, the job waits and is none the worse.
    """
    from ray import exceptions as errors

    if isinstance(error, errors.RayTaskError):
        return not isinstance(error.cause, errors.RayError)  # such as keys that were lost on their way
    return isinstance(error, errors.WorkerCrashedError | errors.OutOfMemoryError)


def _require_listening(address: str) -> None:
    """Raise `OSError` where nobody listens at HOST:PORT; Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
