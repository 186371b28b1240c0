"""Making a device known to a trainer."""

from __future__ import annotations

from collections.abc import Callable

from quietkeys.profile.store import Store
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.trust import check_key, trusted_key
from quietkeys_protocol.errors import ErrorCode, Refused


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
