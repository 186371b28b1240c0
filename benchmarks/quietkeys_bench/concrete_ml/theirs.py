"""What Concrete ML's process is asked, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quietkeys_bench.common.processes import ask
from quietkeys_bench.concrete_ml.task import PARAMETERS_RANGE, make_task

SHIPPED_RATE: Final = 1.0  # the library's own learning rate
_LONGEST_S: Final = 7200.0  # a batch at 2^-40, its keys included, on a machine that does much else

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One training by Concrete ML of the tasks of these seeds.

    p_error, rate: None for the library's own. execute: whether batches are run encrypted, of the first seed
    alone; else all are computed by the same integers in the clear.
    """

    seeds: Sequence[int]
    batches: int
    p_error: float | None = None
    rate: float | None = None
    execute: bool = False

    def tree(self) -> dict[str, object]:
        """Return what the child is asked."""
        tasks = {seed: make_task(seed) for seed in self.seeds}
        return {
            "people": [
                {"seed": seed, "X": task.features.tolist(), "y": task.trained.labels.tolist()}
                for seed, task in tasks.items()
            ],
            "batches": self.batches,
            "p_error": self.p_error,
            "rate": self.rate,
            "parameters_range": PARAMETERS_RANGE,
            "execute": self.execute,
        }


def answer_to(request: Request) -> Answer:
    """Ask Concrete ML's process; return what it answers. Raises ChildFailed."""
    answer: Answer = ask(["-m", "quietkeys_bench.concrete_ml.child"], json.dumps(request.tree()), _LONGEST_S)
    return answer
