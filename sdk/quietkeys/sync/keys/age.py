"""How old a profile's key set is, and which key sets are on their way out; kept among the settings.

A key set is retired before its successor is made, and off the list once the trainer has deleted it. So after
a kill at any point the list says what is left to do: a retired key set that is still in use is to be
replaced, one that is not is to be deleted at the trainer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quietkeys.profile.settings import KEYS_ANNOUNCED, KEYS_CREATED, KEYS_RETIRED
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode, error_of
from quietkeys_protocol.signing import is_hash

DAY_S: Final = 86_400.0
ROTATED_AFTER_S: Final = 365 * DAY_S
EXPIRES_AFTER_S: Final = 396 * DAY_S  # 13 months: a month to find an unmetered network in


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
