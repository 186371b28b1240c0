"""What becomes of an update, decided on the device: whether the plan can give it, and whether it helps.

It is the keyboard's gate (`quietkeys.updates.gate`) on examples: the same two questions, and the same
standard errors. The device has every input, so that it computes the steps itself, in real numbers; what the
integers of the trainer add to that is rounding, of which a few bits have much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.updates.gate import LIKELIER, MORE_WRONG
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.sgd_plan import SgdPlan

MINIMUM: Final = 12  # examples kept aside, below which nothing is applied
TOLERANCE: Final = 1.5  # distance from what the device computes, in its length; see docs/RECIPES.md
LEAST_UNITS: Final = 4.0  # that a length is taken for: below, rounding is all there is


@dataclass(frozen=True, slots=True, repr=False)
class Examples:
    """Examples of two kinds: values [N, d] in the plan's units, labels [N] of 0 and 1. Private."""

    values: Float64
    labels: Int64

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: Int64) -> Examples:
        """Return the examples at rows [n]."""
        return Examples(self.values[rows], self.labels[rows])


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What was decided and why, in words for the user. accuracy: of the examples kept aside, then and now."""

    applied: bool
    reason: str
    before: float
    after: float


def scores(plan: SgdPlan, examples: Examples, weights: Float64) -> Float64:
    """Return the log-odds [N] that weights [d] give to the label that each example has."""
    return (2.0 * examples.labels - 1.0) * (plan.scaled(examples.values) @ weights)


def arrays_of(plan: SgdPlan, batches: Sequence[Examples], start: Int64) -> list[Int64]:
    """Return the integers of a report, flat, in the order of `SgdPlan.report_fields`. start: weights [d]."""
    arrays = []
    for batch in batches:
        arrays.append(plan.feature_grid.integers(plan.scaled(batch.values)).ravel())
        arrays.append(plan.label_grid.integers(batch.labels.astype(np.float64)))
    return [*arrays, start, np.zeros(1, np.int64)]


def expected(plan: SgdPlan, arrays: Sequence[Int64]) -> Int64:
    """Return the weights [d] that a report leads to, with steps in real numbers between the same grids."""
    *batches, weights, _ = arrays
    for place in range(0, len(batches), 2):
        x = plan.feature_grid.reals(batches[place].reshape(plan.batch, plan.width))
        y, w = plan.label_grid.reals(batches[place + 1]), plan.weight_grid.reals(weights)
        gradient = x.T @ (1.0 / (1.0 + np.exp(-(x @ w))) - y) / plan.batch
        weights = plan.weight_grid.integers(w - plan.learning_rate * gradient)
    return weights


def check_against_reference(plan: SgdPlan, arrays: Sequence[Int64], weights: Int64) -> None:
    """Refuse weights that training on these arrays cannot have given. Raises Untrusted (UPDATE_UNTRUSTED)."""
    start, wanted = arrays[-2], expected(plan, arrays)
    off = float(np.linalg.norm(weights - wanted))
    if off > TOLERANCE * max(float(np.linalg.norm(wanted - start)), LEAST_UNITS):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "not the training of these examples")


def judge(plan: SgdPlan, aside: Examples, old: Int64, new: Int64) -> Verdict:
    """Return the verdict on replacing integer weights `old` by `new`, judged on examples kept aside."""
    before, after = plan.weight_grid.reals(old), plan.weight_grid.reals(new)
    if len(aside) < MINIMUM:
        return Verdict(False, "there were too few examples to judge it by", math.nan, math.nan)
    odds_before, odds_after = scores(plan, aside, before), scores(plan, aside, after)
    was, now = (0.5 * (np.sign(odds) + 1.0) for odds in (odds_before, odds_after))  # 1/2: weights say nothing
    fall = np.logaddexp(0.0, -odds_before) - np.logaddexp(0.0, -odds_after)  # of the loss, in nats
    error = float(fall.std(ddof=1)) / math.sqrt(len(fall))
    fixed, broken = int((now > was).sum()), int((now < was).sum())
    helps = float(fall.mean()) > max(LIKELIER * error, 0.0)
    applied = helps and broken - fixed <= MORE_WRONG * math.sqrt(fixed + broken)
    examples = f"the {len(aside)} examples that were kept aside to check it"
    if applied:
        reason = f"it tells {examples} better than before"
    elif helps:
        reason = f"of {examples} it would put clearly more wrong than right"
    else:
        reason = f"it does not tell {examples} clearly better than before"
    return Verdict(applied, reason, float(was.mean()), float(now.mean()))
