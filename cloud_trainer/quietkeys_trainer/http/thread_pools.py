"""Threads of their own for work that waits for disks, so that what is quick never waits behind it.

Handlers share a pool of forty threads. Fifty devices that upload keys would hold all of them, waiting for
the disk, and a device that asks for its job would wait for one of these to end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lane:
    """Runs functions in threads, so many at once; others wait their turn without a thread."""

    name: str
    width: int
    _limiter: RunVar[anyio.CapacityLimiter] = field(init=False)  # one for every event loop

    def __post_init__(self) -> None:
        object.__setattr__(self, "_limiter", RunVar(self.name))

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """What the function returns."""
        try:
            limiter = self._limiter.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(self.width)
            self._limiter.set(limiter)
        return await anyio.to_thread.run_sync(function, *arguments, limiter=limiter)
