"""Rounds of updates: report, training, gate, one after the other, as syncs do; nothing is typed in between.

Each round is that of a device which has used every update so far. Whoever measures what a device gets takes
the rounds up to the first that the gate refuses: the same counts would have the next one refused as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation.ladder import Learner, adapter_of, reference_weights, verdict
from quietkeys.updates.gate import Verdict
from quietkeys.updates.report import Encoded, report_arrays
from quietkeys.updates.versions import Weights
from quietkeys_protocol.plan import Plan

REFERENCE: Final = "reference"  # rungs
ENCRYPTED: Final = "encrypted"

Train = Callable[[Mapping[str, Encoded]], Mapping[str, Int64]]  # a report in clear -> new weights


@dataclass(frozen=True, slots=True, repr=False)
class Round:
    """What became of one report.

    trained, expected: the new weights, and those that the integer program gives in the clear. silent: blocks
    of which the report says nothing. verdict: on the new adapter against the one before.
    """

    number: int
    trained: Mapping[str, Int64]
    expected: Mapping[str, Int64]
    silent: tuple[str, ...]
    verdict: Verdict


def train_rounds(learner: Learner, count: int, train: Train | None = None) -> list[Round]:
    """Return so many rounds. train: in the clear if None."""
    plan = learner.model.plan
    weights: Mapping[str, Int64] = no_weights(plan)
    rounds: list[Round] = []
    for number in range(1, count + 1):
        report = report_of(learner, weights)
        expected = reference_weights(plan, report)
        trained = expected if train is None else train(report)
        silent = tuple(name for name, block in report.items() if not block.gradient.any())
        before, after = adapter_of(plan, weights), adapter_of(plan, trained)
        rounds.append(Round(number, trained, expected, silent, verdict(learner, after, before)))
        weights = trained
    return rounds


def no_weights(plan: Plan) -> dict[str, Int64]:
    """Return the weights that a first report is made under."""
    return {block.name: np.zeros(block.width, np.int64) for block in plan.blocks}


def report_of(learner: Learner, weights: Mapping[str, Int64]) -> dict[str, Encoded]:
    """Return the report that a device with these weights in use would encrypt, as its only source."""
    plan = learner.model.plan
    arrays = report_arrays(plan, learner.recorder.masses, Weights(0, weights), 1, np.random.default_rng(0))
    return {block.name: Encoded(*arrays[3 * n : 3 * n + 3]) for n, block in enumerate(plan.blocks)}


def rung_of(name: str, number: int) -> str:
    """Return the rung of a round: "reference", then "reference-2" and so on."""
    return name if number == 1 else f"{name}-{number}"


def round_adapters(plan: Plan, rounds: Sequence[Round], encrypted: bool) -> dict[str, Adapter]:
    """Return the adapters of rounds by rung. encrypted: whether they were trained in other ways as well."""
    adapters = {rung_of(REFERENCE, one.number): adapter_of(plan, one.expected) for one in rounds}
    if encrypted:
        adapters |= {rung_of(ENCRYPTED, one.number): adapter_of(plan, one.trained) for one in rounds}
    return adapters
