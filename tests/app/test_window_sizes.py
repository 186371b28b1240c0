"""Small windows and large type: nothing is cut off, and everything can be pressed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from quietkeys_keyboard.settings import Settings
from tests.app.screen import NOT_FOR_PEOPLE, Screen, shown

DIALOGS: Final = (
    "Teach it a name",
    "Export",
    "Back up",
    "Restore a backup",
    "Join another",
    "Take consent back, keep what was learned here",
    "Wipe everything",
)


def faultless(screen: Screen, where: str) -> None:
    """See that nothing is cut off or too small, and everything said for people, once it has its place."""
    before = screen.state()["time"]
    state = screen.wait(lambda state: state["time"] > before + 0.5)
    assert (where, state["faults"]) == (where, [])
    assert not [text for text in state["texts"] if NOT_FOR_PEOPLE.search(text)]


@pytest.mark.parametrize(("size", "text"), [("300x500", 1.0), ("300x500", 2.0), ("1180x760", 1.6)])
def test_nothing_is_cut_off_or_too_small(tmp_path: Path, size: str, text: float) -> None:
    """On every screen and in the first dialog; 44 points for a finger, but for the keys of the keyboard."""
    with shown(tmp_path, size=size, text=text) as screen:
        faultless(screen, "the first question")
        screen.keys("Tab", "Tab", "Return")
        screen.wait(lambda state: not state["dialog"])
        for tab in ("Type", "Play", "Sides", "Train", "Privacy"):
            screen.click(f"tab:{tab}")
            assert screen.state()["screen"] == tab.lower()
            faultless(screen, tab)


@pytest.mark.parametrize("text", [1.0, 2.0])
def test_no_dialog_is_cut_off_or_too_small(tmp_path: Path, text: float) -> None:
    """In a window of 300 by 500, and it is closed by Escape."""
    (tmp_path / "data").mkdir()
    Settings(introduced=True).save(tmp_path / "data")
    with shown(tmp_path, size="300x500", text=text) as screen:
        screen.click("tab:Privacy")
        for button in DIALOGS:
            screen.scroll_to(f"button:{button}")
            screen.click(f"button:{button}")
            assert screen.state()["dialog"], button
            faultless(screen, button)
            screen.keys("Escape")
            assert not screen.state()["dialog"]
        screen.scroll_to("button:Teach it a name")
        screen.click("button:Teach it a name")
        screen.click("input")
        screen.type("niederdorf")
        for title, button in (
            ("Teach it a name", "Go on"),
            ("Three times", "Start it again"),
            ("After the restart", "Where does it lie?"),
            ("Where it lies", "Done"),
        ):
            screen.wait(lambda state, title=title: state["dialog"] == title)  # type: ignore[misc]
            faultless(screen, title)
            screen.scroll_to(f"button:{button}")
            screen.click(f"button:{button}")
        screen.wait(lambda state: not state["dialog"])
        screen.click("tab:Train")
        screen.click("button:Train now")
        assert screen.state()["dialog"] == "Send encrypted counts?"
        faultless(screen, "consent")
        screen.keys("Escape")
