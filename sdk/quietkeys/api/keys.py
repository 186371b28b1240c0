"""The keys of an open profile: how old they are, and new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quietkeys.api.open_profile import OpenProfile
from quietkeys.profile.ledger import LedgerKind, fingerprint_words
from quietkeys.sync.keys.life import DAY_S, EXPIRES_AFTER_S, KeyLife, KeyStatus
from quietkeys.vault.human_code import RecoveryCode
from quietkeys_protocol.errors import StartOver, Untrusted

if TYPE_CHECKING:
    from quietkeys.api.trainer_link import TrainerLink


class Keys:
    """The key set that counts and weights are encrypted under. Reached by `Personalizer.keys`.

    A key set is replaced once a year, at a sync: a new one is made and uploaded, the next report is encrypted
    under it, and the trainer deletes the old one with all that was encrypted under it.
    """

    def __init__(self, opened: OpenProfile, link: TrainerLink) -> None:
        self._opened = opened
        self._link = link

    def status(self) -> KeyStatus | None:
        """Return the age of the keys and when they end, None if there are none yet.

        Raises Untrusted (PROFILE_DAMAGED), TryAgain (STORAGE_FAILED).
        """
        key_id, now = self._key_id(), self._opened.environment.clock()
        if not key_id:
            return None
        life = KeyLife(self._opened.profile.store)
        created = life.created(key_id)
        created = now if created is None else created
        return KeyStatus(
            fingerprint=fingerprint_words(key_id),
            created=created,
            age_days=max(0.0, now - created) / DAY_S,
            expires=created + EXPIRES_AFTER_S,
            rotating=life.is_due(key_id, now),
        )

    def rotate(self) -> None:
        """Have the next sync replace the keys, once no update is under way; nothing learned is lost.

        For a user who thinks that somebody else had this device. Does nothing if there are no keys yet.
        Raises TryAgain (DISK_FULL, STORAGE_FAILED).
        """
        key_id, store = self._key_id(), self._opened.profile.store
        life = KeyLife(store)
        if not key_id or key_id in life.retired():
            return
        with store.transaction():
            life.retire(key_id)
            self._opened.note(LedgerKind.ROTATION_WANTED, "You asked for new keys. The next sync makes them.")

    def back_up(self, path: str | Path, passphrase: str | None = None) -> RecoveryCode | None:
        """Write the whole profile, keys included, to a file; return what opens it, if no passphrase does.

        For another device, or for the day when this one is lost: `Personalizer.restore`. The recovery code
        has 128 bits, is shown once and stored nowhere. A passphrase is stretched by scrypt. Waits until a
        sync under way has ended. Raises Refused (SECRET_UNSUITABLE) for a short passphrase, TryAgain
        (DISK_FULL, STORAGE_FAILED); then nothing was written.
        """
        from quietkeys.profile.backup import back_up

        with self._link.undisturbed():
            return back_up(self._opened.profile, Path(path), passphrase)

    def _key_id(self) -> str:
        """Return the id of the key set in use, "" if there is none that can be used."""
        cipher = self._link.cipher()
        try:
            return cipher.fingerprint()
        except (StartOver, Untrusted):  # none, of another plan, or damaged: the next sync makes new ones
            return ""
        finally:
            cipher.close()
