"""Where a capital is due, what shift does, and recasing."""

from __future__ import annotations

import pytest

from quietkeys.text.typed_token import is_name_like
from quietkeys.typing import Editor, Shift, capital_due, recased
from tests.sdk.typing.keys import Host, press, texts


@pytest.mark.parametrize(
    "before",
    [
        "",
        "   ",
        "hi\n",
        "Hi Anna,\n\n",
        "hi\n  ",
        "• ",
        "milk\n• ",
        "- ",
        "* ",
        "1. ",
        "2) ",
        "(a) ",
        "It is. ",
        "Is it? ",
        "It is! ",
        "Well… ",
        'He said "yes." ',
        "(It is.) ",
        'It is. "',
        "It is. (",
        '"',
        "¿",
        "hi! 😀 ",
        "😀 ",
        "It is. 👍🏼 ",
    ],
)
def test_a_sentence_begins_here(before: str) -> None:
    """At the start of a text, a line, a point of a list; behind an end, also with quotes or emoji between."""
    assert capital_due(before)


@pytest.mark.parametrize(
    "before",
    [
        "a",
        "a ",
        "It is.",
        "so, ",
        "so: ",
        "e.g. ",
        "at 9 a.m. ",
        "U.S. ",
        "we met Dr. ",
        "(Mrs. ",
        "lol 😂 ",
        'he said "',
        "3.5 ",
        "a - ",
    ],
)
def test_no_sentence_begins_here(before: str) -> None:
    """Within one; right behind a full stop, where an address goes on; behind an abbreviation with dots."""
    assert not capital_due(before)


@pytest.mark.parametrize(
    "before",
    ["", "hi\n", "hi\u2028", "- ", "1. ", "It is. ", '"Is it?" ', "😀 ", "we met Dr. ", "lol ", "so - "],
)
def test_a_capital_that_the_keyboard_wrote_makes_no_name(before: str) -> None:
    """Where one is due, one says nothing; within a sentence, one does."""
    assert is_name_like(before, "Weinke") is not capital_due(before)


def test_keys_come_out_as_capitals_where_one_is_due(editor: Editor) -> None:
    """On the screen and on hardware; the user can switch it off."""
    assert press(editor, "so. it").text == "So. It"
    editor.clear()
    for key in "so":
        editor.type_hardware(key)
    assert editor.text == "So"
    editor.clear()
    assert press(editor, "⇧so").text == "so"


def test_shift_is_for_one_letter_or_locked(editor: Editor) -> None:
    """Locked by two taps in a row; capitals that were typed are kept."""
    assert press(editor, "a⇧b").text == "AB"
    editor.clear()
    press(editor, "x⇧⇧yz")
    assert (editor.text, editor.shift) == ("XYZ", Shift.LOCK)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("⇧i⇧phone ", "iPhone "),
        ("see ⇧b⇧b⇧c ", "See BBC "),
        ("a ⇧mac⇧book ", "A MacBook "),
        ("so ⇧that ", "So That "),
    ],
)
def test_capitals_that_were_typed_are_kept(editor: Editor, keys: str, text: str) -> None:
    """Within a word, of a whole one, and of one that has none."""
    assert press(editor, keys).text == text


def test_all_capitals_stay_so_when_a_word_is_put_right(editor: Editor) -> None:
    """In the strip as in the text."""
    press(editor, "⇧⇧a sentemce")
    assert "SENTENCE" in texts(editor)
    assert press(editor, " ").text == "A SENTENCE "


def test_the_next_word_comes_as_shift_says(editor: Editor) -> None:
    """A capital for one tap, capitals for two."""
    press(editor, "what ")
    word = editor.strip[0].text
    press(editor, "⇧")
    assert editor.strip[0].text == word[:1].upper() + word[1:]
    press(editor, "⇧")
    assert editor.strip[0].text == word.upper()
    editor.choose(0)
    assert editor.text == f"What {word.upper()} "


def test_two_taps_lock_shift_where_a_capital_is_due(editor: Editor) -> None:
    """The first takes the capital away, the second locks; a key in between begins anew."""
    press(editor, "⇧⇧ab")
    assert editor.text == "AB"
    press(editor, "⇧c⇧d⇧e")
    assert editor.text == "ABcDE"


def test_shift_recases_what_is_selected(editor: Editor) -> None:
    """Small, with a capital, all capitals, and as it was; it stays selected."""
    press(editor, "see lAter now")
    editor.select_word(6)
    seen = []
    for _ in range(4):
        editor.tap_shift()
        assert editor.selected == (4, 9)
        seen.append(editor.copy())
    assert seen == ["later", "Later", "LATER", "lAter"]
    assert editor.text == "See lAter now"


def test_recasing_leaves_out_forms_that_are_alike() -> None:
    """One letter has two; what has no case stays."""
    assert recased("a", "a") == "A"
    assert recased("A", "a") == "a"
    assert recased("123", "123") == "123"


def test_a_host_with_shift_of_its_own_keeps_its_capitals(host: Host) -> None:
    """`Typing` changes no letter that is typed."""
    host.keys("hello. x")
    assert host.text == "hello. x"
