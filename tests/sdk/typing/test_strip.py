"""What the strip shows: always what Space will leave, and nothing that is of no use any more."""

from __future__ import annotations

import pytest

from quietkeys.typing import Editor
from tests.sdk.typing.keys import best, press, texts


@pytest.mark.parametrize(
    "keys",
    [
        "teh", "what a sentemce", "teh.", "teh:", "i", "monday", "i think paris", "dont", "(teh", '"teh',
        "don'", "hello", "zorbly", "teh ⌫", "teh, ⌫", "e.g.", "teh.com", "re:", "sentemce-",
    ],
)  # fmt: skip
def test_what_space_will_leave_is_shown(editor: Editor, keys: str) -> None:
    """Also where only capitals change. Where none is marked Space changes nothing."""
    press(editor, keys)
    before, marked = editor.text, best(editor)
    press(editor, " ")
    if marked:
        assert editor.text.endswith(f"{marked[0]} ")
    else:
        assert editor.text == f"{before} "


def test_what_was_typed_is_always_shown(editor: Editor) -> None:
    """Marked, once, among three at most."""
    for key in "what a sentemce":
        press(editor, key)
        literal = [choice.text for choice in editor.strip if choice.literal]
        if key != " ":
            assert literal == [editor.text.split()[-1]]
        assert len(editor.strip) <= 3
        assert len(set(texts(editor))) == len(editor.strip)


def test_behind_a_full_stop_the_next_word_is_shown(editor: Editor) -> None:
    """A word that stays as it is is no question any more."""
    press(editor, "hello.")
    assert editor.strip
    assert all(choice.comes_next for choice in editor.strip)


def test_a_word_is_offered_where_the_cursor_is_in_it(editor: Editor) -> None:
    """Without brackets and stops, all of it is replaced, and Space would change nothing."""
    press(editor, "(teh ⌫)...«2»")
    assert "the" in [text.lower() for text in texts(editor)]
    assert not any(character in text for text in texts(editor) for character in "().")
    assert best(editor) == ["Teh"] or best(editor) == ["teh"]
    press(editor, f"‹{next(text for text in texts(editor) if text.lower() == 'the')}›")
    assert editor.text.lower() == "(the)..."


@pytest.mark.parametrize(
    ("text", "cursor", "word"),
    [
        ("blabla this is very good", 16, "very"),
        (".hello...", 4, "hello"),
        ("(hi)", 2, "hi"),
        ("word", 0, "word"),
        ("say “hello”!", 7, "hello"),
        ("see mail@example.com now", 8, "mail@example.com"),
        ("http://example.com/here", 9, "http://example.com/here"),
        ("one,two", 5, "two"),
        ("don't.", 2, "don't"),
        ("hi🤗you", 4, "you"),
        ("...", 2, ""),
        ("", 0, ""),
    ],
)
def test_a_word_is_selected_without_what_stands_around_it(
    editor: Editor, text: str, cursor: int, word: str
) -> None:
    """Brackets, quotes and stops are left out; an address is one."""
    editor.paste(text)
    editor.select_word(cursor)
    assert editor.copy() == word


def test_the_strip_follows_the_cursor(editor: Editor) -> None:
    """A tap on a word asks for it."""
    press(editor, "what a sentemce ⌫ here«10»")
    assert "sentemce" in texts(editor)
    assert "sentence" in texts(editor)
