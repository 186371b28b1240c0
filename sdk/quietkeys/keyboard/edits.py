"""Edit operations between an intended word and what was typed, and their ids.

Characters have 28 classes: a-z, the apostrophe, anything else. Ids are stable: the channel model and
the plan of a bundle index them.

    NONE                                padding, costs nothing
    substitution(i, t)                  intended class i, typed class t; a match where i == t
    omission(i, repeated)               intended class i not typed; repeated: it equals its predecessor
    insertion(t, kind)                  class t typed without being intended
    transposition(same_hand)            two neighbouring characters swapped
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from quietkeys.keyboard.layout import LETTERS

CLASSES: Final = 28
APOSTROPHE: Final = 26
OTHER: Final = 27

NONE: Final = 0
_SUBSTITUTION: Final = 1
_OMISSION: Final = _SUBSTITUTION + CLASSES * CLASSES
_OMISSION_REPEATED: Final = _OMISSION + CLASSES
_INSERTION: Final = _OMISSION_REPEATED + CLASSES
_TRANSPOSITION: Final = _INSERTION + 3 * CLASSES
EDIT_COUNT: Final = _TRANSPOSITION + 2


class InsertionKind(IntEnum):
    """How an inserted character relates to its neighbours."""

    REPEATED = 0  # equals the character typed just before or the one intended next
    NEAR = 1  # its key touches a neighbouring key
    FAR = 2


def character_class(character: str) -> int:
    """Return the class (0..27) of one character, case folded."""
    index = LETTERS.find(character.lower())
    if index >= 0 and character:
        return index
    return APOSTROPHE if character == "'" else OTHER


def character_classes(word: str) -> list[int]:
    """Return the classes of the characters of a word."""
    return [character_class(character) for character in word]


def substitution(intended: int, typed: int) -> int:
    """Return the id of typing class `typed` for class `intended`."""
    return _SUBSTITUTION + intended * CLASSES + typed


def omission(intended: int, repeated: bool) -> int:
    """Return the id of leaving out class `intended`."""
    return (_OMISSION_REPEATED if repeated else _OMISSION) + intended


def insertion(typed: int, kind: InsertionKind) -> int:
    """Return the id of typing class `typed` without intending it."""
    return _INSERTION + int(kind) * CLASSES + typed


def transposition(same_hand: bool) -> int:
    """Return the id of swapping two neighbouring characters."""
    return _TRANSPOSITION + (0 if same_hand else 1)


def describe(edit: int) -> tuple[str, int, int]:
    """Return (operation, intended class or -1, typed class or -1) of an edit id.

    Operations: none, match, substitution, omission, omission-repeated, insertion-repeated,
    insertion-near, insertion-far, transposition-same-hand, transposition-cross-hand.
    Raises ValueError for an id outside 0..EDIT_COUNT-1.
    """
    if edit == NONE:
        return "none", -1, -1
    if _SUBSTITUTION <= edit < _OMISSION:
        intended, typed = divmod(edit - _SUBSTITUTION, CLASSES)
        return ("match" if intended == typed else "substitution"), intended, typed
    if _OMISSION <= edit < _OMISSION_REPEATED:
        return "omission", edit - _OMISSION, -1
    if _OMISSION_REPEATED <= edit < _INSERTION:
        return "omission-repeated", edit - _OMISSION_REPEATED, -1
    if _INSERTION <= edit < _TRANSPOSITION:
        kind, typed = divmod(edit - _INSERTION, CLASSES)
        return f"insertion-{InsertionKind(kind).name.lower()}", -1, typed
    if edit == _TRANSPOSITION:
        return "transposition-same-hand", -1, -1
    if edit == _TRANSPOSITION + 1:
        return "transposition-cross-hand", -1, -1
    raise ValueError(f"edit id {edit} is outside 0..{EDIT_COUNT - 1}")
