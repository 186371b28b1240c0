"""`quietkeys-trainer admin`: for operators, on a machine that reaches the trainer's database and store."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys_protocol.errors import ErrorCode, StartOver
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.cli.options import KEPT, STORES, with_settings
from quietkeys_trainer.http.operator_token import make_token
from quietkeys_trainer.ledger import audit
from quietkeys_trainer.ledger import operator_queries as administration
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import migrate, writing
from quietkeys_trainer.ledger.invites import make_invite
from quietkeys_trainer.service.backup import back_up, restore
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.service.tidy import erase, tidy

DAY_S: Final = 86_400.0
MostOption = Annotated[int, typer.Option(help="How many lines, the newest first.", min=1)]

admin: Final = typer.Typer(no_args_is_help=True, help="Devices, jobs, invites, backups.")


@contextmanager
def _opened(settings: Settings, revision: str = "head") -> Iterator[Service]:
    """Yield the trainer's parts at a revision of the schema, without its plans."""
    os.umask(0o077)
    settings.make_folders()
    service = open_service(settings, {})
    try:
        migrate(service.ledger.database, revision)
        yield service
    finally:
        service.ledger.database.dispose()


@admin.command("invite")
@with_settings(*STORES)
def _invite(
    settings: Settings,
    uses: Annotated[int, typer.Option(help="How many devices may enrol with it.", min=1)] = 1,
    days: Annotated[float, typer.Option(help="How long it is good for.", min=0.001)] = 7.0,
) -> None:
    """Print an invite, for a trainer that was started with `--enrolment invited`."""
    with _opened(settings) as service:
        now = time.time()
        print(make_invite(service.ledger.database, uses, now, now + days * DAY_S))


@admin.command("token")
@with_settings(*STORES)
def _token(settings: Settings) -> None:
    """Print a new token for what operators ask over HTTP; the one before it is over."""
    with _opened(settings) as service:
        with writing(service.ledger.database) as session:
            note(session, Actor.OPERATOR, Action.TOKEN_MADE, time.time())
        print(make_token(settings.operator_token))


@admin.command("devices")
@with_settings(*STORES)
def _devices(
    settings: Settings,
    most: MostOption = 100,
) -> None:
    """List devices, one line of JSON each."""
    with _opened(settings) as service:
        for line in administration.devices(service.ledger.database, most):
            print(json.dumps(asdict(line)))


@admin.command("jobs")
@with_settings(*STORES)
def _jobs(
    settings: Settings,
    only: Annotated[list[JobState] | None, typer.Option(help="In this state; repeat it for more.")] = None,
    most: MostOption = 100,
) -> None:
    """List jobs, one line of JSON each."""
    with _opened(settings) as service:
        for line in administration.jobs(service.ledger.database, only or list(JobState), most):
            print(json.dumps(asdict(line)))


@admin.command("retry")
@with_settings(*STORES)
def _retry(
    settings: Settings,
    job: Annotated[
        list[str] | None, typer.Argument(help="Ids of failed jobs; none: all that failed.")
    ] = None,
) -> None:
    """Queue failed jobs again and print their ids; not those whose source has sent a report since."""
    with _opened(settings) as service:
        for job_id in administration.retry(service.ledger.database, job or None, time.time()):
            print(job_id)


@admin.command("purge")
@with_settings(*STORES, *KEPT)
def _purge(
    settings: Settings,
    device: Annotated[list[str] | None, typer.Argument(help="Ids of devices to delete.")] = None,
) -> None:
    """Delete devices with every row and blob of theirs; without any, what is past its time."""
    with _opened(settings) as service:
        now = time.time()
        for device_id in device or []:
            if not service.ledger.knows(device_id):
                raise StartOver(ErrorCode.DEVICE_UNKNOWN)
        for device_id in device or []:
            service.ledger.delete_device(device_id, now, Actor.OPERATOR)
        if device:
            erase(service)
        else:
            tidy(service, now)


@admin.command("audit")
@with_settings(*STORES)
def _audit(
    settings: Settings,
    days: Annotated[float, typer.Option(help="How far back.", min=0)] = 30.0,
) -> None:
    """Print the audit log, one line of JSON each."""
    with _opened(settings) as service:
        for entry in audit.entries(service.ledger.database, time.time() - days * DAY_S):
            at = datetime.datetime.fromtimestamp(entry.at, datetime.UTC).isoformat(timespec="seconds")
            print(json.dumps(asdict(entry) | {"at": at}))


@admin.command("backup")
@with_settings(*STORES)
def _backup(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="Where to write it; must not be there.", dir_okay=False)],
) -> None:
    """Write everything to one file, the trainer's signing key included: keep it safe. `serve` may go on."""
    if file.exists():
        raise typer.BadParameter(f"{file} is there already.", param_hint="FILE")
    with _opened(settings) as service:
        print(json.dumps(asdict(back_up(service, settings.trainer_key, file, time.time()))))


@admin.command("restore")
@with_settings(*STORES)
def _restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="What `backup` has written.", dir_okay=False)],
) -> None:
    """Fill an empty trainer, on whichever database and store."""
    os.umask(0o077)
    settings.make_folders()
    print(json.dumps(asdict(restore(settings, file, time.time()))))


@admin.command("migrate")
@with_settings(*STORES)
def _migrate(
    settings: Settings,
    revision: Annotated[str, typer.Argument(help="A revision of the schema, or head.")] = "head",
) -> None:
    """Bring the schema up, or down to an earlier version's; stop the trainer first."""
    with _opened(settings, revision):
        pass
