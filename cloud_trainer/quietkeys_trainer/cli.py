"""The command line: `serve`, `worker`, and `plan` from `plan_cli`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused
from quietkeys_protocol.plan import Plan
from quietkeys_trainer.catalogue import Catalogue
from quietkeys_trainer.circuit import Engine, EngineLoader
from quietkeys_trainer.executors import ExecutorKind
from quietkeys_trainer.plan_cli import make_plan_cli
from quietkeys_trainer.pressure import MOST_QUEUED
from quietkeys_trainer.serving import Address, serve, work, write_ready
from quietkeys_trainer.settings import LEASE_S, ServedPlan, Settings

StateOption = Annotated[
    Path, typer.Option("--state", help="Folder of the ledger and of everything stored.", file_okay=False)
]
PlanOption = Annotated[
    list[Path] | None,
    typer.Option("--plan", help="A plan to serve; repeat it to serve several.", dir_okay=False),
]
CatalogueOption = Annotated[
    Path | None, typer.Option("--plans", help="A folder of published plans to serve.", file_okay=False)
]
PinOption = Annotated[
    list[str] | None,
    typer.Option(
        "--client-spec-sha256",
        help="The client specification hash that devices have pinned, one for each plan, in the same order.",
    ),
]
NoPinOption = Annotated[
    bool,
    typer.Option(
        "--no-pin",
        help="Serve whatever the compiler makes of the plans; devices that pinned another cannot use it.",
    ),
]
ExecutorOption = Annotated[
    ExecutorKind, typer.Option("--executor", help="Where jobs run: on this machine, or on a Ray cluster.")
]
AddressOption = Annotated[
    str, typer.Option("--address", help="HOST:PORT of the Ray cluster; auto: the one this machine is in.")
]
HELP: Final = "Trains on encrypted reports of devices, and can read none of them."
DEFAULT_STATE: Final = Path("trainer-state")


def make_cli(load: EngineLoader, module: str, lease_s: float = LEASE_S) -> typer.Typer:
    """The command line over an engine; `module` is what `python -m` runs to get to this same command line."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP)
    app.add_typer(make_plan_cli(load, _typed_exit), name="plan")

    @app.command("serve")
    def _serve(
        plan: PlanOption = None,
        plans: CatalogueOption = None,
        client_spec_sha256: PinOption = None,
        no_pin: NoPinOption = False,
        state: StateOption = DEFAULT_STATE,
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="0 picks a free one.", min=0, max=65535)] = 8750,
        workers: Annotated[int, typer.Option(help="Worker processes to run.", min=0, max=64)] = 1,
        executor: ExecutorOption = ExecutorKind.LOCAL,
        address: AddressOption = "auto",
        queue_limit: Annotated[
            int, typer.Option(help="Jobs that may wait; further reports are told to come later.", min=1)
        ] = MOST_QUEUED,
        ready_file: Annotated[
            Path | None, typer.Option(help="Where to write the ready line as well.", dir_okay=False)
        ] = None,
    ) -> None:
        """Answers devices, and keeps workers running. Prints one line of JSON when it is ready.

        In front of anything but loopback belongs a reverse proxy that ends TLS and has timeouts for headers.
        """

        def say_ready(line: str) -> None:
            print(line, flush=True)
            if ready_file is not None:
                write_ready(ready_file, line)

        with _typed_exit():
            settings = _settings(state, plan or [], plans, client_spec_sha256 or [], no_pin, lease_s)
            command = _worker_command(module, settings, executor, address)
            serve(settings, load, Address(host, port), command, workers, say_ready, queue_limit)

    @app.command("worker")
    def _worker(
        plan: PlanOption = None,
        plans: CatalogueOption = None,
        client_spec_sha256: PinOption = None,
        no_pin: NoPinOption = False,
        state: StateOption = DEFAULT_STATE,
        executor: ExecutorOption = ExecutorKind.LOCAL,
        address: AddressOption = "auto",
        name: Annotated[str, typer.Option(hidden=True)] = "",
        parent: Annotated[int, typer.Option(hidden=True)] = 0,
    ) -> None:
        """Runs one more worker beside a `serve` with the same state and plans."""
        with _typed_exit():
            settings = _settings(state, plan or [], plans, client_spec_sha256 or [], no_pin, lease_s)
            work(settings, load, address if executor is ExecutorKind.RAY else None, name, parent)

    return app


def _settings(
    state: Path,
    plans: Sequence[Path],
    catalogue: Path | None,
    pins: Sequence[str],
    no_pin: bool,
    lease_s: float,
) -> Settings:
    if no_pin and pins:
        raise Refused(ErrorCode.PLAN_INVALID, "--client-spec-sha256 and --no-pin exclude each other")
    if not no_pin and len(pins) != len(plans):
        detail = "as many --client-spec-sha256 as --plan are needed, or --no-pin"
        raise Refused(ErrorCode.PLAN_INVALID, detail)
    served = zip(plans, pins or [""] * len(plans), strict=True)
    published = () if catalogue is None else Catalogue(catalogue.absolute()).plans()
    return Settings(
        state=state.absolute(),
        plans=(*(ServedPlan(path.absolute(), pin) for path, pin in served), *published),
        lease_s=lease_s,
        requires_pins=not no_pin,
    )


def _worker_command(
    module: str, settings: Settings, executor: ExecutorKind, address: str
) -> Callable[[str], list[str]]:
    def command(name: str) -> list[str]:
        arguments = [sys.executable, "-m", module, "worker", "--state", str(settings.state)]
        for plan in settings.plans:
            arguments += ["--plan", str(plan.path)]
            if settings.requires_pins:
                arguments += ["--client-spec-sha256", plan.client_specification_sha256]
        if not settings.requires_pins:
            arguments.append("--no-pin")
        arguments += ["--executor", executor.value, "--address", address]
        return [*arguments, "--name", name, "--parent", str(os.getpid())]

    return command


@contextmanager
def _typed_exit() -> Iterator[None]:
    """Turns a typed error into a line on standard error and exit status 2."""
    try:
        yield
    except QuietkeysError as error:
        print(f"quietkeys-trainer: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _load(plan: Plan, folder: Path) -> Engine:
    """The real engine; imported when it is needed, because it loads the compiler."""
    from quietkeys_trainer.engine import load_engine

    return load_engine(plan, folder)


app: Final = make_cli(_load, "quietkeys_trainer")
