"""The simulated typist."""

from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from quietkeys.keyboard import edits
from quietkeys.layouts import DVORAK
from quietkeys.testing.typist import OFFSET_DEVIATION, Typist, draw_hands, touch_scale, typist_for

TEXT = [
    "the",
    "quick",
    "brown",
    "foxes",
    "were",
    "jumping",
    "over",
    "those",
    "lazy",
    "dogs",
    "while",
    "nobody",
    "was",
    "looking",
    "at",
    "them",
]
GOLDEN = [
    "the",
    "huixk",
    "brown",
    "foxes",
    "wwre",
    "jhmping",
    "iver",
    "rhhose",
    "lazy",
    "dgs",
    "ehile",
    "nobody",
    "was",
    "looking",
    "at",
    "them",
]


@pytest.mark.parametrize("rate", [0.04, 0.08, 0.12])
def test_the_stated_share_of_letters_goes_wrong(rate: float) -> None:
    """Over many people the share of letters that are wrong is the stated rate."""
    letters = wrong = 0
    for person in range(150):
        typist = typist_for(f"person {person}", 1, rate)
        for word, typed in zip(TEXT, typist.type_words(TEXT), strict=True):
            letters += len(word)
            wrong += Levenshtein.distance(word, typed)
    assert wrong / letters == pytest.approx(rate, rel=0.12)


def test_equal_names_and_seeds_type_alike() -> None:
    """A typist is a function of name, seed and rate."""
    first, second = (typist_for("ada", 3, 0.1).type_words(TEXT) for _ in range(2))
    other = typist_for("bob", 3, 0.1).type_words(TEXT)
    assert first == second
    assert first != other


def test_nobody_errs_at_rate_zero_and_only_letters_go_wrong() -> None:
    """Digits, apostrophes and marks are typed as they are."""
    assert typist_for("ada", 1, 0.0).type_words(TEXT) == TEXT
    assert typist_for("ada", 1, 0.3).type_word("12'-345") == "12'-345"


def test_people_differ_as_measured() -> None:
    """Mean offsets spread around the population's."""
    offsets = np.array([draw_hands(np.random.default_rng(seed)).offset for seed in range(2000)])
    assert offsets.mean(0) == pytest.approx([-0.10, 0.15], abs=0.01)
    assert offsets.std(0) == pytest.approx([OFFSET_DEVIATION] * 2, rel=0.1)


def test_touches_come_with_the_same_text() -> None:
    """Asking where the fingers landed does not change what they type, and each touch is on its key."""
    plain, asked = typist_for("ada", 3, 0.12), typist_for("ada", 3, 0.12)
    for word in [*TEXT, "Don't"]:
        typed, touches = asked.type_word_touched(word)
        assert typed == plain.type_word(word)
        assert len(touches) == len(typed)
        for character, touch in zip(typed, touches, strict=True):
            assert (touch is None) == (character == "'")
            if touch is not None:
                nearest = asked.layout.nearest_key(np.array(touch))
                assert nearest == edits.character_class(character)


def test_seeds_type_what_they_always_typed() -> None:
    """Figures rest on these streams."""
    assert typist_for("ada", 3, 0.2).type_words(TEXT) == GOLDEN


def test_the_stated_share_goes_wrong_on_another_layout() -> None:
    """The scale is found for the layout that is typed on."""
    letters = wrong = 0
    for person in range(80):
        rng = np.random.default_rng(person)
        typist = Typist(draw_hands(rng), 0.08, rng, DVORAK)
        for word, typed in zip(TEXT, typist.type_words(TEXT), strict=True):
            letters += len(word)
            wrong += Levenshtein.distance(word, typed)
    assert wrong / letters == pytest.approx(0.08, rel=0.2)


def test_a_rate_out_of_range_is_refused() -> None:
    """No scale reaches it."""
    with pytest.raises(ValueError, match="share of wrong letters"):
        touch_scale(0.5)
