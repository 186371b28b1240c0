"""`quietkeys bench peer`: our training beside Concrete ML's encrypted `SGDClassifier`, on the same tasks.

Wanted are the server's seconds to the same held-out accuracy. What a round or a batch costs is measured under
encryption, a few of each; how well each has learnt after so many is computed by the same integers in the
clear, over several made-up people; the seconds of a point of a curve are the price times the number.

The task is logistic regression on choices among public event types. The two do not hide the same: Concrete
ML encrypts the features of every sample, which is more general and dearer; quietkeys needs them to be
public, and encrypts how often each happened. Training in the clear beats both and is stated, too.

Time on the clock is that of a machine with other work; everything compared is of the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_or_measured, write_figures
from quietkeys_bench.common.processes import ChildFailed
from quietkeys_bench.concrete_ml import curves, prices
from quietkeys_bench.concrete_ml.equal import equals
from quietkeys_bench.concrete_ml.prices import solved
from quietkeys_bench.concrete_ml.task import EVENTS, FEATURES, HELD_OUT, SAMPLES, make_task
from quietkeys_bench.concrete_ml.theirs import SHIPPED_RATE

RATES: Final = (SHIPPED_RATE, 0.5, 0.25)  # slower ones wander less


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure: made-up people by seed; rounds and batches of curves; Concrete ML's learning rates.

    executed, strict: how many batches are run encrypted, at Concrete ML's own error probability and at 2^-40;
    of none of the latter the compiler says what to expect.
    """

    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    rounds: int = 3
    batches: int = 200
    rates: Sequence[float] = RATES
    executed: int = 2
    strict: int = 1


@dataclass(frozen=True, slots=True)
class _Cells:
    # What was found stays in a JSON each beside the output, so that a stopped run goes on.
    folder: Path
    tell: Tell
    count: int

    def found(self, place: int, of: Figures, find: Callable[[], Figures]) -> Figures:
        self.tell(place, self.count, str(of["name"]))
        path = self.folder / f"{place}.json"
        identity = {"of": of, "machine": this_machine().tree()}
        return dict(kept_or_measured(path, "peer-cell", identity, lambda: {"found": find()})["found"])


def run(settings: Settings, out: Path, tell: Tell) -> None:
    """Measure what is not there yet and write the figures.

    Raises DemoFailed where Concrete ML is not installed.
    """
    require_concrete_ml()
    seed, cells = settings.seeds[0], _Cells(cells_folder(out), tell, 3 + len(settings.rates))
    ours = cells.found(
        0,
        {"name": prices.OURS, "seed": seed, "plan": make_task(seed).plan.hash},
        partial(prices.of_ours, seed),
    )
    default = cells.found(
        1,
        {"name": prices.DEFAULT, "seed": seed, "batches": settings.executed},
        partial(prices.of_theirs, seed, settings.executed),
    )
    drawn: Figures = {"seeds": list(settings.seeds), "batches": settings.batches}
    learnt = [
        cells.found(
            place,
            {"name": f"Concrete ML, rate {rate:g}", **drawn},
            partial(curves.of_theirs, settings.seeds, settings.batches, rate),
        )
        for place, rate in enumerate(settings.rates, 2)
    ]
    strict = cells.found(
        2 + len(settings.rates),
        {"name": prices.STRICT, "seed": seed, "batches": settings.strict, "default": default["cpu_seconds"]},
        partial(_strict, seed, settings.strict, default),
    )
    write_figures(out, "peer", figures(settings, [ours, default, strict], learnt))


def _strict(seed: int, batches: int, default: Figures) -> Figures:
    if not batches:
        return prices.estimated(seed, default)
    try:
        return prices.of_theirs(seed, batches, prices.STRICT_P_ERROR)
    except ChildFailed as error:
        status = "did not end" if error.status is None else f"ended with status {error.status}"
        return prices.estimated(seed, default, f"its process {status}")


def figures(settings: Settings, priced: Sequence[Figures], learnt: Sequence[Figures]) -> Figures:
    """Return what was found as in `peer.json`. priced: ours first, then Concrete ML's. learnt: its curves."""
    tasks = [make_task(seed) for seed in settings.seeds]
    best = [solved(task) for task in tasks]
    optimum = {
        "cpu_seconds": float(np.mean([seconds for _, seconds in best])),
        "accuracy": _mean([task.held_out.accuracy(z) for task, (z, _) in zip(tasks, best, strict=True)]),
        "log_loss": _mean([task.held_out.log_loss(z) for task, (z, _) in zip(tasks, best, strict=True)]),
    }
    ours = curves.of_ours(settings.seeds, settings.rounds)
    return {
        "bench": "peer",
        "mode": "execute",
        "seeds": list(settings.seeds),
        "machine": this_machine().tree(),
        "task": {"events": EVENTS, "features": FEATURES, "samples": SAMPLES, "held_out": HELD_OUT},
        "in_the_clear": optimum,
        "prices": list(priced),
        "ours": ours,
        "theirs": list(learnt),
        "equal": equals(optimum["accuracy"], ours, learnt, priced),
    }


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


def require_concrete_ml(find: Callable[[str], object | None] = find_spec) -> None:
    """Raise DemoFailed, which says where it comes from, where Concrete ML is not installed."""
    if find("concrete") is None or find("concrete.ml") is None:
        raise DemoFailed("Concrete ML is not installed.", "It is part of `make install` in a checkout.")
