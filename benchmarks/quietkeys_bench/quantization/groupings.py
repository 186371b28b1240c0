"""Ways to group what happens into events: what a plan could count instead of what it counts.

Each is a design matrix with the two things that a bench needs of it: the counts of a table of choices, and
how the scores of its candidates move with the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.prediction.counting import Masses
from quietkeys.prediction.events import DIFFERENCE_LIMIT, EventMap
from quietkeys_bench.quantization.choice_arrays import Table
from quietkeys_protocol.plan import Block
from quietkeys_protocol.plan_design import bucket_starts, feature_map, prototypes, whitened

FREQUENT_ALONE: Final = (16, 32, 48)  # words that are a bucket of their own
TIERS: Final = 8
CODE_BOOKS: Final = (64, 128, 256)  # prototypes
_HANDS: Final = (" left hand", " right hand")
SHIPPED: Final = "shipped"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Events of one block. matrix: [M, d]. count: masses [M] of a table. moves: [R, d] of a table."""

    block: str
    label: str
    events: tuple[str, ...]
    matrix: Int64
    count: Callable[[Table], Masses]
    moves: Callable[[Table], Float64]


def channel_groupings(shipped: Block) -> list[Grouping]:
    """Return the shipped edit events, and the same with both hands in one event."""
    merged: dict[str, int] = {}
    names = [_without_hand(name) for name in shipped.events]
    member = np.array([merged.setdefault(name, len(merged)) for name in names])
    merge = np.eye(len(merged))[member]  # [events, merged events]
    return [
        _one_weight_each("channel", SHIPPED, shipped.events, lambda table: table.edits),
        _one_weight_each("channel", "hands merged", tuple(merged), lambda table: table.edits @ merge),
    ]


def lexicon_groupings(vocabulary: int) -> list[Grouping]:
    """Return buckets with more and fewer words alone; tables must hold the buckets of `fine_buckets`."""
    fine = fine_buckets(vocabulary)
    found = []
    for alone in FREQUENT_ALONE:
        starts = bucket_starts(vocabulary, alone, TIERS)
        of_fine = np.searchsorted(starts, fine, side="right") - 1  # [fine buckets]
        one_hot = np.vstack([np.eye(len(starts))[of_fine], np.zeros(len(starts))])  # row -1: no bucket
        names = tuple(f"words from id {start}" for start in starts)
        found.append(_one_weight_each("lexicon", f"{alone} words alone", names, _rows_of(one_hot)))
    return found


def fine_buckets(vocabulary: int) -> Int64:
    """Return bucket starts of which those of every lexicon grouping are a part."""
    every = [bucket_starts(vocabulary, alone, TIERS) for alone in FREQUENT_ALONE]
    starts: Int64 = np.unique(np.concatenate(every))
    return starts


def ranker_groupings(
    shipped: Block, events: EventMap, others: Sequence[Table], prior: float, seed: int
) -> list[Grouping]:
    """Return the shipped code book, and books of several sizes made from other people's tables.

    Every book is made the same way, so that their sizes can be compared; nobody among `others` may be
    measured. Without others there is the shipped one alone.
    """
    book = _of_codes(SHIPPED, shipped.A, events.code_book, events.ranker_map, events)
    if not others:
        return [book]
    scaled, mass = (np.concatenate(parts) for parts in zip(*map(_scaled_by(events), others), strict=True))
    found = [book]
    for size in (size for size in CODE_BOOKS if size <= len(mass)):
        codes = prototypes(scaled, mass, size, seed)
        nearest = _nearest(codes, scaled)[0]
        strength = np.bincount(nearest, mass, size) / (2.0 * len(others)) + prior
        matrix = whitened(codes, strength)
        turn = feature_map(codes, matrix, events.feature_scale)
        found.append(_of_codes(f"{size} codes of {len(others)} people", matrix, codes, turn, events))
    return found


def literal_groupings(shipped: Block) -> list[Grouping]:
    """Return the shipped kinds of literals."""
    one_hot = np.vstack([np.eye(len(shipped.events)), np.zeros(len(shipped.events))])  # row -1: no literal
    return [_one_weight_each("literal", SHIPPED, shipped.events, lambda table: one_hot[table.literals])]


def _scaled_by(events: EventMap) -> Callable[[Table], tuple[Float64, Float64]]:
    """Return what gives the scaled feature differences [P, F] of a table, with their masses [P]."""

    def scaled(table: Table) -> tuple[Float64, Float64]:
        pairs = table.pairs()
        difference = (table.features[pairs.kept] - table.features[pairs.rival]) / events.feature_scale
        return np.clip(difference, -DIFFERENCE_LIMIT, DIFFERENCE_LIMIT), pairs.mass

    return scaled


def _one_weight_each(
    block: str, label: str, events: tuple[str, ...], incidence: Callable[[Table], Float64]
) -> Grouping:
    # incidence: [R, M] how often each event occurs in each candidate.
    def count(table: Table) -> Masses:
        pairs, occurs = table.pairs(), incidence(table)
        difference = occurs[pairs.kept] - occurs[pairs.rival]
        return Masses(pairs.mass @ np.maximum(difference, 0.0), pairs.mass @ np.maximum(-difference, 0.0))

    return Grouping(block, label, events, np.eye(len(events), dtype=np.int64), count, incidence)


def _rows_of(one_hot: Float64) -> Callable[[Table], Float64]:
    return lambda table: one_hot[table.buckets]


def _of_codes(label: str, matrix: Int64, codes: Float64, turn: Float64, events: EventMap) -> Grouping:
    def count(table: Table) -> Masses:
        scaled, mass = _scaled_by(events)(table)
        nearest, positive = _nearest(codes, scaled)
        size = len(codes)
        return Masses(
            np.bincount(nearest[positive], mass[positive], size).astype(np.float64),
            np.bincount(nearest[~positive], mass[~positive], size).astype(np.float64),
        )

    names = tuple(f"code {code}" for code in range(len(codes)))
    return Grouping("ranker", label, names, matrix, count, lambda table: table.features @ turn)


def _nearest(codes: Float64, scaled: Float64) -> tuple[Int64, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    # (prototype, whether the difference has its sign) of every row; as EventMap.nearest_code.
    products = scaled @ codes.T
    nearest = ((codes**2).sum(1) - 2.0 * np.abs(products)).argmin(1)
    return nearest, products[np.arange(len(scaled)), nearest] >= 0.0


def _without_hand(name: str) -> str:
    for hand in _HANDS:
        name = name.replace(hand, "")
    return name
