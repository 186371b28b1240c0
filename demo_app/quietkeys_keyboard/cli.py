"""`quietkeys-keyboard`: the keyboard with a window, with a trainer of its own or another."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys import QuietkeysError
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys_keyboard.settings import Settings, free_port
from quietkeys_keyboard.window import configure

DATA: Final = Path.home() / ".quietkeys-keyboard"

app: Final = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    trainer: Annotated[
        str | None, typer.Option(help="Address of a trainer [default: one of its own]")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder for profile and settings")] = DATA,
    offline: Annotated[bool, typer.Option("--offline", help="With no trainer at all")] = False,
    size: Annotated[str, typer.Option(help="Window, WIDTHxHEIGHT")] = "420x840",
) -> None:
    """Run a keyboard that learns, and a trainer that cannot read what it learns from."""
    configure(size)
    from quietkeys_keyboard.app import KeyboardApp

    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            if trainer is None and not offline:
                trainer = _own_trainer(stack, data)
            window = KeyboardApp(data, None if offline else trainer)
        except (QuietkeysError, DemoFailed) as error:
            typer.echo(f"quietkeys-keyboard: {error}", err=True)
            raise typer.Exit(2) from error
        window.run()


def _own_trainer(stack: ExitStack, data: Path) -> str:
    # It compiles its plan while the window opens; until then it cannot be reached, which the screens say.
    settings = Settings.load(data)
    settings.port = settings.port or free_port()
    settings.save(data)
    return stack.enter_context(shipped_trainer(data / "trainer", settings.port))
