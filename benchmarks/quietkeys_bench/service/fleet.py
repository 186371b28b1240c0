"""`quietkeys bench service --enrolled 10000`: a trainer that so many devices know, for hours.

All enrol first. Then they take turns, so many at once, with real ciphertexts under a few key sets: keys up,
report, update, keys deleted. So the trainer has rows of all of them and keys of those under way. A part is an
hour of that, a JSON of its own. The trainer's folder outlives a run that was stopped, which goes on with the
same devices at the next part; it is removed when all parts are there.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import TrainerProcess, trainer_process
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_or_measured, write_figures
from quietkeys_bench.common.processes import family, own_bytes
from quietkeys_bench.service.bench import KEY_SETS, LONGEST_S, Said, Settings, counts_of, waits_of
from quietkeys_bench.service.child import UPLOAD
from quietkeys_bench.service.load import Load, load_parameters, make_load
from quietkeys_bench.service.watching import every_moment, sample, shares, talk

MODULE: Final = "quietkeys_bench.service.fleet_child"
SLICES: Final = 12  # of a part, each with its figures
LEAST_H: Final = 0.5  # of a run, below which growth in an hour says nothing
IDLE_WITHIN_S: Final = 1800.0  # what a run that was stopped has left is trained first


@dataclass(frozen=True, slots=True)
class Fleet:
    """devices: all that are enrolled. parts: one after the other, each of so many seconds."""

    devices: int = 10_000
    parts: int = 6
    part_s: float = 3600.0
    at_once: int = 50
    workers: int = 2
    key_sets: int = KEY_SETS

    @property
    def options(self) -> list[str]:
        """Return the options of `serve`."""
        return Settings(workers=self.workers).options

    @property
    def identity(self) -> Figures:
        """Return what a part must have been measured with to count."""
        names = ("devices", "part_s", "at_once", "workers", "key_sets")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Moment:
    """What was seen of a trainer at once. at_s: on the clock. own: without memory of files, in bytes."""

    at_s: float
    waiting: float
    api_bytes: int
    all_bytes: int
    database_bytes: int
    blobs_bytes: int


@dataclass(slots=True)
class Running:
    """A trainer that is running, what is sent to it, and what a run has kept of its fleet."""

    fleet: Fleet
    trainer: TrainerProcess
    load: Load
    seed: str
    url: str
    tell: Tell
    started_at: float = field(default_factory=time.time)

    @property
    def state(self) -> Path:
        """Return the folder of the trainer's ledger and blobs."""
        return self.trainer.folder / "state"

    def ask(self, task: str) -> int:
        """Have every device do something; return how many were answered."""
        answered = 0

        def hear(_: int, line: Mapping[str, Any]) -> None:
            nonlocal answered
            answered += int(line["answered"])

        self.tell(0, self.fleet.devices, f"{task}: {self.fleet.devices} devices")
        talk(MODULE, self._told(task), hear, LONGEST_S)
        return answered

    def enrolment(self) -> Figures:
        """Have every device enrol; return what that took."""
        begin = time.monotonic()
        return {
            "answered": self.ask("enrol"),
            "seconds": round(time.monotonic() - begin, 1),
            "database_bytes": self.moment().database_bytes,
        }

    def part(self, number: int, begun: Sequence[int]) -> Figures:
        """Have devices take turns for a part; return its `figures`. begun: turns of each process before."""
        said, turns, moments = Said(), [0] * len(begun), list[Moment]()
        what = f"part {number + 1} of {self.fleet.parts}"

        def hear(process: int, line: Mapping[str, Any]) -> None:
            said.add(line)
            turns[process] += "update" in line
            self.tell(len(said.outcomes), self.fleet.devices, what)

        self._wait_until_idle()
        self.tell(0, self.fleet.devices, what)
        begin, (_, _, done) = time.time(), sample(self.trainer.private_url)
        with every_moment(lambda: moments.append(self.moment())):
            talk(MODULE, self._told("serve", begun), hear, self.fleet.part_s + LONGEST_S)
        seconds = time.time() - begin
        moments.append(self.moment())
        done = sample(self.trainer.private_url)[2] - done
        figures = {
            "part": number,
            "trainer_age_s": round(begin - self.started_at, 1),
            "seconds": round(seconds, 1),
            "turns": turns,
            **counts_of(said, done),
            **waits_of([row[2] for row in said.requests if row[0] != UPLOAD]),
            "relative_error": self.load.relative_error(said.updates) if said.updates else None,
            "slices": list(slices(said, moments, begin, seconds)),
        }
        return {"figures": figures}

    def moment(self) -> Moment:
        """Look at the trainer."""
        waiting, _, _ = sample(self.trainer.private_url)
        pid = self.trainer.process.pid
        return Moment(
            at_s=time.time(),
            waiting=waiting,
            api_bytes=own_bytes([pid]),
            all_bytes=own_bytes(family(pid)),
            database_bytes=_bytes(self.state.glob("ledger.sqlite*")),
            blobs_bytes=_bytes((self.state / "blobs").iterdir()),
        )

    def _told(self, task: str, begun: Sequence[int] = ()) -> Iterator[dict[str, Any]]:
        common = {"task": task, "url": self.url, "seed": self.seed, "seconds": self.fleet.part_s}
        sets = [sent.tree() for sent in self.load.sets]
        for number, share in enumerate(shares(self.fleet.devices, self.fleet.at_once)):
            yield {**common, **share, "sets": sets, "begin": begun[number] if begun else 0}

    def _wait_until_idle(self) -> None:
        deadline = time.monotonic() + IDLE_WITHIN_S
        while any(sample(self.trainer.private_url)[:2]):
            if time.monotonic() > deadline:
                raise DemoFailed("Jobs of an earlier run do not end.", "Remove its folder and begin again.")
            time.sleep(1.0)


def state_folder(out: Path) -> Path:
    """Return the folder beside an output in which its trainer lives until all parts are measured."""
    return out.with_name(f"{out.stem}.state")


def run(fleet: Fleet, out: Path, tell: Tell) -> None:
    """Measure the parts that no earlier run has left; write each, and all of them at the end.

    Raises DemoFailed if a process fails.
    """
    machine, state, load_before = this_machine().tree(), state_folder(out), os.getloadavg()[0]
    seed = _seed(state)
    identity = {"run": seed[:8], "machine": machine, **fleet.identity}
    parts: list[Figures] = []
    with _running(fleet, state, seed, tell) as running:
        parameters = running.load.parameters
        enrolment = kept_or_measured(
            state / "enrolled.json", "fleet-enrolment", {"devices": fleet.devices}, running.enrolment
        )
        begun = [0 for _ in shares(fleet.devices, fleet.at_once)]
        for number in range(fleet.parts):
            cell = cells_folder(out) / f"part-{number}.json"
            kept = kept_or_measured(cell, "fleet-part", identity, partial(running.part, number, begun))
            parts.append(kept["figures"])
            begun = [before + now for before, now in zip(begun, parts[-1]["turns"], strict=True)]
        known = running.ask("look")
    served = zip(shares(fleet.devices, fleet.at_once), begun, strict=True)
    tree = {
        "bench": "fleet",
        "mode": "execute",
        "plan": "load",
        "p_error": parameters.plan.p_error,
        "look_ups": parameters.plan.look_ups,
        "keys_bytes": parameters.frames.keys.size,
        **fleet.identity,
        "enrolment": enrolment,
        "known": known,
        "had_a_turn": sum(min(share["devices"], turns) for share, turns in served),
        **{name: sum(part[name] for part in parts) for name in ("accepted", "refused", "lost", "duplicated")},
        "an_hour": growth(parts),
        "parts": parts,
        "load_before": round(load_before, 2),
        "machine": machine,
    }
    write_figures(out, "fleet", tree)
    shutil.rmtree(state)


def slices(said: Said, moments: Sequence[Moment], begin: float, seconds: float) -> Iterator[Figures]:
    """Yield what was seen in each stretch of a part: the last of each size, the longest queue, the waits."""
    edges = np.linspace(0.0, seconds, SLICES + 1)
    for begins, ends in itertools.pairwise(edges):
        seen = [one for one in moments if begins <= one.at_s - begin < ends]
        waits = [ms for route, at, ms, _ in said.requests if begins <= at - begin < ends and route != UPLOAD]
        if not seen or not waits:
            continue
        yield {
            "at_s": round(seen[-1].at_s - begin, 1),
            "waiting": int(np.median([one.waiting for one in seen])),
            "waiting_most": int(max(one.waiting for one in seen)),
            "api_bytes": seen[-1].api_bytes,
            "all_bytes": int(np.median([one.all_bytes for one in seen])),
            "all_bytes_most": max(one.all_bytes for one in seen),
            "database_bytes": seen[-1].database_bytes,
            "blobs_bytes": seen[-1].blobs_bytes,
            "requests": len(waits),
            **waits_of(waits),
        }


def growth(parts: Sequence[Figures]) -> dict[str, float] | None:
    """Return what an hour adds to sizes, in bytes, since the trainer was last started, by least squares.

    None where less than LEAST_H was seen since then. The first slice is left out: a trainer fills up in it.
    """
    ages = [part["trainer_age_s"] for part in parts]
    starts = [number for number, age in enumerate(ages) if number == 0 or age < ages[number - 1]]
    rows = [(part["trainer_age_s"], one) for part in parts[starts[-1] :] for one in part["slices"]][1:]
    hours = [(age + one["at_s"]) / 3600 for age, one in rows]
    if not hours or hours[-1] - hours[0] < LEAST_H:
        return None
    names = ("api_bytes", "all_bytes", "database_bytes")
    return {name: float(np.polyfit(hours, [one[name] for _, one in rows], 1)[0]) for name in names}


@contextmanager
def _running(fleet: Fleet, state: Path, seed: str, tell: Tell) -> Iterator[Running]:
    """Start the trainer of a state folder, with new key sets for its devices."""
    for secret in state.glob("secret*"):
        shutil.rmtree(secret)
    tell(0, fleet.devices, "compiling")
    parameters = load_parameters(shipped_bundle(), state / "circuits")
    tell(0, fleet.devices, "making keys")
    load = make_load(parameters, fleet.key_sets, state)
    tell(0, fleet.devices, "starting the trainer")
    folder, pinned = state / "trainer", parameters.specification.hash
    (folder / "ready").unlink(missing_ok=True)
    with trainer_process(folder, parameters.plan, pinned, fleet.options) as trainer:
        yield Running(fleet, trainer, load, seed, trainer.wait_until_ready(), tell)


def _seed(state: Path) -> str:
    """Draw what the identities of a fleet are made of, unless its folder has it; return it."""
    path = state / "seed"
    if not path.exists():
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(mode=0o700, parents=True)
        path.write_text(secrets.token_hex(16))
    return path.read_text()


def _bytes(paths: Iterator[Path]) -> int:
    """Return the bytes of files, but of those that are removed meanwhile."""
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
