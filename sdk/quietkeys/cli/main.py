"""`quietkeys`: the command line. Works on a base install; commands that need more say what to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
            help="UTF-8 text to type, one message a line, also .gz [default: messages written for the demo]"
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


@app.command("estimate")
def estimate_command(
    up: Annotated[float, typer.Option(min=0.01, help="Uplink, Mbit/s")] = 5.0,
    down: Annotated[float, typer.Option(min=0.01, help="Downlink, Mbit/s")] = 20.0,
    trainer_cores: Annotated[int, typer.Option(min=1, help="Cores of the trainer, as fast as these")] = 2,
    json: Annotated[bool, typer.Option("--json", help="As JSON: bytes and seconds")] = False,
) -> None:
    """Say what a sync will cost: bytes, seconds and memory, before anything runs."""
    from dataclasses import asdict

    from quietkeys.bundle.bundle import shipped_bundle
    from quietkeys.cipher import Parameters
    from quietkeys.cli.estimate import Network, estimate
    from quietkeys.cli.tables import show_estimate
    from quietkeys_protocol.plan import Plan

    with _plain_errors():
        bundle = shipped_bundle()
        parameters = Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])
        found = estimate(parameters, Network(up * 1e6, down * 1e6), trainer_cores)
    if json:
        Console().print_json(data=asdict(found))
    else:
        show_estimate(Console(), found)


@app.command("bundle")
def bundle_command() -> None:
    """Say what is shipped: language, version, plan, encryption parameters."""
    from quietkeys.bundle.bundle import shipped_bundle

    with _plain_errors():
        manifest = shipped_bundle().manifest
    for name, value in (
        ("bundle", f"{manifest.name}, version {manifest.version}, {manifest.created}"),
        ("plan", manifest.plan),
        ("client specification", manifest.client_specification),
    ):
        typer.echo(f"{name}: {value}")


@app.command("inspect")
def inspect_command(
    profile: Annotated[Path, typer.Argument(help="Folder of a profile that no app has open")],
    trainer: Annotated[str | None, typer.Option(help="Address of its trainer")] = None,
    words: Annotated[int, typer.Option(min=0, help="Most used words to show")] = 20,
) -> None:
    """Show what leaves this device, what is stored on it, what was learnt. For its user's eyes."""
    from quietkeys.api.trainer import Trainer
    from quietkeys.cli.tables import show_inspection
    from quietkeys.personalizer import Personalizer

    if not profile.is_dir():
        _fail("There is no profile in that folder. Name the folder that the app uses.")
    with (
        _plain_errors(),
        Personalizer.open(profile, trainer=Trainer(trainer) if trainer else None) as keyboard,
    ):
        found = keyboard.inspect()
    show_inspection(Console(), found, words)


@app.command("doctor")
def doctor_command(
    profile: Annotated[Path | None, typer.Argument(help="Folder of a profile that no app has open")] = None,
    trainer: Annotated[str | None, typer.Option(help="Address of a trainer to ask")] = None,
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Also make a throw-away key: seconds")] = False,
) -> None:
    """Say what works on this machine and what does not, and what to do about it."""
    from quietkeys.cli.doctor import Health, examine
    from quietkeys.cli.tables import show_finding

    console, bad = Console(), False
    for finding in examine(profile, trainer, encrypt=encrypt):
        show_finding(console, finding)
        bad = bad or finding.health is Health.BAD
    if bad:
        raise typer.Exit(FAILED)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Say what went wrong in a sentence."""
    try:
        yield
    except QuietkeysError as error:
        _fail(str(error))


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
