"""The real application on a screen in memory: keys and clicks of the window system, real encryption."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietkeys.environment import Environment
from quietkeys.testing import open_profile
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_trainer.engine.local import load_engine
from tests.app.screen import NOT_FOR_PEOPLE, Screen, shown
from tests.app.tap import Tap
from tests.sdk import small, tiny
from tests.sdk.http_trainer import serving
from tests.trainer.running import Trainer

pytestmark = pytest.mark.fhe


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
def window(trainer: tuple[str, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """The application, started for the first time on the profile of somebody who has typed before."""
    folder = tmp_path_factory.mktemp("window")
    url, bundle, _ = trainer
    typed_before(folder, bundle)
    with shown(folder, bundle=str(bundle), url=url) as found:
        assert found.state()["dialog"] == "A keyboard that keeps quiet"
        found.click("button:Agree to sending encrypted counts")
        found.wait(lambda state: not state["dialog"] and state["screen"] == "type")
        yield found


@pytest.fixture
def screen(window: Screen) -> Screen:
    """Every test begins on the typing screen with an empty field, whatever another has left."""
    if window.state()["dialog"]:
        window.keys("Escape")
    window.click("tab:Type")
    if window.state()["page"] != "letters":
        window.click("key:ABC")
    window.empty()
    return window


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


def trained(screen: Screen) -> None:
    """Train, if another test has not, and wait for the end."""
    if not screen.state()["worths"]:
        screen.click("tab:Train")
        screen.click("button:Train now")
        screen.wait(lambda state: not state["busy"] and bool(state["steps"]))


def is_for_people(state: dict[str, Any]) -> bool:
    """Whether all that is to be read is in words for people."""
    return not [text for text in state["texts"] if NOT_FOR_PEOPLE.search(text)]


def test_what_is_said_to_leave_is_what_leaves(screen: Screen, tap: Tap) -> None:
    """Before, during and after a training: every byte on the screen, its hash and the sums are the wire's.

    The steps are shown with the time left; then the chart, in words for people, and the way back.
    """
    screen.click("tab:Privacy")
    screen.wait(lambda state: state["left"] == "Nothing has left this device.")
    assert tap.came == []
    screen.click("tab:Train")
    state = screen.wait(lambda state: state["meter"].startswith("Enough typing"))
    assert state["filled"] == 1.0
    tap.held = "/v1/jobs"
    screen.click("button:Train now")
    screen.wait(lambda state: state["busy"] and state["time left"].startswith("Still "))
    screen.wait(lambda _: bool(tap.came) and tap.came[-1].path.startswith(tap.held))
    screen.click("tab:Privacy")
    state = screen.wait(lambda state: state["left"] == tap.total())
    assert state["busy"]
    assert state["sent"] == tap.rows()
    assert not state["bytes"]
    screen.scroll_to("button:Show the bytes")
    screen.click("button:Show the bytes")
    bodies = [one for one in reversed(tap.came) if one.body]
    screen.wait(lambda state: state["bytes"] == bodies[0].shown())
    tap.opened.set()
    state = screen.wait(lambda state: not state["busy"])
    screen.wait(lambda state: state["left"] == tap.total())
    assert screen.state()["sent"] == tap.rows()
    bodies = [one for one in reversed(tap.came) if one.body]
    assert len(bodies) >= 3
    for body, button in ((0, "Older"), (1, "Newer"), (0, "Newer"), (-1, "Older")):
        assert screen.state()["bytes"] == bodies[body].shown()
        screen.scroll_to(f"button:{button}")
        screen.click(f"button:{button}")
    screen.click("tab:Type")
    screen.click("tab:Privacy")
    screen.wait(lambda state: state["bytes"] == bodies[0].shown())
    screen.click("tab:Train")
    state = screen.wait(lambda state: state["chart"] > 0 and state["version"] == 1)
    assert (state["steps"][0], state["steps"][-1]) == (
        "Introducing this device",
        "Judging it on typing kept aside",
    )
    assert {"Waiting for its turn at the trainer", "Trained without being read"} <= set(state["steps"])
    assert state["headline"].startswith(("Better", "In use")), state["detail"]
    assert state["worths"] == 1
    assert is_for_people(state)
    screen.scroll_to("button:Take it back")
    screen.click("button:Take it back")
    state = screen.wait(lambda state: state["version"] == 0)
    assert state["headline"] == "Back to learning on this device alone"
    assert is_for_people(state)


def devices(folder: Path) -> int:
    """How many devices a trainer knows."""
    with closing(sqlite3.connect(folder / "state" / "ledger.sqlite")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM devices")
    return int(count)


def test_an_invitation_is_copied_and_has_a_code(screen: Screen, tap: Tap) -> None:
    """For a camera, and for the field on the other device."""
    tap.opened.set()
    trained(screen)
    screen.click("tab:Privacy")
    screen.scroll_to("button:Add a device")
    screen.click("button:Add a device")
    state = screen.wait(lambda state: state["dialog"] == "Add a device")
    (invitation,) = [text for text in state["texts"] if text.startswith("QKC1-")]
    assert state["codes"] == [invitation]
    screen.click("button:Copy")
    screen.wait(lambda state: "button:Copied" in state["places"])
    screen.click("button:Done")
    screen.scroll_to("button:Join another")
    screen.click("button:Join another")
    screen.click("input")
    screen.keys("ctrl+v")
    assert invitation in screen.state()["texts"]
    screen.keys("Escape")


def test_everything_is_wiped_and_restored(screen: Screen, trainer: tuple[str, Path, Path], tap: Tap) -> None:
    """An empty profile, thread and draft, and a trainer that knows no device; then what the backup has.

    Its code is copied, and is drawn for a camera.
    """
    tap.opened.set()
    screen.type("the them")
    screen.keys("Return")
    trained(screen)
    assert devices(trainer[2]) == 1
    screen.click("tab:Type")
    screen.type("a draft")
    screen.wait(lambda state: "draft" in state["text"] and len(state["messages"]) > 1)
    known = screen.state()["known"]
    screen.click("tab:Privacy")
    screen.scroll_to("button:Back up")
    screen.click("button:Back up")
    screen.wait(lambda state: state["dialog"] == "Back up to")
    screen.click("button:Save")
    state = screen.wait(lambda state: state["dialog"] == "Your recovery code")
    assert (screen.state_file.parent / "quietkeys.backup").exists()
    (code,) = state["codes"]
    assert code in state["texts"]
    screen.click("button:Copy")
    screen.click("button:I have written it down")
    screen.scroll_to("button:Wipe everything")
    screen.click("button:Wipe everything")
    screen.wait(lambda state: state["dialog"] == "Wipe everything?")
    screen.click("button:Wipe everything")
    state = screen.wait(lambda state: "gone" in state["privacy"])
    assert "signed a receipt" in state["privacy"]
    assert (state["known"], state["text"], len(state["messages"])) == (0, "", 1)
    since = tap.rows()[-len(state["sent"]) :]
    assert state["sent"] == since
    assert state["left"] == f"0 bytes left this device since it was wiped, in {len(since)} requests."
    assert devices(trainer[2]) == 0
    screen.scroll_to("button:Restore a backup")
    screen.click("button:Restore a backup")
    screen.wait(lambda state: state["dialog"] == "Which backup?")
    screen.click("entry:quietkeys.backup")
    screen.click("button:Open")
    screen.wait(lambda state: state["dialog"] == "Recovery code")
    screen.click("input")
    screen.keys("ctrl+v")
    assert code in screen.state()["texts"]
    screen.click("button:Go on")
    state = screen.wait(lambda state: state["privacy"].startswith("The backup is restored."))
    assert (state["dialog"], state["screen"], state["known"]) == ("", "privacy", known)
    assert [text for text in state["texts"] if "is told as the backup has it" in text]


def test_a_training_that_was_killed_is_said_and_goes_on(
    trainer: tuple[str, Path, Path], tmp_path: Path, tap: Tap
) -> None:
    """After the next start, before anything is pressed; what was typed and counted is still there."""
    url, bundle, _ = trainer
    tap.opened.set()
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
