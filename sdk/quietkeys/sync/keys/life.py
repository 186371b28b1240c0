"""The life of a key set: how old it is, and what a sync does about that.

Keys are made, uploaded, replaced once a year and deleted at the trainer. They are replaced between reports,
as an update under way could not be decrypted with new ones; what is encrypted then, counts and weights alike,
is encrypted anew. It depends on the calendar, the user and who is in the circle, never on anything decrypted.

A key set is retired before its successor is made, and off the list once the trainer has deleted it. So after
a kill at any point the list, which is kept among the settings, says what is left to do: a retired key set
that is still in use is to be replaced, one that is not is to be deleted at the trainer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from quietkeys.files import remove
from quietkeys.profile.ledger import LedgerKind, fingerprint_words, size_words
from quietkeys.profile.outbox import Outbox, ReportState
from quietkeys.profile.settings import KEYS_ANNOUNCED, KEYS_CREATED, KEYS_RETIRED
from quietkeys.profile.store import Store
from quietkeys.profile.trainers import Trainers
from quietkeys.sync.result import Step
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, StartOver, TryAgain, Untrusted, error_of
from quietkeys_protocol.signing import is_hash

if TYPE_CHECKING:  # an app that asks for the age of its keys loads no HTTP
    from quietkeys.cipher.interface import Cipher
    from quietkeys.remote.client import TrainerClient
    from quietkeys.sync.context import SyncContext

DAY_S: Final = 86_400.0
ROTATED_AFTER_S: Final = 365 * DAY_S
EXPIRES_AFTER_S: Final = 396 * DAY_S  # 13 months: a month to find an unmetered network in
_AWAITED: Final = "Another device of the circle makes new keys. Nothing was sent."
_METERED: Final = "New keys wait for a network that is not metered. Nothing was sent."


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The key set of this device, or of its circle.

    fingerprint: of the evaluation keys, to be compared by people. created, expires: Unix seconds; it is
    replaced a month before it expires. rotating: whether the next sync replaces it.
    """

    fingerprint: str
    created: float
    age_days: float
    expires: float
    rotating: bool


class KeyLife:
    """The ages of key sets, named by the SHA-256 of their evaluation keys in hex."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def created(self, key_id: str) -> float | None:
        """Return when a key set was made, Unix seconds, None if it was not seen yet.

        Raises Untrusted (PROFILE_DAMAGED), as `retired` does.
        """
        stored = self._store.setting(KEYS_CREATED)
        if not stored or stored[0] != key_id:
            return None
        try:
            _, time = stored
            made = float(time)
        except ValueError as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a setting") from error
        if not math.isfinite(made):
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a setting")
        return made

    def use(self, key_id: str, created: float) -> None:
        """Note that this key set is in use, and when it was made."""
        self._store.set_setting(KEYS_CREATED, (key_id, repr(created)))

    def retired(self) -> tuple[str, ...]:
        """Return the key sets that are to be replaced, or deleted at the trainer."""
        names = self._store.setting(KEYS_RETIRED) or ()
        if not all(map(is_hash, names)):
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a setting")
        return tuple(names)

    def retire(self, key_id: str) -> None:
        """Have a key set replaced, or deleted at the trainer. Within a transaction."""
        self._set_retired([*(name for name in self.retired() if name != key_id), key_id])

    def deleted(self, key_id: str) -> None:
        """Note that the trainer has deleted a retired key set. Within a transaction."""
        self._set_retired([name for name in self.retired() if name != key_id])

    def is_announced(self, key_id: str) -> bool:
        """Return whether the ledger has told the user that this key set is to be uploaded."""
        return self._store.setting(KEYS_ANNOUNCED) == key_id

    def announced(self, key_id: str) -> None:
        """Note that it has."""
        self._store.set_setting(KEYS_ANNOUNCED, key_id)

    def is_due(self, key_id: str, now: float, patience_s: float = 0.0) -> bool:
        """Return whether a key set in use is to be replaced; patience_s: when it is only for its age."""
        created = self.created(key_id)
        old = created is not None and now - created >= ROTATED_AFTER_S + patience_s
        return old or key_id in self.retired()

    def has_expired(self, key_id: str, now: float) -> bool:
        """Return whether a key set is too old to be used, whatever waits for it."""
        created = self.created(key_id)
        return created is not None and now - created >= EXPIRES_AFTER_S

    def _set_retired(self, names: Sequence[str]) -> None:
        if names:
            self._store.set_setting(KEYS_RETIRED, names)
        else:
            self._store.drop_setting(KEYS_RETIRED)


class Others(Protocol):
    """The other devices that use these keys, as far as new keys concern them."""

    def patience_s(self) -> float:
        """Return for how long this device leaves it to others to replace old keys."""

    def awaits_keys(self) -> bool:
        """Return whether another device is about to make new keys."""

    def tell(self, key_id: str) -> None:
        """See that every device has this key set, which the trainer holds."""


class Alone:
    """No other device uses these keys."""

    def patience_s(self) -> float:
        """See `Others`."""
        return 0.0

    def awaits_keys(self) -> bool:
        """See `Others`."""
        return False

    def tell(self, key_id: str) -> None:
        """See `Others`."""


class Deferred(Exception):  # noqa: N818 - what the sync is
    """A sync that cannot go on now; the message says to the user why."""


class KeySteps:
    """The keys of one sync. begin: told each step, and how many bytes it is about to upload."""

    def __init__(
        self,
        context: SyncContext,
        client: TrainerClient,
        outbox: Outbox,
        others: Others,
        begin: Callable[[Step, int], None],
    ) -> None:
        self._context = context
        self._others = others
        self._client = client
        self._outbox = outbox
        self._begin = begin
        self._life = KeyLife(context.store)
        self._trainers = Trainers(context.store.database)

    def ensure(self) -> str:
        """See that the trainer holds the evaluation keys to use, made and sent if need be; return their id.

        Raises Deferred where they would have to be uploaded over a metered network, and where another device
        of the circle is about to make new ones.
        """
        key_id = self._current()
        if self._trainers.key_id(self._context.trainer) != key_id:
            try:
                self._upload(key_id)
            except StartOver as error:
                if error.code is not ErrorCode.KEY_UNKNOWN:
                    raise
                key_id = self._from_elsewhere(key_id)
        self._others.tell(key_id)
        self._delete_retired(key_id)
        return key_id

    def _current(self) -> str:
        """Make new keys where there are none or the old ones are due; return the id of those to use."""
        context, cipher = self._context, self._context.cipher
        if not _has_keys(cipher):
            return self._generated()
        key_id, now = cipher.fingerprint(), context.environment.clock()
        if self._life.created(key_id) is None:
            self._life.use(key_id, now)
        expired = self._life.has_expired(key_id, now)
        if not expired and not self._life.is_due(key_id, now, self._others.patience_s()):
            return key_id
        if not expired and self._is_out(key_id):
            return key_id  # an update under them is still to come; the next sync replaces them
        retired = key_id in self._life.retired()
        if retired and self._others.awaits_keys():
            raise Deferred(_AWAITED)
        must = expired or retired
        return self._replaced(key_id) if must or not self._context.metered else key_id

    def _replaced(self, key_id: str) -> str:
        with self._context.store.transaction():
            self._life.retire(key_id)
        new = self._generated()
        self._ledger(
            LedgerKind.KEYS_ROTATED,
            f"New keys were made. The old ones, fingerprint {fingerprint_words(key_id)}, are not used any"
            " longer.",
        )
        return new

    def _generated(self) -> str:
        context = self._context
        if self._context.metered:
            raise Deferred(_METERED)
        self._begin(Step.GENERATE_KEYS, 0)
        context.cipher.generate_keys()
        key_id = context.cipher.fingerprint()
        self._life.use(key_id, context.environment.clock())
        return key_id

    def _from_elsewhere(self, key_id: str) -> str:
        """See that the trainer holds keys whose secret part alone is here, or new ones; return their id."""
        from quietkeys_protocol.messages import UploadState

        if self._client.key_state(key_id).state is UploadState.STORED:
            self._trainers.has_keys(self._context.trainer, key_id)
            return key_id
        key_id = self._replaced(key_id)
        self._upload(key_id)
        return key_id

    def _upload(self, key_id: str) -> None:
        """Bring the evaluation keys to the trainer, after saying how large they are."""
        from quietkeys.remote.http import Body
        from quietkeys.sync.keys.upload import upload_keys

        context, path = self._context, self._outbox.keys_file
        if self._context.metered:
            raise Deferred(_METERED)
        try:
            written = context.cipher.write_evaluation_keys(path)
            body = Body.of_file(path)
            if written != key_id:
                raise TryAgain(ErrorCode.CIPHER_FAILED, "other evaluation keys")
            self._announce(key_id, body.size)
            self._begin(Step.UPLOAD_KEYS, body.size)
            upload_keys(self._client, path, key_id)
        finally:
            remove(path)
        with context.store.transaction():
            self._trainers.has_keys(context.trainer, key_id)
            self._ledger(
                LedgerKind.KEYS_UPLOADED,
                f"Evaluation keys went to the trainer: {size_words(body.size)}, fingerprint"
                f" {fingerprint_words(key_id)}. With them it computes on your encrypted counts; it cannot"
                " read them.",
            )

    def _announce(self, key_id: str, size: int) -> None:
        if self._life.is_announced(key_id):
            return
        with self._context.store.transaction():
            self._life.announced(key_id)
            self._ledger(
                LedgerKind.KEYS_ANNOUNCED,
                f"Evaluation keys, fingerprint {fingerprint_words(key_id)}, are about to go to the trainer,"
                f" once: {size_words(size)}.",
            )

    def _delete_retired(self, key_id: str) -> None:
        """Have the trainer delete what it holds under key sets that are not used any longer."""
        for retired in self._life.retired():
            if retired == key_id:
                continue
            self._client.delete_keys(retired)
            with self._context.store.transaction():
                self._life.deleted(retired)
                self._ledger(
                    LedgerKind.KEYS_DELETED,
                    f"The trainer deleted the old keys, fingerprint {fingerprint_words(retired)}, and all"
                    " that was encrypted under them.",
                )

    def _is_out(self, key_id: str) -> bool:
        """Return whether the trainer is at work on a report under a key set, or its update is here."""
        try:
            report = self._outbox.open_report()
        except Untrusted:  # and it is dropped
            return False
        return (
            report is not None and report.address.key_id == key_id and report.state is not ReportState.WRITTEN
        )

    def _ledger(self, kind: LedgerKind, text: str) -> None:
        self._context.store.write_ledger(self._context.environment.clock(), kind, text)


def _has_keys(cipher: Cipher) -> bool:
    """Return whether there are usable keys; damaged ones are not, and only an update under way is lost."""
    try:
        return cipher.has_keys()
    except QuietkeysError as error:
        if error.code is not ErrorCode.PROFILE_DAMAGED:
            raise
        return False
