"""The user's ledger: what happened, of which kind for programs, in a sentence for people."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quietkeys_protocol.errors import ErrorCode, error_of

_TIME: Final = struct.Struct("<d")


class LedgerKind(StrEnum):
    """What a line of the ledger is about; the value is what is stored, and what an export shows."""

    CONSENT_GIVEN = "consent_given"
    CONSENT_WITHDRAWN = "consent_withdrawn"

    KEYS_ANNOUNCED = "keys_announced"  # they are about to be uploaded
    KEYS_UPLOADED = "keys_uploaded"
    KEYS_ROTATED = "keys_rotated"
    KEYS_RECEIVED = "keys_received"  # from another device of the circle
    KEYS_DELETED = "keys_deleted"  # at the trainer
    ROTATION_WANTED = "rotation_wanted"
    KEY_DESTROYED = "key_destroyed"  # the secret one, here

    REPORT_SENT = "report_sent"
    REPORT_DROPPED = "report_dropped"
    REPORT_LOST = "report_lost"
    UPDATE_FETCHED = "update_fetched"
    # How an update ended; the rest of the value is that of `Outcome`.
    UPDATE_APPLIED = "update_applied"
    UPDATE_KEPT_OLD = "update_kept_old"
    UPDATE_ON_TRIAL = "update_on_trial"
    UPDATE_DUMMY = "update_dummy"
    UPDATE_UNTRUSTED = "update_untrusted"
    UPDATE_UNDECRYPTABLE = "update_undecryptable"
    TRIAL_PASSED = "trial_passed"
    TRIAL_FAILED = "trial_failed"
    ROLLED_BACK = "rolled_back"

    CIRCLE_INVITED = "circle_invited"
    CIRCLE_JOINED = "circle_joined"
    CIRCLE_MISSED = "circle_missed"
    CIRCLE_LEFT = "circle_left"
    MEMBER_JOINED = "member_joined"
    MEMBER_LEFT = "member_left"
    MEMBER_REMOVED = "member_removed"
    LETTER_DROPPED = "letter_dropped"

    DELETED_AT_TRAINER = "deleted_at_trainer"
    DELETION_UNPROVEN = "deletion_unproven"
    TRAINER_KEY_CHANGED = "trainer_key_changed"

    WORD_FORGOTTEN = "word_forgotten"
    EXPORTED = "exported"
    PROFILE_RECOVERED = "profile_recovered"  # from its last good version
    PROFILE_DAMAGED = "profile_damaged"  # and learning started anew

    OTHER = "other"  # a kind of a later version: its sentence is still there to be read


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the user's ledger: Unix seconds, a kind for programs, a sentence for people."""

    time: float
    kind: LedgerKind
    text: str

    def to_bytes(self) -> bytes:
        """Return the bytes that `of_bytes` reads: the time, the kind, a line feed, the sentence."""
        return _TIME.pack(self.time) + f"{self.kind.value}\n{self.text}".encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> LedgerLine:
        """Return the line in these bytes, of kind OTHER if its kind is unknown.

        Raises Untrusted (PROFILE_DAMAGED).
        """
        try:
            (time,) = _TIME.unpack_from(content)
            name, _, text = content[_TIME.size :].decode().partition("\n")
        except (struct.error, UnicodeDecodeError) as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "the ledger") from error
        kind = LedgerKind(name) if name in _NAMES else LedgerKind.OTHER
        return cls(time, kind, text)


_NAMES: Final = frozenset(LedgerKind)


def size_words(size: int) -> str:
    """Return a number of bytes in units of 1000."""
    for unit, scale in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


def fingerprint_words(key_id: str) -> str:
    """Return the first 16 hex digits of a key id in groups of four, "" for no key."""
    return " ".join(key_id[start : start + 4] for start in range(0, 16, 4)).strip()
