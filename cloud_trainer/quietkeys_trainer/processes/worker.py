"""A worker: takes jobs, has their circuits run, stores the results.

It may die at any moment: what it held is run again by another worker once its lease has run out, and whoever
names the lease last decides what the job's result is. It stops between jobs when it is asked to, and in the
middle of one, giving the job back, when it is asked twice.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from quietkeys_protocol.containers import Update, decode_report, encode_update
from quietkeys_protocol.errors import QuietkeysError, TryAgain
from quietkeys_trainer.engine.interface import (
    Engine,
    EngineFailed,
    Executor,
    ExecutorLostError,
    StoredKeys,
)
from quietkeys_trainer.engine.local_executor import LocalExecutor
from quietkeys_trainer.ledger.jobs import Lease
from quietkeys_trainer.ledger.tables import Failure, Outcome
from quietkeys_trainer.service.parts import Service
from quietkeys_trainer.storage.blobs import BlobDamagedError

CREW_S: Final = 1.0  # how soon a worker sees that its cluster has grown or shrunk
FORGET_S: Final = 1.0  # how soon keys are out of memory after they were deleted
POLL_S: Final = 0.2  # how soon an idle worker sees a new job
PAUSE_S: Final = 5.0  # before trying again where the database or the store cannot take more
LATER_S: Final = 30.0  # before a job whose result found no space is run again
LOST_S: Final = 3.0  # by attempt, before a job that was lost is run again: a cluster has to see who is dead


@dataclass(frozen=True, slots=True)
class Worker:
    """Works through the jobs of a service under a name of its own, 32 hex digits."""

    service: Service
    name: str
    lease_s: float
    executor: Executor = field(default_factory=LocalExecutor)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def work(self, stop: threading.Event) -> None:
        """Work until told to stop, on as many jobs at once as the executor is wide."""
        with self._forgetting():
            self._work_at_once(stop)

    def forget_deleted_keys(self) -> None:
        """Have the executor keep no keys that a device, an operator or time has deleted."""
        if held := self.executor.keys_held():
            self.executor.forget_keys(held - self.service.ledger.keys_there(held))

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Look every moment whether keys that are kept were deleted, also in the middle of a job."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(FORGET_S):
                with suppress(TryAgain):  # the database does not answer now; unused keys go all the same
                    self.forget_deleted_keys()

        thread = threading.Thread(target=look, name="forgetting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _work_at_once(self, stop: threading.Event) -> None:
        if self.executor.width() == 1:
            self._work(stop, 0)
            return
        ended: list[
            threading.Event
        ] = []  # of a crew; an interrupted join takes a thread for ended, bpo-45274
        try:
            while not stop.is_set():
                while len(ended) < self.executor.width():
                    ended.append(self._engage(stop, len(ended)))
                stop.wait(CREW_S)
                if any(one.is_set() for one in ended) and not stop.is_set():
                    raise SystemExit(1)  # something unforeseen; another worker takes over
            for one in ended:
                one.wait()
        except (SystemExit, KeyboardInterrupt):
            stop.set()
            self.executor.drop()
            for one in ended:
                one.wait()
            raise

    def _engage(self, stop: threading.Event, position: int) -> threading.Event:
        """Start a thread that works until told to stop or dropped; return the event of its end."""
        ended = threading.Event()

        def work() -> None:
            try:
                with suppress(SystemExit):
                    self._work(stop, position)
            finally:
                ended.set()

        threading.Thread(target=work, name=f"crew-{position}", daemon=True).start()
        return ended

    def _work(self, stop: threading.Event, position: int) -> None:
        """Work while the executor is wide enough for this position; only one looks for jobs at a time."""
        while not stop.is_set():
            if position >= self.executor.width():
                stop.wait(CREW_S)
                continue
            with self._turn:
                lease = self._look(stop)
            if lease is not None:
                with _waiting(stop):
                    self._bring_home(lease)

    def _look(self, stop: threading.Event) -> Lease | None:
        """Lease the next job; return None, after a while, where there is none or it cannot be taken now."""
        lease = None
        if not stop.is_set():
            with _waiting(stop):
                lease = self._lease()
                if lease is None:
                    stop.wait(POLL_S)
        return lease

    def work_once(self) -> bool:
        """Bring one job as far as it goes; return whether there was one."""
        lease = self._lease()
        if lease is not None:
            self._bring_home(lease)
        return lease is not None

    def _lease(self) -> Lease | None:
        service = self.service
        return service.jobs.lease_next(self.name, self._fitting(), self.lease_s)

    def _fitting(self) -> list[str]:
        """Return the plans whose jobs there is room for; raise `TryAgain` where there is room for none."""
        fitting, refused = [], None
        for plan_hash, engine in self.service.engines.items():
            try:
                self.executor.require_room(engine)
            except TryAgain as error:
                refused = error
            else:
                fitting.append(plan_hash)
        if refused is not None and not fitting:
            raise refused
        return fitting

    def _bring_home(self, lease: Lease) -> None:
        """Bring a job as far as it goes."""
        service = self.service
        try:
            with self._heartbeat(lease):
                self._train(lease)
        except (SystemExit, KeyboardInterrupt):
            if service.jobs.give_back(lease):
                structlog.get_logger().info("job_given_back", job_id=lease.job_id)
            raise

    def _train(self, lease: Lease) -> None:
        """Run the job's circuit and land its result, or the reason why there is none."""
        service = self.service
        log = structlog.get_logger().bind(job_id=lease.job_id, attempt=lease.attempt)
        start = time.perf_counter()
        try:
            keys = StoredKeys(lease.key_blob, lambda: service.blobs.get(lease.key_blob))
            reports = self._reports(lease)
            engine = service.engines[lease.plan_hash]
            container = _container(lease, engine, self._run(lease, engine, keys, reports))
        except BlobDamagedError:
            ours = service.jobs.fail(lease, Failure.INPUTS, service.clock())
            log.error("job_failed", failure=Failure.INPUTS.value, ours=ours)
            self._note(lease, Outcome.FAILED if ours else Outcome.DROPPED, start)
            return
        except TryAgain:
            service.jobs.give_back(lease, LATER_S)
            raise
        except ExecutorLostError:
            ours = service.jobs.give_back(lease, LOST_S * lease.attempt, tried=True)
            log.warning("job_abandoned", ours=ours)
            return
        except (EngineFailed, QuietkeysError) as error:
            ours = service.jobs.fail(lease, Failure.ENGINE, service.clock())
            log.error("job_failed", failure=Failure.ENGINE.value, ours=ours, error=type(error).__name__)
            self._note(lease, Outcome.FAILED if ours else Outcome.DROPPED, start)
            return
        seconds = time.perf_counter() - start
        ours = self._land(lease, container)
        log.info(
            "job_done" if ours else "job_result_dropped",
            seconds=round(seconds, 3),
            reports=len(reports),
            update_bytes=len(container),
            peak_rss_bytes=_peak_rss_bytes(),
        )
        self._note(lease, Outcome.DONE if ours else Outcome.DROPPED, start)

    def _run(
        self, lease: Lease, engine: Engine, keys: StoredKeys, reports: Sequence[Sequence[bytes]]
    ) -> list[bytes]:
        """Have the job run; its device may follow which block is under way."""

        def told(blocks: int) -> None:
            with suppress(TryAgain):  # a figure; the next one makes up for it
                self.service.jobs.note_blocks(lease, blocks)

        return self.executor.run(engine, keys, reports, told, self.service.jobs.open())

    def _note(self, lease: Lease, outcome: Outcome, start: float) -> None:
        """Note a run for operators; a figure that the database cannot take now is not worth waiting for."""
        with suppress(TryAgain):
            seconds = time.perf_counter() - start
            self.service.jobs.note_run(lease.plan_hash, outcome, seconds, self.service.clock())

    def _reports(self, lease: Lease) -> list[tuple[bytes, ...]]:
        """Return the values of the reports to add, newer ones where one was replaced since the lease."""
        blobs = self.service.blobs
        try:
            containers = [blobs.get(name) for name in lease.report_blobs]
        except BlobDamagedError:
            newer = self.service.jobs.reports_of(lease)
            if newer == lease.report_blobs:
                raise
            containers = [blobs.get(name) for name in newer]
        return [decode_report(container).ciphertexts for container in containers]

    def _land(self, lease: Lease, container: bytes) -> bool:
        """Make the container the job's result; return whether it is: always, unless the lease was lost."""
        service = self.service
        try:
            blob = service.blobs.put(container, hashlib.sha256(container).hexdigest())
        except TryAgain:
            service.jobs.give_back(lease, LATER_S)
            raise
        landed = service.jobs.finish(lease, blob, service.clock())
        if not landed:
            service.blobs.delete(blob)
        return landed

    @contextmanager
    def _heartbeat(self, lease: Lease) -> Iterator[None]:
        """Keep the lease from running out for as long as this process lives and the block lasts."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self.lease_s / 3):
                try:
                    held = self.service.jobs.extend(lease, self.lease_s)
                except TryAgain:
                    continue
                if not held:
                    return

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@contextmanager
def _waiting(stop: threading.Event) -> Iterator[None]:
    """Pause, unless told to stop, where the block cannot be done now."""
    try:
        yield
    except TryAgain as error:
        structlog.get_logger().warning("worker_waits", code=error.code.value)
        stop.wait(PAUSE_S)


def _container(lease: Lease, engine: Engine, ciphertexts: Sequence[bytes]) -> bytes:
    """Return the update container of a job; raise `EngineFailed` for a result that no device would take.

    What comes out of a run was made from a stranger's bytes, so it is compared like what goes in.
    """
    frames = engine.frames.update
    if len(ciphertexts) != len(frames):
        raise EngineFailed
    if not all(frame.matches(value) for frame, value in zip(frames, ciphertexts, strict=True)):
        raise EngineFailed
    update = Update(
        plan_hash=bytes.fromhex(lease.plan_hash),
        key_id=bytes.fromhex(lease.key_id),
        job_id=bytes.fromhex(lease.job_id),
        ciphertexts=tuple(ciphertexts),
    )
    return encode_update(update)


def _peak_rss_bytes() -> int:
    """Return the most memory that this process, or any child of it that has ended, has held."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return unit * max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
