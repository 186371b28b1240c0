"""Files of the profile folder: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from quietkeys.profile.database import translated

_DRAFT: Final = ".draft-"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, mode 0600: after a kill or a full disk either all of it is there or none.

    Raises TryAgain (DISK_FULL, STORAGE_FAILED).
    """
    draft = path.with_name(_DRAFT + secrets.token_hex(8))
    with translated():
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
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
    """Make a folder that only its owner can read, and its parents. Raises TryAgain (STORAGE_FAILED)."""
    with translated():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def remove_drafts(folder: Path) -> None:
    """Remove what a kill left half written. Raises TryAgain (STORAGE_FAILED)."""
    with translated():
        for draft in folder.glob(_DRAFT + "*"):
            draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # So that the new name survives a loss of power as well.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
