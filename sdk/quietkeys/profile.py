"""The profile folder: one process at a time, and a database that is set aside, never deleted, when damaged.

lock                    held while the profile is open
vault.header, .copy     the data key, wrapped (`quietkeys.vault`); vault-ID.key, .copy: a key file, if any
profile.sqlite          what was learned, sealed
damaged-TIME-*          what was set aside
identities/ keys/ outbox/
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from quietkeys.answers import Problem
from quietkeys.database import translated, version_of
from quietkeys.files import make_folder, remove, remove_drafts
from quietkeys.store import BYTES_SENT, WIPING, Store
from quietkeys.vault import HEADER, Kind, Protection, Vault
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted

DATABASE: Final = "profile.sqlite"
SEALED_SINCE: Final = 2  # version of the database
KEYS: Final = "keys"
FHE_KEYS: Final = b"fhe keys"  # what the vault's key for the key file is for
OUTBOX: Final = "outbox"
_ASIDE: Final = "damaged-"

Built = TypeVar("Built")


@dataclass(slots=True)
class Profile:
    """An open profile folder and its store."""

    folder: Path
    store: Store
    vault: Vault
    _lock: int = field(repr=False)

    @classmethod
    def open(
        cls, folder: Path, build: Callable[[Store], Built], now: float, protection: Protection | None = None
    ) -> tuple[Profile, Built]:
        """Return the profile and what `build` makes of its store.

        protection: of a new vault, or what the vault opens with; None as `Vault.create` and `Vault.open` say.
        A store that is damaged, or of which `build` says so, is set aside, and the profile starts anew; so
        does one whose vault is lost. Raises Refused (PROFILE_LOCKED, PROFILE_SEALED), Outdated
        (PROFILE_NEWER), TryAgain (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED), and what `build` raises.
        """
        make_folder(folder)
        lock = _locked(folder)
        try:
            for drafted in (folder, folder / KEYS):
                remove_drafts(drafted)
            damaged = False
            try:
                vault = _vault(folder, protection)
            except Untrusted:
                damaged = True
                _set_aside(folder, now, f"{HEADER}*", f"{DATABASE}*", "vault-*")
                vault = Vault.create(folder, protection)
            try:
                profile, built = cls._opened(folder, vault, lock, build)
            except Untrusted as error:
                if error.code is not ErrorCode.PROFILE_DAMAGED:
                    raise
                damaged = True
                _set_aside(folder, now, f"{DATABASE}*")
                profile, built = cls._opened(folder, vault, lock, build)
            if damaged:
                text = "The profile could not be read. It was set aside, and learning started anew."
                profile.store.write_ledger(now, "profile_damaged", text)
            return profile, built
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def _opened(
        cls, folder: Path, vault: Vault, lock: int, build: Callable[[Store], Built]
    ) -> tuple[Profile, Built]:
        if 0 < version_of(folder / DATABASE) < SEALED_SINCE:
            _seal_files(folder, vault)
        store = Store.open(folder / DATABASE, vault.key)
        try:
            profile = cls(folder, store, vault, lock)
            if store.setting(WIPING) is not None:
                profile.finish_wipe()
            store.number(BYTES_SENT)  # the one number that `build` does not read
            return profile, build(store)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the store and let go of the folder; closing again does nothing."""
        if self._lock < 0:
            return
        self.store.close()
        os.close(self._lock)
        self._lock = -1

    def wipe(self) -> None:
        """Remove everything learned and every key; a kill in between is made good when it is next opened."""
        self.store.wipe()
        self.finish_wipe()

    def finish_wipe(self) -> None:
        """Remove the files of a wiped profile, and what deleted rows have left in the database."""
        with translated():
            for name in (KEYS, OUTBOX):
                if (self.folder / name).exists():
                    shutil.rmtree(self.folder / name)
        for path in _aside(self.folder):
            remove(path)
        self.store.database.scrub()
        self.store.drop_setting(WIPING)

    def problems(self) -> list[Problem]:
        """Return what went wrong with this folder, and what protects little."""
        found: list[Problem] = []
        if _aside(self.folder):
            code = ErrorCode.PROFILE_DAMAGED
            advice = f"{code.advice} It lies beside the profile, named {_ASIDE}..."
            found.append(Problem(code.message, advice))
        if self.vault.kind is Kind.KEY_FILE:
            message = "the key of this profile is a file beside it: whoever can copy the folder can read it"
            advice = "Protect it with the system's key store, a passphrase or a key of the app's own."
            found.append(Problem(message, advice))
        return found


def _locked(folder: Path) -> int:
    with translated():
        descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Refused(ErrorCode.PROFILE_LOCKED) from error
    return descriptor


def _vault(folder: Path, protection: Protection | None) -> Vault:
    # The vault of a folder, made for a folder that has none and nothing that it would have sealed.
    if not Vault.exists(folder):
        if version_of(folder / DATABASE) >= SEALED_SINCE:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the vault")
        return Vault.create(folder, protection)
    return Vault.open(folder, protection)


def _seal_files(folder: Path, vault: Vault) -> None:
    # What version 1 left in the clear beside its database.
    from quietkeys.cipher.host import KEY_FILE
    from quietkeys.cipher.key_file import seal_version_1 as seal_key_file
    from quietkeys.identity import seal_version_1 as seal_identities

    seal_identities(folder, vault.key)
    seal_key_file(folder / KEYS / KEY_FILE, vault.key.file_key(FHE_KEYS))


def _set_aside(folder: Path, now: float, *patterns: str) -> None:
    with translated():
        for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
            path.rename(folder / f"{_ASIDE}{int(now)}-{path.name}")


def _aside(folder: Path) -> list[Path]:
    with translated():
        return sorted(folder.glob(_ASIDE + "*"))
