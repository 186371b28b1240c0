"""Files written whole or not at all, whatever ends this process or the machine meanwhile."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

PRIVATE: Final = 0o600  # for secrets, and what belongs to the trainer alone
PUBLIC: Final = 0o644  # for what other users may read, as far as the process's umask allows


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file, on disk when this returns, in the place of an earlier one."""
    with _draft(path, content, mode) as draft:
        draft.replace(path)


def write_first(path: Path, content: bytes, mode: int) -> None:
    """Write a file unless there is one; of several processes that try at once one succeeds."""
    with _draft(path, content, mode) as draft, suppress(FileExistsError):
        path.hardlink_to(draft)


def write_all(file: IO[bytes], batch: bytes) -> None:
    """Write the whole batch to an unbuffered file."""
    rest = memoryview(batch)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def _draft(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Write a draft beside `path` to disk and yield it; remove it afterwards and flush the folder."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            write_all(file, content)
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
