"""Options that commands share, and how all of them end in an error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from quietkeys_protocol.errors import QuietkeysError
from quietkeys_trainer.engine.executor import ExecutorKind
from quietkeys_trainer.ledger.allowances import Limits
from quietkeys_trainer.ledger.retention import Retention

DATABASE_VARIABLE: Final = "QUIETKEYS_DATABASE"
BLOBS_VARIABLE: Final = "QUIETKEYS_BLOBS"
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
ExecutorOption = Annotated[
    ExecutorKind, typer.Option("--executor", help="Where jobs run: on this machine, or on a Ray cluster.")
]
AddressOption = Annotated[
    str, typer.Option("--address", help="HOST:PORT of the Ray cluster; auto: the one this machine is in.")
]
QueueOption = Annotated[
    int,
    typer.Option("--queue-limit", help="Jobs that may wait; more reports are to come later.", min=1),
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
DatabaseOption = Annotated[
    str,
    typer.Option(
        envvar=DATABASE_VARIABLE,
        help="The ledger, if not in the state folder: postgresql://USER:PASSWORD@HOST/NAME. Other users of"
        " this machine can read arguments, but not the environment.",
        show_default=False,
    ),
]
BlobsOption = Annotated[
    str,
    typer.Option(
        envvar=BLOBS_VARIABLE,
        help="Where ciphertexts lie, if not in the state folder: another folder, or s3://BUCKET/PREFIX with"
        " AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL in the environment.",
        show_default=False,
    ),
]
DEFAULT_STATE: Final = Path("trainer-state")
DEFAULT_LIMITS: Final = Limits()
DEFAULT_KEPT: Final = Retention()


class Enrolment(StrEnum):
    """Who may enrol."""

    OPEN = "open"
    INVITED = "invited"


EnrolmentOption = Annotated[
    Enrolment, typer.Option(help="Whether a device needs an invite; `admin invite` makes one.")
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(help="Serve TLS with this certificate chain (PEM).", dir_okay=False, exists=True),
]
TlsKeyOption = Annotated[
    Path | None, typer.Option(help="The private key of the certificate (PEM).", dir_okay=False, exists=True)
]
PlainOption = Annotated[
    bool,
    typer.Option("--plain-http", help="Serve other machines without TLS: behind a proxy that ends it."),
]
RequestsOption = Annotated[int, typer.Option(help="Of a device; 0 is no limit, here and below.", min=0)]
BytesOption = Annotated[int, typer.Option(help="Of a device's bodies.", min=0)]
ReportsOption = Annotated[int, typer.Option(help="Of a device.", min=0)]
KeySetsOption = Annotated[int, typer.Option(help="Of a device.", min=0)]
JobsOption = Annotated[int, typer.Option(help="Of a circle, queued or running.", min=0)]
ResultsOption = Annotated[int, typer.Option(help="Of jobs that ended; 0 is for ever.", min=0)]
KeptReportsOption = Annotated[int, typer.Option(help="Of sources that send no newer one.", min=0)]
KeptKeysOption = Annotated[int, typer.Option(help="Under which nothing is sent.", min=0)]
EnrolmentsOption = Annotated[int, typer.Option(help="Of all devices together.", min=0)]


@contextmanager
def typed_exit() -> Iterator[None]:
    """Turns a typed error into a line on standard error and exit status 2."""
    try:
        yield
    except QuietkeysError as error:
        print(f"quietkeys-trainer: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
