"""The user's consent to sending encrypted counts: without one on record nothing leaves the device."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from quietkeys.answers import Deletion
from quietkeys.api.open_profile import Opened
from quietkeys.profile.ledger import LedgerKind, fingerprint_words
from quietkeys.profile.settings import CONSENT
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode, Refused, error_of

if TYPE_CHECKING:
    from quietkeys.api.trainer_link import Exchange


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """What the user agreed to, word for word, its SHA-256 in hex, and when, in Unix seconds."""

    statement: str
    sha256: str
    given_at: float


class Consent:
    """The consent of an open profile. Reached by `Personalizer.consent`."""

    def __init__(self, opened: Opened, exchange: Exchange) -> None:
        self._opened = opened
        self._exchange = exchange

    @property
    def given(self) -> ConsentRecord | None:
        """The consent on record, None if there is none. Raises Untrusted (PROFILE_DAMAGED)."""
        return consent_in(self._opened.profile.store)

    def give(self, statement: str) -> None:
        """Record that the user has agreed to a statement, in the place of an earlier one.

        statement: what the app has shown, word for word. Raises Refused (CONSENT_MISSING) if it is empty,
        TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        if not statement.strip():
            raise Refused(ErrorCode.CONSENT_MISSING, "the statement is empty")
        digest, store = _sha256(statement), self._opened.profile.store
        now = float(self._opened.around.clock())
        record = ConsentRecord(statement, digest, now)
        with store.transaction():
            store.set_setting(CONSENT, asdict(record))
            store.write_ledger(
                now,
                LedgerKind.CONSENT_GIVEN,
                "You agreed that encrypted counts go to the trainer. Fingerprint of what you agreed to:"
                f" {fingerprint_words(digest)}.",
            )

    def withdraw(self, keep_learned: bool = False) -> Deletion:
        """Take the consent back: delete the keys, what was to be sent, and this device at the trainer.

        Everything learned goes too, as with `Personalizer.forget`, unless keep_learned is True: then words,
        counts and the adapter stay on this device and go on working. What is here is gone whether or not the
        trainer answers; call it again if the answer is not CONFIRMED. Raises TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        return self._exchange.withdraw() if keep_learned else self._exchange.forget()


def consent_in(store: Store) -> ConsentRecord | None:
    """Return the consent that a store has on record. Raises Untrusted (PROFILE_DAMAGED)."""
    stored = store.setting(CONSENT)
    if stored is None:
        return None
    try:
        record = ConsentRecord(**stored)
        intact = record.sha256 == _sha256(record.statement) and isinstance(record.given_at, float)
    except (TypeError, AttributeError) as error:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "the consent") from error
    if not intact:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "the consent")
    return record


def require_consent(store: Store) -> None:
    """Raise Refused (CONSENT_MISSING) unless a store has a consent on record; Untrusted (PROFILE_DAMAGED)."""
    if consent_in(store) is None:
        raise Refused(ErrorCode.CONSENT_MISSING)


def _sha256(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()
