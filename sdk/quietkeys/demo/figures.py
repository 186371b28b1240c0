"""What the demo measured, in the form of its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quietkeys.evaluation.ladder import RUNGS, Tested
from quietkeys.evaluation.machine import Machine
from quietkeys.files import write_whole

MODE: Final = "execute"  # real keys and ciphertexts: the demo has no other


@dataclass(frozen=True, slots=True)
class Rung:
    """Word accuracy of one way of learning. Shares; errors_vs_base = (errors - base errors) / base errors.

    The last four are those of `Tested.shares`, None of no word.
    """

    rung: str
    rate: float
    word_accuracy: float
    errors_vs_base: float
    slips_fixed: float | None
    misspellings_fixed: float | None
    good_altered: float | None
    own_kept: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the round cost: read from artefacts, the trainer's log and counted traffic.

    bootstraps: table look-ups of the plan. Bytes are of bodies. server_seconds: of the trainer's job.
    """

    p_error: float
    security_bits: int
    bootstraps: int
    server_seconds: float
    worker_peak_rss_bytes: int
    evaluation_key_bytes: int
    upload_bytes: int
    download_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the demo prints and writes. seconds: by step. applied: what the gate decided."""

    cost: Cost
    ladder: Sequence[Rung]
    applied: bool
    reason: str
    machine: Machine
    seed: int
    words: int
    seconds: Mapping[str, float]

    def tree(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "mode": MODE,
            **{name: getattr(self.cost, name) for name in Cost.__slots__},
            "ladder": [{name: getattr(rung, name) for name in Rung.__slots__} for rung in self.ladder],
            "applied": self.applied,
            "machine": self.machine.tree(),
            "cores": self.machine.cores,
            "seed": self.seed,
            "words": self.words,
            "seconds": {step: round(seconds, 3) for step, seconds in self.seconds.items()},
        }

    def write(self, path: Path) -> None:
        """Write the JSON, whole or not at all. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        write_whole(path, json.dumps(self.tree(), indent=1, allow_nan=False).encode() + b"\n")


def ladder_of(tested: Tested, rate: float) -> list[Rung]:
    """Return the rungs in their order."""
    base = 1.0 - tested.accuracy("base")
    rungs = []
    for rung in (rung for rung in RUNGS if rung in tested.right):
        errors = 1.0 - tested.accuracy(rung)
        shares = {name: so / among if among else None for name, (so, among) in tested.shares(rung).items()}
        rungs.append(Rung(rung, rate, 1.0 - errors, (errors - base) / base if base else 0.0, **shares))
    return rungs
