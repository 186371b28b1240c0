"""The profile folder: one process at a time; what is damaged is set aside, and its last good version used.

lock                    held while the profile is open
vault.header, .copy     the data key, wrapped (`quietkeys.vault`); vault-ID.key, .copy: a key file, if any
profile.sqlite          what was learned, sealed
last-good.sqlite        the same as it was when all of it was last read, or something was last forgotten
damaged-TIME-*          what was set aside
identities/ keys/ outbox/
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from quietkeys.answers import Problem
from quietkeys.files import make_folder, remove, remove_drafts, translated, write_whole
from quietkeys.profile.database import is_made
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.settings import WIPING
from quietkeys.profile.store import Store
from quietkeys.vault.header import HEADER, Vault
from quietkeys.vault.protection import Kind, Protection
from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain, Untrusted

LOCK: Final = "lock"
DATABASE: Final = "profile.sqlite"
LAST_GOOD: Final = "last-good.sqlite"
KEYS: Final = "keys"
FHE_KEYS: Final = b"fhe keys"  # what the vault's key for the key file is for
OUTBOX: Final = "outbox"
IDENTITIES: Final = "identities"
_LOG_INDEX: Final = 32 * 1024  # bytes that SQLite's index of its write-ahead log begins with
_ASIDE: Final = "damaged-"
_SENTENCES: Final = {
    LedgerKind.PROFILE_RECOVERED: (
        "The profile could not be read. It was set aside, and its last good version is used."
    ),
    LedgerKind.PROFILE_DAMAGED: "The profile could not be read. It was set aside, and learning started anew.",
}

_LOG: Final = logging.getLogger(__name__)

Built = TypeVar("Built")


@dataclass(slots=True)
class Profile:
    """An open profile folder and its store."""

    folder: Path
    store: Store
    vault: Vault
    _lock: BaseFileLock = field(repr=False)

    @classmethod
    def open(
        cls, folder: Path, build: Callable[[Store], Built], now: float, protection: Protection | None = None
    ) -> tuple[Profile, Built]:
        """Open a profile; return it and what `build` makes of its store.

        protection: of a new vault, or what the vault opens with; None as `Vault.create` and `Vault.open` say.
        A store that is damaged, or of which `build` says so, is set aside, and its last good version used; if
        there is none, or the vault is lost, the profile starts anew. Raises Refused (PROFILE_LOCKED,
        PROFILE_SEALED), Outdated (PROFILE_NEWER), TryAgain (STORAGE_FAILED, KEY_STORE_FAILED), and what
        `build` raises.

        On a full disk the profile is a copy in memory of what was learnt, and nothing can be stored.
        """
        try:
            return cls._open(folder, build, now, protection)
        except TryAgain as error:
            if error.code is not ErrorCode.DISK_FULL and not _is_full(folder):
                raise
            _LOG.warning("no space left: the profile is open for reading")
            return cls._copied(folder, build, protection)

    @classmethod
    def _open(
        cls, folder: Path, build: Callable[[Store], Built], now: float, protection: Protection | None
    ) -> tuple[Profile, Built]:
        make_folder(folder)
        lock = _locked(folder)
        try:
            for drafted in (folder, folder / KEYS):
                remove_drafts(drafted)
            try:
                vault, lost = _vault(folder, protection), False
            except Untrusted:
                _set_aside(folder, now, f"{HEADER}*", f"{DATABASE}*", f"{LAST_GOOD}*", "vault-*")
                vault, lost = Vault.create(folder, protection), True
            profile, built, kind = cls._recovered(folder, vault, lock, build, now)
            if lost or kind:
                kind = kind or LedgerKind.PROFILE_DAMAGED
                _LOG.warning("profile set aside: %s", kind.value)
                profile.store.write_ledger(now, kind, _SENTENCES[kind])
            return profile, built
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _copied(
        cls, folder: Path, build: Callable[[Store], Built], protection: Protection | None
    ) -> tuple[Profile, Built]:
        """Return a profile that is a copy of the newest good version of what is stored, or empty."""
        lock = _lock_of(folder)
        with suppress(TryAgain):  # which a full disk may have no room for; nothing is written without it
            _acquire(lock)
        try:
            vault = Vault.open(folder, protection) if Vault.exists(folder) else Vault.passing(folder)
            for name in (DATABASE, LAST_GOOD):
                with suppress(Untrusted):
                    if (folder / name).exists() and (folder / name).stat().st_size:
                        return cls._frozen(folder, Store.copied(folder / name, vault.key), vault, lock, build)
            return cls._frozen(folder, Store.in_memory(), vault, lock, build)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _frozen(
        cls, folder: Path, store: Store, vault: Vault, lock: BaseFileLock, build: Callable[[Store], Built]
    ) -> tuple[Profile, Built]:
        store.check()
        if store.setting(WIPING) is not None:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "it is half forgotten")
        built = build(store)
        store.database.freeze()
        return cls(folder, store, vault, lock), built

    @classmethod
    def _recovered(
        cls, folder: Path, vault: Vault, lock: BaseFileLock, build: Callable[[Store], Built], now: float
    ) -> tuple[Profile, Built, LedgerKind | None]:
        """Open a profile, setting a damaged one aside; return it and what became of a damaged one, if any."""
        last_good, kind = folder / LAST_GOOD, None
        for next_kind in (LedgerKind.PROFILE_RECOVERED, LedgerKind.PROFILE_DAMAGED):
            try:
                return *cls._opened(folder, vault, lock, build), kind
            except Untrusted as error:
                if error.code is not ErrorCode.PROFILE_DAMAGED:
                    raise
            _set_aside(folder, now, f"{DATABASE}*")
            kind = next_kind if last_good.exists() else LedgerKind.PROFILE_DAMAGED
            if kind is LedgerKind.PROFILE_RECOVERED:
                _put_in_place(last_good, folder / DATABASE)
            else:
                _set_aside(folder, now, f"{LAST_GOOD}*")
        return *cls._opened(folder, vault, lock, build), kind

    @classmethod
    def _opened(
        cls, folder: Path, vault: Vault, lock: BaseFileLock, build: Callable[[Store], Built]
    ) -> tuple[Profile, Built]:
        if not is_made(folder / DATABASE) and (folder / LAST_GOOD).exists():  # lost, perhaps on its way back
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the database")
        changed = _changed(folder)
        store = Store.open(folder / DATABASE, vault.key)
        try:
            profile = cls(folder, store, vault, lock)
            store.check()
            if store.setting(WIPING) is not None:
                profile.finish_wipe()
            built = build(store)
            if changed:
                profile.keep()
            return profile, built
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the store and let go of the folder; closing again does nothing."""
        if self._lock.is_locked:
            self.store.close()
            self._lock.release()

    def keep(self) -> None:
        """Make the present database the last good version. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        write_whole(self.folder / LAST_GOOD, self.store.database.copy())

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Let nothing that this block removes from the store survive in another file, or in free pages.

        The last good version is made anew, and what was set aside is removed. Raises TryAgain (DISK_FULL,
        STORAGE_FAILED).
        """
        self.store.database.require()
        remove(self.folder / LAST_GOOD)
        yield
        for path in _aside(self.folder):
            remove(path)
        self.store.database.scrub()
        self.keep()

    def wipe(self) -> None:
        """Remove everything learned and every key; a kill in between is made good when it is next opened."""
        self.store.database.require()
        remove(self.folder / LAST_GOOD)
        self.store.wipe()
        self.finish_wipe()

    def finish_wipe(self) -> None:
        """Remove the files of a wiped profile, and what deleted rows have left in the database."""
        with self.forgetting(), translated():
            for name in (KEYS, OUTBOX):
                if (self.folder / name).exists():
                    shutil.rmtree(self.folder / name)
            self.store.drop_key_settings()
        self.store.drop_setting(WIPING)
        self.keep()

    def problems(self) -> list[Problem]:
        """Return what went wrong with this folder, and what protects little."""
        found: list[Problem] = []
        obstacle = self.store.database.obstacle()
        if obstacle is ErrorCode.DISK_FULL:
            advice = (
                "Free some space, then open the profile again. Until then it suggests, and learns nothing."
            )
            found.append(Problem(obstacle.message, advice))
        elif obstacle is not None:
            found.append(Problem(obstacle.message, obstacle.advice))
        if _aside(self.folder):
            code = ErrorCode.PROFILE_DAMAGED
            advice = f"{code.advice} It lies beside the profile, named {_ASIDE}..."
            found.append(Problem(code.message, advice))
        if self.vault.kind is Kind.KEY_FILE:
            message = "the key of this profile is a file beside it: whoever can copy the folder can read it"
            advice = "Protect it with the system's key store, a passphrase or a key of the app's own."
            found.append(Problem(message, advice))
        return found


def _locked(folder: Path) -> BaseFileLock:
    lock = _lock_of(folder)
    _acquire(lock)
    return lock


def _lock_of(folder: Path) -> BaseFileLock:
    # A lock of this object alone: not of a thread, nor shared with another object of this process. And one
    # that the system lets go when the process ends: where the file system has none, no profile can be opened.
    return FileLock(
        folder / LOCK,
        mode=0o600,
        thread_local=False,
        blocking=False,
        is_singleton=False,
        fallback_to_soft=False,
    )


def _acquire(lock: BaseFileLock) -> None:
    with translated():
        try:
            lock.acquire()
        except Timeout as error:
            raise Refused(ErrorCode.PROFILE_LOCKED) from error


def _is_full(folder: Path) -> bool:
    # SQLite says no more than that reading and writing failed where its index of the log finds no room.
    try:
        return shutil.disk_usage(folder).free < _LOG_INDEX
    except OSError:
        return False


def _vault(folder: Path, protection: Protection | None) -> Vault:
    # The vault of a folder, made for a folder that has none and nothing that it would have sealed.
    if not Vault.exists(folder):
        if is_made(folder / DATABASE):
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the vault")
        return Vault.create(folder, protection)
    return Vault.open(folder, protection)


def _changed(folder: Path) -> bool:
    # Whether the database may have changed since its last good version was written.
    written = [path.stat().st_mtime_ns for path in folder.glob(f"{DATABASE}*")]
    last_good = folder / LAST_GOOD
    return not last_good.exists() or last_good.stat().st_mtime_ns <= max(written, default=0)


def _put_in_place(last_good: Path, database: Path) -> None:
    with translated():
        content = last_good.read_bytes()
    write_whole(database, content)


def _set_aside(folder: Path, now: float, *patterns: str) -> None:
    with translated():
        for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
            path.rename(folder / f"{_ASIDE}{int(now)}-{path.name}")


def _aside(folder: Path) -> list[Path]:
    with translated():
        return sorted(folder.glob(_ASIDE + "*"))
