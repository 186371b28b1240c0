"""When a word ends, and what is left alone because it may still be growing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quietkeys import InputField
from quietkeys.typing import Editor, Shift
from tests.sdk.typing.keys import Host, best, press, texts


def test_a_space_ends_a_word(editor: Editor) -> None:
    """It is put right, marked, and a space stands behind it."""
    press(editor, "what a sentemce ")
    assert editor.text == "What a sentence "
    assert editor.underlined == (7, 15)


@pytest.mark.parametrize("key", [*",;!?)]”", '"', "🤗"])
def test_what_cannot_be_within_a_word_ends_it_at_once(editor: Editor, key: str) -> None:
    """A comma, a closing bracket or quote, an emoji."""
    assert press(editor, f"a sentemce{key}").text == f"A sentence{key}"


@pytest.mark.parametrize("key", [*".:/'-@"])
def test_what_may_go_on_leaves_a_word_as_it_is_until_a_space(editor: Editor, key: str) -> None:
    """A full stop may be of an address: the space tells, and then the strip has said so already."""
    press(editor, f"a sentemce{key}")
    assert editor.text == f"A sentemce{key}"
    ends = best(editor) or [f"sentemce{key}"]
    press(editor, " ")
    assert editor.text == f"A {ends[0]} "


def test_a_full_stop_and_a_space_put_a_word_right(editor: Editor) -> None:
    """With the full stop in its place."""
    assert press(editor, "a sentemce. a sentemce: ").text == "A sentence. A sentence: "


@pytest.mark.parametrize(
    "keys",
    [
        "teh.com",
        "youtu.be",
        "http://example.net",
        "bla.com/img.jpg",
        "mail@example.com",
        "15:50-17",
        "J.K.",
        "go/teh?x=1",
    ],
)
def test_an_address_or_initials_stay_as_they_were_typed(editor: Editor, keys: str) -> None:
    """While they grow, and behind them."""
    for end, key in enumerate(keys, 1):
        editor.shift = Shift.ON if key.isupper() else Shift.OFF
        assert press(editor, key).text == keys[:end]
    assert press(editor, " ").text == f"{keys} "


def test_nothing_of_an_address_is_learnt(learning: Editor, recorded: Callable[[], int]) -> None:
    """Neither its host's name nor the letters before its first full stop, at any point."""
    for key in "zorbly.com/zorb http://zorbly.net mail@example.com ":
        press(learning, key)
        assert recorded() == 0


def test_the_end_of_the_text_ends_a_word(editor: Editor) -> None:
    """As before a message is sent, also behind a full stop."""
    assert press(editor, "what a sentemce⏎").text == "What a sentence"
    editor.clear()
    assert press(editor, "what a sentemce.⏎").text == "What a sentence."
    assert press(editor, "⏎").text == "What a sentence."


def test_a_line_break_ends_a_word(host: Host) -> None:
    """And takes the place of a space that nobody typed."""
    host.keys("teh\n")
    assert host.text == "the\n"
    host.apply(host.typing.choose(host.here(), host.typing.strip(host.here())[0]))
    host.keys("\n")
    assert host.text.endswith("\n")
    assert " \n" not in host.text


def test_a_space_within_a_word_splits_it(editor: Editor) -> None:
    """Neither half is put right, and the cursor stands between them."""
    press(editor, "tehdog«3» ")
    assert (editor.text, editor.cursor) == ("Teh dog", 4)


def test_a_comma_within_a_word_splits_it(editor: Editor) -> None:
    """As a space does."""
    assert press(editor, "tehdog«3»,").text == "Teh,dog"


def test_a_space_before_a_space_is_a_space(editor: Editor) -> None:
    """Another word can be put between two words."""
    press(editor, "one two«3» and")
    assert editor.text == "One and two"


def test_a_letter_makes_another_word_of_it(editor: Editor) -> None:
    """In the middle, at the beginning and at the end; the strip is about the new word."""
    press(editor, "hello my friend«7»a")
    assert (editor.text, editor.cursor) == ("Hello may friend", 8)
    assert "may" in texts(editor)


def test_dots_alone_are_no_word(editor: Editor) -> None:
    """Nothing is put right or shown for them."""
    press(editor, "bla..")
    assert not best(editor)
    assert press(editor, "«0»[[...]]h").text == "...hBla.."


@pytest.mark.parametrize("field", [InputField.URL, InputField.EMAIL, InputField.NUMBER, InputField.PASSWORD])
def test_in_other_fields_all_is_left_as_typed(
    editor_for: Callable[[InputField], Editor], field: InputField
) -> None:
    """No correction, no capital, no full stop for two spaces, no space put."""
    editor = editor_for(field)
    assert press(editor, "teh,teh  teh ").text == "teh,teh  teh "


def test_in_an_address_field_no_space_is_put(editor_for: Callable[[InputField], Editor]) -> None:
    """Behind a word that was chosen: an address goes on there."""
    editor = press(editor_for(InputField.URL), "exampl‹example›.")
    assert editor.text == "example."


def test_a_word_behind_dots_is_a_word(editor: Editor) -> None:
    """It is put right."""
    assert press(editor, "...teh ").text.lower() == "...the "


def test_an_address_stays_one_while_its_end_is_deleted(editor: Editor) -> None:
    """And typed again; nothing of it is put right."""
    keys = "http://example.com/here«18»⌫⌫⌫"
    assert press(editor, keys).text == "Http://example./here"
    assert press(editor, "net").text == "Http://example.net/here"
    assert texts(editor) == ["Http://example.net/here"]


def test_a_password_is_not_suggested_for(editor_for: Callable[[InputField], Editor]) -> None:
    """The strip has what was typed and nothing else, also behind a full stop."""
    editor = press(editor_for(InputField.PASSWORD), "sentemc")
    assert texts(editor) == ["sentemc"]
    press(editor, ".c")
    assert texts(editor) in ([], ["sentemc.c"])


@pytest.mark.parametrize("keys", ["i don", "i can", "it won", "i wouldn"])
def test_an_apostrophe_may_begin_the_end_of_a_contraction(editor: Editor, keys: str) -> None:
    """What the strip offers has one apostrophe, and so has what a space leaves; the negation is kept."""
    whole = keys.split()[1] + "'t"
    press(editor, f"{keys}'")
    assert whole in texts(editor)
    assert f"{whole}'" not in texts(editor)
    before = editor.text.split()[0]
    assert press(editor, " ").text == f"{before} {whole} "
    editor.clear()
    assert press(editor, f"{keys}'‹{whole}›").text == f"{before} {whole} "


@pytest.mark.parametrize("keys", ["the dogs'", "they'", "he said 'you can'", "at James'"])
def test_an_apostrophe_may_be_the_end(editor: Editor, keys: str) -> None:
    """Of a possessive or a quotation; and where a contraction could go on in several ways, none is chosen."""
    for key in keys:
        press(editor, key)
    typed = editor.text
    assert press(editor, " ").text == f"{typed} "


def test_a_very_long_token_is_left_alone(editor: Editor) -> None:
    """It can be no word; keys go on."""
    editor.paste("x" * 5000)
    press(editor, "y ⌫")
    assert editor.text == "x" * 5000 + "y"
    assert editor.cursor == 5001
