"""Files of the profile folder: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of

_DRAFT: Final = ".draft-"
_RANDOM: Final = 8  # bytes in the name of a draft, so that no two are one
if sys.platform == "win32":  # whose folders give their files to their owner, and have no modes
    _NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
else:
    _NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, mode 0600: after a kill or a full disk either all of it is there or none.

    Raises TryAgain (DISK_FULL, STORAGE_FAILED).
    """
    write_pieces(path, (content,))


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file of pieces as `write_whole` does; they are never together in memory.

    Drafts of the same file that a kill left behind are removed first. Raises TryAgain (DISK_FULL,
    STORAGE_FAILED), and what `pieces` raises; then what was there before is there still.
    """
    drafts = f"{_DRAFT}{path.name}-"
    draft = path.with_name(drafts + secrets.token_hex(_RANDOM))
    with translated():
        _remove_named(path.parent, glob.escape(drafts) + "[0-9a-f]" * (2 * _RANDOM))
        try:
            descriptor = os.open(draft, _NEW, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                for piece in pieces:
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def read_whole(path: Path, limit: int) -> bytes:
    """Return at most `limit` + 1 bytes of a file, none if it is missing. Raises TryAgain (STORAGE_FAILED)."""
    with translated():
        try:
            with path.open("rb") as stream:
                return stream.read(limit + 1)
        except FileNotFoundError:
            return b""


def remove(path: Path) -> None:
    """Remove a file that may be missing. Raises TryAgain (STORAGE_FAILED)."""
    with translated():
        path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can read, and its parents.

    Raises TryAgain (DISK_FULL, STORAGE_FAILED).
    """
    with translated():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_room(path: Path) -> None:
    """Make a folder within a profile's as `make_folder` does; never that one, which may have been removed."""
    with translated():
        path.mkdir(mode=0o700, exist_ok=True)


def remove_drafts(folder: Path) -> None:
    """Remove what a kill left half written. Raises TryAgain (STORAGE_FAILED)."""
    with translated():
        _remove_named(folder, f"{_DRAFT}*")


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the operating system as ours; they may name paths, never words."""
    try:
        yield
    except OSError as error:
        raise system_error(error) from error


def system_error(error: OSError) -> QuietkeysError:
    """Return our error for one of the operating system: TryAgain (DISK_FULL, STORAGE_FAILED)."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return error_of(ErrorCode.DISK_FULL if full else ErrorCode.STORAGE_FAILED)


def _remove_named(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # So that the new name survives a loss of power as well. Windows opens no folders, and journals names.
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
