"""How well each has learnt after every round or batch, on choices that nothing was trained on.

Both are computed by the integers of the encrypted run, without encryption: ours with the noise of an
encrypted run before every look-up, Concrete ML's (`fhe="disable"`) with none, so that none of its look-ups
fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.updates.report import encode
from quietkeys.updates.steps import length, stepped
from quietkeys.updates.versions import Weights, no_weights
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.training import simulated
from quietkeys_bench.concrete_ml.task import Task, make_task
from quietkeys_bench.concrete_ml.theirs import Request, answer_to


def of_ours(seeds: Sequence[int], rounds: int) -> Figures:
    """Return the curve over rounds, each from where the one before has led, by the rules of devices."""
    tasks = [make_task(seed) for seed in seeds]
    return _curve(tasks, [list(_rounds(task, rounds)) for task in tasks]) | {"rate": None, "complexity": None}


def of_theirs(seeds: Sequence[int], batches: int, rate: float) -> Figures:
    """Return the curve over batches at a learning rate. Raises ChildFailed."""
    answer = answer_to(Request(seeds, batches, rate=rate))
    tasks = [make_task(seed) for seed in seeds]
    scores = [
        [task.A @ np.array(weights) for weights in learnt]
        for task, learnt in zip(tasks, answer["weights"], strict=True)
    ]
    return _curve(tasks, scores) | {"rate": answer["rate"], "complexity": answer["complexity"]}


def _rounds(task: Task, count: int) -> Iterator[Float64]:
    # z [M] after each round.
    plan, block = task.plan, task.block
    used = no_weights(plan)
    for number in range(count):
        z = block.A @ used.by_block[block.name] * block.z_unit
        report = encode(block, task.masses(z), z, finer=length(used, 1))
        step = simulated(plan, {block.name: report}, number)
        used = Weights(used.version + 1, stepped(plan, used, step, 1))
        yield block.A @ used.by_block[block.name] * block.z_unit


def _curve(tasks: Sequence[Task], scores: Sequence[Sequence[Float64]]) -> Figures:
    accuracy = np.array(
        [[task.held_out.accuracy(z) for z in after] for task, after in zip(tasks, scores, strict=True)]
    )
    loss = [[task.held_out.log_loss(z) for z in after] for task, after in zip(tasks, scores, strict=True)]
    return {
        "accuracy": _rounded(accuracy.mean(0)),
        "lowest": _rounded(accuracy.min(0)),
        "highest": _rounded(accuracy.max(0)),
        "log_loss": _rounded(np.mean(loss, axis=0)),
    }


def _rounded(values: Float64) -> list[float]:
    return [round(float(value), 4) for value in values]
