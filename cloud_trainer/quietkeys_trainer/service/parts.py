"""The parts of a running service, put together once and handed to every request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from quietkeys_trainer.engine.interface import Engine, Engines
from quietkeys_trainer.engine.pressure import Pressure
from quietkeys_trainer.ledger.circles import Circles
from quietkeys_trainer.ledger.database import open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from quietkeys_trainer.ledger.jobs import Jobs
from quietkeys_trainer.ledger.newcomers import stored_bytes
from quietkeys_trainer.ledger.retention import Retention
from quietkeys_trainer.service.addresses import Addresses, Strangers
from quietkeys_trainer.service.figures import StoreFigures
from quietkeys_trainer.service.founding import disposed_on_error, require_trainer
from quietkeys_trainer.service.settings import Enrolment, Settings
from quietkeys_trainer.storage.blobs import Blobs, open_blobs
from quietkeys_trainer.storage.key_uploads import Uploads
from quietkeys_trainer.storage.trainer_key import TrainerKey


@dataclass(frozen=True, slots=True)
class Service:
    """Ledger, jobs, circles, blobs, uploads and served plans; `clock` gives Unix seconds.

    trainer_key: what receipts are signed with, where devices are answered; workers and commands have none.
    """

    ledger: Ledger
    jobs: Jobs
    circles: Circles
    blobs: Blobs
    uploads: Uploads
    spool: Path
    engines: Engines
    clock: Callable[[], float]
    retired: Mapping[str, str] = field(default_factory=dict)  # advice by plan hash
    pressure: Pressure = field(default_factory=Pressure)
    operator_token: Path | None = None
    newcomers: Addresses = field(default_factory=Addresses)
    strangers: Strangers = field(default_factory=Strangers)
    kept: Retention = field(default_factory=Retention)
    trainer_key: TrainerKey | None = None
    figures: StoreFigures = field(default_factory=StoreFigures)

    @property
    def signing_key(self) -> TrainerKey:
        """What receipts are signed with."""
        assert self.trainer_key is not None  # noqa: S101 - `serve` gives one to the API
        return self.trainer_key

    @property
    def largest_keys(self) -> int:
        """Bytes of the largest evaluation keys that any served plan takes."""
        return max(engine.frames.keys.size for engine in self.engines.values())

    def require_storage(self) -> None:
        """Raise `TryAgain` (DISK_FULL) where nobody may store keys that are not there already."""
        self.pressure.admit_keys(lambda: stored_bytes(self.ledger.database, self.largest_keys))


def open_service(
    settings: Settings,
    engines: Mapping[str, Engine],
    retired: Mapping[str, str] | None = None,
    trainer_key: TrainerKey | None = None,
) -> Service:
    """Return the service over the trainer that is in the places of these settings.

    retired: advice by plan hash, of plans that take no more reports. Raises as `require_trainer`, and
    `Refused` (STORE_FOREIGN) where there is no folder of blobs.
    """
    database = open_database(settings.database_address)
    with disposed_on_error(database):
        marker = require_trainer(settings, database).marker
        blobs = open_blobs(settings.blobs_address, marker)
    return Service(
        ledger=Ledger(database, settings.limits, settings.enrolment is Enrolment.OPEN, marker),
        jobs=Jobs(database),
        circles=Circles(database),
        blobs=blobs,
        uploads=Uploads(database, settings.uploads),
        spool=settings.spool,
        engines=engines,
        clock=time.time,
        operator_token=settings.operator_token,
        newcomers=Addresses(settings.enrolments_per_minute),
        strangers=Strangers.of(settings.unsigned_per_minute, settings.connections_per_minute),
        kept=settings.kept,
        retired=retired or {},
        pressure=Pressure(settings.queue_limit, settings.storage_bytes),
        trainer_key=trainer_key,
    )


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(service_of)]
