"""Jobs in children of the worker, one at a time; a child waits a while for the next job of its account.

Reading keys and making of them what is computed with takes a second. A child that has done that is kept, with
its account's keys and nothing of any other account, stopped by the kernel until a job of the same keys comes.
It goes when nobody asks for a while, when its keys are deleted, when memory or the budget wants others, and
with the worker. Whatever is wrong with a kept child costs a start, not the job: it is run in a new one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from quietkeys_trainer.engine.interface import (
    Engine,
    EngineFailed,
    ExecutorLostError,
    Keyed,
    StoredKeys,
    Told,
)
from quietkeys_trainer.engine.pressure import (
    available_bytes,
    require_memory,
    require_scratch,
    usable_cores,
)

WARM_BYTES: Final = 1 << 30  # of a worker's kept children; one of the shipped plan holds under 0.4 GB
UNUSED_S: Final = 600.0  # after which a child goes that nobody asked

_Place = tuple[str, str, int]  # name of the keys, plan hash, number of sources


@dataclass(slots=True)
class LocalExecutor:
    """One job at a time, in a child of this process; the number of workers is that of jobs at once.

    budget_bytes: of children that are kept; 0 starts one afresh for every job. `run` has to be called from a
    thread that lives as long as the executor, see `Child`.
    """

    budget_bytes: int = WARM_BYTES
    clock: Callable[[], float] = time.monotonic
    available: Callable[[], int] = available_bytes
    cores: int = field(default_factory=usable_cores)
    _kept: OrderedDict[_Place, tuple[Keyed, int, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]], told: Told, jobs: int
    ) -> list[bytes]:
        """Run all blocks in the child that has the keys, or in a new one, see `Executor`."""
        place = (keys.name, engine.plan.hash, len(reports))
        threads = max(1, self.cores // max(1, jobs))
        kept = self._taken(place)
        if kept is not None:
            with suppress(EngineFailed, ExecutorLostError):  # maybe for what an earlier job did
                return self._asked(place, kept, reports, told, threads)
        return self._asked(place, engine.keyed(keys.fetch(), len(reports)), reports, told, threads)

    def width(self) -> int:
        """Return one: a second job at once is a second worker."""
        return 1

    def require_room(self, engine: Engine) -> None:
        """Require room for the job's child, which is the first to be killed where there is none.

        Children that are kept make room.
        """
        while self._kept and self.available() < engine.memory_bytes:
            self._give_up_oldest()
        require_memory(engine.memory_bytes, self.available)
        require_scratch()

    def keys_held(self) -> frozenset[str]:
        """Return the names of the keys in children that are kept; end those that nobody asked for long."""
        with self._lock:
            unused = [place for place, (_, _, at) in self._kept.items() if at < self.clock() - UNUSED_S]
        self._close(unused)
        with self._lock:
            return frozenset(name for name, _, _ in self._kept)

    def forget_keys(self, names: Collection[str]) -> None:
        """End the children that have these keys."""
        with self._lock:
            places = [place for place in self._kept if place[0] in names]
        self._close(places)

    def drop(self) -> None:
        """Do nothing: the signal that says so ends the run by itself."""

    def close(self) -> None:
        """End all children."""
        with self._lock:
            places = list(self._kept)
        self._close(places)

    def _asked(
        self, place: _Place, keyed: Keyed, reports: Sequence[Sequence[bytes]], told: Told, threads: int
    ) -> list[bytes]:
        """Have a child run a job; keep it if that went well, and end it if not."""
        try:
            weights = keyed.run(reports, told, threads)
            keyed.rest()
        except BaseException:
            keyed.close()
            raise
        self._keep(place, keyed)
        return weights

    def _taken(self, place: _Place) -> Keyed | None:
        """Take the child of a place out of those that are kept; None where there is none that lasts."""
        with self._lock:
            keyed, _, _ = self._kept.pop(place, (None, 0, 0.0))
        if keyed is not None and not keyed.lasts:
            keyed.close()
            return None
        return keyed

    def _keep(self, place: _Place, keyed: Keyed) -> None:
        """Keep a child if it lasts; give up those that were not asked for longest until all fit."""
        if not keyed.lasts:
            keyed.close()
            return
        size = keyed.memory_bytes
        with self._lock:
            self._kept[place] = (keyed, size, self.clock())
        while sum(kept for _, kept, _ in list(self._kept.values())) > self.budget_bytes:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        with self._lock:
            oldest = [next(iter(self._kept))] if self._kept else []
        self._close(oldest)

    def _close(self, places: Collection[_Place]) -> None:
        for place in places:
            with self._lock:
                keyed, _, _ = self._kept.pop(place, (None, 0, 0.0))
            if keyed is not None:
                keyed.close()
