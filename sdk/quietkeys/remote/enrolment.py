"""Making a device known to a trainer, and leaving it: with a receipt that all of the device is deleted there.

Leaving is asked for after the keys here were destroyed, and again at every chance until the trainer confirms
it. What the user truly controls is the secret key, which is gone by then: what a trainer might keep, nobody
can decrypt.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quietkeys.environment import Environment
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.store import Store
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import Transport
from quietkeys.remote.identity import drop_identity, identity_for
from quietkeys.remote.trust import DeletionReceipt, check_key, keep_receipt, trusted_key
from quietkeys_protocol.errors import ErrorCode, Refused, StartOver, Untrusted
from quietkeys_protocol.messages import Receipt


def ensure_enrolled(store: Store, trainer: str, client: TrainerClient, begin: Callable[[], None]) -> None:
    """Enrol unless the trainer has acknowledged this device, and its key is trusted. begin: told before.

    Raises as `TrainerClient`, and Untrusted (TRAINER_KEY_CHANGED).
    """
    trainers = Trainers(store.database)
    if not trainers.is_enrolled(trainer) or trusted_key(store, trainer) is None:
        begin()
        trainers.enrolling(trainer)
        try:
            shown = client.enrol()
        except Refused as error:
            if error.code is ErrorCode.ENROLMENT_REFUSED:
                trainers.left(trainer)  # it knows no such device, so there is nothing to delete
            raise
        check_key(store, trainer, shown)
        trainers.enrolled(trainer)


def leave(profile: Path, store: Store, trainer: str, transport: Transport, around: Environment) -> None:
    """Delete this device at a trainer, verify its receipt, see it gone; then drop its identity here.

    Raises as `TrainerClient`, and Untrusted: TRAINER_KEY_CHANGED if the trainer's key is not the one that is
    trusted, DELETION_UNPROVEN if the receipt is not signed with it or the trainer still knows the device.
    """
    client = TrainerClient(identity_for(profile, trainer, store.database.key), transport, around)
    receipt = _deleted(client, store, trainer)
    key = trusted_key(store, trainer)
    if key is None:
        raise Untrusted(ErrorCode.DELETION_UNPROVEN, "the signature")
    verified = DeletionReceipt.of(receipt, trainer, key)
    if client.device_exists():
        raise Untrusted(ErrorCode.DELETION_UNPROVEN, "the device is still there")
    with store.transaction():
        keep_receipt(store, verified)
        store.write_ledger(
            around.clock(),
            LedgerKind.DELETED_AT_TRAINER,
            "The trainer has signed that it deleted this device's data, and no longer knows the device.",
        )
    drop_identity(profile, trainer)
    Trainers(store.database).left(trainer)


def _deleted(client: TrainerClient, store: Store, trainer: str) -> Receipt:
    # A device that is not there, since an earlier answer was lost, is enrolled once more to get a receipt; so
    # is one that never saw the trainer's key.
    if trusted_key(store, trainer) is not None:
        try:
            return client.delete_device()
        except StartOver as error:
            if error.code is not ErrorCode.DEVICE_UNKNOWN:
                raise
    check_key(store, trainer, client.enrol())
    return client.delete_device()
