"""Layouts: where keys lie, which touch, and what an app may pass."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import CHARACTERS, LETTERS, QWERTY, Layout
from quietkeys.layouts import AZERTY, DVORAK, LAYOUTS, QWERTZ

ALL = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
SQUARE = {letter: (float(index % 6), float(index // 6)) for index, letter in enumerate(LETTERS)}


@ALL
def test_every_letter_has_one_key_and_its_cell(layout: Layout) -> None:
    """Each letter is there once, and the middle of a key belongs to that key."""
    assert sorted(layout.keys[layout.keys < len(LETTERS)]) == list(range(len(LETTERS)))
    np.testing.assert_array_equal(layout.nearest_key(layout.points), layout.keys)
    own = ~np.isnan(layout.centres[:, 0])
    np.testing.assert_array_equal(layout.nearest_key(layout.centres[own]), np.flatnonzero(own))


@ALL
def test_touching_is_mutual_and_never_with_oneself(layout: Layout) -> None:
    """If one key touches another, that one touches it; keys far apart do not."""
    np.testing.assert_array_equal(layout.adjacent, layout.adjacent.T)
    np.testing.assert_array_equal(layout.one_hand, layout.one_hand.T)
    assert not layout.adjacent.diagonal().any()
    assert layout.adjacent.sum(1)[: len(LETTERS)].min() >= 2
    assert layout.adjacent.sum(1).max() <= 6


@pytest.mark.parametrize(
    ("layout", "character", "neighbours"),
    [
        (QWERTY, "a", "qsw"),
        (AZERTY, "a", "qz"),
        (AZERTY, "q", "as"),
        (AZERTY, "n", "bjk'"),
        (QWERTZ, "a", "qsw"),
        (QWERTZ, "z", "ghtu"),
        (DVORAK, "a", "oq'"),
        (DVORAK, "h", "dgmtw"),
        (QWERTY, "'", ""),
        (QWERTY, "", ""),
    ],
)
def test_neighbours_are_those_of_real_keyboards(layout: Layout, character: str, neighbours: str) -> None:
    """Some keys whose neighbours one can look up."""
    assert layout.neighbours(character) == neighbours
    assert all(layout.are_adjacent(character, other) for other in neighbours)


def test_q_touches_a_everywhere_but_w_and_z_change_places() -> None:
    """What touches depends on the layout."""
    assert QWERTY.are_adjacent("q", "w")
    assert not AZERTY.are_adjacent("q", "w")
    assert AZERTY.are_adjacent("z", "a")
    assert not DVORAK.are_adjacent("a", "s")


def test_hands_are_those_of_the_layout() -> None:
    """The same two letters can be one hand's or two hands' work."""
    assert QWERTY.same_hand("a", "t")
    assert not DVORAK.same_hand("a", "t")
    assert not QWERTY.same_hand("a", "'")


def test_an_app_passes_its_own_layout() -> None:
    """Keys by coordinates; hands follow from the middle; marks take room but no class of their own."""
    layout = Layout.from_keys("square", {**SQUARE, ".": (2.0, 4.0), "-": (3.0, 4.0)})
    assert layout.are_adjacent("a", "g")
    assert layout.same_hand("a", "c")
    assert not layout.same_hand("c", "d")
    assert layout.nearest_key(np.array([2.1, 4.0])) == edits.OTHER
    assert np.isnan(layout.centres[edits.OTHER]).all()
    assert not layout.left[edits.OTHER]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({key: SQUARE[key] for key in LETTERS[:-1]}, "lacks z"),
        ({**SQUARE, "z": (math.nan, 0.0)}, "'z' lies nowhere near"),
        ({**SQUARE, "z": (0.0, 1e9)}, "'z' lies nowhere near"),
        ({**SQUARE, "z": (0.1, 0.1)}, "lies on another"),
        ({**SQUARE, "ch": (9.0, 9.0)}, "one lower-case character"),
        ({**SQUARE, "Z": (9.0, 9.0)}, "one lower-case character"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(keys: dict[str, tuple[float, float]], message: str) -> None:
    """The error names the key."""
    with pytest.raises(ValueError, match=message):
        Layout.from_keys("mine", keys)


@pytest.mark.parametrize("name", ["", "Mine", "../up", "x" * 33, "a/b"])
def test_a_layout_needs_a_plain_name(name: str) -> None:
    """Names become part of what is stored."""
    with pytest.raises(ValueError, match="name"):
        Layout.from_keys(name, SQUARE)


def test_a_letter_on_two_keys_and_too_many_keys_are_refused() -> None:
    """Rows can say the same letter twice, a mapping cannot."""
    rows = [("qwertyuiopa", 0.0), ("asdfghjkl", 0.0), ("zxcvbnm", 0.0)]
    with pytest.raises(ValueError, match="'a' is there twice"):
        Layout.from_rows("mine", rows)
    with pytest.raises(ValueError, match="at most"):
        Layout.from_rows("mine", [(LETTERS, float(row)) for row in range(9)])


def test_tables_cannot_be_changed_and_reprs_are_short() -> None:
    """A layout is shared by everything that types on it."""
    with pytest.raises(ValueError, match="read-only"):
        QWERTY.centres[0, 0] = 1.0
    assert repr(QWERTY) == "Layout(name='qwerty')"
    assert [edits.character_class(character) for character in CHARACTERS] == list(range(27))
