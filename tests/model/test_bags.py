"""Bags of letters pass over no word that is near, and over most that are far."""

from __future__ import annotations

import string

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from quietkeys.bundle.bags import bags_of, within

WORDS = st.lists(st.text("abcdez'-é9\ud800", max_size=12), max_size=20)


@given(WORDS, st.text("abcdez'-éü", max_size=12), st.integers(0, 3))
def test_no_near_word_is_passed_over(words: list[str], typed: str, distance: int) -> None:
    """Whatever is within so many edits, transpositions included, is among what is found."""
    found = within(bags_of(words), typed, distance)
    near = [position for position, word in enumerate(words) if OSA.distance(word, typed) <= distance]
    assert set(near) <= set(found.tolist())
    assert found.tolist() == sorted(set(found.tolist()))


def test_words_of_other_letters_are_passed_over() -> None:
    """One letter more than may differ, in either word, or a letter twice, and it is not looked at."""
    bags = bags_of(["abcd", "abcdx", "abcdxy", "abc", "ab", "aabbcd", "dcba"])
    assert within(bags, "abcd", 1).tolist() == [0, 1, 3, 6]
    assert within(bags, "aabb", 1).tolist() == []
    assert within(bags, "aabb", 2).tolist() == [0, 3, 4, 5, 6]


def test_bags_do_not_depend_on_how_many_are_made_at_once() -> None:
    """The bags of many words are those of each."""
    words = [
        a + b + c for a in string.ascii_lowercase for b in string.ascii_lowercase for c in "abcdefghijklmnop"
    ]
    bags = bags_of(words)
    assert len(words) > 8192
    assert all(
        np.array_equal(bags[at : at + 1], bags_of(words[at : at + 1])) for at in range(0, len(words), 97)
    )
