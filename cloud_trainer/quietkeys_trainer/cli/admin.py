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

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.messages import JobState
from quietkeys_trainer.cli.options import KEPT, STORES, with_settings
from quietkeys_trainer.http.operator_token import make_token
from quietkeys_trainer.ledger import audit
from quietkeys_trainer.ledger import operator_queries as administration
from quietkeys_trainer.ledger.audit import Action, Actor, note
from quietkeys_trainer.ledger.database import goes_down, migrate, writing
from quietkeys_trainer.ledger.identity import believe, rows_in
from quietkeys_trainer.ledger.invites import make_invite
from quietkeys_trainer.processes.logs import configure_logs
from quietkeys_trainer.service.backup import back_up
from quietkeys_trainer.service.founding import (
    reachable,
    replace_signing_key,
    require_ledger,
    require_store,
    require_trainer,
    signing_key,
)
from quietkeys_trainer.service.parts import Service, open_service
from quietkeys_trainer.service.restore import restore
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.service.tidy import erase, tidy

DAY_S: Final = 86_400.0
MOST_LINES: Final = 10**9  # as many as any database counts
ConfirmOption = Annotated[bool, typer.Option("--confirm", help="Do what cannot be undone.")]
MostOption = Annotated[int, typer.Option(help="How many lines, the newest first.", min=1, max=MOST_LINES)]

admin: Final = typer.Typer(no_args_is_help=True, help="Devices, jobs, invites, backups.")


@contextmanager
def _opened(settings: Settings) -> Iterator[Service]:
    """Yield the parts of the trainer that is there, without its plans; make nothing where there is none."""
    os.umask(0o077)
    configure_logs("admin")
    with reachable():
        service = open_service(settings, {})
        try:
            yield service
        finally:
            service.ledger.database.dispose()


def _require_confirmed(confirm: bool, what: str) -> None:
    """Raise `Refused`, which names what would go, unless that was confirmed."""
    if not confirm:
        raise Refused(ErrorCode.CONFIRMATION_MISSING, what)


@admin.command("invite")
@with_settings(*STORES)
def _invite(
    settings: Settings,
    uses: Annotated[int, typer.Option(help="How many devices may enrol with it.", min=1, max=MOST_LINES)] = 1,
    days: Annotated[float, typer.Option(help="How long it is good for.", min=0.001, max=100_000)] = 7.0,
) -> None:
    """Print an invite, for a trainer that was started with `--enrolment invited`."""
    with _opened(settings) as service:
        now = time.time()
        print(make_invite(service.ledger.database, uses, now, now + days * DAY_S))


@admin.command("token")
@with_settings(*STORES)
def _token(settings: Settings, confirm: ConfirmOption = False) -> None:
    """Print a new token for what operators ask over HTTP; the one before it is over."""
    with _opened(settings) as service:
        if settings.operator_token.exists():
            _require_confirmed(confirm, "it ends the token that was made before")
        with writing(service.ledger.database) as session:
            note(session, Actor.OPERATOR, Action.TOKEN_MADE, time.time())
        print(make_token(settings.operator_token))


@admin.command("key")
@with_settings(*STORES)
def _key(settings: Settings, confirm: ConfirmOption = False) -> None:
    """Sign with a new key, for one that was stolen; stop the trainer first, and make a backup after.

    No device trusts the new one before the person who uses it has said so.
    """
    with _opened(settings) as service:
        identity = require_trainer(settings, service.ledger.database)
        count = rows_in(service.ledger.database).get("devices", 0)
        _require_confirmed(confirm, f"each of {count} devices stays away until its user trusts the new key")
        replace_signing_key(settings, service.ledger.database, identity)
        with writing(service.ledger.database) as session:
            note(session, Actor.OPERATOR, Action.KEY_REPLACED, time.time())


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
@with_settings(*STORES)
def _purge(
    settings: Settings,
    device: Annotated[list[str], typer.Argument(help="Ids of devices to delete.")],
    confirm: ConfirmOption = False,
) -> None:
    """Delete devices with every row and blob of theirs."""
    with _opened(settings) as service:
        require_store(service.blobs)
        lines = [administration.device(service.ledger.database, device_id) for device_id in device]
        reports, jobs = (sum(getattr(line, name) for line in lines) for name in ("reports", "jobs"))
        what = f"it deletes {len(lines)} devices with their keys, {reports} reports and {jobs} jobs"
        _require_confirmed(confirm, what)
        for device_id in device:
            service.ledger.delete_device(device_id, time.time(), Actor.OPERATOR)
        erase(service)


@admin.command("tidy")
@with_settings(*STORES, *KEPT)
def _tidy(settings: Settings, confirm: ConfirmOption = False) -> None:
    """Delete what is past its time and what nobody names, as `serve` does by itself; say how much it was."""
    with _opened(settings) as service:
        require_store(service.blobs)
        print(json.dumps(asdict(tidy(service, time.time(), confirmed=confirm))))


@admin.command("clock")
@with_settings(*STORES)
def _clock(settings: Settings, confirm: ConfirmOption = False) -> None:
    """Print the time here and the newest that the ledger has seen; believe the former with --confirm."""
    with _opened(settings) as service:
        now = time.time()
        if confirm:
            believe(service.ledger.database, now)
        newest = require_trainer(settings, service.ledger.database).seen_at
        print(json.dumps({"now": _iso(now), "newest": _iso(newest)}))


@admin.command("audit")
@with_settings(*STORES)
def _audit(
    settings: Settings,
    days: Annotated[float, typer.Option(help="How far back.", min=0)] = 30.0,
) -> None:
    """Print the audit log, one line of JSON each."""
    with _opened(settings) as service:
        for entry in audit.entries(service.ledger.database, time.time() - days * DAY_S):
            print(json.dumps(asdict(entry) | {"at": _iso(entry.at)}))


@admin.command("backup")
@with_settings(*STORES)
def _backup(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="Where to write it; must not be there.", dir_okay=False)],
) -> None:
    """Write everything to one file, read it back, and say what it holds. `serve` may go on.

    The trainer's signing key is in it: keep it safe.
    """
    if file.exists():
        raise typer.BadParameter(f"{file} is there already: choose another name.", param_hint="FILE")
    with _opened(settings) as service:
        require_store(service.blobs)
        identity = require_trainer(settings, service.ledger.database)
        signing_key(settings, identity)
        made = back_up(service, identity, settings.trainer_key.read_bytes(), file, time.time())
    print(json.dumps(asdict(made)))
    if made.missing:
        raise Refused(ErrorCode.BACKUP_INCOMPLETE, f"{made.missing} of {made.blobs + made.missing}")


@admin.command("restore")
@with_settings(*STORES)
def _restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="What `backup` has written.", dir_okay=False)],
) -> None:
    """Make a trainer of a backup, on whichever database and store, if they are empty.

    Invites are not restored: make new ones.
    """
    os.umask(0o077)
    print(json.dumps(asdict(restore(settings, file, time.time()))))


@admin.command("migrate")
@with_settings(*STORES)
def _migrate(
    settings: Settings,
    revision: Annotated[str, typer.Argument(help="A revision of the schema, or head.")] = "head",
    confirm: ConfirmOption = False,
) -> None:
    """Bring the schema up, or down to an earlier version's; stop the trainer first."""
    database = require_ledger(settings)
    try:
        with reachable():
            if goes_down(database, revision):
                rows = sum(rows_in(database).values())
                _require_confirmed(confirm, f"it drops what that schema has no place for, of {rows} rows")
            migrate(database, revision)
    finally:
        database.dispose()


def _iso(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="seconds")
