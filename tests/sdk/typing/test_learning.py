"""What is learnt: what stands in the text when it has ended, once."""

from __future__ import annotations

from collections.abc import Callable

from quietkeys import ErrorCode, InputField, Personalizer, TryAgain, UndoReceipt
from quietkeys.typing import Editor, KeptWord, Typing
from tests.sdk.typing.keys import press

Count = Callable[[], int]


def test_a_word_is_learnt_when_it_ends(learning: Editor, recorded: Count) -> None:
    """By a space, a comma, the end of the text; not before."""
    for keys, count in [("hello", 0), (" ", 1), ("there", 1), (",", 2), (" you", 2), ("⏎", 3), ("⏎", 3)]:
        press(learning, keys)
        assert recorded() == count


def test_what_is_taken_back_is_unlearnt(learning: Editor, recorded: Count) -> None:
    """And learnt as it stands in the end."""
    press(learning, "teh ")
    assert recorded() == 1
    press(learning, "⌫")
    assert recorded() == 0
    press(learning, ". ")
    assert recorded() == 1


def test_a_word_that_ends_twice_is_learnt_once(learning: Editor, recorded: Count) -> None:
    """With its space taken back and typed again, and with more punctuation."""
    press(learning, "hello ⌫ ⌫, ⌫⌫! ")
    assert learning.text == "Hello! "
    assert recorded() == 1


def test_a_word_that_is_deleted_is_unlearnt(learning: Editor, recorded: Count) -> None:
    """By backspaces, and by deleting what is selected: what does not stand was not kept."""
    press(learning, "hello there ")
    assert recorded() == 2
    press(learning, "⌫" * 6)
    assert (learning.text, recorded()) == ("Hello ", 1)
    learning.select_all()
    learning.backspace()
    assert (learning.text, recorded()) == ("", 0)


def test_a_word_that_is_edited_is_learnt_as_it_is_then(
    learning: Editor, recorded: Count, keyboard: Personalizer
) -> None:
    """At its end, within, and when it is split; once each."""
    press(learning, "hallow ⌫een ")
    assert (learning.text, recorded()) == ("Halloween ", 1)
    press(learning, "«4»x")
    assert recorded() == 0
    press(learning, "⌫«9» ")
    assert recorded() == 1
    press(learning, "«5» ")
    assert (learning.text, recorded()) == ("Hallo ween  ", 0)


def test_sending_a_text_leaves_it_learnt(learning: Editor, recorded: Count) -> None:
    """An empty field afterwards is no deletion."""
    press(learning, "hello there⏎")
    learning.clear()
    assert recorded() == 2


def test_what_was_pasted_is_not_learnt(learning: Editor, recorded: Count) -> None:
    """Nor put right, nor is a word that a paste has become a part of; what is typed after it is."""
    press(learning, "[[my sentemce]] [[sente]]mce ")
    assert learning.text == "my sentemce sentemce "
    assert recorded() == 0
    press(learning, "what ")
    assert recorded() == 1
    press(learning, "«0»«11»")
    learning.choose(0)
    assert recorded() == 1


def test_what_was_meant_is_learnt_instead(learning: Editor, recorded: Count) -> None:
    """When a mistake is put right, with what stands around the word."""
    press(learning, '"hello, ')
    learning.put_right('"hullo,')
    assert learning.text == '"hullo, '
    assert learning.last_word() == '"hullo,'
    assert recorded() == 1
    press(learning, "-- ")
    learning.put_right("x")
    assert learning.text == '"hullo, -- '


def test_a_chosen_word_is_learnt_once(learning: Editor, recorded: Count) -> None:
    """Also the next one, and also with punctuation and a space behind it."""
    press(learning, "what a sente‹sentence›. ")
    assert recorded() == 3
    learning.choose(0)
    assert recorded() == 4


def test_other_fields_teach_nothing(keyboard: Personalizer, recorded: Count) -> None:
    """As `Personalizer.record` says."""
    for field in InputField:
        if field is not InputField.TEXT:
            press(Editor(keyboard, field=field), "hello there. ")
    assert recorded() == 0


def test_a_slip_is_learnt_as_it_was_typed(keyboard: Personalizer) -> None:
    """With what it became, once, whatever punctuation and spaces follow."""
    told: list[tuple[str, str, str]] = []

    class Listening(Personalizer):
        """A keyboard that is listened to."""

        def record(self, context: str, typed: str, kept: str, *_: object, **__: object) -> UndoReceipt:
            """Note what is learnt."""
            told.append((context, typed, kept))
            return UndoReceipt("none")

    press(Editor(Listening(keyboard._opened, keyboard._link)), "see teh, teh. ⌫ ")
    assert told == [
        ("", "See", "See"),
        ("See ", "teh", "the"),
        ("See the, ", "teh.", "the."),
        ("See the, ", "teh.", "teh."),
    ]


def test_typing_goes_on_when_nothing_can_be_learnt(keyboard: Personalizer) -> None:
    """The error is kept for the app to show; suggestions and keys go on."""

    class Full(Personalizer):
        """A keyboard whose disk is full."""

        def record(self, *_: object, **__: object) -> None:  # type: ignore[override]
            """Fail as a full disk does."""
            raise TryAgain(ErrorCode.DISK_FULL)

    editor = Editor(Full(keyboard._opened, keyboard._link))
    seen = [editor.problem]
    assert press(editor, "teh ").text == "The "
    seen.append(editor.problem)
    assert [error and error.code for error in seen] == [None, ErrorCode.DISK_FULL]
    assert press(editor, "⌫").text == "Teh"


def test_an_app_is_told_each_word_as_it_is_learnt(keyboard: Personalizer) -> None:
    """What was typed and what was kept behind which text; of a field that nothing is learnt in, nothing."""
    told: list[KeptWord] = []
    with keyboard.private():
        press(Editor(keyboard, told=told.append), "what a sentemce ")
        press(Editor(keyboard, told=told.append, field=InputField.PASSWORD), "what a sentemce ")
    assert [(one.before, one.typed, one.kept) for one in told] == [
        ("", "What", "What"),
        ("What ", "a", "a"),
        ("What a ", "sentemce", "sentence"),
    ]
    assert "sent" not in repr(told)


def test_no_repr_says_what_is_typed(learning: Editor, keyboard: Personalizer) -> None:
    """Of the editor, the strip, what is handed to and fro."""
    press(learning, "secretly ")
    shown = [
        learning,
        learning.strip,
        learning._typing,
        learning._here(),
        Typing(keyboard).finish(learning._here()),
    ]
    assert "ecretly" not in repr(shown)
