"""The program under Concrete's simulation, in a process of its own.

Concrete's runtime, HPX, handles every signal that can end a process, once a circuit runs in it; SIGPIPE,
which Python ignores, among them. A connection that the other end closed would then end the process of the
tests, in whichever test of the client comes next: this was once reported as a segmentation fault.
So nothing native runs in that process, which `without_concrete` in tests/conftest.py watches over.
"""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.program import reference
from tests.fhe_fixtures import SMALL_PLAN

pytestmark = pytest.mark.fhe
Arrays = list[Int64]


def simulated(report: Arrays) -> tuple[Arrays, bool, bool]:
    """The weights of every block after one report; and whether SIGPIPE was ignored before, and is now."""
    from tests.engine.simulation import Simulation

    simulation, before = Simulation(SMALL_PLAN), ignores(signal.SIGPIPE)
    return list(simulation.train(report)), before, ignores(signal.SIGPIPE)


def ignores(number: signal.Signals) -> bool:
    """Whether this process ignores a signal, whoever has seen to that."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("SigIgn:")[2].split()[0], 16) >> (number - 1) & 1)


@pytest.fixture(scope="module")
def report() -> Arrays:
    """Random arrays inside the plan's fields."""
    draw = np.random.default_rng(0)
    arrays: Arrays = []
    for block in SMALL_PLAN.blocks:
        arrays += [draw.integers(0, block.strength_max + 1, len(block.events))]
        arrays.append(draw.integers(-60, 61, block.width))
    return arrays


@pytest.fixture(scope="module")
def apart(report: Arrays) -> tuple[Arrays, bool, bool]:
    """What `simulated` returns in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(simulated, report).result()


def test_a_simulated_run_is_the_reference_with_noise(
    report: Arrays, apart: tuple[Arrays, bool, bool]
) -> None:
    """Simulated weights lie within a few steps of a table of the reference, in all their bits."""
    odd = False
    for position, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, apart[0], strict=True)):
        expected, _ = reference(block, *report[2 * position : 2 * position + 2])
        assert weights.shape == (block.width,)
        assert np.abs(weights - expected).max() <= 90
        odd |= bool((weights % 16 != 0).any())
    assert odd  # not cut to the bits that the compiler protects


def test_concrete_takes_signals_over(apart: tuple[Arrays, bool, bool]) -> None:
    """A process in which a circuit has run no longer ignores SIGPIPE: why no test runs one in its own."""
    _, before, after = apart
    assert before
    assert not after
