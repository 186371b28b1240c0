"""The program under Concrete's simulation."""

from __future__ import annotations

import numpy as np
import pytest

from quietkeys_protocol.program import reference
from tests.fhe_fixtures import SMALL_PLAN

pytestmark = pytest.mark.fhe


def test_a_simulated_run_is_the_reference_with_noise() -> None:
    """Simulated weights lie within a few steps of a table of the reference, in all their bits."""
    from tests.engine.simulation import Simulation

    draw = np.random.default_rng(0)
    report = []
    for block in SMALL_PLAN.blocks:
        report += [draw.integers(0, block.strength_max + 1, len(block.events))]
        report += [draw.integers(-60, 61, block.width), draw.integers(-300, 301, block.width)]
    updates = Simulation(SMALL_PLAN).train(report)
    odd = False
    for position, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, updates, strict=True)):
        expected, _ = reference(block, *report[3 * position : 3 * position + 3])
        assert weights.shape == (block.width,)
        assert np.abs(weights - expected).max() <= 90
        odd |= bool((weights % 16 != 0).any())
    assert odd  # not cut to the bits that the compiler protects
