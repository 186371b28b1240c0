"""How a user writes words: what counts as their choice, what becomes of it, and what the strip shows."""

from __future__ import annotations

import pytest

from quietkeys import Personalizer
from quietkeys.text.tokens import context_of, is_case_chosen
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import everything_in


def forms_of(keyboard: Personalizer) -> dict[tuple[str, ...], int]:
    """Return how often which word was written how, beside the lexicon's form."""
    memory = keyboard._model.predictor.memory
    return {key[1:]: round(memory.form_count(key)) for key in memory.forms}


@pytest.mark.parametrize(
    ("before", "written", "chosen"),
    [
        ("see ", "fyi", True),
        ("", "fyi", True),
        ("", "Fyi", False),
        ("", "FYI", False),
        ("That is it. ", "Zorb", False),
        ("see ", "Zorb", True),
        ("see ", "FYI", True),
        ("SEE ", "FYI", False),
        ("I ", "FYI", True),
        ("SEE ", "fyi", True),
        ("see ", "iPhone", True),
    ],
)
def test_case_is_a_choice_where_none_is_due(before: str, written: str, chosen: bool) -> None:
    """A capital at a start says nothing, nor do capitals among capitals; small letters always do."""
    assert is_case_chosen(context_of(before), before, written) is chosen


def test_forms_are_counted_where_they_are_chosen(keyboard: Personalizer) -> None:
    """Each word as it stands in what was kept, also in the middle of a text."""
    keyboard.record("", "People see YOU and People. Then go", "People see YOU and People. Then go")
    assert forms_of(keyboard) == {
        ("people", "People"): 1,
        ("see",): 1,
        ("you", "YOU"): 1,
        ("and",): 1,
        ("go",): 1,
    }


def test_what_the_keyboard_wrote_is_not_the_users_choice(keyboard: Personalizer) -> None:
    """A correction that was kept says nothing; one that the user wrote otherwise does."""
    keyboard.record("see", "yuo", "you")
    assert forms_of(keyboard) == {}
    keyboard.record("see", "yuo", "YOU")
    assert forms_of(keyboard) == {("you", "YOU"): 1}


def test_no_form_of_a_word_that_is_not_learnt(keyboard: Personalizer) -> None:
    """A word that the lexicon lacks has none before it is in memory."""
    for _ in range(2):
        keyboard.record("see", "Brokling", "Brokling")
    assert forms_of(keyboard) == {}
    keyboard._model.recorder.begin_session()
    keyboard.record("see", "Brokling", "Brokling")
    assert forms_of(keyboard) == {("brokling", "Brokling"): 1}


def test_a_form_is_taken_back_and_forgotten(rig: Rig) -> None:
    """With the record, and with the word; nothing of it is in the files afterwards."""
    with rig.open() as keyboard:
        receipt = keyboard.record("see", "YOU", "YOU")
        keyboard.undo(receipt)
        assert forms_of(keyboard) == {}
        keyboard.vocabulary.add("BrokLing")
        keyboard.record("see", "BROKling", "BROKling")
    with rig.open() as keyboard:
        assert forms_of(keyboard) == {("brokling", "BROKling"): 1}
        keyboard.vocabulary.forget("brokling")
        assert forms_of(keyboard) == {}
    held = everything_in(rig.folder / "profile")
    assert not [word for word in (b"BrokLing", b"BROKling", b"brokling") if word in held]


def test_what_was_added_is_offered_as_it_was_added(rig: Rig) -> None:
    """As completion, correction, next word and in place of small letters, after a restart too."""
    with rig.open() as keyboard:
        keyboard.vocabulary.add("BrokLing")
    with rig.open() as keyboard:
        assert "BrokLing" in keyboard.suggest("see", "brok").strip
        assert "BrokLing" in keyboard.suggest("see", "borkling").strip
        assert keyboard.suggest("see", "brokling").correction == "BrokLing"
        assert keyboard.suggest("see", "brokling's").correction == "BrokLing's"
        for _ in range(40):
            keyboard.record("see", "BrokLing", "BrokLing")
        assert "BrokLing" in keyboard.suggest("see ", "").strip


def test_a_word_can_be_added_in_another_form(rig: Rig) -> None:
    """The latest counts."""
    with rig.open() as keyboard:
        keyboard.vocabulary.add("BrokLing")
        keyboard.vocabulary.add("BROKLING")
    with rig.open() as keyboard:
        assert keyboard.suggest("see", "brokling").correction == "BROKLING"
    assert b"BrokLing" not in everything_in(rig.folder / "profile")


def test_small_letters_that_are_kept_stay(keyboard: Personalizer) -> None:
    """Somebody who takes the capitals back twice is not given them again."""
    keyboard.vocabulary.add("BrokLing")
    for _ in range(2):
        assert keyboard.suggest("see", "brokling").correction == "BrokLing"
        keyboard.record("see", "brokling", "brokling")
    assert keyboard.suggest("see", "brokling").correction is None


@pytest.mark.parametrize("typed", ["brokling", "Brokling", "brokling!", "(brokling"])
def test_the_strip_shows_what_space_inserts(keyboard: Personalizer, typed: str) -> None:
    """Also when its capitals alone are new; what was typed stands beside it."""
    keyboard.vocabulary.add("brokLing")
    shown = keyboard.suggest("see", typed)
    assert typed in shown.strip
    assert shown.correction is None or shown.correction in shown.strip
    assert len(set(shown.strip)) == len(shown.strip) <= 3
