"""Closing the window: it is gone at once, whatever goes on behind it, and the program ends well."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from quietkeys_keyboard.settings import Settings, free_port
from tests.app.screen import NOT_FOR_PEOPLE, Screen, shown
from tests.app.tap import Passed, Tap
from tests.patience import HANGS_S
from tests.sdk.http_trainer import body_of, reply, serving


def closed(screen: Screen) -> None:
    """Close the window; see that it goes, and that the program ends as it should."""
    assert screen.windows()
    screen.close_window()
    deadline = time.monotonic() + HANGS_S
    while screen.windows():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert screen.process.wait(HANGS_S) == 0


def introduced(folder: Path) -> Path:
    """The folder of somebody who has started it before."""
    (folder / "data").mkdir()
    Settings(introduced=True).save(folder / "data")
    return folder


def test_right_after_the_start(tmp_path: Path) -> None:
    """The first question is open, and is asked again next time."""
    with shown(tmp_path) as screen:
        closed(screen)
    assert not Settings.load(tmp_path / "data").introduced


def test_while_somebody_types(tmp_path: Path) -> None:
    """Also while the keyboard that knows nobody is being opened, to compare with."""
    with shown(introduced(tmp_path)) as screen:
        screen.type("some words")
        screen.keys("Return")
        closed(screen)


def test_with_a_word_that_is_being_forgotten(tmp_path: Path) -> None:
    """It is forgotten for good: who closes the window has not taken it back."""
    with shown(introduced(tmp_path)) as screen:
        screen.type("zebra")
        screen.keys("Return")
        known = screen.wait(lambda state: state["known"] > 0)["known"]
        screen.click("tab:Privacy")
        screen.scroll_to("icon:delete-outline")
        screen.click("icon:delete-outline")
        assert screen.state()["deleting"] == "zebra"
        closed(screen)
    with shown(tmp_path) as screen:
        assert screen.state()["known"] == known - 1


def test_while_a_trainer_is_waited_for(tmp_path: Path) -> None:
    """A request without an answer holds nothing up; what left and what became of it is said, now and later.

    What is said to have left is what came, byte for byte, also while it is under way.
    """
    tap, asked, over = Tap(), threading.Event(), threading.Event()

    def never(handler: BaseHTTPRequestHandler) -> None:
        tap.came.append(Passed(time.time(), handler.command, handler.path, body_of(handler)))
        asked.set()
        over.wait(HANGS_S)

    with serving(never) as url:
        with shown(introduced(tmp_path), url=url) as screen:
            screen.click("tab:Train")
            screen.click("button:Train now")
            screen.click("button:Agree")
            assert asked.wait(HANGS_S)
            screen.click("tab:Privacy")
            state = screen.wait(lambda state: state["left"] == tap.total())
            assert (state["busy"], state["sent"]) == (True, tap.rows())
            closed(screen)
        with shown(tmp_path, url=url) as screen:
            state = screen.state()
            assert (state["headline"], state["busy"]) == ("The last training was stopped", False)
            assert state["detail"].endswith("Train, and it goes on from there.")
            screen.click("tab:Privacy")
            state = screen.wait(lambda state: state["left"] == tap.total())
            assert state["sent"] == tap.rows()
            screen.scroll_to("button:Show the bytes")
            screen.click("button:Show the bytes")
            assert screen.state()["bytes"] == tap.came[0].shown()
        over.set()


def test_after_a_training_without_a_trainer(tmp_path: Path) -> None:
    """It is said that there is none to be reached, now and after the next start, in words for people."""
    with shown(introduced(tmp_path), url=f"http://127.0.0.1:{free_port()}") as screen:
        screen.click("tab:Train")
        screen.click("button:Train now")
        screen.click("button:Agree")
        state = screen.wait(lambda state: state["headline"] == "Offline")
        assert state["detail"].startswith("The trainer cannot be reached.")
        assert not [text for text in state["texts"] if NOT_FOR_PEOPLE.search(text)]
        closed(screen)
    with shown(tmp_path) as screen:
        screen.click("tab:Train")
        state = screen.wait(lambda state: "The last training was interrupted" in state["texts"])
        assert state["detail"].startswith("The trainer cannot be reached.")


def test_in_the_tour(tmp_path: Path) -> None:
    """Nothing of her profile is left, and the first question is asked again next time."""
    with (
        serving(lambda handler: reply(handler, 503, b"")) as url,
        shown(tmp_path, url=url) as screen,
    ):
        screen.click("button:Show me first")
        screen.wait(lambda state: len(state["messages"]) > 1)
        assert list((tmp_path / "data").glob("tour-*"))
        closed(screen)
    assert not list((tmp_path / "data").glob("tour-*"))
    assert not Settings.load(tmp_path / "data").introduced
