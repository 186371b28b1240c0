"""The real application on a screen in memory: keys and clicks of the window system, real encryption."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from quietkeys.environment import Environment
from quietkeys.testing import open_profile
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_trainer.engine.local import load_engine
from tests.app.screen import Screen, shown
from tests.sdk import small, tiny
from tests.trainer.running import Trainer

pytestmark = pytest.mark.fhe


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """A real trainer of a tiny plan, the bundle that goes with it, and the trainer's folder."""
    folder = tmp_path_factory.mktemp("window-trainer")
    engine = load_engine(tiny.planned().plan, folder / "circuits")
    bundle = small.write(folder / "en", tiny.files(engine.specification.canonical))
    running = Trainer(
        folder, module="quietkeys_trainer", plan=engine.plan, pin=engine.client_specification_sha256
    )
    running.has_circuits(engine.folder)
    running.start("--workers", "1")
    try:
        yield running.url, bundle, folder
    finally:
        running.stop()


@pytest.fixture(scope="module")
def screen(
    screen_in_memory: str, trainer: tuple[str, Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Screen]:
    """The application, started for the first time on the profile of somebody who has typed before."""
    folder = tmp_path_factory.mktemp("window")
    url, bundle, _ = trainer
    (folder / "data").mkdir()
    with open_profile(
        folder / "data" / "profile",
        bundle=bundle,
        trusted_keys=small.TRUSTED,
        layout=phone_layout(),
        environment=Environment(rng=np.random.default_rng(0)),
    ) as keyboard:
        rng = np.random.default_rng(5)
        for context, word in small.tokens(7, 220):
            keyboard.record(context, small.slipped(word, rng), word)
    with shown(screen_in_memory, folder, bundle=str(bundle), url=url) as found:
        yield found


def test_the_first_start_asks(screen: Screen) -> None:
    """What is learned, what is sent, and for consent; then the keyboard is there."""
    assert screen.state()["dialog"] == "A keyboard that keeps quiet"
    screen.click("button:Agree to sending encrypted counts")
    screen.wait(lambda state: not state["dialog"] and state["screen"] == "type")


def test_words_are_corrected_and_given_back(screen: Screen) -> None:
    """Hardware keys: at the space with an underline; one backspace gives back what was typed."""
    screen.keys(*"teh", "space")
    state = screen.wait(lambda state: state["text"] == "The ")
    assert state["underlined"] == [0, 3]
    screen.keys("BackSpace")
    screen.wait(lambda state: state["text"] == "Teh")
    screen.keys("BackSpace", "BackSpace", "BackSpace")
    screen.wait(lambda state: state["text"] == "")


def test_keys_on_the_screen_type(screen: Screen) -> None:
    """Letters, the strip, symbols, emoji, and sending."""
    for letter in "sentenc":
        screen.click(f"key:{letter}")
    screen.wait(lambda state: state["text"] == "Sentenc")
    screen.click("strip:Sentence")
    screen.wait(lambda state: state["text"] == "Sentence ")
    screen.click("key:?123")
    screen.wait(lambda state: state["page"] == "symbols")
    screen.click("key:!")
    screen.wait(lambda state: state["text"] == "Sentence! ")
    screen.click("key:emoji")
    screen.wait(lambda state: state["page"] == "emoji")
    screen.click("emoji:😀")
    screen.wait(lambda state: state["text"] == "Sentence! 😀")
    screen.click("key:ABC")
    screen.click("key:enter")
    screen.wait(lambda state: state["messages"][-1] == "Sentence! 😀")


def test_a_long_press_on_the_strip_has_a_menu(screen: Screen) -> None:
    """Never suggest it: and it is gone."""
    screen.keys(*"sentenc")
    screen.wait(lambda state: "sentence" in [text.lower() for text in state["strip"]])
    screen.click("strip:Sentence", hold=0.8)
    screen.wait(lambda state: state["dialog"] == "Sentence")
    screen.click("button:Never suggest it")
    state = screen.wait(lambda state: not state["dialog"] and bool(state["notice"]))
    assert "Sentence" not in state["strip"]
    for _ in "sentenc":
        screen.keys("BackSpace")
    screen.wait(lambda state: state["text"] == "")


def test_a_word_is_copied_and_pasted(screen: Screen) -> None:
    """Held in the field it is selected, and can be cut, copied and pasted; shortcuts do the same."""
    screen.keys("ctrl+a")
    screen.keys("BackSpace")
    screen.keys(*"the", "space", *"them")
    screen.wait(lambda state: state["text"].lower() == "the them")
    screen.click("field", hold=0.8)
    screen.wait(lambda state: state["selected"] == [0, 3])
    screen.click("button:Copy")
    screen.wait(lambda state: "button:Copy" not in state["places"])
    screen.keys("End")
    screen.keys("ctrl+v")
    screen.wait(lambda state: state["text"].lower() == "the themthe")
    screen.keys("shift+Home")
    screen.wait(lambda state: state["selected"] == [0, 11])
    screen.keys("ctrl+x")
    screen.wait(lambda state: state["text"] == "")
    screen.click("field", hold=0.8)
    screen.click("button:Paste")
    screen.wait(lambda state: state["text"].lower() == "the themthe")
    screen.keys("ctrl+a")
    screen.keys("BackSpace")
    screen.wait(lambda state: state["text"] == "")


def test_the_look_is_switched(screen: Screen) -> None:
    """Light and dark."""
    screen.click("tab:Privacy")
    screen.click("toggle:Dark")
    screen.wait(lambda state: state["dark"])
    screen.click("toggle:Dark")
    screen.wait(lambda state: not state["dark"])


def test_somebody_types(screen: Screen) -> None:
    """Words are counted while they appear; pausing stops it."""
    screen.click("tab:Play")
    screen.click("button:Start")
    screen.wait(lambda state: state["words"] >= 8)
    screen.click("button:Pause")
    time.sleep(0.5)
    words = screen.state()["words"]
    time.sleep(1.0)
    assert screen.state()["words"] == words


def test_training_for_real_then_rolling_back(screen: Screen) -> None:
    """Encrypted, sent, trained, fetched, judged: steps are shown, then the chart, and the way back."""
    screen.click("tab:Train")
    screen.click("button:Train now")
    screen.wait(lambda state: state["busy"])
    state = screen.wait(lambda state: not state["busy"] and bool(state["steps"]), 300.0)
    assert state["steps"][0] == "Introducing this device"
    assert state["steps"][-1] == "Judging it on typing kept aside"
    assert "Queued at the trainer" in state["steps"]
    assert "Trained on ciphertexts" in state["steps"]
    assert state["headline"] == "Applied", state["detail"]
    assert state["worths"] == 1
    screen.wait(lambda state: state["chart"] > 0 and state["version"] == 1)
    screen.scroll_to("button:Roll back")
    screen.click("button:Roll back")
    screen.wait(lambda state: state["version"] == 0)


def devices(folder: Path) -> int:
    """How many devices a trainer knows."""
    with closing(sqlite3.connect(folder / "state" / "ledger.sqlite")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM devices")
    return int(count)


def test_what_left_is_shown_and_everything_is_wiped(screen: Screen, trainer: tuple[str, Path, Path]) -> None:
    """Ciphertexts in hex; then an empty profile, and a trainer that does not know the device."""
    screen.click("tab:Privacy")
    screen.wait(lambda state: state["leaves"] > 4)
    assert devices(trainer[2]) == 1
    screen.scroll_to("button:Back up")
    screen.click("button:Back up")
    screen.wait(lambda state: state["dialog"] == "Back up to")
    screen.click("button:Save")
    screen.wait(lambda state: state["dialog"] == "Your recovery code")
    assert list(screen.state_file.parent.glob("*.backup"))
    screen.click("button:I have written it down")
    screen.scroll_to("button:Wipe everything")
    screen.click("button:Wipe everything")
    screen.wait(lambda state: state["dialog"] == "Wipe everything?")
    screen.click("button:Wipe everything")
    state = screen.wait(lambda state: "gone" in state["privacy"])
    assert "signed a receipt" in state["privacy"]
    assert state["known"] == 0
    assert devices(trainer[2]) == 0
