"""Training in floating point, as a yardstick: on raw events, and on the counts that a report is made of.

`raw` maximises the log-likelihood of the kept candidates over the adapter's weights with a Gaussian prior
(multinomial logistic regression, L-BFGS); `on_counts` solves each block's own objective

    sum_m C_m log sigma(z_m) + E_m log sigma(-z_m) + prior,   z = A u

exactly. Both return weights in the units of the adapter, so that every rung runs through the same graph.
Only the device, or a bench, can compute them: they read plaintext.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import minimize

from quietkeys.counting import Choice, Masses
from quietkeys.events import EventMap, Floats
from quietkeys.scorer import Adapter
from quietkeys_protocol.plan import Plan

PRIOR: Final = {"channel": 2.0, "lexicon": 10.0, "ranker": 5.0}  # precision of the event scores
_NEWTON_STEPS: Final = 60
_DAMPING: Final = 0.7


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
    precision = np.concatenate(
        [PRIOR[block.name] * (block.A**2).mean(0) + 1e-3 for block in plan.blocks]
    )

    def loss(u: Floats) -> tuple[float, Floats]:
        score = offset + table @ u
        top = np.repeat(np.maximum.reduceat(score, begins), ends - begins)
        weight = np.exp(score - top)
        total = np.repeat(np.add.reduceat(weight, begins), ends - begins)
        probability = weight / total
        residual = probability.copy()
        residual[kept] -= 1.0
        value = -np.log(probability[kept] + 1e-12).sum() + 0.5 * float(precision @ u**2)
        return value, residual @ table + precision * u

    best = minimize(loss, np.zeros(starts[-1]), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return Adapter(
        1,
        {
            block.name: best.x[starts[index] : starts[index + 1]].astype(np.float32)
            for index, block in enumerate(plan.blocks)
        },
    )


def _inputs(plan: Plan, events: EventMap, choice: Choice) -> Floats:
    # [K, d of all blocks]: how each candidate's score moves with each weight.
    columns: list[Floats] = []
    for block in plan.blocks:
        design = np.vstack([block.A, np.zeros(block.width)])  # row -1: no event
        if block.name == "channel":
            columns.append(design[choice.edit_events].sum(1))
        elif block.name == "lexicon":
            columns.append(design[choice.buckets])
        else:
            columns.append(choice.features @ events.ranker_map)
    return np.concatenate(columns, axis=1)
