"""`Typing` over a text that it does not hold: edits, and a host that changes its text as it likes."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from quietkeys import Personalizer
from quietkeys.typing import Edit, Surroundings, Typing
from tests.sdk.typing.keys import Host


def test_an_edit_says_what_to_delete_and_insert(host: Host) -> None:
    """Around the cursor, in code points, with the corrected word marked."""
    host.keys("teh ")
    assert host.text == "the "
    assert host.edits[-1] == Edit(3, 0, "the ", (0, 3))
    host.keys("⌫")
    assert host.edits[-1] == Edit(4, 0, "teh")


def test_a_text_that_was_there_is_left_alone(host: Host) -> None:
    """What the field held when it was entered is neither put right nor taken back."""
    host.text, host.cursor = "see teh", 7
    host.keys(" ")
    assert host.text == "see teh "
    host.keys("⌫")
    assert host.text == "see teh"


def test_a_host_that_changed_its_text_is_not_taken_back(host: Host) -> None:
    """Backspace deletes one character then."""
    host.keys("teh ")
    host.text, host.cursor = "see the ", 8
    host.keys("⌫")
    assert host.text == "see the"


def test_a_host_may_show_a_window_of_its_text(keyboard: Personalizer) -> None:
    """What is typed at its end is known again when the window moves on."""
    typing, text = Typing(keyboard), "one two three four " * 8
    with keyboard.private():
        for key in text + "teh":
            text_before = text[-100:]
            edit = typing.press(Surroundings(text_before), key, by_finger=False)
            text = edit.applied(Surroundings(text)).before
        edit = typing.press(Surroundings(text[-90:]), " ")
    assert edit.insert == "the "


def test_another_text_of_the_same_host_begins_anew(host: Host) -> None:
    """As when a message was sent and the field is empty."""
    host.keys("teh")
    host.text, host.cursor = "", 0
    host.keys("teh ")
    assert host.text == "the "


@given(st.lists(st.sampled_from([*"abe'.,! \"\n⌫😀-", "<", ">", "x", "paste"]), max_size=40))
def test_any_keys_leave_a_text_that_can_be_edited(opened: Personalizer, keys: list[str]) -> None:
    """Edits delete only what is there; the strip has at most three; choices can be put anywhere."""
    with opened.private():
        host = Host(Typing(opened))
        for key in keys:
            match key:
                case "<":
                    host.cursor = max(host.cursor - 1, 0)
                case ">":
                    for choice in host.typing.strip(host.here())[:1]:
                        host.apply(host.typing.choose(host.here(), choice))
                case "x":
                    host.apply(host.typing.delete(host.here(), 2, 1))
                case "paste":
                    host.text = host.text[: host.cursor] + "the a" + host.text[host.cursor :]
                case _:
                    host.keys(key)
            assert 0 <= host.cursor <= len(host.text)
            assert len(host.typing.strip(host.here())) <= 3
            for edit in host.edits:
                assert edit.before >= 0
                assert edit.after >= 0


def test_a_word_is_left_as_it_stands(keyboard: Personalizer, recorded: Callable[[], int]) -> None:
    """When a key of the host's sends the text: nothing is put right, and what stands is learnt once."""
    host = Host(Typing(keyboard))
    host.keys("see teh")
    host.typing.leave(host.here())
    host.typing.leave(host.here())
    assert host.text == "see teh"
    assert recorded() == 2


def test_a_host_that_cannot_delete_gets_endings(keyboard: Personalizer) -> None:
    """Nothing is put right; the strip shows what may follow, and a choice adds the rest."""
    with keyboard.private():
        host = Host(Typing(keyboard, appends=True))
        host.keys("teh  we tomo")
        assert host.text == "teh  we tomo"
        shown = host.typing.strip(host.here())
        assert "tomorrow" in [choice.text for choice in shown]
        assert all(choice.text.startswith("tomo") and choice.text != "tomo" for choice in shown)
        host.apply(host.typing.choose(host.here(), next(one for one in shown if one.text == "tomorrow")))
        assert host.text == "teh  we tomorrow "
        host.keys(". ")
        assert host.text == "teh  we tomorrow . "
        assert all(edit.before == edit.after == 0 for edit in host.edits)


def test_words_may_be_left_and_suggested_for(keyboard: Personalizer) -> None:
    """Where spelling is not to be checked: what was typed is what Space leaves."""
    with keyboard.private():
        host = Host(Typing(keyboard, corrects=False))
        host.keys("teh")
        shown = host.typing.strip(host.here())
        assert [choice.text for choice in shown if choice.best] == ["teh"]
        assert "the" in [choice.text for choice in shown]
        host.keys(" ")
        assert host.text == "teh "


def test_two_spaces_may_be_two_spaces(keyboard: Personalizer) -> None:
    """Where somebody's fingers put two behind a full stop, or a text is set in columns."""
    with keyboard.private():
        host = Host(Typing(keyboard, two_spaces=False))
        host.keys("hello  ")
        assert host.text == "hello  "
