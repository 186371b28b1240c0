"""Training in floating point, as a yardstick: on raw events, and on the counts that a report is made of.

`raw` maximises the log-likelihood of the kept candidates over the adapter's weights with a Gaussian prior
(multinomial logistic regression, Newton's method); `on_counts` solves each block's own objective

    sum_m C_m log sigma(z_m) + E_m log sigma(-z_m) + prior,   z = A u

exactly. Both return weights in the units of the adapter, so that every rung runs through the same graph.
Only the device, or a bench, can compute them: they read plaintext.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.counting import Masses
from quietkeys.prediction.events import Choice, EventMap
from quietkeys_protocol.plan import Plan

# Precision of the event scores.
PRIOR: Final = {"channel": 2.0, "lexicon": 10.0, "ranker": 5.0, "literal": 4.0}
_NEWTON_STEPS: Final = 60
_DAMPING: Final = 0.7
_HALVINGS: Final = 12  # of a Newton step that overshoots
_SETTLED: Final = 1e-3  # nats over all choices, below which a step changes nothing that matters


def on_counts(plan: Plan, masses: Mapping[str, Masses]) -> Adapter:
    """Return the adapter that maximises each block's objective on its counts."""
    weights: dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]] = {}
    for block in plan.blocks:
        both = masses[block.name]
        prior = dict(block.units)["prior"]
        signed = (both.evidence_for - both.evidence_against) / 2.0  # R [M]
        strength = (both.evidence_for + both.evidence_against) / 2.0 + prior  # S [M]
        design = block.A.astype(np.float64)  # [M, d]
        curvature = design.T @ (strength[:, None] * design) / 2.0 + 1e-6 * np.eye(block.width)
        u = np.zeros(block.width)
        for _ in range(_NEWTON_STEPS):
            slope = design.T @ (signed - strength * np.tanh(design @ u / 2.0))
            u = u + _DAMPING * np.linalg.solve(curvature, slope)
        weights[block.name] = u.astype(np.float32)
    return Adapter(1, weights)


def raw(plan: Plan, events: EventMap, choices: Sequence[Choice]) -> Adapter:
    """Return the adapter that maximises the likelihood of the choices themselves, all blocks at once."""
    sizes = [block.width for block in plan.blocks]
    starts = np.cumsum([0, *sizes])
    inputs = [_inputs(plan, events, choice) for choice in choices]  # each [K, d of all blocks]
    base = [choice.features @ events.base_weights for choice in choices]
    ends = np.cumsum([len(scores) for scores in base])
    if not len(ends):
        return Adapter(1, {block.name: np.zeros(block.width, np.float32) for block in plan.blocks})
    begins = np.concatenate([[0], ends[:-1]])
    table, offset = np.concatenate(inputs), np.concatenate(base)
    kept = begins + np.array([choice.kept for choice in choices])
    precision = np.concatenate([PRIOR[block.name] * (block.A**2).mean(0) + 1e-3 for block in plan.blocks])

    groups = _Groups(table, offset, begins, ends, kept)
    u = np.zeros(starts[-1])
    value = groups.loss(u) + 0.5 * float(precision @ u**2)
    for _ in range(_NEWTON_STEPS):
        slope, curvature = groups.derivatives(u)
        step = np.linalg.solve(curvature + np.diag(precision), slope + precision * u)
        for _ in range(_HALVINGS):
            tried = u - step
            tried_value = groups.loss(tried) + 0.5 * float(precision @ tried**2)
            if tried_value < value:
                break
            step = step / 2.0
        else:
            break  # at the minimum, as far as floating point can tell
        settled = value - tried_value < _SETTLED
        u, value = tried, tried_value
        if settled:
            break
    return Adapter(
        1,
        {
            block.name: u[starts[index] : starts[index + 1]].astype(np.float32)
            for index, block in enumerate(plan.blocks)
        },
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    # N choices with R candidates in all: table [R, d], offset [R], first and past-last row, kept row [N].
    table: Float64
    offset: Float64
    begins: Int64
    ends: Int64
    kept: Int64

    def loss(self, u: Float64) -> float:
        """Return minus the log-likelihood of the kept candidates, nats."""
        return -float(np.log(self._probability(u)[self.kept] + 1e-12).sum())

    def derivatives(self, u: Float64) -> tuple[Float64, Float64]:
        """Return slope [d] and curvature [d, d] of the loss."""
        probability = self._probability(u)
        weighted = probability[:, None] * self.table
        means = np.add.reduceat(weighted, self.begins)  # [N, d]
        slope: Float64 = means.sum(0) - self.table[self.kept].sum(0)
        curvature: Float64 = self.table.T @ weighted - means.T @ means
        return slope, curvature

    def _probability(self, u: Float64) -> Float64:
        sizes = self.ends - self.begins
        score = self.offset + self.table @ u
        weight = np.exp(score - np.repeat(np.maximum.reduceat(score, self.begins), sizes))
        probability: Float64 = weight / np.repeat(np.add.reduceat(weight, self.begins), sizes)
        return probability


def _inputs(plan: Plan, events: EventMap, choice: Choice) -> Float64:
    # [K, d of all blocks]: how each candidate's score moves with each weight.
    columns: list[Float64] = []
    for block in plan.blocks:
        if block.name == "ranker":
            columns.append(choice.features @ events.ranker_map)
        else:
            design = np.vstack([block.A, np.zeros(block.width)])  # row -1: no event
            columns.append(design[choice.occurring[block.name]].sum(1))
    return np.concatenate(columns, axis=1)
