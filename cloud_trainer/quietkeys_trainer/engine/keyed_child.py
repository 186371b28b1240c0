"""A child that has an account's evaluation keys and runs its jobs, whatever the recipe, and what a run took.

Nothing native runs in this process. A child gets only the bytes it is to work on. Whatever happens in it ends
here as `EngineFailed`, or as `ExecutorLostError` where the job may be fine and the machine was not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, Self

import structlog

from quietkeys_protocol.cut_values import cut
from quietkeys_protocol.framing import Frame
from quietkeys_trainer.engine.children import Child, Limits
from quietkeys_trainer.engine.circuit_cache import note_bytes
from quietkeys_trainer.engine.interface import Engine, EngineFailed, Told, nobody
from quietkeys_trainer.engine.pressure import usable_cores

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


@dataclass(frozen=True, slots=True)
class Work:
    """What a child is to serve, and how its jobs and answers look.

    order: its arguments. sources: reports of a job. report: frames of each. results: frames of what the
    circuits yield, one after the other; update: of what is sent of them. bootstraps: of a job. whole: whether
    it is all that a job of the plan is, so that its memory is what one takes.
    """

    order: tuple[str, ...]
    sources: int
    report: Sequence[Frame]
    results: Sequence[Frame]
    update: Sequence[Frame]
    bootstraps: int
    whole: bool


class ChildEngine(Engine, Protocol):
    """An engine whose jobs run in children."""

    @property
    def folder(self) -> Path:
        """Where its circuits are kept."""

    @property
    def limits(self) -> Limits:
        """Of a child."""

    @property
    def hidden(self) -> tuple[Path, ...]:
        """What a child may not see."""


class KeyedChild:
    """Some work of an engine under one account's evaluation keys, see `interface.Keyed`."""

    def __init__(self, engine: ChildEngine, work: Work, evaluation_keys: bytes) -> None:
        """Start the child. Raises `EngineFailed`, `ExecutorLostError`."""
        self._engine, self._work = engine, work
        if not engine.frames.keys.matches(evaluation_keys):
            raise EngineFailed("a frame is not the plan's")
        self._unsent: tuple[Sequence[bytes], ...] = ([evaluation_keys],)
        self._used_s = 0.0
        self._child = Child(work.order, engine.limits, engine.hidden)

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
            reports=self._work.sources,
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
        run, work = self.measure_whole(reports, told, threads), self._work
        return replace(run, ciphertexts=tuple(map(_sent, work.results, work.update, run.ciphertexts)))

    def measure_whole(
        self, reports: Sequence[Sequence[bytes]], told: Told = nobody, threads: int | None = None
    ) -> Run:
        """Run as `measure` does; the results are not cut for sending, for whoever measures their noise."""
        work = self._work
        if len(reports) != work.sources or not all(_framed(work.report, one) for one in reports):
            raise EngineFailed("a frame is not the plan's")
        job = [str(threads or usable_cores()).encode(), *(value for report in reports for value in report)]

        def counted(parts: int) -> None:
            if parts <= len(work.results):  # what follows them is what it took
                told(parts)

        unsent, self._unsent = self._unsent, ()
        begin = time.perf_counter()
        parts = self._child.ask(*unsent, job, told=counted)
        run = _run_of(parts, len(work.results), time.perf_counter() - begin)
        self._used_s += run.cpu_seconds
        if not _framed(work.results, run.ciphertexts):  # made from a stranger's bytes
            raise EngineFailed("a result's frame is not the plan's")
        if work.whole:
            note_bytes(self._engine.plan, self._engine.folder, run.peak_rss_bytes)
        return replace(run, bootstraps=work.bootstraps)

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


def _framed(frames: Sequence[Frame], values: Sequence[bytes]) -> bool:
    return len(values) == len(frames) and all(
        frame.matches(value) for frame, value in zip(frames, values, strict=True)
    )


def _sent(result: Frame, update: Frame, value: bytes) -> bytes:
    """Return what is sent of a result: its upper bits, where the plan's updates have another frame."""
    return value if result == update else cut(result, value)
