"""Hands on the real application: other buttons of the mouse, the keyboard alone, accents, long texts.

Keys and clicks come from the window system; the bundle is the one that people get, and there is no trainer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from quietkeys.demo.text import messages_of_the_demo
from quietkeys_keyboard.presenters.emoji import groups
from quietkeys_keyboard.settings import Settings
from tests.app.screen import NOT_FOR_PEOPLE, Screen, shown

TABS: Final = ("Type", "Play", "Sides", "Train", "Privacy")


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """The keyboard of somebody who has started it before, and has typed nothing."""
    folder = tmp_path_factory.mktemp("window-hands")
    (folder / "data").mkdir()
    Settings(introduced=True).save(folder / "data")
    with shown(folder) as found:
        yield found


@pytest.fixture
def screen(hands: Screen) -> Screen:
    """Every test begins on the typing screen with an empty field, whatever another has left."""
    state = hands.state()
    if state["dialog"]:
        hands.keys("Escape")
    if state["at"]:
        hands.keys("Escape")
    hands.click("tab:Type")
    hands.wait(lambda state: not state["dialog"] and state["screen"] == "type")
    if state["page"] != "letters":
        hands.click("key:ABC")
    hands.empty()
    return hands


def test_the_first_question_is_answered_with_keys(tmp_path: Path) -> None:
    """Escape and a touch beside it do not answer it; Tab goes round its answers, Enter gives one."""
    with shown(tmp_path) as screen:
        screen.keys("Escape")
        screen.click("outside")
        assert screen.state()["dialog"] == "A keyboard that keeps quiet"
        for answer in ("Agree to sending encrypted counts", "Learn on this device only", "I have a backup"):
            screen.keys("Tab")
            assert (screen.state()["at"], screen.state()["seen"]) == (answer, True)
        screen.keys("Tab", "Tab")
        assert screen.state()["at"] == "Learn on this device only"
        screen.keys("shift+Tab", "shift+Tab", "Tab", "Tab", "Return")
        screen.wait(lambda state: not state["dialog"] and state["screen"] == "type")


@pytest.mark.parametrize("button", [2, 3, 4, 5])
def test_other_buttons_and_the_wheel_type_nothing(screen: Screen, button: int) -> None:
    """On a key, on the strip, on the key that sends."""
    screen.type("hello ")
    screen.wait_for("Hello ")
    sent = len(screen.state()["messages"])
    for place in ("key:a", f"strip:{screen.state()['strip'][1]}", "key:enter", "icon:send"):
        screen.press(place, button)
    assert screen.state()["text"] == "Hello "
    assert len(screen.state()["messages"]) == sent
    assert screen.state()["screen"] == "type"


def test_two_taps_on_shift_lock_it_where_a_capital_is_due(screen: Screen) -> None:
    """At the beginning of a sentence as anywhere; one more lets it go."""
    assert screen.state()["shift"] == "on"
    screen.tap_twice("key:shift")
    screen.wait(lambda state: state["shift"] == "lock")
    screen.click("key:shift")
    screen.wait(lambda state: state["shift"] == "off")


def test_a_held_key_offers_accents(screen: Screen) -> None:
    """The first of them where the finger stays, another where it slides to."""
    for key in "caf":
        screen.click(f"key:{key}")
    screen.hold("key:e", lambda state: state["accent"] == "é")
    screen.wait_for("Café")
    screen.empty()
    screen.hold("key:e", lambda state: state["accent"] == "é", right=46)
    screen.wait_for("È")


def test_what_was_done_is_undone(screen: Screen) -> None:
    """Ctrl+Z: a word, and a text that was cut."""
    screen.type("some words here")
    screen.wait_for("Some words here")
    screen.keys("ctrl+z")
    screen.wait_for("Some words ")
    screen.keys("ctrl+a", "ctrl+x")
    screen.wait_for("")
    screen.keys("ctrl+z")
    screen.wait_for("Some words ")


def test_a_long_message_stays_in_its_place(screen: Screen) -> None:
    """It grows to four lines, and then moves within them."""
    screen.type("some words ")
    for _ in range(5):
        screen.keys("ctrl+a", "ctrl+c", "End", "ctrl+v")
    screen.wait(lambda state: len(state["text"]) > 300)
    assert screen.state()["field"] < 140


def test_emoji_have_tabs_and_are_found_by_name(screen: Screen) -> None:
    """A tab brings its group, the keys spell a name, the strip offers what it shows."""
    screen.click("key:emoji")
    screen.wait(lambda state: state["page"] == "emoji")
    for name, (first, *_) in groups().items():
        screen.empty()
        screen.click(f"segment:{name}")
        screen.click(f"emoji:{first}")
        screen.wait_for(first)
    assert "emoji:😀" not in screen.state()["places"]
    screen.empty()
    screen.click("key:search")
    screen.wait(lambda state: state["notice"].startswith("Emoji"))
    for key in "cak":
        screen.click(f"key:{key}")
    screen.click("strip:🎂")
    screen.wait_for("🎂")


def test_a_new_word_says_when_it_is_learned(screen: Screen) -> None:
    """Three times, then with the next session; or now."""
    for count in ("once", "twice", "3 times"):
        screen.type("niederdorf")
        screen.wait(lambda state: state["text"] == "Niederdorf")
        screen.keys("Return")
        screen.wait(lambda state, count=count: f", {count}" in state["pending"])  # type: ignore[misc]
    assert "another session" in screen.state()["pending"]
    screen.click("button:Add it now")
    screen.wait(lambda state: state["notice"] == "Your keyboard knows Niederdorf now.")
    assert not screen.state()["pending"]


def test_every_screen_is_reached_and_left_with_keys(screen: Screen) -> None:
    """Tab to the tabs, Enter, Tab into the screen, Escape back to typing; letters go on where they were."""
    screen.keys("Tab", "Tab", "Tab", "Tab", "Tab")
    screen.wait(lambda state: state["at"] == "Privacy")
    screen.keys("Return")
    screen.wait(lambda state: state["screen"] == "privacy")
    screen.keys("Tab", "Tab")
    screen.wait(lambda state: state["at"] == "Pause learning")
    screen.keys("Escape")
    screen.wait(lambda state: not state["at"])
    screen.keys("Escape")
    screen.wait(lambda state: state["screen"] == "type")
    screen.type("on")
    screen.wait_for("On")


def test_every_control_can_be_pressed_with_keys(tmp_path: Path) -> None:
    """On every screen Tab comes to each, which is seen, and Enter does something, which Escape ends."""
    (tmp_path / "data").mkdir()
    Settings(introduced=True).save(tmp_path / "data")
    with shown(tmp_path) as screen:
        screen.type("some words")
        screen.keys("Return")
        screen.wait(lambda state: state["known"] > 0)
        for tab, least in (("Type", 4), ("Play", 5), ("Sides", 0), ("Train", 1), ("Privacy", 8)):
            screen.click(f"tab:{tab}")
            pressed = set()
            for _ in range(screen.state()["stops"]):
                screen.keys("Tab")
                at = screen.wait(lambda state: state["seen"])["at"]
                if at in TABS:
                    continue
                screen.keys("Return")
                if screen.state()["dialog"]:
                    screen.keys("Escape")
                state = screen.state()
                assert (state["screen"], state["dialog"]) == (tab.lower(), ""), at
                pressed.add(at)
            assert len(pressed) >= least, pressed


def test_a_dialog_closes_outside_and_by_escape(screen: Screen) -> None:
    """And nothing behind it is pressed; Enter does not wipe."""
    screen.click("tab:Privacy")
    screen.scroll_to("button:Wipe everything")
    for way in ("Escape", "beside"):
        screen.click("button:Wipe everything")
        screen.wait(lambda state: state["dialog"] == "Wipe everything?")
        screen.keys("Return")
        assert screen.state()["dialog"] == "Wipe everything?"
        if way == "Escape":
            screen.keys(way)
        else:
            screen.click("outside")
        screen.wait(lambda state: not state["dialog"] and state["screen"] == "privacy")


def played(screen: Screen, more: int) -> None:
    """Have somebody type so many more messages, fast."""
    count = len(screen.state()["played"])
    screen.click("tab:Play")
    screen.click("segment:60")
    screen.click("button:Go on" if "button:Go on" in screen.state()["places"] else "button:Start")
    screen.wait(lambda state: len(state["played"]) >= count + more)
    screen.click("button:Pause")


def test_play_has_a_thread_of_its_own(screen: Screen) -> None:
    """The draft stays, what is played is no message of the user's, and has capitals where it was meant to."""
    screen.type("a draft")
    screen.wait_for("A draft")
    before = screen.state()["messages"]
    played(screen, 3)
    state = screen.state()
    assert (state["text"], state["messages"]) == ("A draft", before)
    meant = {word.strip(".,!?") for message in messages_of_the_demo() for word in message.split()}
    for text in state["played"][1:]:
        assert text[:1] == text[:1].upper()
        within = re.findall(r"(?<=[a-z,] )[A-Z][a-z']+", text)
        assert set(within) <= meant


def test_how_much_typing_is_missing_is_said_before_the_button(screen: Screen) -> None:
    """As a meter, which fills with what is typed, and about how many words there are to go."""
    missing = re.compile(r"(\d+) of 60 words kept aside .* About (\d+) more words of typing, then")
    screen.click("tab:Train")
    state = screen.wait(lambda state: bool(state["meter"]))
    texts = state["texts"]
    assert texts.index(state["meter"]) < texts.index("Train now")
    begun = missing.match(state["meter"])
    assert begun is not None
    assert state["filled"] == int(begun[1]) / 60
    while state["filled"] == int(begun[1]) / 60:
        played(screen, 3)
        screen.click("tab:Train")
        state = screen.wait(lambda state: bool(state["meter"]))
    now = missing.match(state["meter"])
    assert now is not None
    assert state["filled"] == int(now[1]) / 60 > int(begun[1]) / 60


def test_all_of_a_text_is_selected_by_its_button(screen: Screen) -> None:
    """A word is held, and the buttons that come then are pressed."""
    screen.type("some words")
    screen.wait_for("Some words")
    screen.hold("field", lambda state: bool(state["selected"]))
    screen.click("button:All")
    screen.wait(lambda state: state["selected"] == [0, 10])
    screen.click("button:Cut")
    screen.wait_for("")


def test_a_dialog_gives_the_keyboard_back(screen: Screen) -> None:
    """To the button that opened it, whichever of its answers the keyboard was at."""
    screen.click("tab:Privacy")
    screen.until("Export", "shift+Tab")
    for keys in (("Escape",), ("Tab", "Tab", "Escape"), ("shift+Tab", "Return")):
        screen.keys("Return")
        assert screen.state()["dialog"] == "Export as"
        screen.keys(*keys)
        state = screen.state()
        assert (state["dialog"], state["at"], state["seen"]) == ("", "Export", True)
    screen.keys("shift+Tab")
    assert screen.state()["at"] == "Teach it a name"


def test_an_export_overwrites_nothing(screen: Screen) -> None:
    """Where there is a file of that name it is said, and only what is pressed twice replaces it."""
    file = screen.state_file.parent / "quietkeys-export.json"
    screen.click("tab:Privacy")
    for presses in (1, 2):
        file.write_text("something else")
        screen.scroll_to("button:Export")
        screen.click("button:Export")
        for _ in range(presses):
            assert file.read_text() == "something else"
            screen.click("button:Save")
        state = screen.state()
        said = [text for text in state["texts"] if "Press again to replace it" in text]
        assert (bool(said), state["dialog"]) == ((True, "Export as") if presses == 1 else (False, ""))
        screen.keys("Escape")
    screen.wait(lambda state: state["privacy"] == "Written to quietkeys-export.json.")
    assert "something else" not in file.read_text()


def test_what_cannot_be_done_is_said_in_words_for_people(screen: Screen) -> None:
    """Without a trainer, with no invitation, with a name that is none."""
    screen.click("tab:Privacy")
    for button, entered, said in (
        ("Add a device", "", "There is no trainer"),
        ("Join another", "letters", "This is not an invitation."),
        ("Teach it a name", "ab", "Take one word of at least 4 letters."),
    ):
        screen.scroll_to(f"button:{button}")
        screen.click(f"button:{button}")
        if entered:
            screen.click("input")
            screen.type(entered)
            screen.click("button:Go on")
        state = screen.wait(lambda state, said=said: said in " ".join(state["texts"]))  # type: ignore[misc]
        assert not [text for text in state["texts"] if NOT_FOR_PEOPLE.search(text)]
        if state["dialog"]:
            screen.keys("Escape")


def test_after_a_deletion_the_keyboard_is_at_its_undo(screen: Screen) -> None:
    """Which gives the word back; Tab goes on near where it was; who deletes the next has lost the first."""
    screen.type("berry cherry ferry")
    screen.keys("Return")
    screen.wait_for("")
    screen.click("tab:Privacy")
    screen.until("Search words")
    screen.keys("ctrl+a")
    screen.type("erry")
    screen.wait(lambda state: {"berry", "cherry", "ferry"} <= set(state["texts"]))
    known = screen.state()["known"]
    screen.keys("Tab", "Tab", "Return")
    state = screen.state()
    assert (state["deleting"], state["at"], state["seen"]) == ("cherry", "Undo", True)
    screen.keys("Return")
    assert (screen.state()["deleting"], screen.state()["known"]) == ("", known)
    for lost in (0, 1):
        screen.keys("Tab")
        state = screen.state()
        assert (state["at"], state["seen"]) == ("delete-outline", True)
        screen.keys("Return")
        state = screen.state()
        assert state["deleting"] in {"berry", "cherry", "ferry"}
        assert (state["at"], state["known"]) == ("Undo", known - lost)
    screen.keys("Return")
    assert screen.state()["known"] == known - 1


def test_a_swipe_shows_both_sides(screen: Screen) -> None:
    """To the left over the thread, on a screen that is narrow."""
    screen.swipe_left("thread")
    assert screen.state()["screen"] == "sides"


def test_a_word_that_was_deleted_is_brought_back(screen: Screen) -> None:
    """By its button, as long as the screen is there; it is gone for good when that is left."""
    screen.type("zebra")
    screen.wait_for("Zebra")
    screen.keys("Return")
    screen.wait_for("")
    screen.click("tab:Privacy")
    screen.scroll_to("input")
    screen.click("input")
    screen.keys("ctrl+a")
    screen.type("zebra")
    known = screen.wait(lambda state: "icon:delete-outline" in state["places"])["known"]
    screen.click("icon:delete-outline")
    assert screen.state()["deleting"] == "zebra"
    screen.click("button:Undo")
    state = screen.state()
    assert (state["deleting"], state["known"]) == ("", known)
    screen.click("icon:delete-outline")
    assert screen.state()["deleting"] == "zebra"
    screen.click("tab:Type")
    state = screen.state()
    assert (state["deleting"], state["known"]) == ("", known - 1)
