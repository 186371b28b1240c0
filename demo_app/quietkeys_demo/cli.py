"""`quietkeys-keyboard`: the keyboard with a window, with a trainer of its own or another."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys import QuietkeysError
from quietkeys.bundle import shipped_bundle
from quietkeys.demo.trainer_process import trainer_process
from quietkeys_demo.settings import Settings, free_port
from quietkeys_protocol.plan import Plan

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
    """A keyboard that learns, and a trainer that cannot read what it learns from."""
    os.environ.setdefault("KIVY_NO_ARGS", "1")
    os.environ.setdefault("KIVY_NO_CONSOLELOG", "1")
    from kivy.config import Config

    width, _, height = size.partition("x")
    Config.set("graphics", "width", width)
    Config.set("graphics", "height", height)
    Config.set("input", "mouse", "mouse,disable_multitouch")
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "log_level", "warning")
    from quietkeys_demo.app import KeyboardApp

    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        if trainer is None and not offline:
            trainer = _own_trainer(stack, data)
        try:
            window = KeyboardApp(data, None if offline else trainer)
        except QuietkeysError as error:
            typer.echo(f"quietkeys-keyboard: {error}", err=True)
            raise typer.Exit(2) from error
        window.run()


def _own_trainer(stack: ExitStack, data: Path) -> str:
    # It compiles its plan while the window opens; until then it cannot be reached, which the screens say.
    settings, bundle = Settings.load(data), shipped_bundle()
    settings.port = settings.port or free_port()
    settings.save(data)
    plan, pinned = Plan.parse(bundle["plan.json"]), bundle.manifest.client_specification
    stack.enter_context(trainer_process(data / "trainer", plan, pinned, port=settings.port))
    return f"http://127.0.0.1:{settings.port}"
