"""What kind of word was typed, as it stands: the events of the literal block, and how the graph tells them.

A literal is known to the lexicon, or kept before, or neither. One that is neither is an own word or a
misspelling, and what tells them apart is: what the likeliest other candidate would have been changed by (a
slip of the fingers is no spelling; who writes a vowel for another does not know how the word is spelt;
letters left out are often meant), how long it is, and how much it is spelt like a word.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import LETTERS, are_adjacent
from quietkeys.prediction.events import FIRST_UNKNOWN


class Change(IntEnum):
    """What the likeliest other candidate would have been changed by. Several kinds in one word are OTHER."""

    SLIP = 0  # a neighbouring key
    SPELLING = 1  # a letter for one that sounds alike; one doubled, one of two left out, a vowel put in
    OTHER = 2


LONGEST: Final = (4, 6)  # letters of a short and of a middling word
ODD: Final = (-2.9, -2.45)  # nats a letter; a spelling is odd up to the first, usual from the second on
_LENGTHS: Final = (f"up to {LONGEST[0]}", f"{LONGEST[0] + 1} to {LONGEST[1]}", f"from {LONGEST[1] + 1}")
_SPELLINGS: Final = ("odd", "fair", "usual")
UNKNOWN_EVENTS: Final = len(Change) * len(_LENGTHS) * len(_SPELLINGS)
_VOWELS: Final = frozenset("aeiouy")
_ALIKE: Final = ("ck", "cs", "sz", "kq", "gj", "fv", "dt", "cx", "xz", "uw")


def literal_events() -> tuple[str, ...]:
    """Return the names of the events: known, own, then unknown ones by change, length and spelling."""
    unknown = [
        f"{change.name.lower()}, {length} letters, {spelling}"
        for change in Change
        for length in _LENGTHS
        for spelling in _SPELLINGS
    ]
    return ("known", "own", *unknown)


def even_odds(value: float) -> Float64:
    """Return literal odds that are the same for every unknown word, nats."""
    return np.concatenate([np.zeros(FIRST_UNKNOWN), np.full(UNKNOWN_EVENTS, value)])


def changes_of_edits() -> Int64:
    """Return the change that each edit id is, [EDIT_COUNT], -1 for a match and for padding."""
    return np.array([_change(edit) for edit in range(edits.EDIT_COUNT)], dtype=np.int64)


def changes_of_kinds() -> Int64:
    """Return the change that a word's edits are together, by which changes are among them, [8].

    The index has bit c where change c is. Two kinds of mistakes in one word are OTHER, and so is none, where
    there is no other candidate.
    """
    return np.array(
        [
            next((change for change in Change if among == 1 << change), Change.OTHER)
            for among in range(1 << len(Change))
        ],
        dtype=np.int64,
    )


def _change(edit: int) -> int:
    kind, intended, typed = edits.describe(edit)
    if kind in ("none", "match"):
        return -1
    if kind in ("omission-repeated", "insertion-repeated"):
        return Change.SPELLING
    if kind.startswith("insertion"):
        vowel = typed < len(LETTERS) and LETTERS[typed] in _VOWELS
        near = Change.SLIP if kind == "insertion-near" else Change.OTHER
        return Change.SPELLING if vowel else near
    if kind != "substitution" or max(intended, typed) >= len(LETTERS):
        return Change.OTHER
    pair = {LETTERS[intended], LETTERS[typed]}
    if pair <= _VOWELS or any(pair == set(alike) for alike in _ALIKE):
        return Change.SPELLING
    return Change.SLIP if are_adjacent(*sorted(pair)) else Change.OTHER
