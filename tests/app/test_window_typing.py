"""Complaints of keyboard users, typed with keys of the window system into the real application.

The bundle is the one that people get. The user has typed before: "fyi", "il" and the name Aoife in small
letters, and a verb that no dictionary has.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from quietkeys.environment import Environment
from quietkeys.testing import open_profile
from quietkeys_keyboard.presenters.keys import phone_layout
from tests.app.screen import Screen, shown

KEPT = {"fyi": 12, "il": 12, "aoife": 6, "zorb": 6}


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """The keyboard of somebody who has typed before."""
    folder = tmp_path_factory.mktemp("window-typing")
    (folder / "data").mkdir()
    now = [0.0]
    with open_profile(
        folder / "data" / "profile",
        layout=phone_layout(),
        environment=Environment(rng=np.random.default_rng(0), clock=lambda: now[0]),
    ) as keyboard:
        for _ in range(4):
            for word, times in KEPT.items():
                for _ in range(times // 3):
                    keyboard.record("", word, word)
            now[0] += 3600.0
    with shown(folder) as found:
        found.click("button:Learn on this device only")
        found.wait(lambda state: not state["dialog"] and state["screen"] == "type")
        yield found


@pytest.fixture(autouse=True)
def empty(screen: Screen) -> None:
    """Every test begins with an empty field."""
    screen.empty()


@pytest.mark.parametrize(
    "text", ["well fyi ", "at the cafe ", "the lane ", "the baker ", "fine china ", "so il "]
)
def test_ordinary_nouns_and_what_was_kept_keep_their_case(screen: Screen, text: str) -> None:
    """Capitals: what the user writes in small letters stays so, as does what is no name here."""
    screen.type(text)
    screen.wait_for(text[:1].upper() + text[1:])


def test_a_change_of_capitals_is_shown_and_can_be_refused(screen: Screen) -> None:
    """Capitals: the strip marks it before the space, and a backspace gives small letters back."""
    screen.type("see you monday")
    screen.wait_for("See you monday", best=["Monday"])
    screen.type(" ")
    screen.wait_for("See you Monday ", underlined=[8, 14])
    screen.type("⌫")
    screen.wait_for("See you monday", best=["monday"])
    screen.type(". ")
    screen.wait_for("See you monday. ")


@pytest.mark.parametrize(
    "text",
    [
        "teh.com ",
        "j.k. ",
        "youtu.be ",
        "http://example.net ",
        "re: ",
        "see readme.md ",
        "at 9 a.m. ",
        "w/o ",
        "5 kg ",
    ],
)
def test_what_grows_to_no_word_is_left_alone(screen: Screen, text: str) -> None:
    """Units and dots: at every key, and behind the space."""
    for end, key in enumerate(text, 1):
        screen.type(key)
        screen.wait_for(text[:1].upper() + text[1:end])


def test_a_word_before_a_full_stop_is_put_right_at_the_space(screen: Screen) -> None:
    """Units and dots: when it is known that no address follows; the strip has said so."""
    screen.type("see teh.")
    screen.wait_for("See teh.", best=["the."])
    screen.type(" ")
    screen.wait_for("See the. ", underlined=[4, 7])


@pytest.mark.parametrize("text", ["is that aoife's ", "the zorbs ", "we zorbed ", "go zorbing "])
def test_forms_of_own_words_are_left_alone(screen: Screen, text: str) -> None:
    """Own words: a name has its possessive, a verb its endings."""
    screen.type(text)
    state = screen.wait(lambda state: state["text"].lower() == text)
    assert state["underlined"] is None or state["text"].split()[-1] == text.split()[-1].capitalize()


def test_a_refusal_is_remembered_behind_a_full_stop(screen: Screen) -> None:
    """Editing: also a comma; a correction that a comma made is taken back as well."""
    screen.type("see teh ⌫")
    screen.wait_for("See teh", best=["teh"])
    screen.type(". ")
    screen.wait_for("See teh. ")
    screen.empty()
    screen.type("see teh,")
    screen.wait_for("See the,", underlined=[4, 7])
    screen.type("⌫")
    screen.wait_for("See teh")
    screen.type(", ")
    screen.wait_for("See teh, ")


def test_spaces_are_where_they_belong(screen: Screen) -> None:
    """Editing: chosen, full stop, space; a word split; two spaces and a backspace; a quote that closes."""
    screen.type("a sentenc")
    screen.click("strip:sentence")
    screen.wait_for("A sentence ")
    screen.type(". ")
    screen.wait_for("A sentence. ")
    screen.empty()
    screen.type("tehdog")
    screen.keys("Left", "Left", "Left", "space")
    screen.wait_for("Teh dog")
    screen.empty()
    screen.type("hello  ")
    screen.wait_for("Hello. ")
    screen.type("⌫")
    screen.wait_for("Hello ")
    screen.empty()
    screen.type('"sentenc')
    screen.wait(lambda state: "strip:Sentence" in state["places"])
    screen.click("strip:Sentence")
    screen.type('" you ')
    screen.wait_for('"Sentence" you ')


@pytest.mark.parametrize("mark", [",", ";", ":"])
def test_a_word_of_the_strip_stands_apart_from_punctuation(screen: Screen, mark: str) -> None:
    """Editing: a space is put between a mark and what is chosen behind it, as between two words."""
    screen.type("hello")
    screen.click("key:?123")
    screen.click(f"key:{mark}")
    screen.click("key:ABC")
    state = screen.wait(lambda state: state["text"] == f"Hello{mark}" and bool(state["strip"]))
    word = state["strip"][0]
    screen.click(f"strip:{word}")
    screen.wait_for(f"Hello{mark} {word} ")


def test_the_strip_is_about_what_is_under_way(screen: Screen) -> None:
    """Editing: a contraction that has begun has one apostrophe; behind a full stop comes the next word."""
    screen.type("i don'")
    screen.wait(lambda state: "don't" in state["strip"] and "don't'" not in state["strip"])
    screen.type(" ")
    screen.wait_for("I don't ")
    screen.empty()
    screen.type("hello.")
    state = screen.wait_for("Hello.", best=[])
    assert not [text for text in state["strip"] if text.endswith(".")]
    screen.type("⌫")
    screen.wait_for("Hello", best=["Hello"])


def test_an_emoji_is_deleted_whole(screen: Screen) -> None:
    """Editing: of whatever code points it is made."""
    screen.type("hi")
    screen.click("key:emoji")
    screen.wait(lambda state: state["page"] == "emoji")
    screen.click("emoji:😀")
    screen.wait_for("Hi😀")
    screen.click("key:ABC")
    screen.type("⌫")
    screen.wait_for("Hi")


@pytest.mark.parametrize("text", ["'tis ", "get 'em ", "how 'bout ", "goin' ", "I'd've "])
def test_outer_apostrophes_belong_to_the_word(screen: Screen, text: str) -> None:
    """Outer apostrophes: elisions as they are typed."""
    screen.type(text)
    state = screen.wait(lambda state: state["text"].endswith(" ") and len(state["text"]) == len(text))
    assert state["text"].lower() == text.lower()
