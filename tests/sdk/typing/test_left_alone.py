"""Words that a keyboard must not touch, or only when told to, as seen from the keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quietkeys import Personalizer
from quietkeys.typing import Editor
from tests.sdk import small
from tests.sdk.typing.keys import press, texts


@pytest.fixture
def taught(tmp_path: Path) -> Iterator[Personalizer]:
    """A keyboard of somebody else, who is yet to be known."""
    with Personalizer.open(tmp_path / "profile", protection=small.PROTECTION) as keyboard:
        yield keyboard


def test_a_word_is_not_another_because_that_was_used_here(taught: Personalizer) -> None:
    """Having kept "in" does not make "in" of "on"."""
    for _ in range(6):
        taught.record("he is", "in", "in")
    assert press(Editor(taught), "he is on ").text == "He is on "


def test_a_word_that_looks_like_a_contraction_stays_when_it_was_kept(taught: Personalizer) -> None:
    """As "ill" does."""
    for _ in range(6):
        taught.record("he was", "ill", "ill")
    assert press(Editor(taught), "he was ill ").text == "He was ill "


def test_one_letter_becomes_a_capital_where_the_language_wants_it(editor: Editor) -> None:
    """The pronoun; the strip shows it."""
    press(editor, "so i")
    assert "I" in texts(editor)
    assert press(editor, " ").text == "So I "


def test_what_the_user_wants_replaced_is_replaced(taught: Personalizer) -> None:
    """Shown as what Space will leave, taken back by a backspace, and left when it is no longer wanted."""
    taught.vocabulary.always_replace("omw", "on my way")
    editor = press(Editor(taught), "so omw")
    assert "on my way" in texts(editor)
    assert press(editor, " ").text == "So on my way "
    assert press(editor, "⌫").text == "So omw"
    assert press(editor, " ").text == "So omw "


def test_what_the_user_wants_left_is_left(taught: Personalizer) -> None:
    """Everywhere."""
    taught.vocabulary.never_correct("teh")
    assert press(Editor(taught), "teh teh, teh. ").text == "Teh teh, teh. "
