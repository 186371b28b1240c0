"""`quietkeys-keyboard`: the keyboard with a window, with a trainer of its own or another.

It ends with a sentence, always: on the terminal, and in a window where there is no terminal to read it on.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import traceback
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TextIO

import typer

from quietkeys import ErrorCode, QuietkeysError, Trainer
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys_keyboard import running
from quietkeys_keyboard.presenters.words import said
from quietkeys_keyboard.settings import Settings, free_port
from quietkeys_keyboard.window import configure

DATA: Final = Path.home() / ".quietkeys-keyboard"
_SIZE: Final = re.compile(r"([1-9]\d{2,3})x([1-9]\d{2,3})")
_OPEN: Final = "It is open already; its window has come to the front."

app: Final = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_MISUSED: Final[type[Any]] = typer.BadParameter.__bases__[0]  # of every wrong option; typer has its own click


def main() -> NoReturn:
    """Run it, and end with its code."""
    try:
        sys.exit(app(standalone_mode=False))
    except _MISUSED as error:
        said_so = f"{error.format_message().rstrip('.')}. --help names the options."
    except typer.Abort:
        said_so = "It was interrupted."
    with suppress(typer.Exit):
        _end(said_so)
    sys.exit(2)


@app.command()
def run(
    trainer: Annotated[
        str | None, typer.Option(help="Address of a trainer [default: one of its own]")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder for profile and settings")] = DATA,
    offline: Annotated[bool, typer.Option("--offline", help="With no trainer at all")] = False,
    input_method: Annotated[
        bool, typer.Option("--input-method", help="Screens of the desktop's input method, which types on")
    ] = False,
    size: Annotated[str, typer.Option(help="Window, WIDTHxHEIGHT")] = "420x840",
) -> None:
    """Run a keyboard that learns, and a trainer that cannot read what it learns from."""
    if _SIZE.fullmatch(size) is None:
        _end("--size is WIDTHxHEIGHT in pixels, such as 420x840.")
    if input_method and (offline or trainer is not None):
        _end("The input method has a trainer of its own choice; its screens change that.")
    data = data / "input-method" if input_method else data
    try:
        whom = None if offline or trainer is None else Trainer(trainer)
    except QuietkeysError:
        _end("--trainer is an address such as https://trainer.example; http:// is for this machine alone.")
    _check_folder(data)
    if running.raised(data):
        print(f"quietkeys-keyboard: {_OPEN}", file=_terminal())
        return
    with ExitStack() as stack:
        try:
            if input_method:
                _desk(stack, data, size)
            else:
                _run(stack, data, trainer if whom else None, offline, size)
        except QuietkeysError as error:
            locked = error.code is ErrorCode.PROFILE_LOCKED
            _end(f"Another program has {data} open. Close it first." if locked else said(error))
        except DemoFailed as error:
            _end(str(error))
        except typer.Exit:
            raise
        except Exception as error:  # noqa: BLE001 - without a sentence it would end silently
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}, {where.name}, line {where.lineno}"
            _end(f"It ended by a mistake of its own: {what}.")


def _desk(stack: ExitStack, data: Path, size: str) -> None:
    if sys.platform != "linux":
        _end("The input method is one of Linux desktops.")
    _window(size)
    from quietkeys_keyboard.desk import DeskApp

    window = DeskApp(data)
    stack.enter_context(running.listening(data, window.come_to_front))
    window.run()


def _window(size: str) -> None:
    configure(size)
    from kivy.core.window import Window

    # Without a screen SDL may draw into memory, on Linux, unless it was told where to draw.
    unseen = Window is not None and sys.platform == "linux" and "SDL_VIDEODRIVER" not in os.environ
    if Window is None or (unseen and Window.get_window_info() is None):
        _end("There is no screen to open a window on.")


def _run(stack: ExitStack, data: Path, trainer: str | None, offline: bool, size: str) -> None:
    _window(size)
    from quietkeys_keyboard.app import KeyboardApp

    # The profile first: where it is open elsewhere, the trainer beside it is not ours to start.
    own = trainer is None and not offline
    port = _own_port(data) if own else 0
    window = KeyboardApp(data, f"http://127.0.0.1:{port}" if own else trainer)
    stack.enter_context(running.listening(data, window.come_to_front))
    if own:  # it compiles its plan while the window opens; until then it cannot be reached, as screens say
        stack.enter_context(shipped_trainer(data / "trainer", port))
    window.run()


def _check_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        _end(
            f"Nothing can be written to {data}: {os.strerror(error.errno or 0)}. Choose another with --data."
        )


def _own_port(data: Path) -> int:
    settings = Settings.load(data)
    settings.port = settings.port or free_port()
    settings.save(data)
    return settings.port


def _end(sentence: str) -> NoReturn:
    print(f"quietkeys-keyboard: {sentence}", file=_terminal())
    if not _is_read():
        with suppress(Exception):
            from quietkeys_keyboard.views.problem import show

            show(sentence)
    raise typer.Exit(2)


def _terminal() -> TextIO | None:
    return sys.__stderr__  # Kivy puts its log in the place of sys.stderr


def _is_read() -> bool:
    # Whether somebody reads what is said there: a terminal, a pipe or a file, but not nowhere.
    try:
        mode = os.fstat(2).st_mode
    except OSError:
        return False
    return os.isatty(2) or stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
