"""`quietkeys-trainer admin`: for operators, on a machine that reaches the trainer's database and store."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys_protocol.errors import ErrorCode, StartOver
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.cli.options import (
    DEFAULT_KEPT,
    DEFAULT_STATE,
    BlobsOption,
    DatabaseOption,
    KeptKeysOption,
    KeptReportsOption,
    ResultsOption,
    StateOption,
    typed_exit,
)
from quietkeys_trainer.http.operator_token import make_token
from quietkeys_trainer.ledger import audit
from quietkeys_trainer.ledger import operator_queries as administration
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import migrate, writing
from quietkeys_trainer.ledger.invites import make_invite
from quietkeys_trainer.ledger.retention import Retention
from quietkeys_trainer.service.backup import back_up, restore
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.service.tidy import erase, tidy

DAY_S: Final = 86_400.0
MostOption = Annotated[int, typer.Option(help="How many lines, the newest first.", min=1)]

admin: Final = typer.Typer(no_args_is_help=True, help="Devices, jobs, invites, backups.")


@contextmanager
def _opened(
    state: Path, database: str, blobs: str, revision: str = "head"
) -> Iterator[tuple[Settings, Service]]:
    """The trainer's parts at a revision of the schema, without its plans."""
    os.umask(0o077)
    settings = Settings(state.absolute(), (), database=database, blobs=blobs)
    with typed_exit():
        settings.make_folders()
        service = open_service(settings, {})
        try:
            migrate(service.ledger.database, revision)
            yield settings, service
        finally:
            service.ledger.database.dispose()


@admin.command("invite")
def _invite(
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
    uses: Annotated[int, typer.Option(help="How many devices may enrol with it.", min=1)] = 1,
    days: Annotated[float, typer.Option(help="How long it is good for.", min=0.001)] = 7.0,
) -> None:
    """Prints an invite, for a trainer that was started with `--enrolment invited`."""
    with _opened(state, database, blobs) as (_, service):
        now = time.time()
        print(make_invite(service.ledger.database, uses, now, now + days * DAY_S))


@admin.command("token")
def _token(
    state: StateOption = DEFAULT_STATE, database: DatabaseOption = "", blobs: BlobsOption = ""
) -> None:
    """Prints a new token for what operators ask over HTTP; the one before it is over."""
    with _opened(state, database, blobs) as (settings, service):
        with writing(service.ledger.database) as session:
            note(session, Actor.OPERATOR, Action.TOKEN_MADE, time.time())
        print(make_token(settings.operator_token))


@admin.command("devices")
def _devices(
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
    most: MostOption = 100,
) -> None:
    """Lists devices, one line of JSON each."""
    with _opened(state, database, blobs) as (_, service):
        for line in administration.devices(service.ledger.database, most):
            print(json.dumps(asdict(line)))


@admin.command("jobs")
def _jobs(
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
    only: Annotated[list[JobState] | None, typer.Option(help="In this state; repeat it for more.")] = None,
    most: MostOption = 100,
) -> None:
    """Lists jobs, one line of JSON each."""
    with _opened(state, database, blobs) as (_, service):
        for line in administration.jobs(service.ledger.database, only or list(JobState), most):
            print(json.dumps(asdict(line)))


@admin.command("retry")
def _retry(
    job: Annotated[
        list[str] | None, typer.Argument(help="Ids of failed jobs; none: all that failed.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
) -> None:
    """Queues failed jobs again and prints their ids; not those whose source has sent a report since."""
    with _opened(state, database, blobs) as (_, service):
        for job_id in administration.retry(service.ledger.database, job or None, time.time()):
            print(job_id)


@admin.command("purge")
def _purge(
    device: Annotated[list[str] | None, typer.Argument(help="Ids of devices to delete.")] = None,
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
    keep_results_days: ResultsOption = DEFAULT_KEPT.results,
    keep_reports_days: KeptReportsOption = DEFAULT_KEPT.reports,
    keep_keys_days: KeptKeysOption = DEFAULT_KEPT.keys,
) -> None:
    """Deletes devices with every row and blob of theirs; without any, what is past its time."""
    with _opened(state, database, blobs) as (_, service):
        now = time.time()
        for device_id in device or []:
            if not service.ledger.knows(device_id):
                raise StartOver(ErrorCode.DEVICE_UNKNOWN)
        for device_id in device or []:
            service.ledger.delete_device(device_id, now, Actor.OPERATOR)
        if device:
            erase(service)
        else:
            tidy(replace(service, kept=Retention(keep_results_days, keep_reports_days, keep_keys_days)), now)


@admin.command("audit")
def _audit(
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
    days: Annotated[float, typer.Option(help="How far back.", min=0)] = 30.0,
) -> None:
    """Prints the audit log, one line of JSON each."""
    with _opened(state, database, blobs) as (_, service):
        for entry in audit.entries(service.ledger.database, time.time() - days * DAY_S):
            at = datetime.datetime.fromtimestamp(entry.at, datetime.UTC).isoformat(timespec="seconds")
            print(json.dumps(asdict(entry) | {"at": at}))


@admin.command("backup")
def _backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; must not be there.", dir_okay=False)],
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
) -> None:
    """Writes everything to one file, the trainer's signing key included: keep it safe. `serve` may go on."""
    with _opened(state, database, blobs) as (settings, service):
        print(json.dumps(asdict(back_up(service, settings.trainer_key, file, time.time()))))


@admin.command("restore")
def _restore(
    file: Annotated[Path, typer.Argument(help="What `backup` has written.", dir_okay=False)],
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
) -> None:
    """Fills an empty trainer, on whichever database and store."""
    os.umask(0o077)
    with typed_exit():
        settings = Settings(state.absolute(), (), database=database, blobs=blobs)
        settings.make_folders()
        print(json.dumps(asdict(restore(settings, file, time.time()))))


@admin.command("migrate")
def _migrate(
    revision: Annotated[str, typer.Argument(help="A revision of the schema, or head.")] = "head",
    state: StateOption = DEFAULT_STATE,
    database: DatabaseOption = "",
    blobs: BlobsOption = "",
) -> None:
    """Brings the schema up, or down to an earlier version's; stop the trainer first."""
    with _opened(state, database, blobs, revision):
        pass
