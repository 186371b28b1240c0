"""Where spaces are put, moved, swallowed, and turned into a full stop."""

from __future__ import annotations

import pytest

from quietkeys import Level, Personalizer
from quietkeys.typing import Editor
from tests.sdk.typing.keys import press


@pytest.fixture(autouse=True)
def uncorrected(keyboard: Personalizer) -> None:
    """Words stay as they are typed here."""
    keyboard.level = Level.OFF


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("well,yes", "Well, yes"),
        ("really?yes", "Really? Yes"),
        ("done!don't", "Done! Don't"),
        ("done.⇧then", "Done. Then"),
        ('"hello"you', '"Hello" you'),
        ('"hello""you"', '"Hello" "you"'),
        ('"hello","you"', '"Hello", "you"'),
        ("(well),yes", "(Well), yes"),
    ],
)
def test_a_space_that_was_left_out_is_put(editor: Editor, keys: str, text: str) -> None:
    """Behind punctuation and closing quotes, between words."""
    assert press(editor, keys).text == text


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("hello.a", "Hello.a"),
        ("at 3,5", "At 3,5"),
        ("see example.org", "See example.org"),
        ("http://example.net", "Http://example.net"),
        ("a@b?c", "A@b?c"),
        ("15:50-17", "15:50-17"),
        ('"""', '"""'),
        ('say "hi" "h', 'Say "hi" "h'),
        ('say "hi", "h', 'Say "hi", "h'),
        ('{"label":"c', '{"Label":"c'),
        ("u.⇧s.⇧a", "U.S.A"),
    ],
)
def test_no_space_is_put_where_none_was_left_out(editor: Editor, keys: str, text: str) -> None:
    """In numbers, addresses, abbreviations and code, and within quotes."""
    assert press(editor, keys).text == text


def test_a_space_is_put_before_text_that_follows(editor: Editor) -> None:
    """The text behind the cursor stays as it is."""
    press(editor, "hello there«5»,a")
    assert (editor.text, editor.cursor) == ("Hello, a there", 8)


def test_somebody_at_a_hardware_keyboard_puts_spaces_alone(editor: Editor) -> None:
    """Nothing is put there."""
    for key in "well,yes?no":
        editor.type_hardware(key)
    assert editor.text == "Well,yes?no"


@pytest.mark.parametrize("key", [*".,!?;:)"])
def test_punctuation_moves_to_a_word_that_was_chosen(editor: Editor, key: str) -> None:
    """And the space behind it gives way to one that is typed: there is one in the end."""
    press(editor, f"what a sente‹sentence›{key}")
    assert editor.text == f"What a sentence{key} "
    assert press(editor, " then").text.lower() == f"what a sentence{key} then"


def test_a_space_behind_a_chosen_word_is_the_one_that_is_there(editor: Editor) -> None:
    """A second one makes a full stop, as everywhere."""
    assert press(editor, "what a sente‹sentence› ").text == "What a sentence "
    assert press(editor, " ").text == "What a sentence. "


def test_words_are_chosen_one_behind_the_other(editor: Editor) -> None:
    """With one space between them, and a letter or an emoji goes behind it."""
    press(editor, "what a sente‹sentence›")
    editor.choose(0)
    assert "  " not in editor.text
    assert editor.text.endswith(" ")
    assert press(editor, "b").text.endswith(" b")
    editor.clear()
    assert press(editor, "what a sente‹sentence›🤗").text == "What a sentence 🤗"


def test_a_quote_closes_at_the_word_and_opens_behind_a_space(editor: Editor) -> None:
    """No space goes inside the quotes."""
    assert press(editor, '"senten‹Sentence›"you').text == '"Sentence" you'
    editor.clear()
    assert press(editor, 'a senten‹sentence›"you').text == 'A sentence "you'


def test_an_apostrophe_belongs_to_the_word(editor: Editor) -> None:
    """For its 's."""
    assert press(editor, "the sentenc‹sentence›'s").text == "The sentence's"


def test_a_space_that_was_typed_stays_where_it_is(editor: Editor) -> None:
    """Before a full stop as before a smile."""
    assert press(editor, "hello :)").text == "Hello :)"
    editor.clear()
    assert press(editor, "hello .").text == "Hello ."


def test_two_spaces_are_a_full_stop(editor: Editor) -> None:
    """Behind a word, a number or a bracket; not behind punctuation, at the beginning, or a third time."""
    assert press(editor, "what  ").text == "What. "
    assert press(editor, " ").text == "What.  "
    for keys, text in [
        ("(so)  ", "(So). "),
        ("at 5  ", "At 5. "),
        ("so,  ", "So,  "),
        ("  ", "  "),
        ("🤗  ", "🤗  "),
    ]:
        editor.clear()
        assert press(editor, keys).text == text


def test_two_spaces_are_two_if_something_happened_between(editor: Editor) -> None:
    """The cursor was elsewhere."""
    assert press(editor, "what «0»«5» ").text == "What  "


def test_a_choice_in_the_middle_of_a_text_takes_the_space_that_is_there(editor: Editor) -> None:
    """And stands before punctuation without one."""
    press(editor, "a sente here«5»‹sentence›")
    assert (editor.text, editor.cursor) == ("A sentence here", 11)
    assert press(editor, ".").text == "A sentence. here"
    editor.clear()
    press(editor, "a sente)«5»‹sentence›")
    assert editor.text == "A sentence)"


def test_a_next_word_is_put_behind_punctuation_with_a_space(editor: Editor) -> None:
    """The strip offers it where a word has ended without one; behind an opening quote there is none."""
    press(editor, "hello.")
    word = editor.strip[0].text
    editor.choose(0)
    assert editor.text == f"Hello. {word} "
    editor.clear()
    press(editor, '"')
    word = editor.strip[0].text
    editor.choose(0)
    assert editor.text == f'"{word} '
