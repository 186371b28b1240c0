"""Capitals that make a name or an acronym, and what belongs to a known word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quietkeys import Personalizer
from quietkeys.prediction.levels import Level
from quietkeys.text.typed_token import is_name_like


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """The shipped bundle, knowing nobody."""
    with Personalizer.open(tmp_path_factory.mktemp("names") / "profile") as one:
        yield one


@pytest.mark.parametrize(
    ("before", "spelled", "expected"),
    [
        ("ask ", "Weinke", True),
        ("ask ", "weinke", False),
        ("", "Weinke", False),
        ("That is it. ", "Weinke", False),
        ("i run ", "SUSE", True),
        ("WE ALL RUN ", "SUSE", False),
        ("", "IDs", True),
        ("and then ", "I", False),
        ("this is ", "IMPORTENT", False),
        ("Frenchman Cedric ", "Pioline", True),
        ("we met Dr. ", "Weinke", True),
        ("some towns, e.g. ", "Crestone", True),
        ("hi\n", "Dont", False),
        ("hi\u2028", "Dont", False),
        ("milk\n- ", "Brocoli", False),
        ("• ", "Brocoli", False),
        ("2) ", "Brocoli", False),
        ("- [ ] ", "Brocoli", False),
        ("hi! 😀 ", "Teh", False),
        ("lol 😂 ", "Thats", False),
        ("lol👍🏽 ", "Thats", False),
        ("ok :) ", "Thats", False),
        ('he said "', "Taht", False),
        ("and so (", "Taht", False),
        ("so - ", "Weinke", True),
        ("at 5 ", "Weinke", True),
    ],
)
def test_a_capital_counts_where_none_is_due(before: str, spelled: str, expected: bool) -> None:
    """Within a sentence, in a text that is not all capitals; long words in capitals are words."""
    assert is_name_like(before, spelled) is expected


@pytest.mark.parametrize("name", ["Weinke", "Juntao", "Crestone"])
def test_a_name_that_nobody_knows_is_left_alone(keyboard: Personalizer, name: str) -> None:
    """Its capital says so, and it is in the strip all the same."""
    shown = keyboard.suggest("we should ask ", name)
    assert shown.correction is None
    assert name in shown.strip


def test_a_known_name_that_is_misspelled_is_put_right(keyboard: Personalizer) -> None:
    """Where it is surely that name."""
    assert keyboard.suggest("we flew to ", "Washingtn").correction == "Washington"


def test_the_same_letters_without_a_capital_are_corrected(keyboard: Personalizer) -> None:
    """A slip in small letters is a slip."""
    assert keyboard.suggest("it was a lot of ", "wrinkels").correction == "wrinkles"


@pytest.mark.parametrize("word", ["samantha's", "carpenter's", "wizard's"])
@pytest.mark.parametrize("level", [Level.NORMAL, Level.EAGER])
def test_what_belongs_to_a_known_word_is_known(keyboard: Personalizer, word: str, level: Level) -> None:
    """A possessive that no list has is not corrected away."""
    keyboard.level = level
    shown = keyboard.suggest("this is ", word)
    assert (shown.correction or word).lower() == word
    keyboard.level = Level.NORMAL
