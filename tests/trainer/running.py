"""A trainer started as its users start it: a process on loopback, with a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys_bench.common.processes import children, lives
from quietkeys_bench.service.bench import UNLIMITED
from quietkeys_protocol.plan import Plan
from tests.patience import HANGS_S
from tests.trainer.device import Device
from tests.trainer.fake_engine import CONTROL, PLAN, FakeEngine, wrap

WIDE: Final = {"COLUMNS": "4000"}  # of a terminal: no sentence is broken where a path is long


@dataclass(slots=True)
class Trainer:
    """A running trainer; its folder outlives it, so that it can be started again."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    module: str = "tests.trainer.fake_trainer"
    plan: Plan = PLAN
    pin: str = FakeEngine().client_specification_sha256
    catalogue: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    private_url: str = ""  # where operators ask

    def has_circuits(self, folder: Path) -> None:
        """Has the trainer find circuits that were compiled before, as after a restart."""
        shutil.copytree(folder, self.folder / "state" / "circuits")

    @property
    def control(self) -> Path:
        """Where the fake engine is told what to do and says what it did."""
        return self.folder / "control"

    @property
    def log(self) -> str:
        """Everything the processes have logged."""
        return (self.folder / "log").read_text()

    def command(self, *arguments: str) -> list[str]:
        """A command line of this trainer."""
        plan = self.folder / "plan.json"
        plan.write_bytes(self.plan.canonical)
        pin = ["--client-spec-sha256", self.pin] if self.pin else []
        served = ["--plan", str(plan), *pin] if self.catalogue is None else ["--plans", str(self.catalogue)]
        common = [*served, "--no-shipped-plans", "--state", str(self.folder / "state")]
        serves = arguments[0] == "serve"
        unlimited = [f"--{name}=0" for name in UNLIMITED] if serves else []
        # Where a test says nothing of workers it counts on one: who holds that one holds every job.
        workers = ["--workers=1"] if serves and "--workers" not in arguments else []
        return [
            sys.executable,
            "-m",
            self.module,
            arguments[0],
            *common,
            *unlimited,
            *workers,
            *arguments[1:],
        ]

    def start(self, *arguments: str) -> None:
        """Starts it, and waits for its ready line."""
        self.control.mkdir(exist_ok=True)
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(
                    "serve", "--port", "0", "--private-port", "0", "--ready-file", str(ready), *arguments
                ),
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=os.environ | {CONTROL: str(self.control)} | self.environment,
            )
        try:
            wait_until(lambda: ready.exists() or self.ended())
            assert ready.exists(), self.log
        except BaseException:  # nobody else would stop it
            self.process.kill()
            raise
        said = json.loads(ready.read_text())
        self.url, self.private_url = said["url"], said["private_url"]

    def ended(self) -> bool:
        """Whether the process is no longer there."""
        return self.process is None or self.process.poll() is not None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status after a signal; with SIGKILL also its workers are waited for."""
        assert self.process is not None
        workers = self.workers()
        self.process.send_signal(number)
        status = self.process.wait(HANGS_S)
        wait_until(lambda: not any(map(lives, workers)))
        return status

    def workers(self) -> list[int]:
        """The worker processes."""
        return [] if self.process is None or self.ended() else children(self.process.pid)

    def runs(self) -> list[dict[str, int]]:
        """What the fake engine has run: the process and the number of reports of each run."""
        path = self.control / "runs"
        lines = path.read_text().splitlines() if path.exists() else []
        return [dict[str, int](json.loads(line)) for line in lines]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the fake engine from finishing for as long as the block lasts."""
        hold = self.control / "hold"
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def device(self) -> Device:
        """An enrolled device."""
        device = Device(self.url)
        assert device.enrol().status_code == 201
        return device

    def stored(self) -> list[Path]:
        """Every blob in the store, finished or not."""
        found = (self.folder / "state" / "blobs").iterdir()
        return sorted(path for path in found if not path.name.startswith("quietkeys-"))


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Trainer]:
    """A trainer over the fake engine, stopped at the end whatever happened."""
    trainer = Trainer(folder, environment)
    trainer.start(*arguments)
    try:
        yield trainer
    finally:
        if not trainer.ended():
            trainer.stop()


def memory(pid: int) -> int:
    """Bytes that a process holds in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_memory(pid: int) -> int:
    """The most bytes that a process has ever held in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def open_files(pid: int) -> int:
    """How many files and connections a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def wait_until(holds: Callable[[], object], within_s: float = HANGS_S) -> None:
    """Returns as soon as it holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fake_keys(name: bytes) -> bytes:
    """Evaluation keys that the fake engine's frame fits."""
    return wrap(FakeEngine().frames.keys, name)


def fake_values(payload: bytes) -> tuple[bytes, ...]:
    """A report's values that the fake engine's frames fit."""
    return tuple(wrap(frame, payload) for frame in FakeEngine().frames.report)
