"""`quietkeys-ibus`: install the input method, take it away again, and what IBus starts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, TypeVar

import typer

from quietkeys_ibus import component
from quietkeys_ibus.preferences import preferences_file, profile_folder

if TYPE_CHECKING:
    from quietkeys_ibus.client import Client

T = TypeVar("T")

FAILED: Final = 2  # exit status
_LOOK_S: Final = 0.5  # between two looks at a sync
STATEMENT: Final = (
    "Counts of how you type may go to the trainer. They are encrypted on this device; the trainer computes"
    " on them without being able to read them, and sends an encrypted update back."
)
_NEEDS: Final = "It needs PyGObject and IBus' introspection: python3-gi and gir1.2-ibus-1.0 on Debian."
_RESTART: Final = "Log out and in again, then choose quietkeys among the input sources of your desktop."

app: Final = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="quietkeys as an input method of the desktop.",
)


@app.command()
def install() -> None:
    """Let IBus find the engine: one file in the user's data folder, one line for the session."""
    places = component.Places.of_user()
    _do(lambda: component.install(places, [sys.executable, "-P", "-m", "quietkeys_ibus.watch"]))
    typer.echo(f"Written: {places.component}\nWritten: {places.environment}\n{_RESTART}")


@app.command()
def uninstall() -> None:
    """Remove what `install` wrote; the profile stays."""
    places = component.Places.of_user()
    there = _do(lambda: component.uninstall(places))
    typer.echo("Removed. Log out and in again." if there else "It was not installed.")


@app.command()
def run(
    by_ibus: Annotated[bool, typer.Option("--by-ibus", help="As IBus starts it")] = False,
    again: Annotated[bool, typer.Option("--again", help="After another was killed")] = False,
    profile: Annotated[Path | None, typer.Option(help="Folder of the profile")] = None,
) -> None:
    """Serve IBus until it goes away."""
    try:
        from quietkeys_ibus import process
    except (ImportError, ValueError) as error:
        _fail(_NEEDS, error)
    try:
        process.run(profile or profile_folder(), preferences_file(), by_ibus=by_ibus, again=again)
    except process.NoBusError as error:
        _fail("IBus does not run here.", error)


@app.command()
def status() -> None:
    """Say what the input method has switched on, and how its last sync ended."""
    for name, value in _asked(lambda client: client.properties()).items():
        typer.echo(f"{name:10} {str(value).lower() if isinstance(value, bool) else value}")


@app.command("set")
def change(
    name: Annotated[str, typer.Argument(help="As `status` names it, such as Paused, Level, Trainer")],
    value: Annotated[str, typer.Argument(help="true, false, or a word")],
) -> None:
    """Switch something of the input method while it types."""
    before = _asked(lambda client: client.properties()).get(name)
    if before is None or (isinstance(before, bool) and value not in ("true", "false")):
        _fail(f"{name} {value}: there is no such switch.")
    chosen = value == "true" if isinstance(before, bool) else value
    _asked(lambda client: client.change(name, chosen))


@app.command()
def train(
    yes: Annotated[bool, typer.Option("--yes", help="Agree without being asked")] = False,
) -> None:
    """Train now, and say how it ended; asks the user to agree the first time."""
    found = _asked(lambda client: client.properties())
    if not found["Trainer"]:
        _fail("There is no trainer yet: quietkeys-ibus set Trainer ADDRESS")
    if not found["Consent"]:
        if not yes and not typer.confirm(f"{found['Trainer']}\n{STATEMENT}\nDo you agree?"):
            raise typer.Exit(FAILED)
        _asked(lambda client: client.agree(STATEMENT))
    _asked(lambda client: client.sync())
    while _asked(lambda client: client.properties())["Syncing"]:
        time.sleep(_LOOK_S)
    typer.echo(_asked(lambda client: client.properties())["LastSync"])


@app.command()
def ledger() -> None:
    """List what was sent, received and decided."""
    for when, kind, said in _asked(lambda client: client.ledger()):
        typer.echo(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(when))}  {kind:18} {said}")


def _asked(question: Callable[[Client], T]) -> T:
    try:
        from quietkeys_ibus.client import Client, NotAnsweredError
    except (ImportError, ValueError) as error:
        _fail(_NEEDS, error)
    try:
        return question(Client())
    except NotAnsweredError as error:
        _fail(str(error), error)


def _do(action: Callable[[], T]) -> T:
    try:
        return action()
    except OSError as error:
        _fail(f"The machine refused: {error.strerror or type(error).__name__}.", error)


def _fail(message: str, error: Exception | None = None) -> NoReturn:
    typer.echo(f"quietkeys-ibus: {message}", err=True)
    raise typer.Exit(FAILED) from error
