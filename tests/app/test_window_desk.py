"""The screens of the input method in their window: keys and clicks, and the real interface on a bus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copytree

import pytest

from tests.app.screen import Screen, driven
from tests.app.serving import Served, served
from tests.app.test_window_sizes import faultless
from tests.sdk import small


@contextmanager
def shown(folder: Path, address: str, size: str = "420x840", text: float = 1.0) -> Iterator[Screen]:
    """The window, on the bus at an address."""
    state_file = folder / "state.json"
    arguments = ["tests.app.desk_driver", str(folder / "data"), str(state_file), size]
    with driven(folder, arguments, state_file, text, DBUS_SESSION_BUS_ADDRESS=address) as found:
        yield found


@pytest.fixture
def other(
    stack: ExitStack, address: str, learnt: Path, small_bundle: Path, tmp_path: Path
) -> tuple[str, Served]:
    """Where the bus is, and the input method, which does not run yet."""
    folder = copytree(learnt, tmp_path / "user")
    return address, stack.enter_context(served(folder, small_bundle, small.TRUSTED[0], address))


def test_everything_is_done_while_it_types(other: tuple[str, Served], tmp_path: Path) -> None:
    """From a window that came first, over a training, to an input method that has gone."""
    address, method = other
    with shown(tmp_path, address) as screen:
        screen.wait(lambda state: state["title"] == "The input method does not run")
        screen.click("button:Copy the command")
        screen.wait(lambda state: "button:Copied" in state["places"])
        method.start()
        screen.wait(lambda state: state["meter"].startswith("Enough typing"))  # what comes last
        screen.click("button:Train now")
        screen.wait(lambda state: state["dialog"] == "Send encrypted counts?")
        screen.keys("Escape")
        screen.wait(lambda state: not state["dialog"])
        screen.click("button:Train now")
        screen.click("button:Agree")
        screen.wait(lambda state: state["headline"] == "The update is in use" and len(state["steps"]) > 5)
        screen.wait(lambda state: "button:Train now" in state["places"])
        assert "button:Stop it" not in screen.state()["places"]
        screen.click("tab:Privacy")
        screen.click("toggle:Pause learning")
        screen.wait(lambda state: state["paused"])
        method.set("Paused", "false")
        method.set("Level", "'eager'")
        screen.wait(lambda state: not state["paused"] and state["level"] == ["Eager"])
        screen.click("button:Add a word")
        screen.click("input")
        screen.type("zyxwvq")
        screen.click("button:Go on")
        screen.wait(lambda state: state["notice"] == "It is in your dictionary.")
        screen.click("tab:Programs")
        screen.click("button:Add a program")
        screen.click("input")
        screen.type("firefox")
        screen.click("button:Go on")
        screen.wait(lambda state: state["dialog"] == "firefox")
        screen.click("toggle:Learn from it")
        screen.click("segment:Careful")
        screen.click("button:Save")
        screen.wait(lambda state: state["programs"] == ["firefox"])
        assert method.call("Apps") == "([('firefox', false, true, 'careful')],)"
        screen.click("tab:Privacy")
        screen.scroll_to("button:Wipe everything")
        screen.click("button:Wipe everything")
        screen.click("button:Wipe everything")
        screen.wait(lambda state: "receipt" in state["notice"] and state["known"].startswith("Nothing yet"))
        method.stop()
        screen.wait(lambda state: state["title"] == "The input method does not run")
        method.start()
        screen.wait(lambda state: state["presence"] == "ready" and "tab:Train" in state["places"])


@pytest.mark.parametrize(("size", "text"), [("300x500", 2.0), ("1180x760", 1.6)])
def test_nothing_is_cut_off_or_too_small(
    other: tuple[str, Served], tmp_path: Path, size: str, text: float
) -> None:
    """On every screen, in a dialog, and where the input method does not run."""
    address, method = other
    with shown(tmp_path, address, size, text) as screen:
        screen.wait(lambda state: state["presence"] == "absent")
        faultless(screen, "absent")
        method.start()
        screen.wait(lambda state: bool(state["meter"]))  # what comes last
        method.call("SetApp", "firefox", "true", "true", "")
        for tab in ("Train", "Privacy", "Programs"):
            screen.click(f"tab:{tab}")
            screen.wait(lambda state, tab=tab: state["screen"] == tab.lower())  # type: ignore[misc]
            faultless(screen, tab)
        screen.scroll_to("icon:tune-variant")
        screen.click("icon:tune-variant")
        screen.wait(lambda state: state["dialog"] == "firefox")
        faultless(screen, "a program")
