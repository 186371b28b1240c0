"""What a keyboard must not touch, and what looks like it and is put right all the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal

import pytest

from quietkeys import Level, Personalizer


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """The shipped bundle, knowing nobody."""
    with Personalizer.open(tmp_path_factory.mktemp("left") / "profile") as one:
        yield one


@pytest.mark.parametrize(
    ("context", "typed"),
    [
        ("5 ", "kg"), ("1/2 ", "tsp"), ("~10 ", "usd"), ("20 ", "sqft"), ("", "5pm"),
        ("", "e.g."), ("at 9 ", "a.m."), ("", "w/o"), ("see ", "readme.md"), ("go to ", "teh.com"),
        ("", "re:"), ("", "http:"), ("", "teh@"), ("by ", "J."),
        ("", "'tis"), ("get ", "'em"), ("how ", "'bout"), ("", "goin'"), ("", "I'd've"), ("rock ", "'n'"),
        ("an ", "ol'"), ("the ", "dogs'"), ("", "shouldn't've"),
        ("a ", "hi-fi"), ("a ", "yo-yo"), ("a ", "t-shirt"),
        ("", "sooo"), ("", "nooo"), ("", "heyyy"), ("", "th3"), ("", "he11o"), ("", "gr8"),
        ("", "u"), ("ask ", "Oetkar"),
        ("the ", "cafe\u0301"), ("my ", "fiance\u0301"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("level", [Level.NORMAL, Level.EAGER])
def test_it_is_left_as_it_is_typed(keyboard: Personalizer, context: str, typed: str, level: Level) -> None:
    """At every level, and it is in the strip."""
    keyboard.level = level
    shown = keyboard.suggest(context, typed)
    keyboard.level = Level.NORMAL
    assert shown.correction is None
    assert shown.merged is None
    assert typed in shown.strip


@pytest.mark.parametrize(
    ("context", "typed", "expected"),
    [
        ("3 ", "poeple", "people"),
        ("I have 2 ", "adn", "and"),
        ("", "yes,btu", "yes,but"),
        ("", "ok.Thnaks", "ok.Thanks"),
        ("you and ", "i.", "I."),
        ("he said ", "'Taht", "'That"),
        ("", "'teh'", "'the'"),
        ("", "dont'", "don't"),
        ("a ", "well-knwon", "well-known"),
        ("a ", "t-shrit", "t-shirt"),
        ("", "sorrry", "sorry"),
        ("that was ", "goood", "good"),
        ("i ", "neeed", "need"),
        ("on ", "Tuseday", "Tuesday"),
        ("in ", "Californai", "California"),
        ("", "tommmorow", "tomorrow"),
        ("Hi Anna,\n\n", "Thnaks", "Thanks"),
        ("lol 😂 ", "Thats", "That's"),
        ("", "milk\n• Brocoli", "Broccoli"),
        ("he said ", '"Taht', '"That'),
    ],
)
def test_a_slip_beside_it_is_put_right(
    keyboard: Personalizer, context: str, typed: str, expected: str
) -> None:
    """Where it is surely one."""
    assert keyboard.suggest(context, typed).correction == expected


@pytest.mark.parametrize("typed", ["caf\u00e9", "fianc\u00e9e,", "\u201cTeh", "na\u00efve teh", "sooo", ""])
def test_decomposed_text_is_taken_as_composed(keyboard: Personalizer, typed: str) -> None:
    """What comes out has the form that went in."""

    def shown(form: Literal["NFC", "NFD"]) -> list[str | None]:
        context, given = (unicodedata.normalize(form, text) for text in ("at the caf\u00e9 ", typed))
        found = keyboard.suggest(context, given)
        return [*found.strip, found.correction, found.merged]

    assert shown("NFD") == [text and unicodedata.normalize("NFD", text) for text in shown("NFC")]


def test_a_literal_of_two_forms_comes_back_as_it_is(keyboard: Personalizer) -> None:
    """Nothing is changed in what was typed."""
    typed = "cafe\u0301caf\u00e9"
    assert keyboard.suggest("", typed).strip == (typed,)
