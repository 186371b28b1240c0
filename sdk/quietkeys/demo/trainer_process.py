"""A trainer on loopback for as long as it is needed: a process with a folder, stopped whatever happens.

The device side never imports the service; it starts it, as its operator would, and reads its ready file and
its structured log.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.failing import DemoFailed
from quietkeys_protocol.plan import Plan, TrainingPlan

STARTS_WITHIN_S: Final = 180.0  # circuits are compiled first; 10 s on 2 idle cores
DRAINS_WITHIN_S: Final = 3.0  # an idle trainer stops in one second; a busy one has nothing to finish for us
STOPS_WITHIN_S: Final = 15.0
_POLL_S: Final = 0.1
_NEEDED: Final = ("concrete", "fastapi", "sqlalchemy", "structlog", "uvicorn")


@dataclass(frozen=True, slots=True)
class JobFigures:
    """What the trainer's log says: seconds of the last finished job, the most memory held in any."""

    seconds: float
    peak_rss_bytes: int


@dataclass(slots=True)
class TrainerProcess:
    """A trainer that was started in `folder`."""

    folder: Path
    process: subprocess.Popen[bytes]
    url: str = ""
    private_url: str = ""  # for operators

    def wait_until_ready(self, within_s: float = STARTS_WITHIN_S) -> str:
        """Return the trainer's address. Raises DemoFailed if it ends or is not ready in time."""
        ready = self.folder / "ready"
        deadline = time.monotonic() + within_s
        while not ready.exists():
            if self.process.poll() is not None:
                raise DemoFailed("The trainer ended before it was ready.", self._last_words())
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"The trainer was not ready within {within_s:.0f} s.",
                    "Try again when the machine is less busy.",
                )
            time.sleep(_POLL_S)
        said = json.loads(ready.read_text())
        self.url, self.private_url = str(said["url"]), str(said["private_url"])
        return self.url

    def job_figures(self) -> JobFigures:
        """Return what the log says of the jobs that are done. Raises DemoFailed if it says nothing."""
        done = [line for line in self.log_lines() if line.get("event") == "job_done"]
        if not done:
            raise DemoFailed("The trainer's log does not mention a finished job.", "Run the demo again.")
        peak = max(int(line["peak_rss_bytes"]) for line in done)
        return JobFigures(float(done[-1]["seconds"]), peak)

    def stop(self) -> None:
        """End the trainer and its workers; by force if they take long."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(DRAINS_WITHIN_S)
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)  # the second one is for hurrying
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(STOPS_WITHIN_S)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log_lines(self) -> list[dict[str, Any]]:
        """Return what it and its workers have logged so far."""
        lines = []
        for line in (self.folder / "log").read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(line))
        return [line for line in lines if isinstance(line, dict)]

    def _last_words(self) -> str:
        said = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        return f"It said: {said[-1][:300]}" if said else "It said nothing."


@contextmanager
def shipped_trainer(folder: Path, port: int) -> Iterator[str]:
    """Start a trainer of the shipped plan; yield its address at once, before it can be reached.

    port: on loopback. Raises DemoFailed where the service is not installed, Untrusted.
    """
    bundle = shipped_bundle()
    plan, pinned = Plan.parse(bundle["plan.json"]), bundle.manifest.client_specification
    with trainer_process(folder, plan, pinned, port=port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def trainer_process(
    folder: Path,
    plan: TrainingPlan,
    specification_sha256: str | None,
    options: Sequence[str] = (),
    port: int = 0,
) -> Iterator[TrainerProcess]:
    """Start a trainer for a plan in a folder of its own; stop it when the block ends.

    specification_sha256: hex; the trainer refuses to start if its compiler yields another specification.
    None for a plan that no device has pinned, which only a bench makes. options: further ones of `serve`.
    Raises DemoFailed where the service is not installed.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise DemoFailed("The trainer is not installed.", "Install it with: pip install 'quietkeys[trainer]'")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "plan.json").write_bytes(plan.canonical)
    command = [sys.executable, "-m", "quietkeys_trainer", "serve", "--no-shipped-plans"]
    command += ["--plan", str(folder / "plan.json")]
    pin = ["--no-pin"] if specification_sha256 is None else ["--client-spec-sha256", specification_sha256]
    where = ["--state", str(folder / "state"), "--port", str(port), "--private-port", "0"]
    where += ["--ready-file", str(folder / "ready")]
    command += [*pin, *where, *options]
    with (folder / "log").open("ab") as log:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # a terminal's Ctrl-C is for us; we stop the trainer ourselves
        )
    trainer = TrainerProcess(folder, started)
    try:
        yield trainer
    finally:
        trainer.stop()
