"""Where a trainer begins, and what has to fit together before one is opened: ledger, store and signing key.

`serve` makes a trainer where there is none, in this order: the key's file, the ledger's row, the store's
marker. A start that was cut off is finished by the next. Nobody else makes anything: a mistyped address is no
new trainer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, make_url

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_trainer.ledger.database import migrate, open_database, writing
from quietkeys_trainer.ledger.identity import (
    Identity,
    has_schema,
    identity_in,
    make_identity,
    note_store,
    note_trainer_key,
)
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.blobs import Blobs, ObjectBlobs, folder_blobs, is_remote, open_blobs
from quietkeys_trainer.storage.trainer_key import TrainerKey, make_trainer_key, open_trainer_key

_SQLITE: Final = "sqlite"


def found_trainer(settings: Settings, now: float) -> TrainerKey:
    """Make a trainer in the places of these settings unless there is one; return its signing key.

    Raises `Refused` where key, ledger and store do not belong together, or the store is a lost ledger's, and
    `TryAgain` where database or store does not answer.
    """
    settings.make_folders()
    with _opened(settings) as database:
        identity = identity_in(database) if _is_there(settings) else None
        if identity is None:
            unclaimed_blobs(settings)
            key = make_trainer_key(settings.trainer_key)
            migrate(database)
            with writing(database) as session:
                identity = make_identity(session, key.public_key, now, settings.kept.text)
        key = signing_key(settings, identity)
        claim_store(settings, database, identity)
        return key


def require_trainer(settings: Settings, database: Engine) -> Identity:
    """Return which trainer is in the places of these settings.

    Raises `Refused` (TRAINER_ABSENT) where none is, and `TryAgain` where the database does not answer.
    """
    with reachable():
        identity = identity_in(database) if _is_there(settings) else None
    if identity is None:
        raise Refused(ErrorCode.TRAINER_ABSENT, settings.database_shown)
    return identity


def require_ledger(settings: Settings) -> Engine:
    """Return the database of these settings, which holds tables of ours, of whichever version.

    Raises `Refused` (TRAINER_ABSENT) where it does not.
    """
    database = open_database(settings.database_address)
    with disposed_on_error(database), reachable():
        if not (_is_there(settings) and has_schema(database)):
            raise Refused(ErrorCode.TRAINER_ABSENT, settings.database_shown)
    return database


def require_store(blobs: Blobs) -> None:
    """Raise `Refused` (STORE_FOREIGN) where a store answers and is not the ledger's."""
    if not blobs.is_ours():
        raise Refused(ErrorCode.STORE_FOREIGN, "it does not carry the ledger's marker")


def signing_key(settings: Settings, identity: Identity) -> TrainerKey:
    """Return the key in the state folder; raise `Refused` where it is not the one that the ledger knows."""
    key = open_trainer_key(settings.trainer_key)
    if key.public_key != identity.trainer_key:
        raise Refused(ErrorCode.TRAINER_KEY_DAMAGED, "this ledger's devices trust another one")
    return key


def replace_signing_key(settings: Settings, database: Engine, identity: Identity) -> None:
    """Sign with a new key from the next start on; finish it where an earlier attempt was cut off.

    The new key lies beside the old one until the ledger knows it. Raises `Refused` (TRAINER_KEY_DAMAGED)
    where neither is the ledger's.
    """
    place = settings.trainer_key
    coming = place.with_suffix(".new")
    key = make_trainer_key(coming)
    if key.public_key != identity.trainer_key:
        signing_key(settings, identity)
        note_trainer_key(database, key.public_key)
    coming.replace(place)


def claim_store(settings: Settings, database: Engine, identity: Identity) -> None:
    """See that the store carries the ledger's marker; write it there if that was not done yet.

    Raises `Refused` (STORE_FOREIGN) where it carries another, or has lost it.
    """
    if not identity.has_store and not is_remote(settings.blobs_address):
        folder_blobs(Path(settings.blobs_address))
    blobs = open_blobs(settings.blobs_address, identity.marker)
    found = blobs.found_marker()
    if not identity.has_store:
        if not found:
            blobs.put_marker()
            found = blobs.found_marker()
        if found == identity.marker:
            note_store(database)
    if found != identity.marker:
        says = "it carries another ledger's marker" if found else "it carries no marker"
        raise Refused(ErrorCode.STORE_FOREIGN, says)


def unclaimed_blobs(settings: Settings) -> ObjectBlobs:
    """Return the store, which nobody uses yet.

    Raises `Refused` (STORE_FOREIGN) where it carries a marker or blobs: then its ledger is somewhere else.
    """
    address = settings.blobs_address
    blobs = open_blobs(address) if is_remote(address) else folder_blobs(Path(address))
    if blobs.found_marker():
        raise Refused(
            ErrorCode.STORE_FOREIGN, "the ledger is new, and the store carries another one's marker"
        )
    if next(blobs.listed(), None) is not None:
        raise Refused(ErrorCode.STORE_FOREIGN, "the ledger is new, and there are ciphertexts in the store")
    return blobs


@contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    database = open_database(settings.database_address)
    try:
        with reachable():
            yield database
    finally:
        database.dispose()


@contextmanager
def disposed_on_error(database: Engine) -> Iterator[None]:
    """Close a database's connections where the block fails: nobody will have the database then."""
    try:
        yield
    except BaseException:
        database.dispose()
        raise


@contextmanager
def reachable() -> Iterator[None]:
    """Say what does not answer in the words of whoever starts a trainer, not of its devices."""
    try:
        yield
    except TryAgain as error:
        if error.code is ErrorCode.TRAINER_BUSY:
            raise TryAgain(ErrorCode.STORAGE_UNREACHABLE) from error
        raise


def _is_there(settings: Settings) -> bool:
    """Return whether there is a database to ask: SQLite would make one by being asked."""
    url = make_url(settings.database_address)
    return url.get_backend_name() != _SQLITE or Path(url.database or "").is_file()
