"""The plan stage: event types, design matrices and tables of the four blocks.

channel: one weight per group of edits, and one per touch event. lexicon: one weight per bucket of the
vocabulary. ranker: a few whitened directions of the feature differences between a kept word and its rivals,
told by a code book. literal: one weight for every kind of word that stands as it was typed; what the ranker's
features say of the same is left out of its prototypes, so that two blocks do not learn one thing.
The figures that these choices rest on are in docs/PLAN.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import KEY_CENTRES, LETTERS, same_hand
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.prediction.counting import Choices, Lean, Masses, count
from quietkeys.prediction.events import (
    DIFFERENCE_LIMIT,
    FEATURES,
    NEGLIGIBLE_MASS,
    EventMap,
    softmax,
)
from quietkeys_protocol import plan_design as making
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.plan_design import Shape, make_block, whitened

from .literals import literal_events
from .rank import Base, Typed

FITTED: Final = 128  # prototypes of feature differences
CODES: Final = 104  # that they are merged to: with more, a report would exceed 10 KB
ENTRIES: Final = 1  # of the ranker's matrix, at most: see `check.MAX_NOISE`
SCALE: Final = 2.0  # of what is rounded to them
FREQUENT_ALONE: Final = 32  # words that are a bucket of their own
TIERS: Final = 8  # buckets of the rest, equal in the logarithm of the rank
FEATURE_SCALE: Final = {"language": 2.0, "channel": 2.0, "personal": 2.0}  # nats; 1 for evidence
UNTRAINED: Final = ("literal_known", "literal_new")  # the ranker's block leaves them to the literal's
_NEAR: Final = 1.5  # key widths between centres


SHAPES: Final = {
    "channel": Shape(planes=1, steps=4, gains=(8, 3), stability=0.3, floor=0.5, prior=1.0, z_reach=2.2),
    "lexicon": Shape(planes=1, steps=4, gains=(8, 3), stability=0.7, floor=0.5, prior=5.0, z_reach=0.8),
    "ranker": Shape(planes=1, steps=4, gains=(2, 2, 2), stability=1.2, floor=0.5, prior=0.3, z_reach=3.0),
    "literal": Shape(planes=1, steps=3, gains=(8, 2), stability=0.25, floor=0.5, prior=2.0, z_reach=2.5),
}


def channel_events() -> tuple[Int64, tuple[str, ...]]:
    """Return ([EDIT_COUNT] event of each edit or -1, event names: those of edits, then TOUCH_EVENTS)."""
    names: dict[str, int] = {}
    events = np.full(edits.EDIT_COUNT, -1, dtype=np.int64)
    for edit in range(1, edits.EDIT_COUNT):
        name = _channel_event(edit)
        if name:
            events[edit] = names.setdefault(name, len(names))
    return events, (*names, *TOUCH_EVENTS)


def _channel_event(edit: int) -> str:
    kind, intended, typed = edits.describe(edit)
    if kind == "match":
        return ""
    if kind == "omission":
        if intended == edits.APOSTROPHE:
            return "omit apostrophe"
        if intended == edits.OTHER:
            return "far"
        letter = LETTERS[intended]
        row = ("top", "home", "bottom")[int(KEY_CENTRES[intended][1])]
        vowel = "vowel" if letter in "aeiou" else "consonant"
        return f"omit {_hand(letter)} {row} {vowel}"
    if kind == "substitution":
        if max(intended, typed) >= len(LETTERS):
            return "far"
        step = KEY_CENTRES[typed] - KEY_CENTRES[intended]
        if float(np.hypot(*step)) > _NEAR:
            return "far"
        across = 0 if abs(step[0]) <= 0.25 else int(np.sign(step[0]))
        down = int(np.sign(step[1]))
        if down == 0:
            return f"hit {('left', '', 'right')[across + 1]} {_hand(LETTERS[intended])}"
        side = ("left", "straight", "right")[across + 1]
        return f"hit {'below' if down > 0 else 'above'} {side}"
    return "transpose" if kind.startswith("transposition") else kind


def _hand(letter: str) -> str:
    return "left hand" if same_hand(letter, "a") else "right hand"


def bucket_starts(vocabulary: int) -> Int64:
    """Return the first id of each lexicon bucket: frequent words alone, then tiers by log rank."""
    return making.bucket_starts(vocabulary, FREQUENT_ALONE, TIERS)


def feature_scale() -> Float64:
    """Return the unit of each feature difference, in the order of FEATURES."""
    return np.array([FEATURE_SCALE.get(name, 1.0) for name in FEATURES], dtype=np.float64)


def code_book(people: Sequence[Typed], base_weights: Float64, seed: int = 0) -> Float64:
    """Return prototypes [FITTED, F] of scaled feature differences, up to sign: k-means weighted by mass."""
    differences, masses = _pairs(people, base_weights)
    return making.prototypes(differences, masses, FITTED, seed)


def _pairs(people: Sequence[Typed], base_weights: Float64) -> tuple[Float64, Float64]:
    # Scaled feature differences between intended words and their rivals, with contested masses.
    rows: list[Float64] = []
    masses: list[Float64] = []
    for person in people:
        for choice in person.choices:
            probability = softmax(choice.features @ base_weights)
            probability[choice.kept] = 0.0
            rivals = np.flatnonzero(probability > NEGLIGIBLE_MASS)
            rows.append(choice.features[choice.kept] - choice.features[rivals])
            masses.append(probability[rivals])
    scaled = np.clip(np.concatenate(rows) * _trained() / feature_scale(), -DIFFERENCE_LIMIT, DIFFERENCE_LIMIT)
    return scaled, np.concatenate(masses)


def _trained() -> Float64:
    # [F] 1 for the features that prototypes are made of.
    return np.array([float(name not in UNTRAINED) for name in FEATURES])


def mean_masses(people: Sequence[Typed], events: EventMap) -> dict[str, Masses]:
    """Return the contested masses of an average made-up person."""
    choices = Choices.of(events, [choice for person in people for choice in person.choices])
    counted = count(events, choices, Lean.none(events))
    return {block: masses.scaled(1.0 / len(people)) for block, masses in counted.items()}


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan with the event map that goes beside it."""

    plan: Plan
    events: EventMap


def make_plan(bundle: str, vocabulary: int, people: Sequence[Typed], base: Base) -> Planned:
    """Return the plan and event map for a lexicon of this size, fitted to made-up people."""
    nothing = np.zeros((len(FEATURES), 1))
    fitted = EventMap(
        channel_events()[0],
        bucket_starts(vocabulary),
        code_book(people, base.weights),
        feature_scale(),
        base.weights,
        nothing,
        base.literal_odds,
    )
    both = mean_masses(people, fitted)["ranker"]
    return replanned(bundle, fitted, (both.evidence_for + both.evidence_against) / 2.0)


def replanned(bundle: str, fitted: EventMap, strength: Float64) -> Planned:
    """Return the plan and event map with FITTED prototypes merged to CODES.

    strength: S [FITTED] of an average made-up person, without the prior.
    """
    codes = making.merged(fitted.code_book, strength, CODES)
    merged = replace(fitted, code_book=codes)
    into, _ = merged.nearest_code(fitted.code_book * feature_scale())
    of_codes = np.bincount(into, strength, CODES) + SHAPES["ranker"].prior
    matrix = whitened(codes, of_codes, ENTRIES, SCALE)
    matrix = matrix[:, matrix.any(axis=0)]  # no weights for features that prototypes leave out
    events = replace(merged, ranker_map=making.feature_map(codes, matrix, feature_scale()))
    channel_names = channel_events()[1]
    starts = events.bucket_starts
    kinds = literal_events()
    blocks = (
        make_block("channel", channel_names, np.eye(len(channel_names), dtype=np.int64), SHAPES["channel"]),
        make_block(
            "lexicon",
            [f"words from id {start}" for start in starts],
            np.eye(len(starts), dtype=np.int64),
            SHAPES["lexicon"],
        ),
        make_block("ranker", [f"code {code}" for code in range(len(codes))], matrix, SHAPES["ranker"]),
        make_block("literal", kinds, np.eye(len(kinds), dtype=np.int64), SHAPES["literal"]),
    )
    return Planned(Plan(bundle, blocks), events)
