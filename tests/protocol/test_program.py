"""The training program against a second implementation, and against what it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_bench.common.synthetic_plan import Shape, synthetic_block, synthetic_report
from quietkeys_protocol.plan import Block
from quietkeys_protocol.program import Clear, accumulator_bits, dither, iterates, reference, train

BLOCK: Final = synthetic_block("some", Shape(60, 8, z_bits=13, stability=1.2, steps=8, gains=(2,) * 6), 3)


def by_hand(block: Block, strength: list[int], gradient: list[int]) -> list[int]:
    """The program in plain Python, written from the formula and not from the code."""
    u = [(block.gains[0] if block.gains else 1) * one for one in gradient]
    level = 2 ** (block.z_bits - block.z_top_bits)
    half = 2 ** (block.z_bits - 1)
    for step in range(1, block.steps):
        gain = block.gains[step] if step < len(block.gains) else 1
        new = [u[i] + gain * gradient[i] for i in range(block.width)]
        for m, row in enumerate(block.matrix):
            z = sum(a * value for a, value in zip(row, u, strict=True))
            code = strength[m] * 16 // (block.strength_max + 1)
            for p in range(block.planes):
                shift = 3 * level // 8 * (1 if (m + p + step) % 2 == 0 else -1)
                place = (z + shift + half) // level
                entry = block.plane_tables[p][code] * 2**block.z_top_bits + place
                pull = block.step_tables[p][entry]
                for i, a in enumerate(row):
                    new[i] -= gain * a * pull
        u = new
    return u


shapes = st.builds(
    Shape,
    events=st.integers(1, 12),
    weights=st.integers(1, 5),
    z_bits=st.integers(9, 14),
    planes=st.integers(1, 3),
    steps=st.integers(3, 4),
    gains=st.sampled_from([(), (2,), (1, 3), (2, 2, 2)]),
    reach=st.integers(1, 3),
    strength_max=st.sampled_from([15, 63, 255]),
    stability=st.just(0.8),
)


@given(shapes, st.integers(0, 1000))
def test_the_reference_is_the_formula(shape: Shape, seed: int) -> None:
    """Arrays and a plain loop over events, planes and steps give the same integers."""
    block = synthetic_block("some", shape, seed)
    strength, gradient = synthetic_report(block, seed)
    found, reach = reference(block, strength, gradient)
    if reach.inside(block).all():
        assert found[0].tolist() == by_hand(block, strength[0].tolist(), gradient[0].tolist())


def test_a_batch_is_its_people() -> None:
    """Training many people at once gives what training each of them gives."""
    batch = synthetic_report(BLOCK, 1, people=5)
    weights, reach = reference(BLOCK, *batch)
    for person in range(5):
        alone, alone_reach = reference(BLOCK, *(array[person] for array in batch))
        assert (alone == weights[person]).all()
        assert alone_reach.z_high == reach.z_high[person]


def test_training_finds_the_optimum() -> None:
    """The weights approach the optimum that the tables say, found in floating point with many small steps."""
    strength, gradient = synthetic_report(BLOCK, 7, people=20)
    strength = np.maximum(strength, 8)
    found, reach = reference(BLOCK, strength, gradient)
    assert reach.inside(BLOCK).all()
    float_weights = np.zeros(found.shape)
    level = 2.0 ** (BLOCK.z_bits - BLOCK.z_top_bits)
    centres = (np.arange(8) - 3.5) * level
    for _ in range(400):
        z = float_weights @ BLOCK.A.T
        pull = np.zeros(z.shape)
        for plane, table in zip(BLOCK.plane_tables, BLOCK.step_tables, strict=True):
            pull += np.array(plane)[strength] * np.interp(z, centres, table[8:])
        float_weights += 0.5 * (gradient - pull @ BLOCK.A)
    z, z_found = float_weights @ BLOCK.A.T, found @ BLOCK.A.T
    errors = np.linalg.norm(z_found - z, axis=1) / np.linalg.norm(z, axis=1)
    assert np.median(errors) < 0.25


def test_more_steps_come_nearer() -> None:
    """As many steps again move less than the first ones."""
    strength, gradient = synthetic_report(BLOCK, 4, people=20)
    first, _ = reference(BLOCK, strength, gradient)
    second, _ = reference(replace(BLOCK, steps=2 * BLOCK.steps), strength, gradient)
    assert np.linalg.norm(second - first) < 0.5 * np.linalg.norm(first)


def test_the_first_step_looks_nothing_up() -> None:
    """It is the gradient times its gain: from nothing, nothing pulls."""
    strength, gradient = synthetic_report(BLOCK, 5)
    first, *later = iterates(BLOCK, strength, gradient, Clear())
    assert (first == BLOCK.step_gains[0] * gradient).all()
    assert len(later) == BLOCK.steps - 1
    assert BLOCK.look_ups == len(BLOCK.events) * BLOCK.planes * (1 + len(later))


def test_evidence_for_nothing_changes_nothing_much() -> None:
    """Without a gradient, weights of zero stay within what the dither moves."""
    strength = np.full(60, 15, dtype=np.int64)
    weights, _ = reference(BLOCK, strength, np.zeros(8, dtype=np.int64))
    level = 1 << (BLOCK.z_bits - BLOCK.z_top_bits)
    assert np.abs(weights @ BLOCK.A.T).max() < level


def test_dither_is_balanced_and_alternates() -> None:
    """Neighbouring events, planes and steps are shifted in opposite directions by 3/8 of a level."""
    level = 1 << (BLOCK.z_bits - BLOCK.z_top_bits)
    first = dither(BLOCK, 0, 0)
    assert set(first.tolist()) == {3 * level // 8, -3 * level // 8}
    assert first.sum() == 0
    assert (dither(BLOCK, 1, 0) == -first).all()
    assert (dither(BLOCK, 0, 1) == -first).all()
    assert (first[1:] == -first[:-1]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_run_out_of_its_field_is_noticed(sign: int) -> None:
    """Where z leaves its field, at the first look-up or later, the reach says so."""
    strength, gradient = (array[0] for array in synthetic_report(BLOCK, 1))
    assert reference(BLOCK, strength, gradient)[1].inside(BLOCK).all()
    steep = gradient + sign * BLOCK.gradient_limit
    assert not reference(BLOCK, strength, steep)[1].inside(BLOCK).any()
    late = replace(BLOCK, gains=(1, 1, 1, 1, 1, 1, 1, 16))
    half = gradient + sign * (1 << (BLOCK.z_bits - 1)) // (4 * np.abs(BLOCK.A).sum(axis=1).max())
    assert not reference(late, strength * 0, half)[1].inside(late).any()


def test_weights_beyond_their_limit_are_noticed() -> None:
    """A run whose weights pass the plan's limit is outside, however small its z."""
    narrow = replace(BLOCK, weight_limit=1)
    assert not reference(narrow, *(array[0] for array in synthetic_report(BLOCK, 1)))[1].inside(narrow).any()


def test_the_edges_of_the_field_are_inside() -> None:
    """The field may be used up to the last unit on either side, dither included."""
    block = replace(
        synthetic_block("edge", Shape(2, 2, z_bits=10, steps=2), 0),
        step_tables=((0,) * 16, (0,) * 16),
        matrix=((1, 0), (0, 1)),
    )
    margin = int(dither(block, 0, 0).max())
    half = 1 << (block.z_bits - 1)
    strength = np.full(2, 15, dtype=np.int64)
    edges = np.array([half - 1 - margin, -half + margin])
    for shift, expected in (((0, 0), True), ((1, 0), False), ((0, -1), False)):
        first = replace(block, weight_limit=2 * half)  # which the second step passes
        _, reach = reference(first, strength, edges + shift)
        assert bool(reach.inside(first).all()) is expected


def test_the_result_wraps_like_a_ciphertext() -> None:
    """What is delivered has the bits of the accumulator, signed."""
    bits = accumulator_bits(BLOCK)
    half = 1 << (bits - 1)
    assert Clear().deliver(np.array([half, -half - 1, 5]), bits).tolist() == [-half, half - 1, 5]


def test_training_is_the_last_iterate() -> None:
    """`train` delivers what `iterates` ends with."""
    arrays = synthetic_report(BLOCK, 2, people=3)
    *_, last = iterates(BLOCK, *arrays, Clear())
    assert (train(BLOCK, *arrays, Clear()) == last).all()
