"""The profile folder: one process at a time, and a database that is set aside, never deleted, when damaged.

lock                    held while the profile is open
profile.sqlite          what was learned
damaged-TIME-*          databases that were set aside
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
from quietkeys.circle import CIRCLE_SETTINGS
from quietkeys.database import translated
from quietkeys.files import make_folder, remove, remove_drafts
from quietkeys.key_life import KEY_SETTINGS
from quietkeys.store import BYTES_SENT, WIPING, Store
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted

DATABASE: Final = "profile.sqlite"
KEYS: Final = "keys"
OUTBOX: Final = "outbox"
_ASIDE: Final = "damaged-"

Built = TypeVar("Built")


@dataclass(slots=True)
class Profile:
    """An open profile folder and its store."""

    folder: Path
    store: Store
    _lock: int = field(repr=False)

    @classmethod
    def open(cls, folder: Path, build: Callable[[Store], Built], now: float) -> tuple[Profile, Built]:
        """Return the profile and what `build` makes of its store.

        A store that is damaged, or of which `build` says so, is set aside, and the profile starts anew.
        Raises Refused (PROFILE_LOCKED), Outdated (PROFILE_NEWER), TryAgain (DISK_FULL, STORAGE_FAILED), and
        what `build` raises.
        """
        make_folder(folder)
        lock = _locked(folder)
        try:
            for drafted in (folder, folder / KEYS):
                remove_drafts(drafted)
            try:
                profile, built = cls._opened(folder, lock, build)
            except Untrusted as error:
                if error.code is not ErrorCode.PROFILE_DAMAGED:
                    raise
                _set_aside(folder, now)
                profile, built = cls._opened(folder, lock, build)
                text = "The profile could not be read. It was set aside, and learning started anew."
                profile.store.write_ledger(now, "profile_damaged", text)
            return profile, built
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def _opened(cls, folder: Path, lock: int, build: Callable[[Store], Built]) -> tuple[Profile, Built]:
        store = Store.open(folder / DATABASE)
        try:
            profile = cls(folder, store, lock)
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
        for name in (*KEY_SETTINGS, *CIRCLE_SETTINGS):
            self.store.drop_setting(name)
        self.store.database.scrub()
        self.store.drop_setting(WIPING)

    def problems(self) -> list[Problem]:
        """Return what went wrong with this folder."""
        if not _aside(self.folder):
            return []
        code = ErrorCode.PROFILE_DAMAGED
        return [Problem(code.message, f"{code.advice} It lies beside the profile, named {_ASIDE}...")]


def _locked(folder: Path) -> int:
    with translated():
        descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Refused(ErrorCode.PROFILE_LOCKED) from error
    return descriptor


def _set_aside(folder: Path, now: float) -> None:
    with translated():
        for path in sorted(folder.glob(DATABASE + "*")):
            path.rename(folder / f"{_ASIDE}{int(now)}-{path.name}")


def _aside(folder: Path) -> list[Path]:
    with translated():
        return sorted(folder.glob(_ASIDE + "*"))
