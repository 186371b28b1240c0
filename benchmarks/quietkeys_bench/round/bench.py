"""`quietkeys bench round`: today's plan and another, in turn, on one machine: what a person's round takes.

The other is a revision of this repository, measured with its own code, or the file of a plan, measured with
today's. Each side makes keys once; then their jobs alternate, so that whatever else the machine does meets
both: what counts are the ratios. Beside each stands what its look-ups would cost if there were nothing around
them. Where people are given and the other side is a revision, both learn the same people's typing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine, usable_cores
from quietkeys_bench.common.bare import bare_ms
from quietkeys_bench.common.figures import Figures, Tell, write_figures
from quietkeys_bench.common.processes import ChildFailed, child
from quietkeys_bench.round.people import GainSettings, gains_of
from quietkeys_protocol.specification import Specification, parse_specification

REPEAT: Final = 3
BARE_LOOK_UPS: Final = 40  # of each measurement of bare ones
ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ("protocol", "sdk", "cloud_trainer", "benchmarks", "demo_app")
SIDE: Final = Path(__file__).with_name("side.py")


@dataclass(frozen=True, slots=True)
class Settings:
    """against: a revision of this repository, or the file of a plan. repeat: jobs of each kind and side.

    plan: the file of a plan instead of the shipped one, on today's side.
    """

    against: str
    repeat: int = REPEAT
    gain: GainSettings | None = None
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """A side: its name in the figures, the plan's file if it is not the shipped one, its packages' roots."""

    name: str
    plan: str
    roots: tuple[Path, ...]

    @property
    def environment(self) -> dict[str, str]:
        """What puts its packages before all others; nothing where they are today's."""
        return {"PYTHONPATH": os.pathsep.join(map(str, self.roots))} if self.roots else {}


def run(settings: Settings, out: Path, tell: Tell) -> None:
    """Measure and write the figures. Raises DemoFailed, ValueError for an unknown revision."""
    with TemporaryDirectory(prefix="quietkeys-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        sides = [Side("new", settings.plan, ()), _other(settings.against, folder)]
        talks = [stack.enter_context(_talk(side, folder)) for side in sides]
        for number, talk in enumerate(talks):
            tell(number, 2, "making keys")
            talk.prepare()
        cores, jobs = usable_cores(), [(threads, talk) for threads in (1, usable_cores()) for talk in talks]
        for done in range(settings.repeat * len(jobs)):
            threads, talk = jobs[done % len(jobs)]
            tell(done, settings.repeat * len(jobs), f"{talk.side.name}, {threads} threads")
            talk.job(threads)
        new, other = (talk.figures(cores) for talk in talks)
        people = None
        if settings.gain is not None and sides[1].roots:
            people = [gains_of(side.environment, folder / side.name, settings.gain) for side in sides]
    tree = {
        "bench": "round",
        "mode": "execute",
        "against": settings.against,
        "repeat": settings.repeat,
        "cores": cores,
        "machine": this_machine().tree(),
        "new": new,
        "other": other,
        "ratios": ratios(new, other),
        "people": people and {"new": people[0], "other": people[1], **settings_of(settings)},
    }
    write_figures(out, "round", tree)


def settings_of(settings: Settings) -> dict[str, object]:
    """Return what is to be known of how gains were measured."""
    gain = settings.gain
    assert gain is not None  # noqa: S101 - there are gains
    return {"mode": gain.mode.value, "limit": gain.limit, "words": gain.words, "rounds": gain.rounds}


def ratios(new: Figures, other: Figures) -> dict[str, float]:
    """Return today's over the other's: processor time and clock of a job, look-ups, bytes."""
    found = {
        f"{kind}_{name}": new[kind][name] / other[kind][name]
        for kind in ("one_thread", "all_cores")
        for name in ("cpu_seconds", "seconds")
    }
    sizes = ("look_ups", "keys_bytes", "report_bytes", "update_bytes", "bare_ms")
    return {**found, **{name: new[name] / other[name] for name in sizes}}


def _other(against: str, folder: Path) -> Side:
    if Path(against).is_file():
        return Side("other", str(Path(against).absolute()), ())
    tree = folder / "tree"
    archive = folder / "tree.tar"
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", "-o", str(archive), against]
    try:
        found = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise DemoFailed("There is no git.", "Give the file of a plan instead.") from error
    if found.returncode:
        raise ValueError(f"{against} is neither a file nor a revision of this repository")
    with tarfile.open(archive) as packed:
        packed.extractall(tree, filter="data")
    return Side("other", "", tuple(tree / package for package in PACKAGES if (tree / package).is_dir()))


class _Talk:
    """What is asked of a side's process, and what it answered."""

    def __init__(self, side: Side, folder: Path, process: subprocess.Popen[str]) -> None:
        self.side, self.folder, self._process = side, folder, process
        self._prepared: Figures = {}
        self._jobs: dict[int, list[Figures]] = {}
        self._bare: list[float] = []

    def prepare(self) -> None:
        """Have keys made and circuits compiled."""
        self._prepared = self._asked(json.dumps({"plan": self.side.plan, "folder": str(self.folder)}))

    def job(self, threads: int) -> None:
        """Have a job run, and bare look-ups beside it."""
        self._jobs.setdefault(threads, []).append(self._asked(str(threads)))
        self._bare.append(bare_ms(self._specification(), BARE_LOOK_UPS))

    def figures(self, cores: int) -> Figures:
        """Return the side's figures: medians of its jobs."""
        specification = self._specification()
        ((bootstrap,), (keyswitch,)) = specification.bootstrap_keys, specification.keyswitch_keys
        one, every = medians(self._jobs[1]), medians(self._jobs[cores])
        bare = statistics.median(self._bare)
        bare_s = self._prepared["look_ups"] * bare / 1000
        again = one["again_cpu_seconds"]
        return {
            **self._prepared,
            "peak_rss_bytes": max(job["peak_rss_bytes"] for job in self._jobs[1]),
            "bootstrap_levels": bootstrap.levels,
            "small_dimension": bootstrap.input_dimension,
            "polynomial_size": bootstrap.polynomial_size,
            "keyswitch_levels": keyswitch.levels,
            "one_thread": one,
            "all_cores": every,
            "bare_ms": bare,
            "over_bare": one["cpu_seconds"] / bare_s,
            "again_over_bare": None if again is None else again / bare_s,
        }

    def _specification(self) -> Specification:
        return parse_specification((self.folder / "specification.json").read_bytes())

    def _asked(self, line: str) -> Figures:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise ChildFailed(None)
        print(line, file=process.stdin, flush=True)
        answer = process.stdout.readline()
        if not answer:
            raise ChildFailed(process.wait())
        found: Figures = json.loads(answer)
        return found


@contextmanager
def _talk(side: Side, folder: Path) -> Iterator[_Talk]:
    own = folder / side.name
    own.mkdir()
    with child([str(SIDE)], side.environment) as process:
        yield _Talk(side, own, process)
        if process.stdin is not None:
            process.stdin.close()


def medians(jobs: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the median of every time, None where a side has none of it."""
    names = ("cpu_seconds", "seconds", "again_cpu_seconds", "again_seconds")
    return {
        name: None if jobs[0][name] is None else statistics.median(job[name] for job in jobs)
        for name in names
    }
