"""Punctuation and the strip: what is chosen there stands where it belongs."""

from __future__ import annotations

from tests.app.conftest import Desk
from tests.app.test_typing import type_text


def test_the_strip_does_not_glue_words_to_what_is_before(english: Desk) -> None:
    """A next word stands apart from a stop and from a bracket; what is chosen keeps its comma close."""
    screen = english.typing()
    for begun in ("hello.", "hello,", "hello!", "(hello)"):
        screen.editor.clear()
        type_text(screen, begun)
        screen.editor.move(len(screen.editor.text))
        nexts = [place for place, one in enumerate(screen.editor.strip) if one.comes_next]
        if nexts:
            typed = screen.editor.text
            screen.editor.choose(nexts[0])
            assert screen.editor.text.startswith(f"{typed} ")
    screen.editor.clear()
    type_text(screen, "such a sentenc")
    screen.editor.choose(
        next(place for place, one in enumerate(screen.editor.strip) if one.text == "sentence")
    )
    for mark, text in ((",", "Such a sentence, "), ("(", "Such a sentence, (")):
        screen.editor.press(mark)
        assert screen.editor.text == text
