"""Text as apps have it: which part of a token is worked on, in which context, and how it is spelled again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.text.tokens import BLANK, context_of, straightened, words_of
from quietkeys.text.typed_token import spelled_like, token_of


@pytest.mark.parametrize(
    ("typed", "before", "spelled", "after", "piece"),
    [
        ("teh", "", "teh", "", "teh"),
        ("“Teh,”", "“", "Teh", ",”", "teh"),
        ("thnk...so", "thnk...", "so", "", "so"),
        ("well-knwon!", "well-", "knwon", "!", "knwon"),
        ("Don’t", "", "Don’t", "", "don't"),
        ("tisʼ", "", "tis", "ʼ", "tis"),
        ("see you tomorow ", "", "tomorow", "", "tomorow"),
    ],
)
def test_the_last_piece_is_worked_on(typed: str, before: str, spelled: str, after: str, piece: str) -> None:
    """Outer punctuation, and pieces before the last, stay as they are."""
    token = token_of("", typed)
    assert token.piece is not None
    assert (token.before, token.spelled, token.after) == (before, spelled, after)
    assert token.piece.text == piece


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "42",
        "abc123",
        "bob@mail.test",
        "@jhon",
        "#tgif",
        "/usr/bin",
        "http://x.y/z",
        "naïve",
        "x=1",
        "!?",
        f"abc-{'x' * 30}",
    ],
)
def test_what_is_no_word_is_left_alone(typed: str) -> None:
    """Numbers, addresses, handles, tags, paths, code and letters beyond a-z have no piece."""
    token = token_of("", typed)
    assert token.piece is None
    assert token.before + token.spelled + token.after == typed


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("", ()),
        ("see", ("see",)),
        ("I will see you", ("i", "will", "see", "you")),
        ("Stop. Now", ("stop", "", "now")),
        ("done!", ("done", "")),
        ("first line\nsecond", ("second",)),
        ("call 555-1234 now", ("call", BLANK, "now")),
        ("mail bob@mail.test", ("mail", BLANK)),
        ("ask @jhon", ("ask", BLANK)),
        ("so - well", ("so", "well")),
    ],
)
def test_context_is_the_words_of_the_message(text: str, context: tuple[str, ...]) -> None:
    """It starts anew at line breaks, marks sentence ends; what is no word is a blank."""
    assert context_of(text) == context


def test_context_reaches_no_farther_than_it_must() -> None:
    """A very long text costs no more, and a word cut by the reach is not taken for one."""
    assert context_of("x" * 100_000 + " see you") == ("see", "you")
    assert context_of("x" * 100_000) in ((), (BLANK,))


@pytest.mark.parametrize(
    ("spelled", "word", "expected"),
    [
        ("Pepole", "people", "People"),
        ("PEPOLE", "people", "PEOPLE"),
        ("pepole", "people", "people"),
        ("I", "it", "It"),
        ("iPhone", "iphone", "iPhone"),
        ("DONT", "don't", "DON'T"),
        ("dont’s", "don't", "don’t"),
    ],
)
def test_suggestions_look_like_what_was_typed(spelled: str, word: str, expected: str) -> None:
    """Capitals and the kind of apostrophe are kept; the literal comes back untouched."""
    assert spelled_like(spelled, word) == expected


def test_what_is_no_word_is_not_even_a_neighbour() -> None:
    """Pieces around a secret carry a blank in its place."""
    found = words_of("", "pin hunter2 is bob@mail.test safe")
    assert [piece.text for piece in found] == ["pin", "is", "safe"]
    assert {part for piece in found for part in piece.context} == {"pin", BLANK, "is"}


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_taken(context: str, typed: str) -> None:
    """Whatever is typed, the token is the end of it and can be put together again."""
    token = token_of(context, typed)
    whole = token.before + token.spelled + token.after
    assert whole == (typed.split()[-1] if typed.split() else "")
    words_of(context, typed)


@given(st.text(), st.text(alphabet="aE'’ʼ.-“ \u00a0\n1K", max_size=30))
def test_pieces_know_where_they_start(context: str, typed: str) -> None:
    """At `start` stands, in any case and with any apostrophes, what the piece says."""
    found = words_of(context, typed)
    piece = token_of(context, typed).piece
    for one in [*found, *([piece] if piece is not None else [])]:
        there = typed[one.start : one.start + len(one.text)]
        assert straightened(there).lower() == one.text
    assert [one.start for one in found] == sorted({one.start for one in found})
    assert piece is None or piece.start == found[-1].start
