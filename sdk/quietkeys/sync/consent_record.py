"""The consent that a profile has on record: without one nothing leaves the device.

Belongs to the profile's user. A record that does not match its own digest is damage, not consent.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from quietkeys.profile.settings import CONSENT
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode, Refused, error_of


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """What the user agreed to, word for word, its SHA-256 in hex, and when, in Unix seconds."""

    statement: str
    sha256: str
    given_at: float

    @classmethod
    def of(cls, statement: str, given_at: float) -> ConsentRecord:
        """Return the record of a statement."""
        return cls(statement, _sha256(statement), float(given_at))


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


def keep_consent(store: Store, record: ConsentRecord) -> None:
    """Put a consent on record, in the place of an earlier one."""
    store.set_setting(CONSENT, asdict(record))


def require_consent(store: Store) -> None:
    """Raise Refused (CONSENT_MISSING) unless a store has a consent on record; Untrusted (PROFILE_DAMAGED)."""
    if consent_in(store) is None:
        raise Refused(ErrorCode.CONSENT_MISSING)


def _sha256(statement: str) -> str:
    return hashlib.sha256(statement.encode()).hexdigest()
