"""The program under Concrete's simulation, in a process of its own, see `without_concrete`."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from numpy.typing import NDArray

from quietkeys_protocol.program import reference
from tests.fhe_fixtures import SMALL_PLAN

pytestmark = pytest.mark.fhe
Arrays = list[NDArray[np.int64]]


def simulated(report: Arrays) -> Arrays:
    """The weights of every block after one report."""
    from quietkeys_trainer.simulation import Simulation

    return list(Simulation(SMALL_PLAN).train(report))


def test_a_simulated_run_is_the_reference_with_noise() -> None:
    """Simulated weights lie within a few steps of a table of the reference, in all their bits."""
    draw = np.random.default_rng(0)
    report: Arrays = []
    for block in SMALL_PLAN.blocks:
        report += [draw.integers(0, block.strength_max + 1, len(block.events))]
        report += [draw.integers(-60, 61, block.width), draw.integers(-300, 301, block.width)]
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        updates = apart.submit(simulated, report).result()
    odd = False
    for position, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, updates, strict=True)):
        expected, _ = reference(block, *report[3 * position : 3 * position + 3])
        assert weights.shape == (block.width,)
        assert np.abs(weights - expected).max() <= 90
        odd |= bool((weights % 16 != 0).any())
    assert odd  # not cut to the bits that the compiler protects
