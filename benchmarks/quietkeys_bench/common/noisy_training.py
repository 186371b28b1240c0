"""`--mode simulate`: the integer program with the noise of an encrypted run, modelled in the clear.

It shows over many people and seeds what encryption does to updates, at the price of the clear run. That the
model is right is shown by `--mode execute`, which has the same agreement figures.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from quietkeys.updates.report import Encoded
from quietkeys_bench.common.noise import Noisy
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import train

Integers = NDArray[np.int64]


def simulated(plan: Plan, report: Mapping[str, Encoded]) -> dict[str, Integers]:
    """Return the new weights of a report. Equal reports get equal noise, so that a run can be repeated."""
    weights: dict[str, Integers] = {}
    for block in plan.blocks:
        given = report[block.name]
        rng = np.random.default_rng(zlib.crc32(given.strength.tobytes() + given.gradient.tobytes()))
        weights[block.name] = train(block, given.strength, given.gradient, given.weights, Noisy(rng))
    return weights
