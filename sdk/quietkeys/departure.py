"""Leaving a trainer: the device and all that is stored of it are deleted there.

Asked for after everything here was wiped, and again at every chance until the trainer confirms it. What the
user truly controls is the secret key, which is gone by then: what a trainer might keep, nobody can decrypt.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from quietkeys.client import TrainerClient
from quietkeys.identity import drop_identity, identity_for
from quietkeys.store import Store
from quietkeys.surroundings import Surroundings
from quietkeys.trainers import Trainers
from quietkeys.transport import Transport
from quietkeys_protocol.errors import StartOver


def leave(profile: Path, store: Store, trainer: str, transport: Transport, around: Surroundings) -> None:
    """Delete this device at a trainer, then its identity here. Raises as `TrainerClient.delete_device`."""
    with suppress(StartOver):  # no longer there: as good as deleted
        TrainerClient(identity_for(profile, trainer), transport, around).delete_device()
    drop_identity(profile, trainer)
    with store.transaction():
        Trainers(store.database).left(trainer)
        store.write_ledger(around.clock(), "deleted_at_trainer", "The trainer deleted this device's data.")
