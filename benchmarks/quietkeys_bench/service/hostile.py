"""`quietkeys bench service --hostile N`: what devices wait for while strangers hold all connections they can.

The trainer is started for the bench with its usual bounds on connections and on what is not signed.
Devices ask at a steady pace, each on a connection of its own, first alone and then among the strangers;
besides, somebody asks whether the trainer is alive.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import requests

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.environment import Environment
from quietkeys.evaluation.machine import this_machine
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import ChildFailed, child
from quietkeys_bench.service.bench import UNLIMITED
from quietkeys_bench.service.child import Clocked
from quietkeys_bench.service.load import load_parameters
from quietkeys_bench.service.strangers import ADDRESSES
from quietkeys_protocol.errors import QuietkeysError

DEVICES: Final = 10
BOUND: Final = frozenset(
    {"unsigned-per-minute", "connections-per-minute"}
)  # what strangers are held to, here as everywhere
PACE_S: Final = 0.5  # between two requests of a device
HEALTH_S: Final = 0.25
MISSED_S: Final = 10.0  # until who asks for health gives up


@dataclass(frozen=True, slots=True)
class Settings:
    """strangers: connections that they hold. seconds: of each of the two measurements."""

    strangers: int = 2000
    seconds: float = 60.0


@dataclass(slots=True)
class Seen:
    """What devices waited for, in milliseconds, how often in vain, and who asked for health."""

    api_ms: list[float] = field(default_factory=list)
    errors: int = 0
    health_ms: list[float] = field(default_factory=list)
    health_missed: int = 0

    def percentile(self, share: float) -> float:
        """Return how long a device waited at most in this share of requests."""
        return round(float(np.percentile(self.api_ms, share)), 1)


def run(settings: Settings, out: Path, tell: Tell) -> None:
    """Measure and write the figures. Raises DemoFailed if a process fails."""
    load_before = os.getloadavg()[0]
    with TemporaryDirectory(prefix="quietkeys-bench-") as name:
        folder = Path(name)
        tell(0, 3, "compiling")
        parameters = load_parameters(shipped_bundle(), folder / "circuits")
        pinned = parameters.specification.hash
        options = [f"--{one}=0" for one in UNLIMITED if one not in BOUND] + ["--workers", "0"]
        with trainer_process(folder / "trainer", parameters.plan, pinned, options) as trainer:
            url = trainer.wait_until_ready()
            tell(1, 3, "devices alone")
            calm = _watch(url, settings.seconds)
            tell(2, 3, "devices among strangers")
            with _strangers(url, settings.strangers) as done:
                crowded = _watch(url, settings.seconds)
    write_figures(
        out,
        "hostile",
        _figures(settings, calm, crowded, done)
        | {
            "load_before": round(load_before, 2),
            "machine": this_machine().tree(),
        },
    )


def _figures(settings: Settings, calm: Seen, crowded: Seen, done: Mapping[str, int]) -> dict[str, Any]:
    if not (calm.api_ms and crowded.api_ms and crowded.health_ms):
        raise DemoFailed("No device was answered.", "Try again when the machine is less busy.")
    return {
        "bench": "hostile",
        "strangers": settings.strangers,
        "addresses": ADDRESSES,
        "connections_made": done["made"],
        "flood_answered": done["answered"],
        "devices": DEVICES,
        "seconds": settings.seconds,
        "calm_p95_ms": calm.percentile(95),
        "api_requests": len(crowded.api_ms),
        "api_p50_ms": crowded.percentile(50),
        "api_p95_ms": crowded.percentile(95),
        "api_p99_ms": crowded.percentile(99),
        "errors": calm.errors + crowded.errors,
        "health_requests": len(crowded.health_ms),
        "health_worst_ms": round(max(crowded.health_ms), 1),
        "health_missed": calm.health_missed + crowded.health_missed,
    }


def _watch(url: str, seconds: float) -> Seen:
    """Have devices and somebody who asks for health at it for a while; return what they saw."""
    seen, ends = Seen(), time.monotonic() + seconds

    def device(number: int) -> None:
        clocked = Clocked(RequestsTransport(url))
        client = TrainerClient(Identity.generate(), clocked, Environment())
        time.sleep(PACE_S * number / DEVICES)
        asked = (client.enrol, client.device_exists, client.circle, lambda: client.put_card(b"card"))
        turn = 0
        while time.monotonic() < ends:
            try:
                asked[turn % len(asked)]()
            except QuietkeysError:
                seen.errors += 1
            turn += 1
            time.sleep(PACE_S)
        seen.api_ms.extend(row[2] for row in clocked.rows)

    def health() -> None:
        while time.monotonic() < ends:
            start = time.perf_counter()
            try:
                answer = requests.get(f"{url}/healthz", timeout=MISSED_S)
                seen.health_missed += answer.status_code != 200
            except requests.RequestException:
                seen.health_missed += 1
            seen.health_ms.append(1000 * (time.perf_counter() - start))
            time.sleep(HEALTH_S)

    thread = threading.Thread(target=health, daemon=True)
    thread.start()
    with ThreadPoolExecutor(DEVICES) as pool:
        for _ in pool.map(device, range(DEVICES)):
            pass
    thread.join()
    return seen


@contextmanager
def _strangers(url: str, number: int) -> Iterator[dict[str, int]]:
    """Hold so many connections as long as the block lasts; what was done is known when it has ended."""
    done: dict[str, int] = {}
    with child(["-m", "quietkeys_bench.service.strangers"]) as process:
        _say(process, json.dumps({"url": url, "number": number}))
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise ChildFailed(process.poll())
        yield done
        said, _ = process.communicate()
    done.update(json.loads(said))


def _say(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
