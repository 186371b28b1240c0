"""What may befall a trainer: kills, servers that go, a full disk, a wrong clock; and how it is put right."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from quietkeys_bench.common.processes import children
from tests.trainer.bucket import Fault
from tests.trainer.filled import AHEAD, Filled
from tests.trainer.running import wait_until
from tests.trainer.stores import Services

DAY_S: Final = 86_400
CLOCKS_S: Final = (-401 * DAY_S, -2 * DAY_S, -200, 200, 2 * DAY_S, 401 * DAY_S)


class Harm(StrEnum):
    """A thing that goes wrong."""

    API = "kill of the API"
    WORKER = "kill of a worker"
    CHILD = "kill of an engine child"
    ALL = "kill of everything"
    STOP = "stop and start"
    STORE = "store away"
    DATABASE = "database away"
    DISK = "disk full"
    CLOCK = "clock wrong"
    SECOND = "second trainer killed"
    OPERATOR = "backup and tidy"


KILLS: Final = (Harm.API, Harm.WORKER, Harm.CHILD, Harm.ALL)


@dataclass(slots=True)
class Faults:
    """Does harm to a trainer, one thing after another, as chance has it.

    disk: a file that may be filled up, on the disk of the trainer alone; None where there is no such disk.
    """

    filled: Filled
    services: Services
    chance: Random
    disk: Path | None = None
    done: dict[str, int] = field(default_factory=dict)
    _backups: int = 0

    def plan(self, number: int) -> list[Harm]:
        """So many things, every kind about as often; kills twice as often as the rest."""
        kinds = [harm for harm in Harm if harm is not Harm.DISK or self.disk is not None]
        deck: list[Harm] = []
        while len(deck) < number:
            hand = kinds + list(KILLS)
            self.chance.shuffle(hand)
            deck += hand
        return deck[:number]

    def do(self, harm: Harm) -> None:
        """Do one thing, and put it right."""
        deeds: dict[Harm, Callable[[], None]] = {
            Harm.API: self._kill_api,
            Harm.WORKER: lambda: self._kill(self.filled.trainer.workers()),
            Harm.CHILD: self._kill_child,
            Harm.ALL: self._kill_all,
            Harm.STOP: self._stop,
            Harm.STORE: self._store,
            Harm.DATABASE: self._database,
            Harm.DISK: self._disk,
            Harm.CLOCK: self._clock,
            Harm.SECOND: self._second,
            Harm.OPERATOR: self._operator,
        }
        deeds[harm]()
        self.done[harm.value] = self.done.get(harm.value, 0) + 1

    def _pause(self, most_s: float) -> None:
        time.sleep(self.chance.uniform(0, most_s))

    def _kill(self, pids: list[int]) -> None:
        if pids:
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(pids), signal.SIGKILL)

    def _kill_api(self) -> None:
        assert self.filled.trainer.process is not None
        self.filled.trainer.process.kill()
        self.filled.trainer.process.wait()
        self._pause(1)
        self.filled.start()

    def _kill_child(self) -> None:
        """Waits a moment for one; over the fake engine there is none, and a worker takes its place."""
        until = time.monotonic() + 3
        while time.monotonic() < until:
            found = [child for pid in self.filled.trainer.workers() for child in children(pid)]
            if found:
                self._kill(found)
                return
            time.sleep(0.01)
        self._kill(self.filled.trainer.workers())

    def _kill_all(self) -> None:
        workers = self.filled.trainer.workers()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._kill_api()

    def _stop(self) -> None:
        assert self.filled.trainer.stop() == 0
        self.filled.start()

    def _store(self) -> None:
        """A folder that is not mounted, or a server that answers with errors, keeps silent, breaks off."""
        if self.filled.storage.blobs:
            fault = self.chance.choice(list(Fault))
            self.services.bucket.fault = lambda _: fault
            self._pause(4)
            self.services.bucket.fault = lambda _: None
            return
        blobs, aside = self.filled.state / "blobs", self.filled.state / "aside"
        blobs.rename(aside)
        is_made = self.chance.random() < 0.5
        if is_made:
            blobs.mkdir()
        self._pause(4)
        if is_made:
            wait_until(lambda: not any(blobs.iterdir()))  # what went beneath the store is taken back
            blobs.rmdir()
        aside.rename(blobs)

    def _database(self) -> None:
        if self.filled.storage.database:
            self.services.postgres.kill()
            self._pause(2)
            self.services.postgres.start()
            return
        ledger = self.filled.state / "ledger.sqlite"
        with closing(sqlite3.connect(ledger, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN IMMEDIATE")
            self._pause(12)  # longer than a writer waits
            other.execute("ROLLBACK")

    def _disk(self) -> None:
        assert self.disk is not None
        filler = os.open(self.disk, os.O_CREAT | os.O_WRONLY)
        try:
            with suppress(OSError):  # that is what it is for
                while True:
                    os.write(filler, bytes(1 << 20))
            with suppress(OSError):
                while True:
                    os.write(filler, bytes(512))
            self._pause(4)
        finally:
            os.close(filler)
            self.disk.unlink()

    def _clock(self) -> None:
        """A start with a clock that is wrong, long enough to tidy, and another one with a right one."""
        trainer = self.filled.trainer
        trainer.stop()
        trainer.environment[AHEAD] = str(self.chance.choice(CLOCKS_S))
        self.filled.start()
        self._pause(3)
        trainer.stop(self.chance.choice([signal.SIGTERM, signal.SIGKILL]))
        del trainer.environment[AHEAD]
        self.filled.start()

    def _second(self) -> None:
        """Another worker of the same trainer, which is killed whatever it is at."""
        trainer = self.filled.trainer
        environment = os.environ | trainer.environment
        with (trainer.folder / "log").open("ab") as log:
            line = trainer.command("worker")
            worker = subprocess.Popen(line, env=environment, stderr=log, stdout=subprocess.DEVNULL)
        time.sleep(2)
        self._pause(3)
        worker.kill()
        worker.wait()

    def _operator(self) -> None:
        """What an administrator may do at any time."""
        self._backups += 1
        backup = self.filled.folder / f"backup{self._backups}"
        self.filled.said("admin", "backup", str(backup))
        backup.unlink()
        self.filled.said("admin", "tidy")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path | None]:
    """A file on a disk of this size, mounted on the folder; None where nobody may mount."""
    with ExitStack() as stack:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
        try:
            is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        except OSError:
            is_mounted = False
        if is_mounted:
            stack.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        yield folder / "filler" if is_mounted else None
