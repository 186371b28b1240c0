"""The simulated typist."""

from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from quietkeys.testing.typist import OFFSET_DEVIATION, draw_hands, touch_scale, typist_for

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


def test_a_rate_out_of_range_is_refused() -> None:
    """No scale reaches it."""
    with pytest.raises(ValueError, match="share of wrong letters"):
        touch_scale(0.5)
