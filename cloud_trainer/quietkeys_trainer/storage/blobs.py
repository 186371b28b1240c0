"""Where ciphertexts lie: named by the SHA-256 of their bytes, written whole or not at all, never overwritten.

A name is the hash and a random suffix: two devices that store the same bytes own two blobs, and deleting one
leaves the other. Names are drawn here and never taken from a request. The store is a folder, or speaks S3; if
it fails or keeps silent it is asked again for a while, and the request may be repeated later.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

PART: Final = 5 * 1024 * 1024  # bytes of a large blob that are in memory at a time, twice
STALE_S: Final = 3600  # a write that has not finished in this time never will

S3: Final = "s3://"
_CLIENT: Final[ClientConfig] = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=30)}
_RETRIES: Final[RetryConfig] = {
    "max_retries": 4,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    "retry_timeout": timedelta(seconds=20),
}

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OS_ERROR: Final = re.compile(r"os error (\d+)")
_UNFINISHED: Final = re.compile(r"[0-9a-f]{64}-[0-9a-f]{16}#\d+")  # how LocalStore names what it is writing


class BlobDamagedError(Exception):
    """A stored blob is missing, or is not what its name says."""


class Blobs(Protocol):
    """A store of immutable blobs."""

    def put(self, source: bytes | IO[bytes], sha256: str) -> str:
        """Store the whole source; return its name. Raises `TryAgain` where there is no space."""

    def get(self, name: str) -> bytes:
        """Return the bytes of a blob, checked against its name.

        Raises `BlobDamagedError` where they are not there.
        """

    def size(self, name: str) -> int:
        """Return the bytes of a blob, counted; raise `BlobDamagedError` where it is missing."""

    def delete(self, name: str) -> None:
        """Remove a blob, if it is there."""

    def older_than(self, unix_time: float) -> Iterator[str]:
        """Yield the names of blobs stored before a time."""

    def clear_unfinished(self, unix_time: float) -> None:
        """Remove what processes that died were writing before a time."""


@dataclass(frozen=True, slots=True)
class ObjectBlobs:
    """Blobs in an object store: a folder or a bucket."""

    store: LocalStore | MemoryStore | S3Store

    def put(self, source: bytes | IO[bytes], sha256: str) -> str:
        """Store the whole source; return its name."""
        name = f"{sha256}-{secrets.token_hex(8)}"
        with _typed_errors():
            obstore.put(self.store, name, source, chunk_size=PART, max_concurrency=2)
        return name

    def get(self, name: str) -> bytes:
        """Return the bytes of a blob, checked against its name."""
        try:
            with _typed_errors():
                content = obstore.get(self.store, name).bytes().to_bytes()
        except FileNotFoundError as error:
            raise BlobDamagedError("missing") from error
        if hashlib.sha256(content).hexdigest() != name.partition("-")[0]:
            raise BlobDamagedError("altered")
        return content

    def size(self, name: str) -> int:
        """Return the bytes of a blob, counted."""
        try:
            with _typed_errors():
                return int(obstore.head(self.store, name)["size"])
        except FileNotFoundError as error:
            raise BlobDamagedError("missing") from error

    def delete(self, name: str) -> None:
        """Remove a blob, if it is there."""
        try:
            with _typed_errors():
                obstore.delete(self.store, name)
        except FileNotFoundError:
            return

    def older_than(self, unix_time: float) -> Iterator[str]:
        """Yield the names of blobs stored before a time."""
        with _typed_errors():
            for batch in obstore.list(self.store):
                for entry in batch:
                    if entry["last_modified"].timestamp() < unix_time:
                        yield entry["path"]

    def clear_unfinished(self, unix_time: float) -> None:
        """Remove what processes that died were writing before a time, which no listing shows."""
        if isinstance(self.store, LocalStore) and self.store.prefix is not None:
            for path in Path(self.store.prefix).iterdir():
                if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < unix_time:
                    path.unlink(missing_ok=True)


def folder_blobs(folder: Path) -> ObjectBlobs:
    """Make a folder for blobs unless it is there, readable by its owner only; return its blobs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ObjectBlobs(LocalStore(folder))


def open_blobs(address: str) -> ObjectBlobs:
    """Open blobs in a folder, or under s3://BUCKET or s3://BUCKET/PREFIX.

    Credentials, region and endpoint of the latter are read from the environment (AWS_ACCESS_KEY_ID,
    AWS_ENDPOINT_URL and so on), never from an argument, which other users of a machine can see. Raises
    `Refused` where it is an address of neither.
    """
    if not address.startswith(S3):
        if "://" in address:
            raise Refused(ErrorCode.STORAGE_ADDRESS_INVALID, "blobs")
        return folder_blobs(Path(address))
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")  # whoever wrote that means it
    options: ClientConfig = {**_CLIENT, "allow_http": plain}
    try:
        store = S3Store.from_url(address, client_options=options, retry_config=_RETRIES)
    except (BaseError, ValueError) as error:
        raise Refused(ErrorCode.STORAGE_ADDRESS_INVALID, "blobs") from error
    return ObjectBlobs(store)


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Turn what a store says when it cannot serve now into errors after which one may try again."""
    try:
        with full_disk_typed():
            yield
    except BaseError as error:
        raise TryAgain(ErrorCode.TRAINER_BUSY) from error


@contextmanager
def full_disk_typed() -> Iterator[None]:
    """Turn the ways in which a file or a store says that it is full into the one error for it."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise TryAgain(ErrorCode.DISK_FULL) from error
        raise
    except BaseError as error:
        found = _OS_ERROR.search(str(error))
        if found is not None and int(found[1]) in _FULL:
            raise TryAgain(ErrorCode.DISK_FULL) from error
        raise
