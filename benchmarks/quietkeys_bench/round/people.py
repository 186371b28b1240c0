"""What rounds of a revision's plan gain people, and how close encryption comes: by its own bench."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.processes import ChildFailed
from quietkeys_bench.common.subject import Mode


@dataclass(frozen=True, slots=True)
class GainSettings:
    """people: a folder of texts. limit, words: of people, and of the words of each; 0 for all."""

    people: Path
    limit: int = 4
    words: int = 2400
    rounds: int = 3
    mode: Mode = Mode.SIMULATE


def gains_of(environment: Mapping[str, str], folder: Path, settings: GainSettings) -> Figures:
    """Return gains in nats a choice over local memory, by round, and agreement, from a revision's own bench.

    environment: what puts that revision's packages first. Raises ChildFailed.
    """
    out = folder / "people.json"
    arguments = {
        "people": settings.people.absolute(),
        "json": out,
        "mode": settings.mode.value,
        "limit": settings.limit,
        "words": settings.words,
        "rounds": settings.rounds,
        "seeds": 0,
    }
    options = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "quietkeys", "bench", "personalization", "--no-yardsticks", *options]
    done = subprocess.run(command, env=os.environ | dict(environment), capture_output=True, check=False)
    if done.returncode:
        raise ChildFailed(done.returncode)
    cells = [json.loads(path.read_text()) for path in sorted((folder / "people.cells").glob("*.json"))]
    return pooled(cells, settings.rounds)


def pooled(cells: Sequence[Mapping[str, Any]], rounds: int) -> Figures:
    """Return the means over people of what their cells say."""
    gains = []
    for number in range(1, rounds + 1):
        name = "encrypted" if number == 1 else f"encrypted-{number}"
        gains.append(float(np.mean([_nats(cell, name) - _nats(cell, "local") for cell in cells])))
    agreements = [one["agreement"] for cell in cells for one in cell["rounds"]]
    away: dict[str, list[float]] = {}
    for agreement in agreements:
        for block in agreement["blocks"]:
            away.setdefault(block["block"], []).append(block["relative_l2"])
    return {
        "people": [str(cell["person"]) for cell in cells],
        "nats_gained": gains,
        "relative_l2": {name: float(np.mean(found)) for name, found in away.items()},
        "relative_l2_worst": {name: max(found) for name, found in away.items()},
        "same_best": float(np.mean([agreement["same_best"] for agreement in agreements])),
    }


def _nats(cell: Mapping[str, Any], rung: str) -> float:
    (found,) = [one["log_likelihood"] for one in cell["rungs"] if one["rung"] == rung]
    return float(found)
