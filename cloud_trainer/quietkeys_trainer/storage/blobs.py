"""Where ciphertexts lie: named by the SHA-256 of their bytes, written whole or not at all, never overwritten.

A name is the hash and a random suffix: two devices that store the same bytes own two blobs, and deleting one
leaves the other. Names are drawn here and never taken from a request. The store is a folder, or speaks S3; if
it fails or keeps silent it is asked again for a while, and the request may be repeated later.

A store carries the marker of the ledger that uses it. One that does not is not empty but unavailable: a disk
that is not mounted, a bucket of another name. Nothing is written to it, and nothing is taken for missing in
it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol, TypeVar

import obstore
import structlog
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

Found = TypeVar("Found")

MARKER: Final = "quietkeys-store"  # the object that holds the marker of the ledger whose store it is
_CLOCK: Final = "quietkeys-clock"  # an object that is written to see what time it is in the store
_MOST_MARKER_BYTES: Final = 64
_NAME: Final = re.compile(r"[0-9a-f]{64}-[0-9a-f]{16}")  # of a blob; whatever else lies there is not ours

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OS_ERROR: Final = re.compile(r"os error (\d+)")
_UNFINISHED: Final = re.compile(_NAME.pattern + r"#\d+")  # how LocalStore names what it is writing


class BlobDamagedError(Exception):
    """A stored blob is missing from a store that is there, or is not what its name says."""


class Blobs(Protocol):
    """A store of immutable blobs.

    Every method but the first raises `TryAgain` where the store does not carry its ledger's marker, and every
    one where it does not answer.
    """

    def is_ours(self) -> bool:
        """Return whether the store carries the marker, if one is asked for."""

    def require_marker(self) -> None:
        """Return where the store answers and carries the marker."""

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

    def listed(self) -> Iterator[tuple[str, float]]:
        """Yield the name of every blob, and when it was stored by the store's own clock, in Unix seconds."""

    def clock(self) -> float:
        """Return what time it is by the store's own clock, in Unix seconds."""

    def clear_unfinished(self, unix_time: float) -> None:
        """Remove what processes that died were writing before a time."""


@dataclass(frozen=True, slots=True)
class ObjectBlobs:
    """Blobs in an object store: a folder or a bucket.

    marker: what the store must carry; empty where none is asked for.
    """

    store: LocalStore | MemoryStore | S3Store
    marker: str = ""

    def found_marker(self) -> str:
        """Return the marker that the store carries, empty where it has none or is not there."""
        try:
            with _typed_errors():
                size = obstore.head(self.store, MARKER)["size"]
                content = obstore.get_range(self.store, MARKER, start=0, end=min(size, _MOST_MARKER_BYTES))
        except FileNotFoundError:
            return ""
        return content.to_bytes().decode("ascii", "replace")

    def put_marker(self) -> None:
        """Write the marker, in the place of any other."""
        with _typed_errors():
            obstore.put(self.store, MARKER, self.marker.encode())

    def is_ours(self) -> bool:
        """Return whether the store carries the marker, if one is asked for."""
        return not self.marker or self.found_marker() == self.marker

    def require_marker(self) -> None:
        """Return where the store answers and carries the marker."""
        if not self.is_ours():
            structlog.get_logger().error("store_without_marker")
            raise TryAgain(ErrorCode.TRAINER_BUSY)

    def put(self, source: bytes | IO[bytes], sha256: str) -> str:
        """Store the whole source; return its name."""
        self.require_marker()
        name = f"{sha256}-{secrets.token_hex(8)}"
        with _typed_errors():
            obstore.put(self.store, name, source, chunk_size=PART, max_concurrency=2)
        self._require_still(name)
        return name

    def get(self, name: str) -> bytes:
        """Return the bytes of a blob, checked against its name."""
        content = self._found(lambda: obstore.get(self.store, name).bytes().to_bytes())
        if hashlib.sha256(content).hexdigest() != name.partition("-")[0]:
            raise BlobDamagedError("altered")
        return content

    def size(self, name: str) -> int:
        """Return the bytes of a blob, counted."""
        return self._found(lambda: int(obstore.head(self.store, name)["size"]))

    def delete(self, name: str) -> None:
        """Remove a blob, if it is there."""
        self.require_marker()
        with suppress(FileNotFoundError), _typed_errors():
            obstore.delete(self.store, name)
        self.require_marker()  # else it may have been missing from another place

    def listed(self) -> Iterator[tuple[str, float]]:
        """Yield the name of every blob, and when it was stored by the store's own clock, in Unix seconds."""
        self.require_marker()
        with _typed_errors():
            for batch in obstore.list(self.store):
                for entry in batch:
                    if _NAME.fullmatch(entry["path"]):
                        yield entry["path"], entry["last_modified"].timestamp()
        self.require_marker()

    def clock(self) -> float:
        """Return what time it is by the store's own clock, in Unix seconds."""
        self.require_marker()
        try:
            with _typed_errors():
                obstore.put(self.store, _CLOCK, b"")
                at = obstore.head(self.store, _CLOCK)["last_modified"].timestamp()
                obstore.delete(self.store, _CLOCK)
        except FileNotFoundError as error:  # unmounted, or another process asked meanwhile
            raise TryAgain(ErrorCode.TRAINER_BUSY) from error
        return at

    def _found(self, look: Callable[[], Found]) -> Found:
        """Return what a look finds; only between two looks at the marker is it believed to be missing."""
        for _ in range(2):
            try:
                with _typed_errors():
                    return look()
            except FileNotFoundError:
                self.require_marker()
        raise BlobDamagedError("missing")

    def _require_still(self, name: str) -> None:
        """Return where the marker is there after a write too; else take back what went to another place.

        A disk that is unmounted between the check and the write leaves an empty folder under the same path.
        """
        try:
            self.require_marker()
        except TryAgain:
            with suppress(FileNotFoundError, TryAgain), _typed_errors():
                obstore.delete(self.store, name)
            raise

    def clear_unfinished(self, unix_time: float) -> None:
        """Remove what processes that died were writing before a time, which no listing shows."""
        self.require_marker()
        if isinstance(self.store, LocalStore) and self.store.prefix is not None:
            for path in Path(self.store.prefix).iterdir():
                if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < unix_time:
                    path.unlink(missing_ok=True)


def folder_blobs(folder: Path, marker: str = "") -> ObjectBlobs:
    """Make a folder for blobs unless it is there, readable by its owner only; return its blobs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ObjectBlobs(LocalStore(folder), marker)


def is_remote(address: str) -> bool:
    """Return whether the address of a store is a URL, and not a folder."""
    return "://" in address


def open_blobs(address: str, marker: str = "") -> ObjectBlobs:
    """Open blobs in a folder that is there, or under s3://BUCKET or s3://BUCKET/PREFIX.

    Credentials, region and endpoint of the latter are read from the environment (AWS_ACCESS_KEY_ID,
    AWS_ENDPOINT_URL and so on), never from an argument, which other users of a machine can see. Raises
    `Refused` where it is an address of neither, or there is no such folder (STORE_FOREIGN).
    """
    if not address.startswith(S3):
        if is_remote(address):
            raise Refused(ErrorCode.STORAGE_ADDRESS_INVALID, "blobs")
        if not Path(address).is_dir():
            raise Refused(ErrorCode.STORE_FOREIGN, f"there is no folder {address}")
        return ObjectBlobs(LocalStore(Path(address)), marker)
    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")  # whoever wrote that means it
    options: ClientConfig = {**_CLIENT, "allow_http": plain}
    try:
        store = S3Store.from_url(address, client_options=options, retry_config=_RETRIES)
    except (BaseError, ValueError) as error:
        raise Refused(ErrorCode.STORAGE_ADDRESS_INVALID, "blobs") from error
    return ObjectBlobs(store, marker)


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
