"""The task of `quietkeys bench peer`: made-up choices among public event types, and how well it is learnt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.prediction.counting import Masses
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.plan_design import Shape, make_block

EVENTS: Final = 64  # M, public event types
FEATURES: Final = 8  # d
SAMPLES: Final = 512  # N, events that happened to the made-up person
WEIGHT_RANGE: Final = 0.5  # of true weights, either side; scores then stay in our field of -3..3
PARAMETERS_RANGE: Final = (-1.0, 1.0)  # what Concrete ML is told to expect of weights; it has no default
PRIOR: Final = 0.05  # kappa, in events; Concrete ML's training has no prior, so next to none here
_SHAPE: Final = Shape(
    planes=1, steps=4, gains=(2, 2, 2), stability=1.2, floor=0.5, prior=PRIOR, z_reach=3.0
)  # the shipped ranker's, prior aside


@dataclass(frozen=True)
class Task:
    """Logistic regression without an intercept: A [M, d], the event type of every sample [N], labels [N]."""

    A: Int64
    types: Int64
    labels: Int64

    @cached_property
    def masses(self) -> Masses:
        """How often each event type was chosen and how often rejected: all that quietkeys looks at."""
        happened = np.bincount(self.types, minlength=len(self.A)).astype(np.float64)
        chosen = np.bincount(self.types, self.labels, len(self.A)).astype(np.float64)
        return Masses(chosen, happened - chosen)

    @cached_property
    def plan(self) -> Plan:
        """The task as a plan of one block."""
        names = [f"event {number}" for number in range(len(self.A))]
        return Plan(bundle="peer", blocks=(make_block("ranker", names, self.A, _SHAPE),))

    @property
    def block(self) -> Block:
        """The plan's one block."""
        return self.plan.blocks[0]

    def log_loss(self, z: Float64) -> float:
        """Return the mean log-loss of all samples, nats, for scores z [M] of the event types."""
        sign = 2.0 * self.labels - 1.0
        return float(np.logaddexp(0.0, -sign * z[self.types]).mean())


def make_task(seed: int) -> Task:
    """Return the task of a seed: ternary A, even weights, labels drawn with probability sigma(z)."""
    draw = np.random.default_rng(seed)
    A = draw.integers(-1, 2, size=(EVENTS, FEATURES))
    weights = draw.uniform(-WEIGHT_RANGE, WEIGHT_RANGE, FEATURES)
    types = draw.integers(0, EVENTS, SAMPLES)
    chance = 1.0 / (1.0 + np.exp(-(A @ weights)))
    return Task(A, types, (draw.random(SAMPLES) < chance[types]).astype(np.int64))


def agreement(z: Float64, expected: Float64) -> dict[str, float]:
    """Return |z - expected| / |expected| and the slope of z [M] against it through the origin."""
    size = max(float(expected @ expected), 1e-12)
    return {
        "relative_l2": round(float(np.linalg.norm(z - expected)) / size**0.5, 4),
        "slope": round(float(z @ expected) / size, 4),
    }
