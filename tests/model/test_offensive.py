"""Which words are marked as offensive."""

from __future__ import annotations

from tools.model_build.offensive import ORDINARY, offensive_words, package_words

PHRASES = ["twerp", "", "blow job", "sh1t", "god", "crap", "spic", "tw*t", "muppet"]


def marked(*words: str) -> set[str]:
    """Return those of the words that are offensive, by a list of our own."""
    return set(offensive_words(words, PHRASES))


def test_words_of_the_list_and_their_inflections_are_marked() -> None:
    """Possessives too; phrases and disguises are not words."""
    assert marked("twerp", "twerps", "twerping", "twerp's", "muppets", "job", "blow") == {
        "twerp",
        "twerps",
        "twerping",
        "twerp's",
        "muppets",
    }


def test_ordinary_words_are_not() -> None:
    """Mild, medical and religious words, and what only looks like an inflection."""
    assert marked("god", "crap", "hell", "damn", "assess", "spice", "spicy", "spiced", "lesbians") == set()


def test_strong_stems_are_marked_wherever_they_stand() -> None:
    """Typed text has compounds that no list has; names that contain one are spared."""
    assert marked("shitload", "bullshit", "bullshitting") == {"shitload", "bullshit", "bullshitting"}
    assert marked("yamashita", "scunthorpe", "sniggering") == set()


def test_the_package_still_has_what_we_take_out() -> None:
    """Most exceptions are words of the package, else they are of no use."""
    assert len(ORDINARY & set(package_words())) > 0.8 * len(ORDINARY)
