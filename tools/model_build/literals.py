"""What kind of word was typed, as it stands: the events of the literal block, and how the graph tells them.

A literal is known to the lexicon, or kept before, or neither. One that is neither is an own word or a
misspelling, and what tells them apart is: what the likeliest other candidate would have been changed by (a
slip of the fingers is no spelling; who writes a vowel for another does not know how the word is spelt;
letters left out are often meant; words many edits away are often names), how long it is, and whether it is
spelt like a word. The classes were chosen on text (docs/MODEL.md, Own words and misspellings).
"""

from __future__ import annotations

from enum import IntEnum
from itertools import product
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import LETTERS, are_adjacent
from quietkeys.prediction.events import FIRST_UNKNOWN


class Change(IntEnum):
    """What the likeliest other candidate would have been changed by: one edit, two, or more (or none)."""

    SLIP = 0  # a neighbouring key, or a consonant too many
    SPELLING = 1  # what sounds alike, two letters swapped, one doubled, one of two left out, a vowel put in
    OMISSION = 2  # a letter left out, or a space
    OTHER = 3
    TWO = 4
    MANY = 5


LONGEST: Final = (4, 6)  # letters of a short and of a middling word
ODD: Final = -3.0  # nats a letter up to which a spelling is odd
_LENGTHS: Final = (f"up to {LONGEST[0]}", f"{LONGEST[0] + 1} to {LONGEST[1]}", f"from {LONGEST[1] + 1}")
_SPELLINGS: Final = ("odd", "usual")
_SPELT: Final = (Change.SLIP, Change.SPELLING, Change.OMISSION)  # told apart by their spelling as well
_VOWELS: Final = frozenset("aeiouy")
_ALIKE: Final = ("ck", "cs", "sz", "kq", "gj", "fv", "dt", "cx", "xz", "uw")


def literal_events() -> tuple[str, ...]:
    """Return the names of the events: known, own, then unknown ones by change, length and spelling."""
    return ("known", "own", *dict.fromkeys(_names()))


def events_of_cells() -> Int64:
    """Return the event of every (change, length, odd or usual), as one number with these digits, [36]."""
    numbers = {name: number for number, name in enumerate(literal_events())}
    return np.array([numbers[name] for name in _names()], dtype=np.int64)


def _names() -> list[str]:
    return [
        f"{change.name.lower()}, {length} letters" + (f", {spelling}" if change in _SPELT else "")
        for change, length, spelling in product(Change, _LENGTHS, _SPELLINGS)
    ]


def even_odds(value: float) -> Float64:
    """Return literal odds that are the same for every unknown word, nats."""
    unknown = len(literal_events()) - FIRST_UNKNOWN
    return np.concatenate([np.zeros(FIRST_UNKNOWN), np.full(unknown, value)])


def changes_of_edits() -> Int64:
    """Return the change that each edit id is if it is the only one, [EDIT_COUNT], -1 for what is none."""
    return np.array([_change(edit) for edit in range(edits.EDIT_COUNT)], dtype=np.int64)


def _change(edit: int) -> int:
    kind, intended, typed = edits.describe(edit)
    if kind in ("none", "match"):
        return -1
    if kind == "omission":
        return Change.OMISSION
    if kind.startswith("insertion") and kind != "insertion-repeated":
        return Change.SPELLING if typed < len(LETTERS) and LETTERS[typed] in _VOWELS else Change.SLIP
    if kind != "substitution":  # transposed or doubled, or one of two left out
        return Change.SPELLING
    if max(intended, typed) >= len(LETTERS):
        return Change.OTHER
    pair = {LETTERS[intended], LETTERS[typed]}
    if pair <= _VOWELS or any(pair == set(alike) for alike in _ALIKE):
        return Change.SPELLING
    return Change.SLIP if are_adjacent(*sorted(pair)) else Change.OTHER
