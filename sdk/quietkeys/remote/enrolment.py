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
from quietkeys.profile.settings import CONSENT
from quietkeys.profile.store import Store
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.client import TrainerClient, service_key
from quietkeys.remote.http import Transport
from quietkeys.remote.identity import drop_identity, identity_for
from quietkeys.remote.trust import DeletionReceipt, check_key, keep_receipt, trusted_key
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted


def ensure_enrolled(
    profile: Path,
    store: Store,
    trainer: str,
    client: TrainerClient,
    around: Environment,
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Enrol unless the trainer has acknowledged this device, and its key is trusted. begin: told before.

    Raises as `TrainerClient`, and Untrusted (TRAINER_KEY_CHANGED). Where the trainer says that this device
    had itself deleted (DEVICE_DELETED), the profile is an older copy: its consent and its identity there are
    over.
    """
    trainers = Trainers(store.database)
    if not trainers.is_enrolled(trainer) or trusted_key(store, trainer) is None:
        begin()
        trainers.enrolling(trainer)
        try:
            shown = client.enrol()
        except Refused as error:
            if error.code is ErrorCode.DEVICE_DELETED:
                _end_consent(profile, store, trainer, around)
            if error.code in (ErrorCode.ENROLMENT_REFUSED, ErrorCode.DEVICE_DELETED):
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
    if trusted_key(store, trainer) is None:  # its answer to the enrolment was lost
        check_key(store, trainer, service_key(transport))
    receipt = client.delete_device()
    key = trusted_key(store, trainer)
    if key is None:
        raise Untrusted(ErrorCode.DELETION_UNPROVEN, "the signature")
    try:
        verified = DeletionReceipt.of(receipt, trainer, key)
    except Untrusted:
        check_key(store, trainer, service_key(transport))  # what is wrong may be the trainer, not its receipt
        raise
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


def _end_consent(profile: Path, store: Store, trainer: str, around: Environment) -> None:
    with store.transaction():
        store.drop_setting(CONSENT)
        store.write_ledger(
            around.clock(),
            LedgerKind.CONSENT_WITHDRAWN,
            "The trainer had deleted this device because its user wanted that. This profile is an older copy,"
            " and the consent in it is over.",
        )
    drop_identity(profile, trainer)
