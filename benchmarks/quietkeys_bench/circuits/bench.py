"""`quietkeys bench circuits`: what a plan's sizes cost under encryption.

Synthetic blocks are compiled, encrypted for, trained and decrypted as a device and a worker do it, and
compared with the integer reference. Time on the clock is that of this machine, whatever else it does;
processor time is what to compare with, and half of it is the clock on 2 idle cores.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, read_figures, write_figures
from quietkeys_bench.common.synthetic_plan import (
    Shape,
    relative_l2,
    spread,
    synthetic_plan,
    synthetic_report,
)
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import accumulator_bits, reference
from quietkeys_trainer.engine.local import CompiledEngine, compile_engine


@dataclass(frozen=True, slots=True)
class Trial:
    """One circuit to measure: a block's shape, how many sources add up, and the error probability."""

    shape: Shape
    sources: int = 1
    p_error: float = 2.0**-40


_BASE: Final = Shape(events=64, weights=10, z_bits=13, strength_max=255, stability=1.6, steps=2)
TRIALS: Final = (
    *(Trial(replace(_BASE, z_bits=z_bits)) for z_bits in (11, 12, 13, 14)),
    *(Trial(replace(_BASE, z_bits=z_bits, planes=1)) for z_bits in (11, 13)),
    *(Trial(replace(_BASE, events=events)) for events in (128, 256)),
    *(Trial(replace(_BASE, events=events, reach=3)) for events in (64, 128)),
    *(Trial(replace(_BASE, z_bits=14, reach=reach)) for reach in (3, 7)),
    *(Trial(_BASE, p_error=2.0**exponent) for exponent in (-60, -80)),
    *(Trial(_BASE, sources=sources) for sources in (2, 8)),
)


def measure(trial: Trial, seeds: Sequence[int], folder: Path) -> dict[str, object]:
    """Measure one circuit; return its row of the figures."""
    plan = replace(synthetic_plan(trial.shape), p_error=trial.p_error)
    (block,) = plan.blocks
    start = time.perf_counter()
    engine = compile_engine(plan, folder / "circuits")
    compile_s = time.perf_counter() - start
    with ProcessCipher(folder / "keys", Parameters.of(plan, engine.specification.canonical)) as cipher:
        start = time.perf_counter()
        cipher.generate_keys()
        generation_s = time.perf_counter() - start
        cipher.write_evaluation_keys(folder / "evaluation_keys")
        keys = (folder / "evaluation_keys").read_bytes()
        runs = [_run(plan, engine, cipher, keys, trial.sources, seed) for seed in seeds]
    (bootstrap,) = engine.specification.bootstrap_keys
    seconds = float(np.mean([run.seconds for run in runs]))
    cpu_seconds = float(np.mean([run.cpu_seconds for run in runs]))
    return {
        **_size(trial),
        "accumulator_bits": accumulator_bits(block),
        "security_bits": engine.security_bits,
        "bootstrap_levels": bootstrap.levels,
        "small_dimension": bootstrap.input_dimension,
        "compile_s": round(compile_s, 2),
        "key_generation_s": round(generation_s, 2),
        "key_bytes": len(keys),
        "report_bytes": runs[0].report_bytes,
        "update_bytes": runs[0].update_bytes,
        "look_ups": plan.look_ups,
        "seconds": round(seconds, 2),
        "ms_per_look_up": round(1000 * seconds / plan.look_ups, 2),
        "cpu_ms_per_look_up": round(1000 * cpu_seconds / plan.look_ups, 2),
        "worker_peak_rss_bytes": max(run.peak_rss_bytes for run in runs),
        "relative_l2": [round(run.relative_l2, 4) for run in runs],
        "slope": [round(run.slope, 4) for run in runs],
    }


@dataclass(frozen=True, slots=True)
class _Run:
    report_bytes: int
    update_bytes: int
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    relative_l2: float
    slope: float


def _run(
    plan: Plan, engine: CompiledEngine, cipher: ProcessCipher, keys: bytes, sources: int, seed: int
) -> _Run:
    """Train one made-up person, whose counts are spread evenly over the sources."""
    (block,) = plan.blocks
    whole = [array[0] for array in synthetic_report(block, seed)]
    parts = list(spread(whole, sources))
    reports = [cipher.encrypt(part) for part in parts]
    run = engine.measure(keys, reports)
    (weights,) = cipher.decrypt(run.ciphertexts)
    expected, _ = reference(block, *(np.sum(arrays, axis=0) for arrays in zip(*parts, strict=True)))
    z, z_expected = block.A @ weights, block.A @ expected
    return _Run(
        report_bytes=sum(map(len, reports[0])),
        update_bytes=sum(map(len, run.ciphertexts)),
        seconds=run.seconds,
        cpu_seconds=run.cpu_seconds,
        peak_rss_bytes=run.peak_rss_bytes,
        relative_l2=relative_l2(block, weights, expected),
        slope=float(z @ z_expected / (z_expected @ z_expected)),
    )


def _size(trial: Trial) -> dict[str, object]:
    shape = trial.shape
    return {
        "events": shape.events,
        "weights": shape.weights,
        "steps": shape.steps,
        "planes": shape.planes,
        "z_bits": shape.z_bits,
        "reach": shape.reach,
        "sources": trial.sources,
        "p_error": trial.p_error,
    }


def run(trials: Sequence[Trial], seeds: Sequence[int], out: Path, tell: Tell) -> None:
    """Measure what is not in the figures yet; write them after every trial."""
    rows: list[dict[str, object]] = read_figures(out, "circuits").get("circuits", [])
    for done, trial in enumerate(trials):
        tell(done, len(trials), f"{trial.shape.events} events, {trial.shape.weights} weights")
        if any(row | _size(trial) == row for row in rows):
            continue
        with tempfile.TemporaryDirectory(prefix="quietkeys-circuits-") as folder:
            rows.append(measure(trial, seeds, Path(folder)))
        figures = {
            "machine": this_machine().tree(),
            "mode": "execute",
            "seeds": list(seeds),
            "circuits": rows,
        }
        write_figures(out, "circuits", figures)
