"""`quietkeys bench scale`: what a job costs when one thing about it grows and the rest stays.

A small plan of one block is the base; events, weights, steps, devices of a circle, threads and workers each
grow in turn. Every cell makes keys, encrypts a report for each device, trains and decrypts, and then runs as
many bare bootstraps of the same parameters as the job has look-ups. What the compiler chooses depends on the
block, so that it is the ratio to these that compares two cells.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.bare import bare_ms
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_or_measured, write_figures
from quietkeys_bench.common.synthetic_plan import (
    Shape,
    relative_l2,
    spread,
    synthetic_plan,
    synthetic_report,
)
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference
from quietkeys_trainer.engine.local import CompiledEngine, Run, compile_engine

REPEAT: Final = 2
SEED: Final = 1  # of the made-up person; with it every block has something to learn


@dataclass(frozen=True, slots=True)
class Setup:
    """One job. sources: devices of a circle. workers: so many such jobs at once, each in a child."""

    events: int = 32
    weights: int = 4
    steps: int = 2
    sources: int = 1
    threads: int = 1
    workers: int = 1

    @property
    def name(self) -> str:
        """Return the name of its cell."""
        return "-".join(f"{name}{value}" for name, value in asdict(self).items())

    @property
    def plan(self) -> Plan:
        """Return a plan of one block, whose keys at the base are about those of the shipped plan."""
        shape = Shape(
            events=self.events,
            weights=self.weights,
            z_bits=13,
            strength_max=255,
            stability=1.6,
            steps=self.steps,
            planes=1,
            reach=2,
        )
        return synthetic_plan(shape, bundle="scale")


VALUES: Final[Mapping[str, tuple[int, ...]]] = {
    "events": (16, 32, 64, 128, 256),
    "weights": (2, 4, 8, 16),
    "steps": (2, 4, 6, 8),
    "sources": (1, 2, 4, 8),
    "threads": (1, 2, 4),
    "workers": (1, 2, 4),
}
FITTED: Final = ("events", "weights", "steps", "sources")  # of which a job's processor time may be a line


@dataclass(frozen=True, slots=True)
class Settings:
    """base: what stays. values: what grows, by name. repeat: jobs of a child after its first."""

    base: Setup = Setup()
    values: Mapping[str, Sequence[int]] = field(default_factory=lambda: dict(VALUES))
    repeat: int = REPEAT

    def setups(self) -> Iterator[tuple[str, Setup]]:
        """Yield what grows, and each of its cells."""
        for variable, values in self.values.items():
            for value in values:
                yield variable, replace(self.base, **{variable: value})


Measure = Callable[[Setup, int, Path], Figures]


def run(settings: Settings, out: Path, tell: Tell, measure: Measure | None = None) -> None:
    """Measure the cells that no earlier run here has left; write each, and all of them at the end."""
    machine = this_machine().tree()
    identity = {"repeat": settings.repeat, "machine": machine}
    setups = list(dict.fromkeys(setup for _, setup in settings.setups()))  # the base is in every series
    rows: dict[Setup, Figures] = {}

    def row(setup: Setup, folder: Path) -> Figures:
        return {"row": (measure or measured)(setup, settings.repeat, folder)}

    with TemporaryDirectory(prefix="quietkeys-bench-") as name:
        for done, setup in enumerate(setups):
            tell(done, len(setups), setup.name)
            cell = cells_folder(out) / f"{setup.name}.json"
            once = partial(row, setup, Path(name))
            rows[setup] = kept_or_measured(cell, "scale-cell", identity, once)["row"]
    series = [{"variable": variable, **rows[setup]} for variable, setup in settings.setups()]
    tree = {
        "bench": "scale",
        "mode": "execute",
        "p_error": settings.base.plan.p_error,
        "repeat": settings.repeat,
        "seed": SEED,
        "base": asdict(settings.base),
        "series": series,
        "fits": fits(series),
        "machine": machine,
    }
    write_figures(out, "scale", tree)


def measured(setup: Setup, repeat: int, folder: Path) -> Figures:
    """Return the row of a cell: medians of what its jobs took, and of as many bare bootstraps as look-ups."""
    plan, load_before = setup.plan, os.getloadavg()[0]
    (block,) = plan.blocks
    engine = compile_engine(plan, folder / "circuits")
    parts = list(spread([array[0] for array in synthetic_report(block, SEED)], setup.sources))
    with TemporaryDirectory(dir=folder) as place:
        parameters = Parameters.of(plan, engine.specification.canonical)
        with ProcessCipher(Path(place) / "keys", parameters) as cipher:
            cipher.generate_keys()
            cipher.write_evaluation_keys(Path(place) / "evaluation_keys")
            keys = (Path(place) / "evaluation_keys").read_bytes()
            reports = [cipher.encrypt(part) for part in parts]
            first, later = _jobs(engine, keys, reports, setup, repeat)
            found = [cipher.decrypt(job.ciphertexts)[0] for job in later]
    expected, _ = reference(block, *(np.sum(arrays, axis=0) for arrays in zip(*parts, strict=True)))
    bare_s = plan.look_ups * bare_ms(engine.specification, plan.look_ups) / 1000
    cpu_s, again_s = (statistics.median(job.cpu_seconds for job in jobs) for jobs in (first, later))
    (bootstrap,) = engine.specification.bootstrap_keys
    return {
        **asdict(setup),
        "look_ups": plan.look_ups,
        "polynomial_size": bootstrap.polynomial_size,
        "bootstrap_levels": bootstrap.levels,
        "small_dimension": bootstrap.input_dimension,
        "keys_bytes": len(keys),
        "report_bytes": sum(map(len, reports[0])),
        "cpu_seconds": cpu_s,
        "start_seconds": statistics.median(job.start_seconds for job in first),
        "keys_seconds": statistics.median(job.keys_seconds for job in first),
        "again_cpu_seconds": again_s,
        "again_seconds": statistics.median(job.seconds for job in later),
        "peak_rss_bytes": max(job.peak_rss_bytes for job in (*first, *later)),
        "bare_seconds": bare_s,
        "over_bare": cpu_s / bare_s,
        "again_over_bare": again_s / bare_s,
        "load_before": round(load_before, 2),
        "relative_l2": max(relative_l2(block, weights, expected) for weights in found),
    }


def _jobs(
    engine: CompiledEngine, keys: bytes, reports: Sequence[Sequence[bytes]], setup: Setup, repeat: int
) -> tuple[list[Run], list[Run]]:
    """Run jobs in as many children at once as there are workers; return the first of each, then the others.

    The first starts its child and reads keys.
    """

    def work(_: int) -> list[Run]:
        with engine.keyed(keys, len(reports)) as keyed:
            return [keyed.measure(reports, threads=setup.threads) for _ in range(1 + repeat)]

    with ThreadPoolExecutor(setup.workers) as pool:
        done = list(pool.map(work, range(setup.workers)))
    return [first for first, *_ in done], [job for _, *later in done for job in later]


def fits(series: Sequence[Figures]) -> list[Figures]:
    """Return the line through a job's processor time by what grows: in seconds, and in bare bootstraps.

    Of jobs in a child that has the keys: what starting it takes is the same for all.
    """
    found = []
    for variable in FITTED:
        rows = [row for row in series if row["variable"] == variable]
        sizes = [float(row[variable]) for row in rows]
        if len(set(sizes)) < 2:
            continue
        seconds = [row["again_cpu_seconds"] for row in rows]
        bare = [row["again_over_bare"] * row["look_ups"] for row in rows]
        slope, at_none = np.polyfit(sizes, seconds, 1)
        bare_slope, bare_at_none = np.polyfit(sizes, bare, 1)
        left = np.array(bare) - np.polyval([bare_slope, bare_at_none], sizes)
        spread_out = float(np.sum((np.array(bare) - np.mean(bare)) ** 2))
        found.append(
            {
                "variable": variable,
                "seconds_each": float(slope),
                "seconds_at_none": float(at_none),
                "bare_each": float(bare_slope),
                "bare_at_none": float(bare_at_none),
                "r2": 1.0 - float(np.sum(left**2)) / spread_out if spread_out else 0.0,
            }
        )
    return found
