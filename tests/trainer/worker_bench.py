"""A worker without its service around it: Ann with her keys, and short ways to give it work."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from obstore.store import MemoryStore

from quietkeys_protocol.containers import Report, encode_report
from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_trainer.engine.interface import Executor, Told, nobody
from quietkeys_trainer.engine.local_executor import LocalExecutor
from quietkeys_trainer.ledger.circles import Circles
from quietkeys_trainer.ledger.database import migrate, open_database, writing
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.identity import make_identity
from quietkeys_trainer.ledger.jobs import Arrival, Job, Jobs
from quietkeys_trainer.ledger.retention import Retention
from quietkeys_trainer.processes.worker import Worker
from quietkeys_trainer.service.parts import Service
from quietkeys_trainer.storage.blobs import ObjectBlobs
from quietkeys_trainer.storage.key_uploads import Uploads
from tests.trainer.fake_engine import PLAN, FakeEngine, wrap

ANN = "a" * 32
NOTHING_ENDS = Retention(0, 0, 0, 0)  # its clock begins in 1970
KEYS = wrap(FakeEngine(key_bytes=1000).frames.keys, b"Ann's")
KEY_ID = hashlib.sha256(KEYS).digest()


@dataclass(frozen=True, slots=True)
class FullBlobs(ObjectBlobs):
    """A store without space while `full` is set; two hours have passed there once `later` is."""

    full: threading.Event = field(default_factory=threading.Event)
    later: threading.Event = field(default_factory=threading.Event)

    def clock(self) -> float:
        """Two hours on, where they have passed."""
        return ObjectBlobs.clock(self) + 7200 * self.later.is_set()

    def put(self, source: bytes | IO[bytes], sha256: str) -> str:
        """Refuses while full."""
        if self.full.is_set():
            raise TryAgain(ErrorCode.DISK_FULL)
        return ObjectBlobs.put(self, source, sha256)


@dataclass(frozen=True, slots=True)
class InterferingEngine(FakeEngine):
    """Does something in the middle of a run."""

    interfere: Callable[[], None] = lambda: None

    def run(
        self, evaluation_keys: bytes, reports: Sequence[Sequence[bytes]], told: Told = nobody
    ) -> list[bytes]:
        """Interferes, then runs."""
        self.interfere()
        return FakeEngine.run(self, evaluation_keys, reports, told)


@dataclass
class Bench:
    """A worker, and short ways to give it work."""

    service: Service
    blobs: FullBlobs
    now: float = 1000.0
    sequence: int = 0

    def worker(
        self, engine: FakeEngine | None = None, lease_s: float = 10, executor: Executor | None = None
    ) -> Worker:
        """A worker over an engine."""
        service = replace(self.service, engines={PLAN.hash: engine or FakeEngine()}, clock=lambda: self.now)
        return Worker(service, "1" * 32, lease_s, executor or LocalExecutor())

    def accept(self, *payloads: bytes, source: int = 0, sources: int = 1) -> str:
        """The job of a report whose values begin with these payloads."""
        self.sequence += 1
        head = (bytes.fromhex(PLAN.hash), KEY_ID, source, sources, self.sequence)
        report = Report(*head, values(*payloads))
        container = encode_report(report)
        sha256 = hashlib.sha256(container).hexdigest()
        blob = self.blobs.put(container, sha256)
        arrival = Arrival(ANN, report, blob, sha256, f"{self.sequence:032x}")
        return self.service.jobs.accept(arrival, self.now).job.job_id

    def job(self, job_id: str) -> Job:
        """A job of Ann's."""
        return self.service.jobs.find(ANN, job_id)

    def names(self) -> list[str]:
        """Every blob in the store."""
        return sorted(name for name, _ in self.blobs.listed())


def values(*payloads: bytes) -> tuple[bytes, ...]:
    """The ciphertexts of a report."""
    frames = FakeEngine().frames.report
    padded = [*payloads, *[b""] * len(frames)][: len(frames)]
    return tuple(wrap(frame, payload) for frame, payload in zip(frames, padded, strict=True))


@contextmanager
def open_bench(tmp_path: Path) -> Iterator[Bench]:
    """Ann with her keys, a database in a folder, blobs in memory."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrate(database)
    with writing(database) as session:
        make_identity(session, bytes(32), 1000.0, NOTHING_ENDS.text)
    blobs = FullBlobs(MemoryStore())
    ledger = Ledger(database)
    ledger.enrol(ANN, bytes(32), 0)
    ledger.add_keys(ANN, KEY_ID.hex(), [PLAN.hash], blobs.put(KEYS, KEY_ID.hex()), 0)
    (tmp_path / "uploads").mkdir()
    service = Service(
        ledger=ledger,
        jobs=Jobs(database, clock=lambda _: bench.now),
        circles=Circles(database),
        blobs=blobs,
        uploads=Uploads(database, tmp_path / "uploads"),
        spool=tmp_path,
        engines={},
        clock=lambda: bench.now,
        kept=NOTHING_ENDS,
    )
    bench = Bench(service, blobs)
    yield bench
    database.dispose()
