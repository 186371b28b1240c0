"""Starting from a terminal: whatever is wrong is said in a sentence, and a second start raises the window."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from quietkeys_keyboard.running import FILE, listening, raised
from tests.patience import HANGS_S


def started(
    display: str, folder: Path, *arguments: str, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Start it as a user does, and wait for its end. before: a command that starts it."""
    return subprocess.run(
        [*before, sys.executable, "-m", "quietkeys_keyboard", *arguments],
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
        (("--colour", "red"), "No such option: --colour. --help names the options."),
        (("words",), "Got unexpected extra argument"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """On the terminal, in one line; no screen is needed for that."""
    ended = started("", tmp_path, *arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"quietkeys-keyboard: {said}")
    assert ended.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """One that is there and belongs to somebody who may not write to it."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    mortal = [] if os.geteuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]  # as anybody else
    ended = started("", tmp_path, "--data", str(folder), before=mortal)
    assert ended.returncode == 2
    said = f"Nothing can be written to {folder}: Permission denied. Choose another with --data."
    assert ended.stderr == f"quietkeys-keyboard: {said}\n"


def test_without_a_screen_it_is_said(tmp_path: Path) -> None:
    """There is none to open a window on."""
    ended = started(":987", tmp_path, "--offline", "--data", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert "There is no screen to open a window on." in ended.stderr


def on_top(
    display: str, below: subprocess.Popen[bytes], above: subprocess.Popen[bytes]
) -> subprocess.Popen[bytes]:
    """Whose window is seen in the middle of the screen: waits for one above the other."""
    find = ["xdotool", "mousemove", "640", "450", "getmouselocation", "--shell"]
    deadline = time.monotonic() + HANGS_S
    while time.monotonic() < deadline:
        found = subprocess.run(
            find, env=os.environ | {"DISPLAY": display}, check=True, capture_output=True, text=True
        )
        window = re.search(r"WINDOW=(\d+)", found.stdout)
        if window and int(window[1]) in windows(display, above):
            return above
        time.sleep(0.1)
    return below


def windows(display: str, process: subprocess.Popen[bytes]) -> set[int]:
    """The windows of a process that can be seen."""
    find = ["xdotool", "search", "--onlyvisible", "--pid", str(process.pid)]
    found = subprocess.run(
        find, env=os.environ | {"DISPLAY": display}, check=False, capture_output=True, text=True
    )
    return {int(one) for one in found.stdout.split()}


@contextmanager
def running(display: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The application with its window open, from its command."""
    folder.mkdir(exist_ok=True)
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
    """Above another's, with a sentence; where the first does not answer, it says who has the profile."""
    with running(screen_in_memory, tmp_path) as first, running(screen_in_memory, tmp_path / "other") as other:
        assert on_top(screen_in_memory, first, other) is other
        second = started(screen_in_memory, tmp_path, "--offline", "--data", str(tmp_path / "data"))
        assert (second.returncode, second.stdout) == (0, "")
        assert "its window has come to the front" in second.stderr
        assert on_top(screen_in_memory, other, first) is first
        (tmp_path / "data" / FILE).unlink()
        third = started(screen_in_memory, tmp_path, "--offline", "--data", str(tmp_path / "data"))
        assert third.returncode == 2
        assert "Close it first." in third.stderr


@pytest.mark.parametrize("arguments", [("--size", "wide"), ("--colour", "red")])
def test_where_no_terminal_reads_it_a_window_says_it(
    screen_in_memory: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """As when it was started by a click; a key closes it."""
    environment = os.environ | {
        "DISPLAY": screen_in_memory,
        "KIVY_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "quietkeys_keyboard", *arguments]
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
