"""Blocks made from shapes, and public event types made from counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol.check import check_block
from quietkeys_protocol.plan_design import (
    Shape,
    bucket_starts,
    feature_map,
    make_block,
    prototypes,
    shape_of,
    whitened,
)

SHAPES = st.builds(
    Shape,
    planes=st.integers(1, 3),
    steps=st.integers(3, 9),
    gains=st.sampled_from([(), (2, 2), (4, 3, 2)]),
    stability=st.sampled_from([0.15, 0.2, 0.5, 1.2]),
    floor=st.sampled_from([0.25, 0.5, 1.0]),
    prior=st.sampled_from([0.3, 1.0, 5.0]),
    z_reach=st.sampled_from([0.8, 2.0, 3.0]),
)


@given(SHAPES, st.integers(2, 40))
def test_a_block_tells_its_shape(shape: Shape, size: int) -> None:
    """The shape of a block is the one it was made from, and makes the same block again."""
    matrix = np.eye(size, dtype=np.int64)
    block = make_block("some", [f"event {number}" for number in range(size)], matrix, shape)
    assert shape_of(block) == shape
    assert make_block("some", block.events, block.A, shape_of(block)) == block


def test_stability_is_that_of_the_check() -> None:
    """The check measures on the tables what the shape asks for: the slope of tanh between their levels."""
    for z_reach in (0.8, 2.0, 3.0):
        shape = Shape(
            planes=2, steps=8, gains=(6, 6, 6, 4, 3, 2), stability=0.2, floor=0.5, prior=1.0, z_reach=z_reach
        )
        names = [f"event {number}" for number in range(26)]
        block = make_block("some", names, np.eye(26, dtype=np.int64), shape)
        slope = 4.0 * np.tanh(
            z_reach / 16
        )  # of tanh(z / 2) between the two levels about zero, per half field
        assert check_block(block, 8).stability == pytest.approx(0.2 * slope, rel=0.05)


def test_buckets_hold_frequent_words_alone_and_every_other_word_once() -> None:
    """Starts rise from the first word; the first buckets hold one id, the later ones ever more."""
    starts = bucket_starts(10_000, 32, 8)
    assert len(starts) == 40
    assert starts[:32].tolist() == list(range(2, 34))
    widths = np.diff([*starts[32:], 10_000])
    assert (np.diff(widths) > 0).all()


def test_prototypes_are_those_of_the_groups_up_to_sign() -> None:
    """Differences around a few centres, with either sign, have those centres as their prototypes."""
    rng = np.random.default_rng(1)
    centres = 3.0 * np.eye(4)
    sign = rng.choice([-1.0, 1.0], (400, 1))
    rows = sign * np.repeat(centres, 100, axis=0) + 0.01 * rng.normal(size=(400, 4))
    found = np.abs(prototypes(rows, np.ones(400), 12, seed=0))
    for centre in centres:
        assert np.linalg.norm(found - centre, axis=1).min() < 0.1


def test_whitened_rows_are_near_orthogonal_and_stand_for_the_codes() -> None:
    """Weighted columns hardly overlap, and codes @ (T u) is close to A u."""
    rng = np.random.default_rng(2)
    codes = rng.normal(size=(128, 5)) @ np.diag([5.0, 1.0, 1.0, 0.5, 0.5])
    codes[:, 1] += 0.5 * codes[:, 0]
    strength = rng.gamma(1.0, 1.0, 128)
    matrix = whitened(codes, strength)
    assert np.abs(matrix).max() <= 3
    overlap = matrix.T @ (strength[:, None] * matrix)
    size = np.sqrt(np.diag(overlap))
    assert np.abs(overlap / np.outer(size, size) - np.eye(5)).max() < 0.35
    scale = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
    u = rng.normal(size=5)
    stands_for = (codes * scale) @ (feature_map(codes, matrix, scale) @ u)
    assert np.corrcoef(stands_for, matrix @ u)[0, 1] > 0.9
