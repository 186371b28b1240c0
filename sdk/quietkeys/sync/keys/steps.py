"""What a sync does about keys: make them, replace old ones, upload them, have the trainer delete old ones.

Keys are replaced between reports: an update under way could not be decrypted with new ones. What is then
encrypted, counts and weights alike, is encrypted anew. It depends on the calendar, the user and who is in the
circle, never on anything decrypted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quietkeys.cipher.interface import Cipher
from quietkeys.files import remove
from quietkeys.profile.ledger import LedgerKind, fingerprint_words, size_words
from quietkeys.profile.outbox import Outbox, ReportState
from quietkeys.profile.trainers import Trainers
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import Body
from quietkeys.sync.circle.attendance import Attendance
from quietkeys.sync.context import Parts
from quietkeys.sync.keys.age import KeyLife
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.sync.result import Step
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, StartOver, TryAgain, Untrusted
from quietkeys_protocol.messages import UploadState

_AWAITED: Final = "Another device of the circle makes new keys. Nothing was sent."
_METERED: Final = "New keys wait for a network that is not metered. Nothing was sent."


class Deferred(Exception):  # noqa: N818 - what the sync is
    """A sync that cannot go on now; the message says to the user why."""


class KeySteps:
    """The keys of one sync. begin: told each step, and how many bytes it is about to upload."""

    def __init__(
        self,
        parts: Parts,
        client: TrainerClient,
        outbox: Outbox,
        attendance: Attendance,
        begin: Callable[[Step, int], None],
    ) -> None:
        self._parts = parts
        self._attendance = attendance
        self._client = client
        self._outbox = outbox
        self._begin = begin
        self._life = KeyLife(parts.store)
        self._trainers = Trainers(parts.store.database)

    def ensure(self) -> str:
        """Return the id of the evaluation keys to use, which the trainer holds.

        Raises Deferred where they would have to be uploaded over a metered network, and where another device
        of the circle is about to make new ones.
        """
        key_id = self._current()
        if self._trainers.key_id(self._parts.trainer) != key_id:
            try:
                self._upload(key_id)
            except StartOver as error:
                if error.code is not ErrorCode.KEY_UNKNOWN:
                    raise
                key_id = self._from_elsewhere(key_id)
        self._attendance.tell(key_id)
        self._delete_retired(key_id)
        return key_id

    def _current(self) -> str:
        """Return the id of the key set to use from now on; it may be new."""
        parts, cipher = self._parts, self._parts.cipher
        if not _has_keys(cipher):
            return self._generated()
        key_id, now = cipher.fingerprint(), parts.around.clock()
        if self._life.created(key_id) is None:
            self._life.use(key_id, now)
        expired = self._life.has_expired(key_id, now)
        if not expired and not self._life.is_due(key_id, now, self._attendance.patience_s()):
            return key_id
        if not expired and self._is_out(key_id):
            return key_id  # an update under them is still to come; the next sync replaces them
        retired = key_id in self._life.retired()
        if retired and self._attendance.awaits_keys():
            raise Deferred(_AWAITED)
        must = expired or retired
        return self._replaced(key_id) if must or self._may_upload() else key_id

    def _replaced(self, key_id: str) -> str:
        with self._parts.store.transaction():
            self._life.retire(key_id)
        new = self._generated()
        self._ledger(
            LedgerKind.KEYS_ROTATED,
            f"New keys were made. The old ones, fingerprint {fingerprint_words(key_id)}, are not used any"
            " longer.",
        )
        return new

    def _generated(self) -> str:
        parts = self._parts
        if not self._may_upload():
            raise Deferred(_METERED)
        self._begin(Step.GENERATE_KEYS, 0)
        parts.cipher.generate_keys()
        key_id = parts.cipher.fingerprint()
        self._life.use(key_id, parts.around.clock())
        return key_id

    def _from_elsewhere(self, key_id: str) -> str:
        """Return the id of keys that the trainer holds, where only the secret part of them is here."""
        if self._client.key_state(key_id).state is UploadState.STORED:
            self._trainers.has_keys(self._parts.trainer, key_id)
            return key_id
        key_id = self._replaced(key_id)
        self._upload(key_id)
        return key_id

    def _upload(self, key_id: str) -> None:
        """Bring the evaluation keys to the trainer, after saying how large they are."""
        parts, path = self._parts, self._outbox.keys_file
        if not self._may_upload():
            raise Deferred(_METERED)
        try:
            written = parts.cipher.write_evaluation_keys(path)
            body = Body.of_file(path)
            if not written == body.sha256 == key_id:
                raise TryAgain(ErrorCode.CIPHER_FAILED, "other evaluation keys")
            self._announce(key_id, body.size)
            self._begin(Step.UPLOAD_KEYS, body.size)
            upload_keys(self._client, path, key_id)
        finally:
            remove(path)
        with parts.store.transaction():
            self._trainers.has_keys(parts.trainer, key_id)
            self._ledger(
                LedgerKind.KEYS_UPLOADED,
                f"Evaluation keys went to the trainer: {size_words(body.size)}, fingerprint"
                f" {fingerprint_words(key_id)}. With them it computes on your encrypted counts; it cannot"
                " read them.",
            )

    def _announce(self, key_id: str, size: int) -> None:
        if self._life.is_announced(key_id):
            return
        with self._parts.store.transaction():
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
            with self._parts.store.transaction():
                self._life.deleted(retired)
                self._ledger(
                    LedgerKind.KEYS_DELETED,
                    f"The trainer deleted the old keys, fingerprint {fingerprint_words(retired)}, and all"
                    " that was encrypted under them.",
                )

    def _may_upload(self) -> bool:
        return self._parts.may_upload_keys(self._parts.cipher.evaluation_key_bytes())

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
        self._parts.store.write_ledger(self._parts.around.clock(), kind, text)


def _has_keys(cipher: Cipher) -> bool:
    """Return whether there are usable keys; damaged ones are not, and only an update under way is lost."""
    try:
        return cipher.has_keys()
    except QuietkeysError as error:
        if error.code is not ErrorCode.PROFILE_DAMAGED:
            raise
        return False
