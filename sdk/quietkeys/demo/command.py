"""`quietkeys demo`, from options to figures."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.figures import Figures
from quietkeys.demo.loop import Given, run_loop
from quietkeys.demo.screen import Screen, show_figures
from quietkeys.demo.text import words_to_type
from quietkeys_protocol.errors import ErrorCode, Refused

if sys.platform == "win32":
    _ENDING: Final = (signal.SIGTERM,)
else:
    _ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
WORDS: Final = 8_000  # of a longer text; typing and testing them takes about 45 s on 2 cores


def run_demo(text: Path | None, words: int | None, seed: int, out: Path | None, console: Console) -> Figures:
    """Run the loop on a text, print what happens, write the figures.

    Raises DemoFailed, QuietkeysError, OSError; leaves neither processes nor files behind but `out`.
    """
    _require_posix()
    if find_spec("concrete") is None:
        raise Refused(ErrorCode.EXTRA_MISSING, "the demo needs quietkeys[trainer]")
    if out is not None and not out.absolute().parent.is_dir():
        raise DemoFailed("The folder for --json does not exist.", "Make it first, or name another.")
    given = Given(words_to_type(text, words or WORDS), seed)
    console.print(_opening(text), highlight=False, markup=False)
    with (
        _ended_by_signals(),
        tempfile.TemporaryDirectory(prefix="quietkeys-demo-") as folder,
        Screen(console) as screen,
    ):
        figures = run_loop(given, Path(folder), screen)
    show_figures(console, figures)
    if out is not None:
        figures.write(out)
    return figures


def _require_posix() -> None:
    if sys.platform == "win32":
        raise DemoFailed("The demo's trainer runs on Linux and macOS alone.", "Sync with one elsewhere.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a polite request to end unwind the stack, as Ctrl-C does, so that the trainer is stopped too."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _opening(text: Path | None) -> str:
    source = "half a year of messages" if text is None else text.name
    return (
        f"A simulated person types {source} with unsteady thumbs. The keyboard counts what happens,"
        " encrypts the counts, and a trainer on this machine trains on the ciphertexts.\n"
    )
