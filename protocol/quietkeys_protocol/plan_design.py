"""Makes blocks and public event types from their shapes: what builds a plan, and what measures plans, calls.

Nothing here is needed to run a plan. Events are told by what is public: ids by frequency, prototypes of
differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys_protocol.arrays import Float64, Int64
from quietkeys_protocol.plan import Block

Z_BITS: Final = 13
Z_TOP_BITS: Final = 3
STRENGTH_MAX: Final = 255  # summed over sources; the coding look-up reads the top four bits
GRADIENT_LIMIT: Final = (1 << Z_BITS) - 1
FIRST_WORD: Final = 2  # ids before it are marks, not words
CODE_BOOK_ROUNDS: Final = 20
MERGES: Final = 20  # tried, from different starts
WHITENING: Final = 0.05  # ridge, in units of the mean curvature


@dataclass(frozen=True, slots=True)
class Shape:
    """How a block is quantized.

    stability: 2 s_top g_top lambda_max(A^T A) / 2^(z_bits - 1), the curvature of a step of gain 1. gains:
    multipliers of the first steps; the last steps are small, so that a look-up that noise carries over an
    edge of its table moves the result little. floor: strength of code 0 in units of one code, so that events
    without evidence are still pulled to zero. prior: kappa, in contested mass. z_reach: real z at the edge of
    its field, small enough that a typical z uses a whole table level.
    """

    planes: int
    steps: int
    gains: tuple[int, ...]
    stability: float
    floor: float
    prior: float
    z_reach: float


def make_block(name: str, events: Sequence[str], matrix: Int64, shape: Shape) -> Block:
    """Return the block of matrix [M, d] with tables of tanh at the middle of each of z's eight top levels."""
    half = 1 << (Z_BITS - 1)
    top_code = 2**shape.planes - 1
    pull = shape.stability * half / (2.0 * _curvature(matrix))  # of one event at the top code
    levels = (np.arange(8) - 3.5) / 4.0 * shape.z_reach
    scale = pull / (top_code + shape.floor)
    tables = []
    for plane in range(shape.planes):
        floor = shape.floor if plane == 0 else 0.0
        rows = [np.rint(scale * weight * np.tanh(levels / 2.0)) for weight in (floor, floor + 2**plane)]
        tables.append(tuple(int(entry) for row in rows for entry in row))
    codes = np.rint(np.arange(16) * top_code / 15).astype(int)
    return Block(
        name=name,
        events=tuple(events),
        matrix=tuple(tuple(int(entry) for entry in row) for row in matrix),
        z_bits=Z_BITS,
        z_top_bits=Z_TOP_BITS,
        plane_tables=tuple(tuple(int(code) >> p & 1 for code in codes) for p in range(shape.planes)),
        step_tables=tuple(tables),
        steps=shape.steps,
        gains=shape.gains,
        strength_max=STRENGTH_MAX,
        gradient_limit=GRADIENT_LIMIT,
        weight_limit=half - 1,
        z_unit=shape.z_reach / half,
        units=(
            ("floor", shape.floor),
            ("prior", shape.prior),
            ("pull", scale),
            ("ratio_limit", float(np.tanh(levels[-1] / 2.0))),
        ),
    )


def shape_of(block: Block) -> Shape:
    """Return the shape that `make_block` made a block from."""
    units = dict(block.units)
    half = 1 << (block.z_bits - 1)
    pull = units["pull"] * (2**block.planes - 1 + units["floor"])
    return Shape(
        planes=block.planes,
        steps=block.steps,
        gains=block.gains,
        stability=round(pull * 2.0 * _curvature(block.A) / half, 9),
        floor=units["floor"],
        prior=units["prior"],
        z_reach=block.z_unit * half,
    )


def bucket_starts(vocabulary: int, alone: int, tiers: int) -> Int64:
    """Return the first id of each bucket of words, [alone + tiers]: words alone, then tiers by log rank."""
    first = FIRST_WORD + alone
    later = np.geomspace(first, vocabulary, tiers + 1)[:-1].round().astype(np.int64)
    return np.concatenate([np.arange(FIRST_WORD, first), later])


def prototypes(differences: Float64, masses: Float64, count: int, seed: int) -> Float64:
    """Return [count, F] prototypes of differences [N, F], up to sign: k-means weighted by masses [N]."""
    rng = np.random.default_rng(seed)
    picks = rng.choice(len(differences), count, p=masses / masses.sum(), replace=False)
    codes = differences[picks].copy()
    for _ in range(CODE_BOOK_ROUNDS):
        products = differences @ codes.T
        nearest = ((codes**2).sum(1) - 2.0 * np.abs(products)).argmin(1)
        sign = np.where(products[np.arange(len(differences)), nearest] >= 0.0, 1.0, -1.0)
        sums = np.zeros_like(codes)
        np.add.at(sums, nearest, (masses * sign)[:, None] * differences)
        held = np.bincount(nearest, masses, count)
        codes = np.where(held[:, None] > 0.0, sums / np.maximum(held, 1e-9)[:, None], codes)
    rounded: Float64 = np.round(codes, 4)
    return rounded


def merged(codes: Float64, masses: Float64, count: int) -> Float64:
    """Return [count, F] prototypes in place of more [M, F], as near to them as k-means finds.

    masses: [M] what each counts for.
    """
    tried = [prototypes(codes, masses, count, seed) for seed in range(MERGES)]
    return min(tried, key=lambda fewer: float(masses @ _distances(codes, fewer)))


def _distances(rows: Float64, codes: Float64) -> Float64:
    # From each row [N, F] to its nearest code, up to sign, squared, less what no code changes.
    nearest: Float64 = ((codes**2).sum(1) - 2.0 * np.abs(rows @ codes.T)).min(1)
    return nearest


def whitened(rows: Float64, strength: Float64, entries: int = 3, scale: float = 1.0) -> Int64:
    """Return integer rows [M, d], entries -entries..entries, near-orthogonal under the strengths [M].

    rows [M, F] times (rows^T diag(strength) rows + ridge)^(-1/2), rounded. scale: 1 if the largest is to
    become `entries`; with more, more rows differ from zero, and large ones are clipped.
    """
    curvature = rows.T @ (strength[:, None] * rows)
    curvature *= len(curvature) / np.trace(curvature)
    values, vectors = np.linalg.eigh(curvature + WHITENING * np.eye(len(curvature)))
    turned = rows @ (vectors @ np.diag(values**-0.5) @ vectors.T)
    step = np.abs(turned).max() / (entries + 0.5) * 0.9 / scale
    rounded: Int64 = np.clip(np.rint(turned / step), -entries, entries).astype(np.int64)
    return rounded


def feature_map(codes: Float64, matrix: Int64, scale: Float64) -> Float64:
    """Return T [F, d]: the feature weights w = T u for which codes [M, F] @ w comes nearest to A u."""
    turn: Float64 = np.linalg.pinv(codes) @ matrix.astype(np.float64) / scale[:, None]
    return turn.round(6)


def _curvature(matrix: Int64) -> float:
    return float(np.linalg.eigvalsh((matrix.T @ matrix).astype(np.float64))[-1])
