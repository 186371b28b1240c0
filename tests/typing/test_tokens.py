"""Words and pieces of a line of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.text.tokens import ends_sentence, is_correctable, normalize, pieces, words


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("Hello,", "hello"),
        ("“it’s”", "it's"),
        ("(laughter)", "laughter"),
        ("12am", "12am"),
        ("...", ""),
        ("42", ""),
        ("_x_", "x"),
    ],
)
def test_outer_punctuation_and_case_go(token: str, word: str) -> None:
    """A token's word is what is left inside, folded; without a letter there is none."""
    assert normalize(token) == word


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("thnk...so", ["thnk", "...", "so"]),
        ("well-known", ["well", "-", "known"]),
        ("don't", ["don't"]),
        ("rock'n'roll", ["rock'n'roll"]),
        ("12am", ["12am"]),
        ("b4", ["b4"]),
        ("me@example.org", ["me@example.org"]),
        ("http://x.org/y", ["http://x.org/y"]),
        ("café", ["café"]),
    ],
)
def test_pieces_are_what_is_corrected_alone(word: str, parts: list[str]) -> None:
    """Runs of letters are pieces; numbers, addresses and other alphabets are one piece left alone."""
    assert pieces(word) == parts
    assert all(is_correctable(part) or not part.isalpha() or not part.isascii() for part in parts)


@given(st.text())
def test_pieces_join_to_the_word(text: str) -> None:
    """Whatever is typed, nothing is lost between pieces, and words are words again."""
    for word in words(text):
        assert "".join(pieces(word)) == word
        assert normalize(word) == word


def test_a_sentence_ends_at_its_mark() -> None:
    """Closing quotes and brackets may follow the mark."""
    assert ends_sentence('done."')
    assert ends_sentence("what?!")
    assert not ends_sentence("e.g")
    assert not ends_sentence("")
