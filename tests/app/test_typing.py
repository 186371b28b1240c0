"""The typing screen: what keys do to the text, the strip and what is learnt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import quietkeys_keyboard
from quietkeys import Level
from quietkeys.typing import Shift
from quietkeys_keyboard.presenters.keys import Kind, Page, key_at, phone_layout, placed_keys
from quietkeys_keyboard.presenters.typing import TypingPresenter
from tests.app.conftest import Desk


def shift_of(screen: TypingPresenter) -> Shift:
    """How letters come out now."""
    return screen.editor.shift


def underline(screen: TypingPresenter) -> tuple[int, int] | None:
    """What is underlined now."""
    return screen.editor.underlined


def type_text(screen: TypingPresenter, text: str) -> None:
    """Press the keys of a text, the space bar for spaces."""
    for character in text:
        if character == " ":
            screen.editor.space()
        else:
            screen.editor.press(character)


def test_a_word_is_corrected_at_the_space_and_given_back_by_one_backspace(english: Desk) -> None:
    """With an underline; giving back un-learns, and the word then stays as it was typed."""
    screen = english.typing()
    type_text(screen, "what a sentemce ")
    assert screen.editor.text == "What a sentence "
    assert underline(screen) == (7, 15)
    learnt = english.keyboard.status().words_recorded
    screen.editor.backspace()
    assert screen.editor.text == "What a sentemce"
    assert underline(screen) is None
    assert english.keyboard.status().words_recorded == learnt - 1
    screen.editor.space()
    assert screen.editor.text == "What a sentemce "
    screen.editor.backspace()
    assert screen.editor.text == "What a sentemce"


def test_a_word_that_is_not_learnt_yet_says_when_it_will_be(english: Desk) -> None:
    """By how often it was typed; then with the next session; added, it is known at once."""
    screen = english.typing()
    said = []
    for _ in range(3):
        type_text(screen, "niederdorf")
        screen.send()
        said.append(screen.pending_words())
    assert said == [
        "Niederdorf, once so far: learned after 3 times, over two sessions.",
        "Niederdorf, twice so far: learned after 3 times, over two sessions.",
        "Niederdorf, 3 times: learned when you type it in another session.",
    ]
    screen.add_pending()
    assert screen.pending_words() == ""
    assert english.keyboard.vocabulary.pending("niederdorf") is None
    assert "niederdorf" in [one.text for one in english.keyboard.vocabulary.words()]
    type_text(screen, "such a sentence")
    screen.send()
    assert screen.pending_words() == ""


def test_an_emoji_is_found_by_its_name(english: Desk) -> None:
    """The keys spell it, the strip offers it, the text stays as it was until one is chosen."""
    screen = english.typing()
    type_text(screen, "hi ")
    screen.seek()
    for key in "caq":
        screen.press(key)
    assert screen.emoji() == []
    screen.backspace()
    screen.press("k")
    assert screen.emoji() == ["🎂"]
    assert screen.editor.text == "Hi "
    screen.choose(0)
    assert (screen.editor.text, screen.query) == ("Hi 🎂", None)
    screen.seek()
    screen.backspace()
    assert screen.query is None


def test_forgetting_leaves_no_thread_and_no_draft(english: Desk) -> None:
    """As after a wipe."""
    screen = english.typing()
    type_text(screen, "niederdorf")
    screen.send()
    type_text(screen, "a draft")
    screen.forget()
    assert (screen.editor.text, screen.pending_words(), len(screen.messages)) == ("", "", 1)


def test_an_ordinary_backspace_takes_one_character(english: Desk) -> None:
    """Also in the middle of the text, and nothing at its beginning."""
    screen = english.typing()
    type_text(screen, "ab")
    screen.editor.move(1)
    screen.editor.backspace()
    assert (screen.editor.text, screen.editor.cursor) == ("b", 0)
    screen.editor.backspace()
    assert screen.editor.text == "b"


def test_the_literal_is_always_on_the_strip(english: Desk) -> None:
    """Beside the correction, which is marked as what the word becomes."""
    screen = english.typing()
    type_text(screen, "what a sentemce")
    texts = [choice.text for choice in screen.editor.strip]
    assert "sentemce" in texts
    assert [choice.text for choice in screen.editor.strip if choice.literal] == ["sentemce"]
    assert [choice.text for choice in screen.editor.strip if choice.best] == ["sentence"]
    assert len(screen.editor.strip) <= 3


def test_a_choice_ends_the_word_and_punctuation_moves_to_it(english: Desk) -> None:
    """The space that a choice puts behind the word goes behind the full stop."""
    screen = english.typing()
    type_text(screen, "what a sente")
    place = [choice.text for choice in screen.editor.strip].index("sentence")
    screen.editor.choose(place)
    assert screen.editor.text == "What a sentence "
    screen.editor.press(".")
    assert (screen.editor.text, screen.editor.shift) == ("What a sentence. ", Shift.ON)
    screen.editor.press("a")
    assert screen.editor.text == "What a sentence. A"


def test_the_next_word_can_be_chosen(english: Desk) -> None:
    """Before anything of it was typed."""
    screen = english.typing()
    type_text(screen, "what ")
    assert screen.editor.strip
    word = screen.editor.strip[0].text
    screen.editor.choose(0)
    assert screen.editor.text == f"What {word} "


def test_a_double_space_is_a_full_stop(english: Desk) -> None:
    """After a word; a third space is a space."""
    screen = english.typing()
    type_text(screen, "what ")
    screen.editor.space()
    assert (screen.editor.text, screen.editor.shift) == ("What. ", Shift.ON)
    screen.editor.space()
    assert screen.editor.text == "What.  "


def test_shift_is_for_one_letter_twice_for_all(english: Desk) -> None:
    """On at the beginning of a sentence; locked by two taps in a row, not by two slow ones."""
    screen = english.typing()
    assert shift_of(screen) is Shift.ON
    type_text(screen, "ab")
    assert screen.editor.text == "Ab"
    screen.editor.tap_shift()
    english.now = 0.2
    screen.editor.tap_shift()
    assert shift_of(screen) is Shift.LOCK
    type_text(screen, "cd")
    assert screen.editor.text == "AbCD"
    screen.editor.tap_shift()
    assert shift_of(screen) is Shift.OFF
    english.now = 5.0
    screen.editor.tap_shift()
    english.now = 7.0
    screen.editor.tap_shift()
    assert shift_of(screen) is Shift.OFF


def test_moving_into_a_word_offers_it_and_replaces_all_of_it(english: Desk) -> None:
    """The strip is about the word that the cursor is in."""
    screen = english.typing()
    english.keyboard.level = Level.OFF
    type_text(screen, "what a sentemce here")
    screen.editor.move(10)
    assert "sentemce" in [choice.text for choice in screen.editor.strip]
    screen.editor.choose([choice.text for choice in screen.editor.strip].index("sentence"))
    assert (screen.editor.text, screen.editor.cursor) == ("What a sentence here", 16)


def test_a_message_is_sent(english: Desk) -> None:
    """The last word is corrected first; the field is empty then."""
    screen = english.typing()
    type_text(screen, "what a sentemce")
    screen.send()
    assert [one.text for one in screen.messages if one.mine] == ["What a sentence"]
    assert (screen.editor.text, screen.editor.shift) == ("", Shift.ON)
    screen.send()
    assert len([one for one in screen.messages if one.mine]) == 1


def test_long_presses_change_the_vocabulary(english: Desk) -> None:
    """Never suggest, never correct, add to the dictionary; each says what it did."""
    screen = english.typing()
    type_text(screen, "what a sentemce")
    best = [choice.text for choice in screen.editor.strip].index("sentence")
    screen.never_suggest(best)
    assert "sentence" in english.keyboard.vocabulary.never_suggested()
    assert "sentence" not in [choice.text for choice in screen.editor.strip]
    literal = [choice.literal for choice in screen.editor.strip].index(True)
    screen.add_word(literal)
    assert "dictionary" in screen.notice
    assert "sentemce" in [one.text for one in english.keyboard.vocabulary.words()]
    screen.never_correct([choice.literal for choice in screen.editor.strip].index(True))
    assert english.keyboard.vocabulary.never_corrected() == ("sentemce",)


def test_incognito_learns_nothing(english: Desk) -> None:
    """Until it is switched off; switching twice is once."""
    screen = english.typing()
    screen.set_private(True)
    screen.set_private(True)
    type_text(screen, "what a sentence ")
    assert english.keyboard.status().words_recorded == 0
    screen.set_private(False)
    type_text(screen, "what ")
    assert english.keyboard.status().words_recorded == 1


def test_what_was_meant_is_learnt_when_a_mistake_is_put_right(english: Desk) -> None:
    """In the place of what had been kept."""
    screen = english.typing()
    type_text(screen, "what a sentence ")
    before = english.keyboard.status().words_recorded
    screen.editor.put_right("word")
    assert screen.editor.text == "What a word "
    assert english.keyboard.status().words_recorded == before
    assert screen.editor.last_word() == "word"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("well,yes", "Well, yes"),
        ("really?yes", "Really? Yes"),
        ("done!don't", "Done! Don't"),
        ("at 3,5", "At 3,5"),
        ("see example.org", "See example.org"),
        ("a@b?c", "A@b?c"),
    ],
)
def test_a_space_that_was_left_out_after_punctuation_is_put(english: Desk, keys: str, text: str) -> None:
    """Between words, not in numbers and addresses, and not for somebody at a hardware keyboard."""
    english.keyboard.level = Level.OFF
    screen = english.typing()
    type_text(screen, keys)
    assert screen.editor.text == text
    screen.editor.clear()
    for character in keys:
        screen.editor.type_hardware(character)
    assert screen.editor.text.lower() == keys


def test_a_capital_after_a_full_stop_begins_a_sentence(english: Desk) -> None:
    """But not one of an abbreviation."""
    english.keyboard.level = Level.OFF
    screen = english.typing()
    type_text(screen, "done.")
    screen.editor.tap_shift()
    screen.editor.press("t")
    assert screen.editor.text == "Done. T"
    screen.editor.clear()
    for letter in "US":
        screen.editor.shift = Shift.ON
        type_text(screen, letter + ".")
    assert screen.editor.text == "U.S."


def test_what_is_selected_is_replaced(english: Desk) -> None:
    """By a key, by backspace, by what is pasted; moving on selects nothing any more."""
    screen = english.typing()
    type_text(screen, "what a sentence ")
    screen.editor.select_word(9)
    assert (screen.editor.selected, screen.editor.copy()) == ((7, 15), "sentence")
    screen.editor.press("w")
    assert (screen.editor.text, screen.editor.cursor, screen.editor.selected) == ("What a w ", 8, None)
    screen.editor.select_all()
    assert screen.editor.cut() == "What a w "
    assert screen.editor.text == ""
    screen.editor.paste("one\ntwo\x00")
    assert screen.editor.text == "one two"
    screen.editor.move(4)
    screen.editor.move(7, selecting=True)
    screen.editor.move(6, selecting=True)
    assert screen.editor.copy() == "tw"
    screen.editor.move(2)
    assert (screen.editor.selected, screen.editor.copy()) == (None, "")
    screen.editor.move(0, selecting=True)
    screen.editor.backspace()
    assert screen.editor.text == "e two"


def test_what_was_pasted_is_not_learnt(english: Desk) -> None:
    """Nor corrected, nor is a word that a paste has become a part of; what is typed after it is."""
    screen = english.typing()
    screen.editor.paste("my sentemce")
    screen.editor.space()
    screen.editor.paste("sente")
    type_text(screen, "mce ")
    assert screen.editor.text == "my sentemce sentemce "
    assert english.keyboard.status().words_recorded == 0
    type_text(screen, "what ")
    assert english.keyboard.status().words_recorded == 1


@given(st.lists(st.sampled_from([*"abe.,! \b\n<>{}", "sentence"]), max_size=40))
def test_any_keys_leave_a_whole_state(small_keyboard: TypingPresenter, keys: list[str]) -> None:
    """The cursor is in the text, what is selected and underlined too, the strip has at most three."""
    screen = small_keyboard
    screen.editor.clear()
    for key in keys:
        match key:
            case "\b":
                screen.editor.backspace()
            case "\n":
                screen.send()
            case " ":
                screen.editor.space()
            case "<":
                screen.editor.move(screen.editor.cursor - 1)
            case ">":
                screen.editor.choose(0)
            case "{":
                screen.editor.move(screen.editor.cursor - 2, selecting=True)
            case "}":
                screen.editor.paste(screen.editor.cut() + "e")
            case _:
                for character in key:
                    screen.editor.press(character, (1.0, 1.0))
        assert 0 <= screen.editor.cursor <= len(screen.editor.text)
        assert len(screen.editor.strip) <= 3
        assert screen.editor.selected is None or screen.editor.selected[1] <= len(screen.editor.text)
        assert screen.editor.underlined is None or screen.editor.underlined[1] <= len(screen.editor.text)


@pytest.fixture(scope="module")
def small_keyboard(small_bundle: object, tmp_path_factory: pytest.TempPathFactory) -> TypingPresenter:
    """One screen for many examples."""
    from quietkeys import Personalizer
    from tests.sdk import small

    keyboard = Personalizer.open(
        tmp_path_factory.mktemp("app") / "profile",
        bundle=small_bundle,  # type: ignore[arg-type]
        trusted_keys=small.TRUSTED,
        layout=phone_layout(),
    )
    return TypingPresenter(keyboard, lambda: None, lambda: 0.0)


def test_every_emoji_of_the_sheet_is_deleted_whole(desk: Desk) -> None:
    """By one backspace, however many code points it has, and it ends a word."""
    screen = desk.typing()
    sheet = json.loads((Path(quietkeys_keyboard.__file__).parent / "assets" / "emoji.json").read_text())
    symbols = [symbol for group in sheet["groups"].values() for symbol in group]
    assert len(symbols) > 100
    with desk.keyboard.private():
        for symbol in symbols:
            screen.editor.press("a")
            screen.editor.press(symbol)
            assert all(choice.comes_next for choice in screen.editor.strip), symbol
            screen.editor.backspace()
            assert screen.editor.text.lower() == "a", symbol
            screen.editor.clear()


def test_keys_lie_where_they_are_touched() -> None:
    """The middle of every key is that key; a touch beside them is for the nearest; letters have a layout."""
    for page in Page:
        keys = placed_keys(page)
        for one in keys:
            assert key_at(keys, one.left + one.key.width / 2, one.row + 0.5) == one
    letters = placed_keys(Page.LETTERS)
    assert key_at(letters, -1.0, 1.5).key.label == "a"
    assert key_at(letters, 9.99, 0.1).key.label == "p"
    assert {one.key.kind for one in letters} >= {Kind.SHIFT, Kind.BACKSPACE, Kind.SPACE, Kind.ENTER}
    assert phone_layout().name == "quietkeys-demo"
