"""The real thing: an ibus-daemon, our engine as it starts it, applications of GTK 3 and GTK 4, and keys."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count, cycle, islice
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import pytest

from quietkeys import Personalizer
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys_keyboard.settings import free_port
from tests.ibus.desktop import QT, Session, Window, compositor, wait_until, window
from tests.patience import HANGS_S

KEY_MS: Final = 83  # 12 keys a second
WORDS: Final = "we have teh time to go there adn see what they do with all of it".split()  # noqa: SIM905
RIGHT: Final = {"teh": "the", "adn": "and"}
SECRET: Final = "correct horse battery zyxwvq"


pytestmark = pytest.mark.soak  # minutes of a real desktop: `make soak` has them


def test_a_mistake_is_put_right_and_given_back(fields: Window) -> None:
    """Space puts it right, with a mark; Backspace gives it back; it is not corrected again in that word."""
    fields.type("text", "a teh")
    fields.offers("teh", best="the")
    fields.type("text", " ", becomes="a the ")
    fields.shows(lambda panel: "the" in panel["mark"])
    fields.keys("BackSpace")
    fields.wait_for("text", "a teh")
    fields.offers("teh", best="teh")
    fields.type("text", " ", becomes="a teh ")


def test_it_is_put_right_in_a_text_of_lines(fields: Window) -> None:
    """In each line; Return passes."""
    fields.click("lines")
    fields.type("lines", "see teh")
    fields.offers("teh", best="the")
    fields.type("lines", " ", becomes="see the ")
    fields.type("lines", "\nadn", becomes="see the \nadn")
    fields.offers("adn", best="and")
    fields.type("lines", ",", becomes="see the \nand,")


def test_a_suggestion_is_taken_by_key(fields: Window) -> None:
    """By Alt and its digit, and by Tab, which else goes to the next field."""
    fields.type("text", "see tomo")
    shown = fields.shows(lambda panel: {"tomo", "tomorrow"} <= set(panel["strip"]))
    strip = shown["strip"]
    fields.keys(f"alt+{strip.index('tomorrow') + 1}")
    fields.wait_for("text", "see tomorrow ")
    fields.type("text", "becuase", becomes="see tomorrow becuase")
    fields.offers("becuase", best="because")
    fields.keys("Tab")
    fields.wait_for("text", "see tomorrow because ")
    fields.keys("Tab")
    fields.wait(lambda state: state["focus"] != "text")


def test_a_password_is_neither_shown_nor_learnt(fields: Window, desktop: Session, tmp_path: Path) -> None:
    """In a field that says so, and in one that hides it; a word typed in plain before and after is learnt."""
    kinds = {"purpose", "hidden", "private"} & set(fields.state()["texts"])
    before, after = ("zeppelin", "tapioca") if "private" in kinds else ("kohlrabi", "marzipan")
    fields.type("text", f"{before} ")
    for name in kinds:
        fields.click(name)
        for word in SECRET.split():
            fields.type(name, word)
            if name != "private":
                assert desktop.shown()["strip"] == []
            fields.type(name, " ")
    fields.click("other")
    fields.type("other", f"{after} ")
    copies = count()
    wait_until(lambda: after in _learnt(desktop, tmp_path / str(next(copies))), desktop.log)
    learnt = _learnt(desktop, tmp_path / "last")
    assert before in learnt
    assert not learnt & set(SECRET.split())


def test_a_field_of_addresses_is_left_alone(fields: Window) -> None:
    """Nothing is put right in it."""
    fields.click("email")
    fields.type("email", "teh adn ")


def test_what_is_selected_is_replaced_and_nothing_else(fields: Window) -> None:
    """Nothing around it is deleted."""
    fields.type("text", "see teh")
    fields.offers("teh", best="the")
    fields.keys("shift+Left", "shift+Left")
    fields.keys("space")
    fields.wait_for("text", "see t ")


def test_keys_arrive_when_the_engine_is_killed_and_it_comes_back(fields: Window, desktop: Session) -> None:
    """The application keeps getting keys; a word is put right again afterwards."""
    fields.type("text", "hello ")
    killed = desktop.engine_process()
    os.kill(killed, signal.SIGKILL)
    fields.type("text", "hello again ")
    wait_until(lambda: desktop.engine_process() not in (0, killed), desktop.log)
    wait_until(lambda: desktop.property("Ready") == "(<true>,)", desktop.log)
    wait_until(lambda: desktop.say("ibus", "engine") == "quietkeys", desktop.log)
    fields.click("other")
    fields.type("other", "see teh")
    fields.offers("teh", best="the")
    fields.type("other", " ", becomes="see the ")


def test_qt_gets_suggestions_and_more_if_its_user_says_so(desktop: Session) -> None:
    """It tells of no field what it is for, nor a terminal's; where it hides what is typed it is silent."""
    words = desktop.property("Words")
    with window(desktop, QT) as fields:
        fields.click("hidden")
        fields.rattle(SECRET, KEY_MS)
        fields.wait_for("hidden", SECRET)
        assert desktop.shown()["strip"] == []
        fields.click("text")
        fields.type("text", "see teh tomo")
        shown = fields.shows(lambda panel: {"tomo", "tomorrow"} <= set(panel["strip"]))
        fields.keys(f"alt+{shown['strip'].index('tomorrow') + 1}")
        fields.wait_for("text", "see teh tomorrow ")
        assert desktop.property("Words") == words
        desktop.call("SetApp", "QIBusInputContext", "true", "true", "")
        fields.click("lines")
        fields.type("lines", "see teh")
        fields.offers("teh", best="the")
        fields.type("lines", " ", becomes="see the ")
        fields.keys("BackSpace")
        fields.wait_for("lines", "see teh")
        desktop.call("RemoveApp", "QIBusInputContext")


@pytest.mark.skipif(shutil.which("weston") is None, reason="the system lacks weston")
@pytest.mark.parametrize("version", ["3", "4"])
def test_it_works_under_wayland(desktop: Session, version: str) -> None:
    """In applications that know nothing of X, through the module of their toolkit."""
    with compositor(desktop) as (number, told), window(desktop, version, number, **told) as fields:
        fields.click("other")
        fields.type("other", "a teh")
        fields.offers("teh", best="the")
        fields.type("other", " ", becomes="a the ")
        fields.keys("BackSpace")
        fields.wait_for("other", "a teh")
        fields.click("purpose")
        fields.type("purpose", "teh ")


def test_words_arrive_in_order_at_speed(desktop: Session, sized: Callable[[int, int], int]) -> None:
    """None is lost or doubled, whether it was put right in time or not.

    With GTK 3: GTK 4 by itself turns round keys that queue, with any engine.
    """
    words = list(islice(cycle(WORDS), sized(45, 300)))
    with window(desktop, "3") as fields:
        fields.click("lines")
        fields.rattle(" ".join(words) + " end", KEY_MS)
        fields.wait(lambda state: state["texts"]["lines"].endswith(" end"))
        found = fields.text("lines").split()
        assert len(found) == len(words) + 1
        for typed, stands in zip(words, found, strict=False):
            assert stands in {typed, RIGHT.get(typed, typed)}


def test_a_terminal_is_left_alone(desktop: Session) -> None:
    """Nothing is shown for it, put right in it, or learnt."""
    words = desktop.property("Words")
    with window(desktop, "3") as fields:
        fields.click("terminal")
        for keys, text in [("teh", "teh"), (" adn", "teh adn"), (" hello", "teh adn hello")]:
            fields.rattle(keys, KEY_MS)
            fields.wait_for("terminal", text)
            assert desktop.shown()["strip"] == []
    assert desktop.property("Words") == words


def test_the_menu_shows_what_holds(fields: Window, desktop: Session) -> None:
    """Also what was switched by another program."""
    fields.type("text", "a")
    desktop.set_property("Level", "'off'")
    fields.shows(lambda panel: panel["menu"]["Level/off"] == 1 and panel["menu"]["Level/normal"] == 0)
    desktop.set_property("Level", "'normal'")
    fields.shows(lambda panel: panel["menu"]["Level/normal"] == 1)


def test_switches_work_while_it_types(fields: Window, desktop: Session) -> None:
    """Over the session bus, in the field that has the cursor."""
    desktop.set_property("Level", "'off'")
    fields.type("text", "wich ")  # and is learnt: the user kept it
    desktop.set_property("Level", "'normal'")
    fields.type("text", "see becuase")
    fields.offers("becuase", best="because")
    fields.type("text", " ", becomes="wich see because ")
    assert "not a value" in desktop.refused("Level", "'very'")
    assert desktop.property("Level") == "(<'normal'>,)"


def test_the_command_works_on_the_same_profile(fields: Window, desktop: Session) -> None:
    """Without closing it: what holds is told, what is switched holds at once, what is odd is refused."""

    def said(*words: str, errors: bool = False) -> str:
        return desktop.say(sys.executable, "-P", "-m", "quietkeys_ibus", *words, errors=errors)

    assert "Ready      true" in said("status")
    before = said("ledger")
    assert said("set", "Level", "off", errors=True) == ""
    fields.type("text", "see wich ")
    assert "Level      off" in said("status")
    assert "not a value" in said("set", "Level", "very", errors=True)
    assert "no such switch" in said("set", "Strip", "perhaps", errors=True)
    assert "no trainer" in said("train", errors=True)
    assert said("set", "Level", "normal", errors=True) == ""
    assert said("ledger") == before
    desktop.call("ForgetWord", "wich")
    assert said("ledger").splitlines()[-1].endswith("A word was forgotten.")
    assert len(said("ledger").splitlines()) == len(before.splitlines()) + 1


@pytest.mark.fhe
def test_an_encrypted_sync_goes_on_while_it_types(desktop: Session, tmp_path: Path) -> None:
    """With a trainer of its own, from keys to the update; words are put right all the while."""
    with shipped_trainer(tmp_path / "trainer", free_port()) as address, window(desktop, "3") as fields:
        wait_until(lambda: _answers(address), lambda: "no trainer")
        desktop.set_property("Trainer", f"'{address}'")
        wait_until(lambda: desktop.property("Ready") == "(<true>,)", desktop.log)
        desktop.call("GiveConsent", "Encrypted counts may go to this trainer.")
        fields.click("lines")
        assert desktop.call("Sync") == "(true,)"
        typed = 0
        while not typed or desktop.property("Syncing") == "(<true>,)":
            stands = fields.text("lines")
            fields.type("lines", "see becuase")
            fields.offers("becuase", best="because")
            fields.type("lines", " ", becomes=f"{stands}see because ")
            typed += 1
        assert "failed" not in desktop.property("LastSync")
        assert "report_sent" in desktop.call("Ledger")
        desktop.set_property("Trainer", "''")
        wait_until(lambda: desktop.property("Ready") == "(<true>,)", desktop.log)


def _learnt(desktop: Session, folder: Path) -> set[str]:
    # The words in a copy of the profile, whose rows are sealed: bytes of its files would say nothing.
    shutil.copytree(desktop.profile, folder, ignore=shutil.ignore_patterns("lock"))
    with Personalizer.open(folder) as keyboard:
        return set(keyboard._model.predictor.memory.words())


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/healthz", timeout=HANGS_S) as answer:  # noqa: S310 - on loopback
            return bool(answer.status == 200)
    except OSError:
        return False
