"""Words and pieces of a line of text."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.text.tokens import (
    MAX_PIECES,
    MAX_TOKEN,
    REACH,
    composed,
    composed_touches,
    ends_sentence,
    is_correctable,
    last_line,
    normalize,
    pieces,
    pieces_of,
    words,
    words_of,
)


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
    assert ends_sentence("thanks!😀👍🏽")
    assert not ends_sentence("e.g")
    assert not ends_sentence("")


@pytest.mark.parametrize("token", ["e.g.", "U.S.", "(a.m.", "Dr.", "mrs.", "hm.,"])
def test_a_dot_of_an_abbreviation_ends_no_sentence(token: str) -> None:
    """Nor does one that something else follows."""
    assert not ends_sentence(token)


@pytest.mark.parametrize(
    "token",
    [
        "e.g.", "i.e", "a.m.", "U.S.A.", "J.K.", "w/o", "n/a", "c/o", "s/he", "readme.md", "README.MD",
        "file.tar.gz", "node.js", "youtu.be", "teh.com", "http:/", "www.", "ok.thanks", "a" * (MAX_TOKEN + 1),
        ",".join(["word"] * (MAX_PIECES + 1)),
    ],
)  # fmt: skip
def test_abbreviations_and_names_of_files_and_hosts_have_no_pieces(token: str) -> None:
    """A dot between letters, or a single letter at a dot or a slash, says so; or its mere length."""
    assert pieces_of((), token) == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("home.I", ["home", "i"]),
        ("ok.Thanks", ["ok", "thanks"]),
        ("yes,but", ["yes", "but"]),
        ("input/output", ["input", "output"]),
    ],
)
def test_a_space_missed_after_a_mark_splits_a_token(token: str, expected: list[str]) -> None:
    """After a dot if a capital begins a sentence there."""
    assert [piece.text for piece in pieces_of((), token)] == expected


@pytest.mark.parametrize(
    ("token", "fixed"),
    [
        ("hi-fi", [True, True]),
        ("x-ray", [True, True]),
        ("t-shrit", [True, False]),
        ("well-knwon", [False, False]),
        ("lo-", [True]),
        ("re:", [True]),
        ("teh@", [True]),
        ("teh_", [True]),
        ("_teh_", [False]),
        ("J.", [True]),
        ("i.", [False]),
        ("'n'", [True]),
        ("-teh", [False]),
    ],
)
def test_small_parts_of_something_else_are_fixed(token: str, fixed: list[bool]) -> None:
    """Parts of compounds, labels, initials, and what a sign behind it makes the beginning of something."""
    assert [piece.fixed for piece in pieces_of((), token)] == fixed


def test_a_word_after_a_number_may_be_a_unit() -> None:
    """After the number itself, not after one that a mark ends, nor after a word with a digit."""
    found = {
        piece.text: piece.after_number for piece in words_of("run 5", "km or 1/2 tsp, in 5, teh 5th place")
    }
    assert [word for word, is_unit in found.items() if is_unit] == ["km", "tsp"]


def test_a_line_break_within_a_text_begins_a_context() -> None:
    """As it does before a text."""
    assert [piece.context for piece in words_of("see", "you\nthen\u2028now")] == [("see",), (), ()]


@given(st.text(alphabet="ab \n\u2028.", max_size=60), st.integers(1, 5))
def test_the_last_line_begins_with_a_whole_token(text: str, times: int) -> None:
    """It is the end of its text, of the last line, and not much longer than REACH."""
    whole = text * times * 60
    line = last_line(whole)
    assert whole.endswith(line)
    assert len(line) < 2 * REACH
    assert not set(line) & set("\n\u2028")
    before = whole[: len(whole) - len(line)]
    assert not line or not before or before[-1].isspace()


def test_where_a_long_line_is_cut_moves_rarely() -> None:
    """So that what is remembered of a context is of use for the next word."""
    line = "word " * 2000
    starts = {len(line[:stop]) - len(last_line(line[:stop])) for stop in range(0, len(line), 5)}
    assert len(starts) <= len(line) // REACH + 1


@given(st.text(alphabet="aeEc\u0301\u0327é ñ'.", max_size=30))
def test_composed_text_is_unicode_s_own(text: str) -> None:
    """But for a mark that stands on no letter, which nothing can be made of."""
    assert unicodedata.normalize("NFC", composed(text)) == unicodedata.normalize("NFC", text)
    assert composed(composed(text)) == composed(text)


def test_a_letter_keeps_its_touch_when_its_mark_goes() -> None:
    """The touches of decomposed text are those of its letters, in order."""
    text = "cafe\u0301 ole\u0301!"
    touches = np.arange(2.0 * len(text)).reshape(-1, 2)
    kept = composed_touches(text, touches)
    assert len(kept) == len(composed(text)) == 9
    assert [text[int(x) // 2] for x, _ in kept] == list("cafe ole!")
