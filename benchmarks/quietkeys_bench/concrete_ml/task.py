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
HELD_OUT: Final = 20_000  # choices of the same person, drawn apart, that nothing is trained on
WEIGHT_RANGE: Final = 0.5  # of true weights, either side; scores then stay in our field of -3..3
PARAMETERS_RANGE: Final = (-1.0, 1.0)  # what Concrete ML is told to expect of weights; it has no default
PRIOR: Final = 0.05  # kappa, in events; Concrete ML's training has no prior, so next to none here
_SHAPE: Final = Shape(
    planes=1, steps=4, gains=(2, 2, 2), stability=1.2, floor=0.5, prior=PRIOR, z_reach=3.0
)  # the shipped ranker's, prior aside


@dataclass(frozen=True)
class Choices:
    """Choices that were made: the event type of each [N], and whether it was chosen [N], 0 or 1."""

    types: Int64
    labels: Int64

    def accuracy(self, z: Float64) -> float:
        """Return the share that the signs of the scores z [M] foretell; a score of zero is half right."""
        right = np.sign(z[self.types]) * (2.0 * self.labels - 1.0)
        return float((right + 1.0).mean() / 2.0)

    def log_loss(self, z: Float64) -> float:
        """Return the mean log-loss, nats, for scores z [M] of the event types."""
        sign = 2.0 * self.labels - 1.0
        return float(np.logaddexp(0.0, -sign * z[self.types]).mean())


@dataclass(frozen=True)
class Task:
    """Logistic regression without an intercept: A [M, d], choices to train on, and others to test on."""

    A: Int64
    trained: Choices
    held_out: Choices

    @property
    def features(self) -> Int64:
        """The features of every sample that is trained on, [N, d]: all that Concrete ML looks at."""
        return self.A[self.trained.types]

    def masses(self, z: Float64 | None = None) -> Masses:
        """Return how often each event type was chosen and how often rejected: all that quietkeys looks at.

        z: scores [M] in nats that they are counted under, zero if None: of a choice that was foreseen little
        is left to learn.
        """
        under = np.zeros(len(self.A)) if z is None else z
        happened = np.bincount(self.trained.types, minlength=len(self.A)).astype(np.float64)
        chosen = np.bincount(self.trained.types, self.trained.labels, len(self.A)).astype(np.float64)
        sure = 1.0 + np.tanh(under / 2.0)  # twice the probability of being chosen
        return Masses((2.0 - sure) * chosen, sure * (happened - chosen))

    @cached_property
    def plan(self) -> Plan:
        """The task as a plan of one block."""
        names = [f"event {number}" for number in range(len(self.A))]
        return Plan(bundle="peer", blocks=(make_block("ranker", names, self.A, _SHAPE),))

    @property
    def block(self) -> Block:
        """The plan's one block."""
        return self.plan.blocks[0]


def make_task(seed: int) -> Task:
    """Return the task of a seed: ternary A, even weights, labels drawn with probability sigma(z)."""
    draw = np.random.default_rng(seed)
    A = draw.integers(-1, 2, size=(EVENTS, FEATURES))
    weights = draw.uniform(-WEIGHT_RANGE, WEIGHT_RANGE, FEATURES)
    chance = 1.0 / (1.0 + np.exp(-(A @ weights)))
    return Task(A, _made(draw, chance, SAMPLES), _made(np.random.default_rng([seed, 1]), chance, HELD_OUT))


def _made(draw: np.random.Generator, chance: Float64, count: int) -> Choices:
    types = draw.integers(0, EVENTS, count)
    return Choices(types, (draw.random(count) < chance[types]).astype(np.int64))


def agreement(z: Float64, expected: Float64) -> dict[str, float]:
    """Return |z - expected| / |expected| and the slope of z [M] against it through the origin."""
    size = max(float(expected @ expected), 1e-12)
    return {
        "relative_l2": round(float(np.linalg.norm(z - expected)) / size**0.5, 4),
        "slope": round(float(z @ expected) / size, 4),
    }
