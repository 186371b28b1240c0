"""Starting from a terminal: whatever is wrong is said in a sentence, and a second start raises the window."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quietkeys_keyboard.running import FILE, listening, raised
from tests.patience import HANGS_S


def started(display: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start it as a user does, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "quietkeys_keyboard", *arguments],
        env=os.environ | {"DISPLAY": display, "KIVY_HOME": str(folder / "kivy"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", "wide"), "--size is WIDTHxHEIGHT"),
        (("--trainer", "http://trainer.example"), "--trainer is an address such as https://trainer.example"),
        (("--data", "/dev/null/words"), "Nothing can be written to /dev/null/words: Not a directory."),
        (("--colour", "red"), "No such option"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """On the terminal, in one sentence; no screen is needed for that."""
    ended = started("", tmp_path, *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_screen_it_is_said(tmp_path: Path) -> None:
    """There is none to open a window on."""
    ended = started(":987", tmp_path, "--offline", "--data", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert "There is no screen to open a window on." in ended.stderr


@contextmanager
def running(display: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The application with its window open, from its command."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quietkeys_keyboard", "--offline", "--data", str(folder / "data")],
        env=os.environ | {"DISPLAY": display, "KIVY_HOME": str(folder / "kivy"), "HOME": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + HANGS_S
        while not (folder / "data" / FILE).exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


def test_a_second_start_raises_the_first_window(screen_in_memory: str, tmp_path: Path) -> None:
    """And ends well, with a sentence; where the first window does not answer, it says who has the profile."""
    with running(screen_in_memory, tmp_path):
        second = started(screen_in_memory, tmp_path, "--offline", "--data", str(tmp_path / "data"))
        assert (second.returncode, second.stdout) == (0, "")
        assert "its window has come to the front" in second.stderr
        (tmp_path / "data" / FILE).unlink()
        third = started(screen_in_memory, tmp_path, "--offline", "--data", str(tmp_path / "data"))
        assert third.returncode == 2
        assert "Close it first." in third.stderr


def test_where_no_terminal_reads_it_a_window_says_it(screen_in_memory: str, tmp_path: Path) -> None:
    """As when it was started by a click; a key closes it."""
    environment = os.environ | {
        "DISPLAY": screen_in_memory,
        "KIVY_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "quietkeys_keyboard", "--size", "wide"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        find = ["xdotool", "search", "--sync", "--onlyvisible", "--pid", str(process.pid)]
        found = subprocess.run(find, env=environment, check=True, capture_output=True, timeout=HANGS_S)
        window = found.stdout.split()[0].decode()
        time.sleep(1.0)
        subprocess.run(["xdotool", "key", "--window", window, "Return"], env=environment, check=True)
        assert process.wait(HANGS_S) == 2


def test_only_who_knows_the_word_raises_the_window(tmp_path: Path) -> None:
    """It comes when it is asked rightly; afterwards there is nobody to ask."""
    came: list[bool] = []
    with listening(tmp_path, lambda: came.append(True)):
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        assert raised(tmp_path)
        right = (tmp_path / FILE).read_text()
        (tmp_path / FILE).write_text(right.replace('"word": "', '"word": "0'))
        assert not raised(tmp_path)
    assert came == [True]
    assert not raised(tmp_path)
