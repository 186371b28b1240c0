"""Small files that must not be lost: two copies, each with its SHA-256; one of them is enough."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from quietkeys.files import read_whole, remove, write_whole

LARGEST: Final = 4096  # bytes of content
_COPY: Final = ".copy"
_HASH: Final = 32


def write_mirrored(path: Path, content: bytes) -> None:
    """Write both copies, one after the other. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
    for copy in _copies(path):
        write_whole(copy, content + hashlib.sha256(content).digest())


def read_mirrored(path: Path) -> bytes | None:
    """Return the content of the first good copy, None if there is none. Raises TryAgain (STORAGE_FAILED)."""
    found = (_checked(read_whole(copy, LARGEST + _HASH)) for copy in _copies(path))
    return next((content for content in found if content is not None), None)


def repair_mirrored(path: Path, content: bytes) -> None:
    """Make both copies hold this content where they do not. Raises as `write_mirrored`."""
    if any(_checked(read_whole(copy, LARGEST + _HASH)) != content for copy in _copies(path)):
        write_mirrored(path, content)


def remove_mirrored(path: Path) -> None:
    """Remove both copies. Raises TryAgain (STORAGE_FAILED)."""
    for copy in _copies(path):
        remove(copy)


def has_mirrored(path: Path) -> bool:
    """Return whether there is either copy, good or not."""
    return any(copy.exists() for copy in _copies(path))


def _copies(path: Path) -> tuple[Path, Path]:
    return path, path.with_name(path.name + _COPY)


def _checked(stored: bytes) -> bytes | None:
    content, digest = stored[:-_HASH], stored[-_HASH:]
    return content if stored and hashlib.sha256(content).digest() == digest else None
