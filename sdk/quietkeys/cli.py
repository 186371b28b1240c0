"""`quietkeys`: the command line. Works on a base install; commands that need more say what to install."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from quietkeys_protocol.errors import QuietkeysError

PLUGINS: Final = "quietkeys.commands"  # the entry-point group of commands that live outside the SDK
FAILED: Final = 2  # exit status

app: Final = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A keyboard that learns its user from encrypted counts, with a trainer that cannot read them.",
)


@app.callback()
def _main() -> None:
    """Keep the command's name on the command line, also while there is only one."""


@app.command()
def demo(
    text: Annotated[
        Path | None,
        typer.Option(
            help="UTF-8 text to type, one message a line, also .gz [default: Python's own reference]"
        ),
    ] = None,
    words: Annotated[
        int | None,
        typer.Option(min=1, help="Type at most this many words [default: sized to take 2 minutes]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands: equal seeds, equal typing")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file")] = None,
) -> None:
    """Watch the loop: type, count, encrypt, train, decrypt, judge, apply."""
    from quietkeys.demo.command import run_demo
    from quietkeys.demo.failing import DemoFailed

    try:
        run_demo(text, words, seed, json, Console())
    except DemoFailed as failure:
        _fail(str(failure))
    except QuietkeysError as error:
        _fail(str(error))
    except OSError as error:
        _fail(
            f"The machine refused: {error.strerror or type(error).__name__}."
            " Free some space or memory, then try again."
        )
    except KeyboardInterrupt:
        _fail("Stopped. Nothing is left behind.")


def _fail(sentence: str) -> NoReturn:
    """Say a sentence on standard error and end with a status that is not zero."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"quietkeys: {sentence}")
    raise typer.Exit(FAILED)


def add_plugins(to: typer.Typer) -> None:
    """Add the commands of other distributions and extras; one that cannot be imported says what it needs."""
    for entry in sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name):
        try:
            command = entry.load()
        except ImportError as error:
            _add_absent(to, entry.name, error.name or "")
        else:
            to.add_typer(command, name=entry.name)


def _add_absent(to: typer.Typer, name: str, module: str) -> None:
    """Add a command that takes any arguments and says what is missing."""
    missing = f" ({module} is missing)" if module else ""
    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

    @to.command(name, context_settings=anything, help=f"Not installed{missing}: needs the extra `dev`.")
    def _say(_: typer.Context) -> None:
        _fail(f"`quietkeys {name}` needs more{missing}. Install it with: pip install 'quietkeys[dev]'")


add_plugins(app)
