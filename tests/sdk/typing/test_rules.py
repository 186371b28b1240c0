"""Rules of a text alone, without a keyboard."""

from __future__ import annotations

import pytest

from quietkeys.text.starts import is_emoji
from quietkeys.typing import rules


@pytest.mark.parametrize(
    ("before", "is_open"),
    [
        ("hello yes", False),
        ('hello "yes', True),
        ('"hello yes', True),
        ('hello "yes"', False),
        ('hello "yes" ', False),
        ('hello "yes", ', False),
        ('hello "yes" "h', True),
        ('hello "yes", "h', True),
        ('a "line\nand another', False),
    ],
)
def test_a_quote_stands_open_until_it_is_closed(before: str, is_open: bool) -> None:
    """Or until the line ends."""
    assert rules.is_open(before) is is_open


@pytest.mark.parametrize(
    ("before", "word", "tail"),
    [
        ("this is", "is", ""),
        ("th.is", "th.is", ""),
        ("don'", "don", "'"),
        ("hello!", "hello", "!"),
        ("a-", "a", "-"),
        ("(hi", "hi", ""),
        ("...h", "...h", ""),
        ("hi🤗you", "you", ""),
        ("'tis", "'tis", ""),
        ("C++", "C++", ""),
    ],
)
def test_the_word_before_the_cursor_and_what_follows_it(before: str, word: str, tail: str) -> None:
    """Brackets and quotes before it and emoji are not of it."""
    unit = rules.unit_at(before, "")
    assert unit is not None
    assert (unit.word, unit.tail, unit.start, unit.end) == (word, tail, len(word + tail), 0)


@pytest.mark.parametrize("before", ["", "when ", "--", "🙂", "...", '"', "x" * 101])
def test_no_word_is_before_the_cursor(before: str) -> None:
    """Behind a space, a dash, an emoji, a quote, and in what is too long to be one."""
    assert rules.unit_at(before, "") is None


@pytest.mark.parametrize("word", ["don't", "well-known", "é"])
def test_a_comma_ends_what_is_a_word(word: str) -> None:
    """Letters, apostrophes and hyphens."""
    assert rules.is_plain(word)


@pytest.mark.parametrize("word", ["th.is", "a@b", "x/y", "h4x", "a_b"])
def test_a_comma_ends_no_address(word: str) -> None:
    """Which may have one inside."""
    assert not rules.is_plain(word)


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("a", "a"),
        ("\U0001f383 ", " "),
        ("ℹ️ℹ️", "ℹ️"),
        ("x😢", "😢"),
        ("ok 🏴‍☠️", "🏴‍☠️"),
        ("🏴‍☠️🏳️‍🌈", "🏳️‍🌈"),
        ("hello there🏳️‍⚧️", "🏳️‍⚧️"),
        (" 🕵🏼", "🕵🏼"),
        ("1️⃣", "1️⃣"),
        ("©️", "©️"),
        ("🇩🇪🇫🇷", "🇫🇷"),
    ],
)
def test_the_last_character_is_what_its_reader_sees_as_one(text: str, cluster: str) -> None:
    """By Unicode's rules for grapheme clusters."""
    assert text[rules.cluster_start(text) :] == cluster


@pytest.mark.parametrize("symbol", [*"🎄🖐🙂❤☎🏼🇩", "\ufe0f", "\u200d"])
def test_pictures_and_their_parts_are_emoji(symbol: str) -> None:
    """Code points."""
    assert is_emoji(symbol)


@pytest.mark.parametrize("symbol", [*"a1°©™№+ ."])
def test_letters_and_signs_are_no_emoji(symbol: str) -> None:
    """A sign may be of a word, or stand for one."""
    assert not is_emoji(symbol)
