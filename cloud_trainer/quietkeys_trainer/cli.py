"""The command line: `serve`, `worker`, `plan check`, and `admin` from `admin_cli`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys_protocol.check import check_plan
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan
from quietkeys_trainer.admin_cli import admin
from quietkeys_trainer.circuit import Engine, EngineLoader
from quietkeys_trainer.limits import Limits
from quietkeys_trainer.options import (
    BLOBS_VARIABLE,
    DATABASE_VARIABLE,
    DEFAULT_KEPT,
    DEFAULT_LIMITS,
    DEFAULT_STATE,
    BlobsOption,
    BytesOption,
    CertificateOption,
    DatabaseOption,
    Enrolment,
    EnrolmentOption,
    EnrolmentsOption,
    JobsOption,
    KeptKeysOption,
    KeptReportsOption,
    KeySetsOption,
    NoPinOption,
    PinOption,
    PlainOption,
    PlanOption,
    ReportsOption,
    RequestsOption,
    ResultsOption,
    StateOption,
    TlsKeyOption,
    typed_exit,
)
from quietkeys_trainer.retention import Retention
from quietkeys_trainer.serving import Address, serve, work, write_ready
from quietkeys_trainer.settings import LEASE_S, ServedPlan, Settings, read_plan

HELP: Final = "Trains on encrypted reports of devices, and can read none of them."


def make_cli(load: EngineLoader, module: str, lease_s: float = LEASE_S) -> typer.Typer:
    """The command line over an engine; `module` is what `python -m` runs to get to this same command line."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP)
    plans = typer.Typer(no_args_is_help=True, help="What may be trained.")
    app.add_typer(plans, name="plan")
    app.add_typer(admin, name="admin")

    @app.command("serve")
    def _serve(
        plan: PlanOption,
        client_spec_sha256: PinOption = None,
        no_pin: NoPinOption = False,
        state: StateOption = DEFAULT_STATE,
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="0 picks a free one.", min=0, max=65535)] = 8750,
        workers: Annotated[int, typer.Option(help="Worker processes to run.", min=0, max=64)] = 1,
        database: DatabaseOption = "",
        blobs: BlobsOption = "",
        enrolment: EnrolmentOption = Enrolment.OPEN,
        tls_certificate: CertificateOption = None,
        tls_key: TlsKeyOption = None,
        plain_http: PlainOption = False,
        requests_per_minute: RequestsOption = DEFAULT_LIMITS.requests_per_minute,
        bytes_per_day: BytesOption = DEFAULT_LIMITS.bytes_per_day,
        reports_per_day: ReportsOption = DEFAULT_LIMITS.reports_per_day,
        key_sets_per_day: KeySetsOption = DEFAULT_LIMITS.key_sets_per_day,
        jobs_in_flight: JobsOption = DEFAULT_LIMITS.jobs_in_flight,
        enrolments_per_minute: EnrolmentsOption = DEFAULT_LIMITS.enrolments_per_minute,
        keep_results_days: ResultsOption = DEFAULT_KEPT.results,
        keep_reports_days: KeptReportsOption = DEFAULT_KEPT.reports,
        keep_keys_days: KeptKeysOption = DEFAULT_KEPT.keys,
        ready_file: Annotated[
            Path | None, typer.Option(help="Where to write the ready line as well.", dir_okay=False)
        ] = None,
    ) -> None:
        """Answers devices, and keeps workers running. Prints one line of JSON when it is ready.

        Off loopback it wants TLS, by --tls-certificate and --tls-key or from a reverse proxy in front,
        which should have timeouts for headers.
        """

        def say_ready(line: str) -> None:
            print(line, flush=True)
            if ready_file is not None:
                write_ready(ready_file, line)

        with typed_exit():
            settings = replace(
                _settings(state, plan, client_spec_sha256 or [], no_pin),
                lease_s=lease_s,
                database=database,
                blobs=blobs,
                kept=Retention(keep_results_days, keep_reports_days, keep_keys_days),
                is_open=enrolment is Enrolment.OPEN,
                limits=Limits(
                    requests_per_minute=requests_per_minute,
                    bytes_per_day=bytes_per_day,
                    reports_per_day=reports_per_day,
                    key_sets_per_day=key_sets_per_day,
                    jobs_in_flight=jobs_in_flight,
                    enrolments_per_minute=enrolments_per_minute,
                ),
            )
            os.environ |= {DATABASE_VARIABLE: database, BLOBS_VARIABLE: blobs}  # the workers' as well
            address = Address(host, port, tls_certificate, tls_key, plain_http)
            serve(settings, load, address, _worker_command(module, settings), workers, say_ready)

    @app.command("worker")
    def _worker(
        plan: PlanOption,
        client_spec_sha256: PinOption = None,
        no_pin: NoPinOption = False,
        state: StateOption = DEFAULT_STATE,
        database: DatabaseOption = "",
        blobs: BlobsOption = "",
        name: Annotated[str, typer.Option(hidden=True)] = "",
        parent: Annotated[int, typer.Option(hidden=True)] = 0,
    ) -> None:
        """Runs one more worker beside a `serve` with the same state and plans."""
        with typed_exit():
            settings = replace(
                _settings(state, plan, client_spec_sha256 or [], no_pin),
                lease_s=lease_s,
                database=database,
                blobs=blobs,
            )
            work(settings, load, name, parent)

    @plans.callback()
    def _plans() -> None:
        """What may be trained."""

    @plans.command("check")
    def _check(
        file: Annotated[Path, typer.Argument(help="A plan's canonical form.", dir_okay=False)],
    ) -> None:
        """Says what a round of a plan takes, or which rule it breaks."""
        with typed_exit():
            print(check_plan(read_plan(file)))

    return app


def _settings(state: Path, plans: Sequence[Path], pins: Sequence[str], no_pin: bool) -> Settings:
    if no_pin and pins:
        raise Refused(ErrorCode.PLAN_INVALID, "--client-spec-sha256 and --no-pin exclude each other")
    if not no_pin and len(pins) != len(plans):
        detail = "as many --client-spec-sha256 as --plan are needed, or --no-pin"
        raise Refused(ErrorCode.PLAN_INVALID, detail)
    served = zip(plans, pins or [""] * len(plans), strict=True)
    return Settings(
        state=state.absolute(),
        plans=tuple(ServedPlan(path.absolute(), pin) for path, pin in served),
        requires_pins=not no_pin,
    )


def _worker_command(module: str, settings: Settings) -> Callable[[str], list[str]]:
    def command(name: str) -> list[str]:
        arguments = [sys.executable, "-m", module, "worker", "--state", str(settings.state)]
        for plan in settings.plans:
            arguments += ["--plan", str(plan.path)]
            if settings.requires_pins:
                arguments += ["--client-spec-sha256", plan.client_specification_sha256]
        if not settings.requires_pins:
            arguments.append("--no-pin")
        return [*arguments, "--name", name, "--parent", str(os.getpid())]

    return command


def _load(plan: Plan, folder: Path) -> Engine:
    """The real engine; imported when it is needed, because it loads the compiler."""
    from quietkeys_trainer.engine import load_engine

    return load_engine(plan, folder)


app: Final = make_cli(_load, "quietkeys_trainer")
