"""The command line: `serve`, `worker`, and the commands of `plans` and `admin`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys_protocol.plan import TrainingPlan
from quietkeys_trainer.cli.admin import admin
from quietkeys_trainer.cli.options import ALL, WORK, typed_exit, with_settings
from quietkeys_trainer.cli.plans import make_plan_cli
from quietkeys_trainer.engine.interface import Engine, EngineLoader
from quietkeys_trainer.processes.serve import serve, work
from quietkeys_trainer.service.settings import Settings, parse_settings

HELP: Final = "Trains on encrypted reports of devices, and can read none of them."


def make_cli(load: EngineLoader, module: str) -> typer.Typer:
    """Return the command line over an engine.

    `module` is what `python -m` runs to get to this same command line.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # these may show values of variables: settings, which hold secrets
        help=HELP,
    )
    app.add_typer(make_plan_cli(load), name="plan")
    app.add_typer(admin, name="admin")

    @app.command("serve")
    @with_settings(*ALL)
    def _serve(settings: Settings) -> None:
        """Answer devices, and keep workers running. Print one line of JSON when it is ready.

        Without any argument it serves the plans that came with this version, on loopback. Off loopback it
        wants TLS, by --tls-certificate and --tls-key or from a reverse proxy in front, which should have
        timeouts for headers. Every flag can be a variable as well (QUIETKEYS_PORT) or stand in a file, see
        --config.
        """

        def command(name: str) -> list[str]:
            return [sys.executable, "-m", module, "supervised", name, str(os.getpid())]

        serve(settings, load, command, lambda line: print(line, flush=True))

    @app.command("worker")
    @with_settings(*WORK)
    def _worker(settings: Settings) -> None:
        """Run one more worker beside a `serve` with the same state and plans."""
        work(settings, load)

    @app.command("supervised", hidden=True)
    def _supervised(
        name: Annotated[str, typer.Argument(help="Of the worker, 32 hex digits.")],
        parent: Annotated[int, typer.Argument(help="The process with which it ends.")],
    ) -> None:
        """Run a worker of `serve`, which writes all settings to its standard input: they hold secrets."""
        with typed_exit():
            work(parse_settings(sys.stdin.buffer.read()), load, name, parent)

    return app


def _load(plan: TrainingPlan, folder: Path, hidden: Sequence[Path]) -> Engine:
    """Return the real engine, which is imported when it is needed, because it loads the compiler."""
    from quietkeys_trainer.engine.recipes import load

    return load(plan, folder, hidden)


app: Final = make_cli(_load, "quietkeys_trainer")
