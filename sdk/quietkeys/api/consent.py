"""The user's consent to sending encrypted counts: given, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietkeys.answers import Deletion
from quietkeys.api.open_profile import OpenProfile
from quietkeys.profile.ledger import LedgerKind, fingerprint_words
from quietkeys.sync.consent_record import ConsentRecord, consent_in, keep_consent
from quietkeys_protocol.errors import ErrorCode, Refused

if TYPE_CHECKING:
    from quietkeys.api.trainer_link import TrainerLink


class Consent:
    """The consent of an open profile. Reached by `Personalizer.consent`."""

    def __init__(self, opened: OpenProfile, link: TrainerLink) -> None:
        self._opened = opened
        self._link = link

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
        store = self._opened.profile.store
        record = ConsentRecord.of(statement, self._opened.environment.clock())
        with store.transaction():
            keep_consent(store, record)
            store.write_ledger(
                record.given_at,
                LedgerKind.CONSENT_GIVEN,
                "You agreed that encrypted counts go to the trainer. Fingerprint of what you agreed to:"
                f" {fingerprint_words(record.sha256)}.",
            )

    def withdraw(self, keep_learned: bool = False) -> Deletion:
        """Take the consent back: delete the keys, what was to be sent, and this device at the trainer.

        Everything learned goes too, as with `Personalizer.forget`, unless keep_learned is True: then words,
        counts and the adapter stay on this device and go on working. What is here is gone whether or not the
        trainer answers; call it again if the answer is not CONFIRMED. Raises TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        return self._link.withdraw() if keep_learned else self._link.forget()
