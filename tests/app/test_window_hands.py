"""Hands on the real application: other buttons of the mouse, the keyboard alone, accents, long texts.

Keys and clicks come from the window system; the bundle is the one that people get, and there is no trainer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from quietkeys_keyboard.settings import Settings
from tests.app.screen import Screen, shown

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
        screen.keys("Tab")
        assert screen.state()["at"] == "Agree to sending encrypted counts"
        screen.keys("Tab")
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
    assert {"segment:Faces", "segment:Life"} <= set(screen.state()["places"])
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
    """On every screen Tab comes to each, and Enter does something that Escape ends, if it is a dialog."""
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
                at = screen.state()["at"]
                if at in TABS or at == "delete-outline":  # which takes its row away, and where Tab was
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


def test_play_has_a_thread_of_its_own(screen: Screen) -> None:
    """The draft stays where it was, and what is played is no message of the user's."""
    screen.type("a draft")
    screen.wait_for("A draft")
    before = screen.state()["messages"]
    screen.click("tab:Play")
    screen.click("button:Start")
    state = screen.wait(lambda state: len(state["played"]) >= 3)
    screen.click("button:Pause")
    assert (state["text"], state["messages"]) == ("A draft", before)
    sent = state["played"][1:]
    assert all(text[:1] == text[:1].upper() for text in sent)


def test_all_of_a_text_is_selected_by_its_button(screen: Screen) -> None:
    """A word is held, and the buttons that come then are pressed."""
    screen.type("some words")
    screen.wait_for("Some words")
    screen.hold("field", lambda state: bool(state["selected"]))
    screen.click("button:All")
    screen.wait(lambda state: state["selected"] == [0, 10])
    screen.click("button:Cut")
    screen.wait_for("")


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
