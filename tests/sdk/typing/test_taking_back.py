"""What Backspace takes back, and how long a refusal is remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quietkeys.typing import Editor
from tests.sdk.typing.keys import best, press


def test_backspace_gives_back_what_was_typed(editor: Editor) -> None:
    """At once, with the space that ended the word; then it deletes."""
    press(editor, "teh ⌫")
    assert (editor.text, editor.underlined) == ("Teh", None)
    assert press(editor, "⌫").text == "Te"


@pytest.mark.parametrize("key", [*",;!?)", "🤗"])
def test_a_correction_made_by_punctuation_is_given_back(editor: Editor, key: str) -> None:
    """The key that made it goes as well, and comes again without it."""
    assert press(editor, f"teh{key}⌫").text == "Teh"
    assert press(editor, key).text == f"Teh{key}"


@pytest.mark.parametrize("keys", [" ", ". ", ", ", ": ", "! ", ".⏎", "⏎", '." '])
def test_a_refusal_holds_whatever_follows(editor: Editor, keys: str) -> None:
    """A space, a full stop, a comma, the end of the text."""
    assert press(editor, f"teh ⌫{keys}").text == f"Teh{keys.removesuffix('⏎')}"


def test_a_refusal_is_shown(editor: Editor) -> None:
    """The strip marks what was typed as what Space will leave."""
    assert best(press(editor, "teh")) == ["The"]
    assert best(press(editor, " ⌫")) == ["Teh"]


def test_a_refusal_ends_with_the_spelling(editor: Editor) -> None:
    """Another spelling is another question; the same one at the same place is not."""
    assert press(editor, "teh ⌫⌫h ").text == "Teh "
    editor.clear()
    assert press(editor, "sentemc ⌫").text.lower().startswith("sente")
    assert press(editor, "e ").text == "Sentence "


def test_a_refusal_goes_with_its_word(editor: Editor) -> None:
    """Deleted and typed anew it is another word."""
    press(editor, "see teh ⌫⌫⌫⌫teh ")
    assert editor.text == "See the "
    press(editor, "⌫")
    editor.select_all()
    assert press(editor, "⌫see teh,").text == "See the,"
    press(editor, "⌫")
    editor.clear()
    assert press(editor, "see teh ").text == "See the "


def test_a_refusal_is_for_one_place(editor: Editor) -> None:
    """The next word that is spelled so is put right."""
    assert press(editor, "see teh ⌫ teh ").text == "See teh the "


def test_going_away_and_coming_back_keeps_a_refusal(editor: Editor) -> None:
    """The cursor may go elsewhere in between."""
    assert press(editor, "see teh ⌫«0»«7» ").text == "See teh "


def test_what_was_typed_can_be_chosen(editor: Editor) -> None:
    """It stays then, also with a full stop and a space behind it."""
    assert press(editor, "see teh‹teh›. ").text == "See teh. "
    assert press(editor, "⌫ ").text == "See teh. "


def test_only_the_last_key_is_taken_back(editor: Editor) -> None:
    """After another key or a movement backspace deletes."""
    assert press(editor, "teh a⌫⌫").text == "The"
    editor.clear()
    assert press(editor, "teh «0»«4»⌫").text == "The"


def test_what_was_chosen_stands(editor: Editor) -> None:
    """Backspace takes the space behind it, so that an ending can be typed."""
    press(editor, "what a sente‹sentence›⌫")
    assert editor.text == "What a sentence"
    assert press(editor, "s ").text == "What a sentences "


def test_two_spaces_are_given_back(editor: Editor) -> None:
    """The full stop goes first, then what the space did; a space is a space then."""
    assert press(editor, "teh  ").text == "The. "
    assert press(editor, "⌫").text == "The "
    assert press(editor, "⌫").text == "Teh"
    editor.clear()
    assert press(editor, "hello  ⌫ ").text == "Hello  "
    assert press(editor, " ").text == "Hello   "


def test_a_space_that_was_put_is_given_back(editor: Editor) -> None:
    """With the letter that called for it, which then comes without."""
    assert press(editor, "well,y⌫").text == "Well,"
    assert press(editor, "yes").text == "Well,yes"


def test_a_word_behind_an_address_mark_is_given_back(editor: Editor) -> None:
    """Corrected at the space behind a full stop, it comes back with the full stop."""
    assert press(editor, "teh. ⌫").text == "Teh."
    assert press(editor, " ").text == "Teh. "


@pytest.mark.parametrize(
    "symbol", ["😀", "🕵🏼", "🫆", "🏴‍☠️", "🏳️‍🌈", "🇩🇪", "👨‍👩‍👧‍👦", "1️⃣", "©️", "e\u0301", "ℹ️"]
)
def test_backspace_deletes_what_is_seen_as_one_character(editor: Editor, symbol: str) -> None:
    """An emoji of several code points, a flag, a letter with its accent; one at a time."""
    editor.press(symbol)
    editor.press(symbol)
    assert press(editor, "⌫").text == symbol
    assert press(editor, "⌫⌫").text == ""


def test_backspace_within_a_word_deletes_before_the_cursor(editor: Editor) -> None:
    """And the strip is about what is left."""
    press(editor, "hello you there«8»⌫")
    assert (editor.text, editor.cursor) == ("Hello yu there", 7)
    assert press(editor, "«0»⌫").text == "Hello yu there"


def test_undo_brings_texts_back_one_change_at_a_time(editor: Editor) -> None:
    """A word is one change, and so are a cut, a paste and a correction; at the beginning there is nothing."""
    seen = []
    press(editor, "some words ")
    editor.select_all()
    editor.cut()
    press(editor, "[[pasted]]")
    for _ in range(8):
        editor.undo()
        seen.append(editor.text)
    assert seen[:4] == ["", "Some words ", "Some words", "Some "]
    assert seen[-1] == ""


def test_what_undo_takes_away_is_unlearnt(learning: Editor, recorded: Callable[[], int]) -> None:
    """And what it brings back is neither put right nor learnt."""
    press(learning, "some words ")
    assert recorded() == 2
    learning.undo()
    learning.undo()
    assert learning.text == "Some "
    assert recorded() == 1
    learning.clear()
