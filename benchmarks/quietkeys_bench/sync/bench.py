"""`quietkeys bench sync`: what a sync costs against its estimate, and what the host notices of it.

A trainer at niceness 19 on one core, the host on any core, its encryption process at niceness 10. One first
sync, in execute mode, from a fresh profile. The estimate is made before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from quietkeys.cipher import Parameters
from quietkeys.cli.estimate import Estimate, Network, estimate
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import ask, make_polite
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_bench.common.texts import ordinary
from quietkeys_protocol.plan import Plan

WORDS: Final = 300
LOOPBACK: Final = Network(up=4e9, down=4e9)  # what keys went over in a second, hashing and disk included
ENCRYPTING: Final = ("generate keys", "upload keys", "encrypt", "decrypt")  # the encryption process is busy
BYTES: Final = ("keys_bytes", "report_bytes", "update_bytes")


@dataclass(frozen=True, slots=True)
class Settings:
    """words: typed and recorded."""

    words: int = WORDS


def run(settings: Settings, out: Path, tell: Tell, keyboards: Keyboards | None = None) -> None:
    """Measure and write the figures. Raises Untrusted, DemoFailed (ChildFailed), OSError."""
    keyboards = Keyboards() if keyboards is None else keyboards
    bundle = keyboards.bundle()
    plan = Plan.parse(bundle["plan.json"])
    parameters = Parameters.of(plan, bundle["client_specification.json"])
    tell(0, 3, "estimating")
    expected = estimate(parameters, LOOPBACK, trainer_cores=1)
    with TemporaryDirectory(prefix="quietkeys-bench-") as folder:
        pinned = bundle.manifest.client_specification
        tell(1, 3, "a trainer compiles the plan")
        with trainer_process(Path(folder) / "trainer", plan, pinned) as trainer:
            make_polite(trainer.process.pid)
            url = trainer.wait_until_ready()
            tell(2, 3, "typing, then a sync")
            said = _host(keyboards, Path(folder) / "profile", url, settings.words)
            job = trainer.job_figures()
    measured = figures_of(said, job.seconds, job.peak_rss_bytes)
    tree = {
        "bench": "sync",
        "mode": "execute",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "machine": this_machine().tree(),
        "trainer_cores": 1,
        "p_error": plan.p_error,
        "words": settings.words,
        "estimated": asdict(expected),
        "measured": measured,
        "measured_over_estimated": ratios(expected, measured),
        "host": host_figures(said),
    }
    write_figures(out, "sync", tree)


def figures_of(said: Mapping[str, Any], trainer_seconds: float, trainer_peak: int) -> dict[str, Any]:
    """Return what was measured, named as in `Estimate`."""
    return {
        "keys_bytes": said["sent"]["evaluation_keys"],
        "report_bytes": said["sent"]["report"],
        "update_bytes": said["received"]["update"],
        "first_seconds": said["seconds"],
        "trainer_seconds": trainer_seconds,
        "device_memory": said["encryption_peak"],
        "trainer_memory": trainer_peak,
    }


def ratios(expected: Estimate, measured: Mapping[str, Any]) -> dict[str, float]:
    """Return measured over estimated: each figure, all bytes, all seconds of the first sync."""
    names = (*BYTES, "trainer_seconds", "device_memory", "trainer_memory")
    found = {name: measured[name] / getattr(expected, name) for name in names}
    found["all_bytes"] = sum(measured[name] for name in BYTES) / sum(getattr(expected, n) for n in BYTES)
    found["all_seconds"] = sum(measured["first_seconds"].values()) / sum(expected.first_seconds.values())
    found["generate_keys"] = (
        measured["first_seconds"]["generate keys"] / expected.first_seconds["generate keys"]
    )
    return found


def host_figures(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the host noticed: `suggest` at the 95th percentile, memory, modules."""
    busy = [took for _, took in said["busy"]]
    encrypting = [took for step, took in said["busy"] if step in ENCRYPTING]
    idle_ms, busy_ms = float(np.percentile(said["idle_ms"], 95)), float(np.percentile(busy, 95))
    return {
        "suggest_idle_p95_ms": idle_ms,
        "suggest_sync_p95_ms": busy_ms,
        "suggest_encrypting_p95_ms": float(np.percentile(encrypting, 95)) if encrypting else busy_ms,
        "sync_over_idle": busy_ms / idle_ms,
        "suggest_worst_ms": max(busy),
        "idle_calls": len(said["idle_ms"]),
        "sync_calls": len(busy),
        "encrypting_calls": len(encrypting),
        "added_rss_bytes": said["resident_peak"] - said["resident_before"],
        "heavy_modules": said["heavy_modules"],
        "outcome": said["outcome"],
    }


def _host(keyboards: Keyboards, profile: Path, url: str, words: int) -> dict[str, Any]:
    arguments = ["-m", "quietkeys_bench.sync.child", str(profile), *keyboards.arguments(), url]
    found: dict[str, Any] = ask(arguments, "".join(f"{one.line()}\n" for one in ordinary(words)))
    return found
