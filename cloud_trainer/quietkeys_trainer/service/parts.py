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
from quietkeys_trainer.service.newcomers import Newcomers
from quietkeys_trainer.service.settings import Enrolment, Settings
from quietkeys_trainer.storage.blobs import Blobs, open_blobs
from quietkeys_trainer.storage.key_uploads import Uploads
from quietkeys_trainer.storage.trainer_key import TrainerKey, open_trainer_key


@dataclass(frozen=True, slots=True)
class Service:
    """Ledger, jobs, circles, blobs, uploads and served plans; `clock` gives Unix seconds."""

    ledger: Ledger
    jobs: Jobs
    circles: Circles
    blobs: Blobs
    uploads: Uploads
    trainer_key: TrainerKey
    spool: Path
    engines: Engines
    retired: Mapping[str, str] = field(default_factory=dict)  # advice by plan hash
    pressure: Pressure = field(default_factory=Pressure)
    clock: Callable[[], float] = time.time
    operator_token: Path | None = None
    newcomers: Newcomers = field(default_factory=Newcomers)
    kept: Retention = field(default_factory=Retention)

    @property
    def largest_keys(self) -> int:
        """Bytes of the largest evaluation keys that any served plan takes."""
        return max(engine.frames.keys.size for engine in self.engines.values())

    def require_storage(self) -> None:
        """Raise `TryAgain` (DISK_FULL) where nobody may store keys that are not there already."""
        self.pressure.admit_keys(lambda: stored_bytes(self.ledger.database, self.largest_keys))


def open_service(
    settings: Settings, engines: Mapping[str, Engine], retired: Mapping[str, str] | None = None
) -> Service:
    """Return the service over the folders and the database of these settings, which exist.

    retired: advice by plan hash, of plans that take no more reports.
    """
    database = open_database(settings.database_address)
    return Service(
        ledger=Ledger(database, settings.limits, settings.enrolment is Enrolment.OPEN),
        jobs=Jobs(database),
        circles=Circles(database),
        blobs=open_blobs(settings.blobs_address),
        uploads=Uploads(database, settings.uploads),
        trainer_key=open_trainer_key(settings.trainer_key),
        spool=settings.spool,
        engines=engines,
        operator_token=settings.operator_token,
        newcomers=Newcomers(settings.enrolments_per_minute),
        kept=settings.kept,
        retired=retired or {},
        pressure=Pressure(settings.queue_limit, settings.storage_bytes),
    )


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(service_of)]
