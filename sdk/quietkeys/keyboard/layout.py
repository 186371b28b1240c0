"""Key grids: where the keys of a layout lie, which of them touch, and which hand types them.

Units: x in key widths, y in key heights, y growing downwards; the built-in layouts have their origin at the
centre of the first key of the first row. `quietkeys.layouts` has the other built-in layouts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from quietkeys.arrays import Bool, Float64, Int64

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
CHARACTERS: Final = (
    LETTERS + "'"
)  # the character classes that can have one key; see `quietkeys.keyboard.edits`
_OTHER: Final = len(CHARACTERS)  # the class of every other character
_CLASSES: Final = len(CHARACTERS) + 1
_TOUCHING: Final = 1.2  # key widths between the centres of two keys that touch, at most
_CLOSEST: Final = 0.5  # key widths between the centres of two keys, at least
_FURTHEST: Final = 100.0  # key widths or heights from the origin, at most
_MOST_KEYS: Final = 100
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the keys of one letter page lie. Made by `from_rows` or `from_keys`; compared by identity.

    keys: [N] character class of each key, rising; points: [N, 2] its centre (x, y). centres: [28, 2] centre
    of every class's key, NaN where it has none; class 27, anything else, never has *one*. left: [28] typed
    by the left hand. adjacent: [28, 28] keys that touch. one_hand: [28, 28] typed by the same hand.
    """

    name: str
    keys: Int64 = field(repr=False)
    points: Float64 = field(repr=False)
    centres: Float64 = field(repr=False)
    left: Bool = field(repr=False)
    adjacent: Bool = field(repr=False)
    one_hand: Bool = field(repr=False)

    @classmethod
    def from_rows(cls, name: str, rows: Sequence[tuple[str, float]], left: str = "") -> Layout:
        """Return the layout with these rows of keys, top row first, each with the x of its first key.

        left, errors: as `from_keys`.
        """
        keys = [
            (character, column + stagger, float(row))
            for row, (characters, stagger) in enumerate(rows)
            for column, character in enumerate(characters)
        ]
        return _layout(name, keys, left)

    @classmethod
    def from_keys(cls, name: str, keys: Mapping[str, tuple[float, float]], left: str = "") -> Layout:
        """Return the layout with these key centres: character -> (x, y) in key widths and heights.

        All letters a-z must be there, the apostrophe and other characters may. left: what the left hand
        types; those left of the middle if empty. Raises ValueError, which names the key, for a character
        that is missing, there twice or not one character, a centre that is not finite, far off or on
        another key, and a name that is not 1-32 of a-z, 0-9 and "-".
        """
        return _layout(name, [(character, *point) for character, point in keys.items()], left)

    def nearest_key(self, points: Float64) -> Int64:
        """Return the class of the key whose cell holds each point.

        points: [..., 2] (x, y). Cells are the Voronoi cells of the key centres, so a touch outside the
        letters counts for the closest key.
        """
        distances = ((points[..., None, :] - self.points) ** 2).sum(-1)  # [..., N]
        nearest: Int64 = self.keys[distances.argmin(-1)]
        return nearest

    def are_adjacent(self, first: str, second: str) -> bool:
        """Return whether two characters have keys that touch (centres at most 1.2 key widths apart)."""
        return bool(self.adjacent[_class(first), _class(second)])

    def same_hand(self, first: str, second: str) -> bool:
        """Return whether two characters are typed by the same hand on a split keyboard."""
        return bool(self.one_hand[_class(first), _class(second)])

    def neighbours(self, character: str) -> str:
        """Return the characters whose keys touch this one's, in alphabetical order."""
        return "".join(CHARACTERS[other] for other in np.flatnonzero(self.adjacent[_class(character)]))


def _layout(name: str, keys: Sequence[tuple[str, float, float]], left: str) -> Layout:
    _check(name, keys)
    placed = sorted((_class(character), x, y) for character, x, y in keys)
    classes = np.array([key[0] for key in placed], dtype=np.int64)
    points = np.array([key[1:] for key in placed], dtype=np.float64)
    centres = np.full((_CLASSES, 2), np.nan)
    own = classes != _OTHER
    centres[classes[own]] = points[own]
    middle = (points[:, 0].min() + points[:, 0].max()) / 2.0
    by_left = np.nan_to_num(centres[:, 0], nan=np.inf) < middle
    if left:
        by_left = np.isin(np.arange(_CLASSES), [_class(character) for character in left])
        by_left[_OTHER] = False
    steps = centres[:, None, :] - centres[None, :, :]
    distances = np.nan_to_num(np.hypot(steps[..., 0], steps[..., 1]), nan=np.inf)
    adjacent = (distances <= _TOUCHING) & ~np.eye(_CLASSES, dtype=bool)
    one_hand = by_left[:, None] == by_left[None, :]
    for array in (classes, points, centres, by_left, adjacent, one_hand):
        array.setflags(write=False)
    return Layout(name, classes, points, centres, by_left, adjacent, one_hand)


def _check(name: str, keys: Sequence[tuple[str, float, float]]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("a layout's name must be 1 to 32 of a-z, 0-9 and -")
    if len(keys) > _MOST_KEYS:
        raise ValueError(f"a layout has at most {_MOST_KEYS} keys")
    characters = [character for character, _, _ in keys]
    for character, x, y in keys:
        if len(character) != 1 or character != character.lower():
            raise ValueError(f"a key must stand for one lower-case character, not {character!r}")
        if characters.count(character) > 1:
            raise ValueError(f"the key {character!r} is there twice")
        if not (abs(x) <= _FURTHEST and abs(y) <= _FURTHEST):
            raise ValueError(f"the key {character!r} lies nowhere near the others")
    missing = set(LETTERS) - set(characters)
    if missing:
        raise ValueError(f"the layout lacks {''.join(sorted(missing))}")
    points = np.array([key[1:] for key in keys])
    steps = points[:, None] - points[None]
    distances = np.hypot(steps[..., 0], steps[..., 1]) + np.where(np.eye(len(keys)), np.inf, 0.0)
    if distances.min() < _CLOSEST:
        raise ValueError(f"the key {characters[int(distances.min(1).argmin())]!r} lies on another one")


def _class(character: str) -> int:
    # As `edits.character_class`, which builds on this module; lower case only.
    index = CHARACTERS.find(character) if character else -1
    return index if index >= 0 else _OTHER


QWERTY: Final = Layout.from_rows(
    "qwerty", (("qwertyuiop", 0.0), ("asdfghjkl", 0.5), ("zxcvbnm", 1.5)), left="qwertasdfgzxcvb"
)

# QWERTY alone, for what is built for it.
KEY_CENTRES: Final = QWERTY.points  # [26, 2] (x, y)
nearest_key: Final = QWERTY.nearest_key
are_adjacent: Final = QWERTY.are_adjacent
same_hand: Final = QWERTY.same_hand
