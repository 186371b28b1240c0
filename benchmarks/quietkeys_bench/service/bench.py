"""`quietkeys bench service`: a trainer under load, as its devices see it, and whether it loses anything.

The trainer is started for the bench, with as many workers as asked for. Devices are processes that
use the SDK's client; so many are under way at once, each from its enrolment to its update. Latencies
count while jobs wait, so while every worker has one.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Figures, Tell, write_figures
from quietkeys_bench.common.processes import family, processor_s
from quietkeys_bench.service.account import account_of
from quietkeys_bench.service.child import UPLOAD
from quietkeys_bench.service.load import Load, load_parameters, make_load, shipped_parameters
from quietkeys_bench.service.watching import every_moment, sample, shares, talk

KEY_SETS: Final = 4
SHIPPED_JOBS: Final = 5
LONGEST_S: Final = 4 * 3600.0


class Work(StrEnum):
    """The plan whose jobs are run."""

    LOAD = "load"
    SHIPPED = "shipped"


class Executor(StrEnum):
    """Where jobs run."""

    LOCAL = "local"
    RAY = "ray"


UNLIMITED: Final = (  # what a trainer else allows a device only so much of
    "requests-per-minute",
    "bytes-per-day",
    "reports-per-day",
    "key-sets-per-day",
    "jobs-in-flight",
    "enrolments-per-minute",
    "unsigned-per-minute",
    "connections-per-minute",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """devices: in all. at_once: under way at the same time. The rest goes to `serve`, where it is given."""

    devices: int = 200
    at_once: int = 50
    work: Work = Work.LOAD
    workers: int = 2
    executor: Executor = Executor.LOCAL
    address: str = ""
    database: str = ""
    blobs: str = ""
    key_sets: int = KEY_SETS

    @property
    def number(self) -> int:
        """Devices that there are: five where each has a job of the shipped plan."""
        return self.devices if self.work is Work.LOAD else min(self.devices, SHIPPED_JOBS)

    @property
    def storage(self) -> str:
        """What the trainer keeps things in, without addresses."""
        return f"{self.database.partition(':')[0] or 'sqlite'}, {self.blobs.partition(':')[0] or 'folder'}"

    @property
    def options(self) -> list[str]:
        """The options of `serve`."""
        given = {"--database": self.database, "--blobs": self.blobs, "--address": self.address}
        options = [part for name, value in given.items() if value for part in (name, value)]
        if self.executor is not Executor.LOCAL:
            options += ["--executor", self.executor.value]
        options += [f"--{name}=0" for name in UNLIMITED]  # a device of the bench stands for many
        return [*options, "--workers", str(self.workers)]


@dataclass(slots=True)
class Watched:
    """What was read at `/metrics` while devices were at it: when, jobs that wait, jobs done so far."""

    samples: list[tuple[float, float, float]] = field(default_factory=list)

    def saturated(self) -> tuple[float, float]:
        """Return the first and the last moment at which a job waited."""
        waiting = [moment for moment, queued, _ in self.samples if queued > 0]
        if len(waiting) < 2:
            raise DemoFailed("No job ever waited.", "Use more devices, so that workers are saturated.")
        return waiting[0], waiting[-1]

    def jobs_per_minute(self) -> float:
        """Return the jobs done from the first moment at which one waited until the last was done."""
        begins, _ = self.saturated()
        done = [done for moment, _, done in self.samples if moment >= begins]
        return 60.0 * (done[-1] - done[0]) / self.busy_s()

    def busy_s(self) -> float:
        """Return the seconds from the first moment at which a job waited until the last was done."""
        begins, _ = self.saturated()
        after = [(moment, done) for moment, _, done in self.samples if moment >= begins]
        return next(moment for moment, done in after if done == after[-1][1]) - begins


@dataclass(slots=True)
class Said:
    """What the children said: what became of devices, requests, and the last update of each report."""

    outcomes: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, float, float, int]] = field(default_factory=list)
    updates: dict[str, bytes] = field(default_factory=dict)

    def add(self, line: Mapping[str, Any]) -> None:
        """Take one line in."""
        if "requests" in line:
            self.requests += [(str(r), float(t), float(ms), int(s)) for r, t, ms, s in line["requests"]]
        else:
            outcome = {**line, "update": bool(line["update"])}
            self.outcomes.append(outcome)
            if outcome["update"]:
                self.updates[line["which"]] = bytes.fromhex(line["update"])


def run(settings: Settings, out: Path, tell: Tell) -> None:
    """Measure and write the figures. Raises DemoFailed if a process fails or nothing was saturated."""
    write_figures(out, "service", measure(settings, tell))


def measure(settings: Settings, tell: Tell, besides: Callable[[], Sequence[int]] = list) -> Figures:
    """Return the figures. besides: processes that work for the trainer and were not started by it.

    Raises DemoFailed if a process fails or nothing was saturated.
    """
    bundle, load_before = shipped_bundle(), os.getloadavg()[0]
    with TemporaryDirectory(prefix="quietkeys-bench-") as name:
        folder = Path(name)
        tell(0, settings.number, "compiling")
        if settings.work is Work.LOAD:
            parameters = load_parameters(bundle, folder / "circuits")
        else:
            parameters = shipped_parameters(bundle)
        tell(0, settings.number, "making keys")
        load = make_load(parameters, settings.key_sets, folder)
        pinned = parameters.specification.hash
        tell(0, settings.number, "starting the trainer")
        with trainer_process(folder / "trainer", parameters.plan, pinned, settings.options) as trainer:
            url, watched = trainer.wait_until_ready(), Watched()

            def spent_s() -> float:
                return processor_s([*family(trainer.process.pid), *besides()])

            def look() -> None:
                waiting, _, done = sample(trainer.private_url)
                watched.samples.append((time.time(), waiting, done))

            used = spent_s()
            with every_moment(look):
                said = _devices(settings, load, url, tell)
            used = spent_s() - used
            done = sample(trainer.private_url)[2]
            job, lines = trainer.job_figures(), trainer.log_lines()
        figures = figures_of(said, watched, done)
        account = account_of(lines, parameters.plan, settings.workers, watched.busy_s())
        return {
            "bench": "service",
            "mode": "execute",
            "plan": settings.work.value,
            "p_error": parameters.plan.p_error,
            "look_ups": parameters.plan.look_ups,
            "keys_bytes": parameters.frames.keys.size,
            "devices": settings.number,
            "at_once": settings.at_once,
            "key_sets": settings.key_sets,
            "workers": settings.workers,
            "executor": settings.executor.value,
            "storage": settings.storage,
            **figures,
            "account": account,
            "cpu_seconds": round(used / max(1, figures["accepted"]), 3),
            "job_peak_rss_bytes": job.peak_rss_bytes,
            "relative_error": load.relative_error(said.updates) if said.updates else None,
            "load_before": round(load_before, 2),
            "machine": this_machine().tree(),
        }


def figures_of(said: Said, watched: Watched, done: float) -> Figures:
    """Return latencies while workers were saturated, and what was lost or came twice.

    done: runs whose result was stored, as the trainer counts them.
    """
    begins, ends = watched.saturated()
    rows = [row for row in said.requests if begins <= row[1] <= ends]
    answered = [row[2] for row in rows if row[0] != UPLOAD]
    if not answered:
        raise DemoFailed("No request fell into the time of saturation.", "Use more devices.")
    return {
        **waits_of(answered),
        "api_requests": len(answered),
        "routes": {route: _route_figures(rows, route) for route in sorted({row[0] for row in rows})},
        "jobs_per_minute": round(watched.jobs_per_minute(), 2),
        "saturated_s": round(ends - begins, 1),
        **counts_of(said, done),
    }


def waits_of(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return how long devices waited for answers, at three percentiles."""
    found = np.percentile(milliseconds, (50, 95, 99))
    return {f"api_p{share}_ms": round(float(ms), 1) for share, ms in zip((50, 95, 99), found, strict=True)}


def counts_of(said: Said, done: float) -> Figures:
    """Return what became of all reports. done: runs whose result was stored, as the trainer counts them."""
    accepted = [one for one in said.outcomes if one["accepted"]]
    several = sum(len(set(one["job_ids"])) > 1 for one in accepted)
    everyones = Counter(job_id for one in accepted for job_id in set(one["job_ids"]))
    return {
        "accepted": len(accepted),
        "refused": len(said.outcomes) - len(accepted),
        "errors": dict(Counter(one["error"] for one in said.outcomes if one["error"])),
        "lost": sum(not one["update"] for one in accepted),
        "duplicated": several
        + sum(count > 1 for count in everyones.values())
        + max(0, int(done) - len(accepted)),
        "statuses": {str(s): n for s, n in sorted(Counter(row[3] for row in said.requests).items())},
    }


def _route_figures(rows: Sequence[tuple[str, float, float, int]], route: str) -> dict[str, Any]:
    took = [row[2] for row in rows if row[0] == route]
    p50, p95 = (float(value) for value in np.percentile(took, (50, 95)))
    return {"requests": len(took), "p50_ms": round(p50, 1), "p95_ms": round(p95, 1)}


def _devices(settings: Settings, load: Load, url: str, tell: Tell) -> Said:
    """Run all devices; return what they said."""
    said = Said()

    def hear(_: int, line: Mapping[str, Any]) -> None:
        said.add(line)
        tell(len(said.outcomes), settings.number, "devices served")

    talk("quietkeys_bench.service.child", _told(settings, load, url), hear, LONGEST_S)
    return said


def _told(settings: Settings, load: Load, url: str) -> Iterator[dict[str, Any]]:
    """Yield what each process of devices is told."""
    for share in shares(settings.number, settings.at_once):
        yield {**share, "url": url, "sets": [sent.tree() for sent in load.sets]}
