"""The real application on a screen in memory: keys and clicks of the window system, real encryption."""

from __future__ import annotations

import hashlib
import http.client
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from quietkeys.environment import Environment
from quietkeys.testing import open_profile
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_trainer.engine.local import load_engine
from tests.app.screen import Screen, shown
from tests.sdk import small, tiny
from tests.sdk.http_trainer import body_of, reply, serving
from tests.trainer.running import Trainer

pytestmark = pytest.mark.fhe


@dataclass(slots=True)
class Tap:
    """On the wire between the application and its trainer: method, path, size and hash of what came."""

    url: str = ""
    came: list[list[object]] = field(default_factory=list)

    def passes(self, handler: BaseHTTPRequestHandler) -> None:
        """Note a request, and pass it on."""
        content = body_of(handler)
        digest = hashlib.sha256(content).hexdigest()
        self.came.append([handler.command, handler.path, len(content), digest])
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=900)
        try:
            connection.request(handler.command, handler.path, content, dict(handler.headers.items()))
            answer = connection.getresponse()
            reply(handler, answer.status, answer.read())
        finally:
            connection.close()

    def total(self) -> int:
        """The bytes of all bodies."""
        return sum(int(str(one[2])) for one in self.came)


@pytest.fixture(scope="module")
def tap() -> Tap:
    """A tap before the trainer."""
    return Tap()


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory, tap: Tap) -> Iterator[tuple[str, Path, Path]]:
    """A real trainer of a tiny plan behind a tap, the bundle that goes with it, and the trainer's folder."""
    folder = tmp_path_factory.mktemp("window-trainer")
    engine = load_engine(tiny.planned().plan, folder / "circuits")
    bundle = small.write(folder / "en", tiny.files(engine.specification.canonical))
    running = Trainer(
        folder, module="quietkeys_trainer", plan=engine.plan, pin=engine.client_specification_sha256
    )
    running.has_circuits(engine.folder)
    running.start("--workers", "1")
    tap.url = running.url
    try:
        with serving(tap.passes) as url:
            yield url, bundle, folder
    finally:
        running.stop()


def typed_before(folder: Path, bundle: Path) -> Path:
    """The application's folder of somebody who has typed."""
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
    return folder / "data"


@pytest.fixture(scope="module")
def screen(trainer: tuple[str, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """The application, started for the first time on the profile of somebody who has typed before."""
    folder = tmp_path_factory.mktemp("window")
    url, bundle, _ = trainer
    typed_before(folder, bundle)
    with shown(folder, bundle=str(bundle), url=url) as found:
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
    screen.hold("strip:Sentence", lambda state: state["dialog"] == "Sentence")
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
    screen.hold("field", lambda state: state["selected"] == [0, 3])
    screen.click("button:Copy")
    screen.wait(lambda state: "button:Copy" not in state["places"])
    screen.keys("End")
    screen.keys("ctrl+v")
    screen.wait(lambda state: state["text"].lower() == "the themthe")
    screen.keys("shift+Home")
    screen.wait(lambda state: state["selected"] == [0, 11])
    screen.keys("ctrl+x")
    screen.wait(lambda state: state["text"] == "")
    screen.hold("field", lambda state: "button:Paste" in state["places"])
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
    state = screen.state()
    later = screen.wait(lambda now: now["time"] > state["time"] + 1.0)
    assert later["words"] == state["words"]


def test_before_a_training_nothing_has_left(screen: Screen, tap: Tap) -> None:
    """It is said so, and it is true."""
    screen.click("tab:Privacy")
    screen.wait(lambda state: state["left"] == "Nothing has left this device.")
    assert tap.came == []


def test_training_for_real_then_rolling_back(screen: Screen, tap: Tap) -> None:
    """Encrypted, sent, trained, fetched, judged: steps are shown, then the chart, and the way back.

    While it runs the privacy screen says what the tap on the wire has seen.
    """
    screen.click("tab:Train")
    screen.wait(lambda state: state["meter"].startswith("Enough typing"))
    screen.click("button:Train now")
    state = screen.wait(lambda state: (state["busy"] and state["time left"]) or not state["busy"])
    screen.click("tab:Privacy")
    before = tap.total()
    state = screen.wait(lambda state: " bytes left this device" in state["left"])
    said = int(state["left"].split(" ")[0].replace(",", ""))
    assert before <= said <= tap.total()
    assert state["sent"][:-1] == tap.came[: len(state["sent"]) - 1]
    screen.click("tab:Train")
    state = screen.wait(lambda state: not state["busy"] and bool(state["steps"]))
    assert state["steps"][0] == "Introducing this device"
    assert state["steps"][-1] == "Judging it on typing kept aside"
    assert "Waiting for its turn at the trainer" in state["steps"]
    assert "Trained without being read" in state["steps"]
    assert state["headline"].startswith(("Better", "In use")), state["detail"]
    assert state["sent"] == tap.came
    assert state["worths"] == 1
    screen.wait(lambda state: state["chart"] > 0 and state["version"] == 1)
    screen.scroll_to("button:Take it back")
    screen.click("button:Take it back")
    screen.wait(lambda state: state["version"] == 0)


def devices(folder: Path) -> int:
    """How many devices a trainer knows."""
    with closing(sqlite3.connect(folder / "state" / "ledger.sqlite")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM devices")
    return int(count)


def test_what_left_is_shown_and_everything_is_wiped(
    screen: Screen, trainer: tuple[str, Path, Path], tap: Tap
) -> None:
    """The bytes on the wire; then an empty profile and screen, and a trainer that knows no device."""
    screen.click("tab:Type")
    screen.type("a draft")
    screen.wait(lambda state: "draft" in state["text"])
    screen.click("tab:Privacy")
    state = screen.wait(lambda state: state["left"].startswith(f"{tap.total():,} bytes"))
    assert state["sent"] == tap.came
    assert not state["bytes"]
    screen.scroll_to("button:Show the bytes")
    screen.click("button:Show the bytes")
    screen.wait(lambda state: state["bytes"].startswith("0000  "))
    assert devices(trainer[2]) == 1
    screen.scroll_to("button:Back up")
    screen.click("button:Back up")
    screen.wait(lambda state: state["dialog"] == "Back up to")
    screen.click("button:Save")
    screen.wait(lambda state: state["dialog"] == "Your recovery code")
    assert list(screen.state_file.parent.glob("*.backup"))
    screen.click("button:Copy")
    screen.click("button:I have written it down")
    screen.scroll_to("button:Wipe everything")
    screen.click("button:Wipe everything")
    screen.wait(lambda state: state["dialog"] == "Wipe everything?")
    screen.click("button:Wipe everything")
    state = screen.wait(lambda state: "gone" in state["privacy"])
    assert "signed a receipt" in state["privacy"]
    assert state["known"] == 0
    assert state["text"] == ""
    assert len(state["messages"]) == 1
    assert state["sent"] == tap.came[-len(state["sent"]) :]
    assert devices(trainer[2]) == 0


def test_a_backup_is_restored(screen: Screen) -> None:
    """From the file and the code that was copied: what was known is known again, and the screens are its."""
    screen.scroll_to("button:Restore a backup")
    screen.click("button:Restore a backup")
    screen.wait(lambda state: state["dialog"] == "Which backup?")
    screen.click("entry:quietkeys.backup")
    screen.click("button:Open")
    screen.wait(lambda state: state["dialog"] == "Recovery code")
    screen.click("input")
    screen.keys("ctrl+v")
    screen.click("button:Go on")
    state = screen.wait(lambda state: not state["dialog"] and state["screen"] == "privacy")
    state = screen.wait(lambda state: state["privacy"].startswith("The backup is restored."))
    assert state["known"] > 10


def test_a_training_that_was_killed_is_said_and_goes_on(
    trainer: tuple[str, Path, Path], tmp_path: Path
) -> None:
    """After the next start, before anything is pressed; what was typed and counted is still there."""
    url, bundle, _ = trainer
    data = typed_before(tmp_path, bundle)
    with shown(tmp_path, bundle=str(bundle), url=url) as first:
        first.click("button:Agree to sending encrypted counts")
        known = first.state()["known"]
        first.click("tab:Train")
        first.click("button:Train now")
        first.wait(lambda state: bool(state["steps"]))
        first.process.kill()
        first.process.wait()
    assert (data / "profile").exists()
    with shown(tmp_path, bundle=str(bundle), url=url) as second:
        state = second.state()
        assert state["headline"] in {"The last training was interrupted", "A training is not finished"}
        assert state["detail"]
        assert state["known"] == known
        second.click("tab:Train")
        second.click("button:Train now")
        state = second.wait(lambda state: not state["busy"] and bool(state["steps"]))
        assert state["headline"].startswith(("Better", "In use", "No better"))
