"""`quietkeys bench peer`: our training beside Concrete ML's encrypted `SGDClassifier`, one run on one task.

The task is logistic regression on choices among public event types. The two do not hide the same: Concrete
ML encrypts the features of every sample, which is more general and dearer; quietkeys needs them to be
public, and encrypts how often each happened. Both run as their users would run them, each in processes of
its own, one after the other. Training in the clear beats both and is a row, too.

Time on the clock is that of a machine with other work; ratios are of processor time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.concrete_ml.rows import (
    OURS,
    Request,
    Row,
    estimate,
    train_in_the_clear,
    train_ours,
    train_theirs,
)
from quietkeys_bench.concrete_ml.task import EVENTS, FEATURES, SAMPLES, Task, make_task

STRICT: Final = 2.0**-40  # what our plans have
COSTS: Final = (
    "cpu_seconds_per_step",
    "cpu_seconds_per_sample_seen",
    "key_bytes",
    "upload_bytes",
    "download_bytes",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure.

    steps: of Concrete ML at its default. strict_limit_s: for its row at 2^-40, compiling and key generation
    included; 0 to compile it only and say what the compiler expects.
    """

    seed: int = 0
    steps: int = 2
    strict_limit_s: float = 0.0


def run(settings: Settings, out: Path, tell: Tell) -> None:
    """Measure every row and write the figures. Raises DemoFailed where Concrete ML is not installed."""
    require_concrete_ml()
    task = make_task(settings.seed)
    tell(0, 4, "in the clear")
    optimum, clear = train_in_the_clear(task)
    tell(1, 4, OURS)
    rows = [clear, train_ours(task, optimum)]
    tell(2, 4, "Concrete ML at its default error probability")
    rows.append(train_theirs(task, optimum, Request(settings.seed, settings.steps)))
    tell(3, 4, "Concrete ML at 2^-40, one step")
    request = Request(settings.seed, 1, STRICT, settings.strict_limit_s)
    if settings.strict_limit_s:
        rows.append(train_theirs(task, optimum, request))
    elif rows[-1]["not_measured"] is None:
        rows.append(estimate(task, request, rows[-1]))
    write_figures(out, "peer", figures(settings, task, optimum, rows))


def figures(settings: Settings, task: Task, optimum: Float64, rows: list[Row]) -> Row:
    """Return the rows with their ratios to ours, as in `peer.json`."""
    ours = next(row for row in rows if row["name"] == OURS)
    return {
        "bench": "peer",
        "mode": "execute",
        "seeds": [settings.seed],
        "machine": this_machine().tree(),
        "task": {
            "events": EVENTS,
            "features": FEATURES,
            "samples": SAMPLES,
            "log_loss_at_zero": round(task.log_loss(np.zeros(EVENTS)), 4),
            "log_loss_at_optimum": round(task.log_loss(optimum), 4),
        },
        "rows": rows,
        "ratios": [{"name": row["name"]} | _ratios(row, ours) for row in rows if row["not_measured"] is None],
    }


def _ratios(row: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, float]:
    return {cost: float(f"{row[cost] / ours[cost]:.3g}") for cost in COSTS}


def require_concrete_ml(find: Callable[[str], object | None] = find_spec) -> None:
    """Raise DemoFailed, which says where it comes from, where Concrete ML is not installed."""
    if find("concrete") is None or find("concrete.ml") is None:
        raise DemoFailed("Concrete ML is not installed.", "It is part of `make install` in a checkout.")
