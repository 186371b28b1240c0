"""The blob store: one suite for a folder and for memory, and what only a folder can do wrong."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from quietkeys_protocol.errors import ErrorCode, Refused, TryAgain
from quietkeys_trainer.storage import blobs as blobs_module
from quietkeys_trainer.storage.blobs import (
    BlobDamagedError,
    Blobs,
    ObjectBlobs,
    folder_blobs,
    full_disk_typed,
    open_blobs,
)
from tests.trainer.bucket import Fault
from tests.trainer.stores import Services


@pytest.fixture
def bucket(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Blobs]:
    """An empty store on a server."""
    for name, value in services.bucket.environment().items():
        monkeypatch.setenv(name, value)
    yield open_blobs(services.bucket.new_store())
    services.bucket.fault = lambda _: None


@pytest.fixture(params=["folder", "memory", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """An empty store."""
    if request.param == "bucket":
        bucket: Blobs = request.getfixturevalue("bucket")
        return bucket
    return folder_blobs(tmp_path / "blobs") if request.param == "folder" else ObjectBlobs(MemoryStore())


def test_a_store_that_fails_now_and_then_is_asked_again(bucket: Blobs, services: Services) -> None:
    """Every second request that fails does not keep a large blob from being stored and read as it was."""
    content = bytes(12_000_000)
    turns = itertools.cycle([Fault.ERROR, None])
    services.bucket.fault = lambda _: next(turns)
    name = bucket.put(io.BytesIO(content), sha256(content))
    assert bucket.get(name) == content


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.CUT, Fault.SILENCE])
def test_a_store_that_fails_for_long_is_a_reason_to_try_later(
    services: Services, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """Errors, answers that break off and silence are one typed error, and what was stored stays."""
    for name, value in services.bucket.environment().items():
        monkeypatch.setenv(name, value)
    address = services.bucket.new_store()
    store = open_blobs(address)
    kept = store.put(b"kept", sha256(b"kept"))
    monkeypatch.setattr(blobs_module, "_CLIENT", {"timeout": timedelta(seconds=0.5)})
    monkeypatch.setattr(blobs_module, "_RETRIES", {"max_retries": 1, "retry_timeout": timedelta(seconds=2)})
    services.bucket.fault = lambda _: fault
    with pytest.raises(TryAgain) as caught:
        open_blobs(address).get(kept)
    assert caught.value.code is ErrorCode.TRAINER_BUSY
    services.bucket.fault = lambda _: None
    assert store.get(kept) == b"kept"


@pytest.mark.parametrize("address", ["gs://bucket", "http://host/x", "s3://"])
def test_what_is_no_store_is_refused(address: str) -> None:
    """An address that leads to no kind of store we know is said to be none."""
    with pytest.raises(Refused) as caught:
        open_blobs(address)
    assert caught.value.code is ErrorCode.STORAGE_ADDRESS_INVALID


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


def test_what_was_put_can_be_got(blobs: Blobs) -> None:
    """From bytes and from a file, small and of many parts, the same bytes come back."""
    for content in (b"x", bytes(12_000_000)):
        assert blobs.get(blobs.put(content, sha256(content))) == content
        assert blobs.get(blobs.put(io.BytesIO(content), sha256(content))) == content


def test_equal_bytes_are_two_blobs(blobs: Blobs) -> None:
    """Deleting one owner's blob leaves the other's."""
    one, two = blobs.put(b"same", sha256(b"same")), blobs.put(b"same", sha256(b"same"))
    assert one != two
    blobs.delete(one)
    blobs.delete(one)
    assert blobs.get(two) == b"same"
    with pytest.raises(BlobDamagedError):
        blobs.get(one)


def test_altered_bytes_are_noticed(blobs: Blobs) -> None:
    """A blob that is not what its name says is never returned."""
    name = blobs.put(b"altered", sha256(b"as it was"))
    with pytest.raises(BlobDamagedError):
        blobs.get(name)


def test_blobs_are_listed(blobs: Blobs) -> None:
    """A blob is listed with the time at which it was stored, by the store's own clock."""
    name = blobs.put(b"x", sha256(b"x"))
    ((found, stored_at),) = blobs.listed()
    assert found == name
    assert abs(stored_at - time.time()) < 900
    assert 0 <= blobs.clock() - stored_at < 900
    assert [found for found, _ in blobs.listed()] == [name]


def test_only_its_owner_may_read_the_folder(tmp_path: Path) -> None:
    """The folder is made with mode 0700."""
    folder_blobs(tmp_path / "blobs")
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


def test_unfinished_writes_are_cleared(tmp_path: Path) -> None:
    """What a killed process was writing goes when it is old; blobs and fresh writes stay."""
    blobs = folder_blobs(tmp_path)
    name = blobs.put(b"x", sha256(b"x"))
    for unfinished in ("#1", "#2"):
        (tmp_path / (name + unfinished)).write_bytes(b"half")
    os.utime(tmp_path / (name + "#1"), (1, 1))
    os.utime(tmp_path / name, (1, 1))
    blobs.clear_unfinished(time.time() - 3600)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, name + "#2"]


FILL = """
import hashlib, os, resource, sys
from pathlib import Path
from quietkeys_protocol.errors import TryAgain
from quietkeys_trainer.storage.blobs import folder_blobs
blobs = folder_blobs(Path(sys.argv[1]))
source = bytes(3_000_000) if sys.argv[2] == "bytes" else open(sys.argv[3], "rb")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    blobs.put(source, "0" * 64)
except TryAgain as error:
    print(error.code)
"""


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_a_write_that_finds_no_space_leaves_nothing(tmp_path: Path, kind: str) -> None:
    """A file system that takes no more is a typed error, and no part of the blob is left."""
    source = tmp_path / "source"
    source.write_bytes(bytes(3_000_000))
    command = [sys.executable, "-c", FILL, str(tmp_path / "blobs"), kind, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
    assert done.stdout.strip() == ErrorCode.DISK_FULL
    assert list((tmp_path / "blobs").iterdir()) == []


def test_other_errors_are_not_called_a_full_disk() -> None:
    """Only errors that say so are a full disk."""
    with pytest.raises(PermissionError), full_disk_typed():
        raise PermissionError(13, "not allowed")
    with pytest.raises(TryAgain), full_disk_typed():
        raise OSError(28, "full")


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """A disk that is not mounted for a while: under its path lies an empty folder."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()
    try:
        yield
    finally:
        folder.rmdir()
        aside.rename(folder)


@pytest.mark.parametrize("asked", ["put", "delete", "clock"])
def test_a_disk_that_goes_between_the_marker_and_the_write_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """What went to the folder beneath it is taken back, and nobody is told that it was done."""
    folder = tmp_path / "blobs"
    blobs = folder_blobs(folder, "1" * 32)
    blobs.put_marker()
    kept = blobs.put(b"kept", sha256(b"kept"))
    before = sorted(path.name for path in folder.iterdir())
    first = "put" if asked == "clock" else asked
    real = getattr(obstore, first)
    with ExitStack() as gone:

        def late(*arguments: object, **options: object) -> object:
            gone.enter_context(away(folder))
            monkeypatch.setattr(obstore, first, real)
            return real(*arguments, **options)

        monkeypatch.setattr(obstore, first, late)
        if asked == "clock":
            blobs.clock()
        else:
            with pytest.raises(TryAgain):
                blobs.put(b"new", sha256(b"new")) if asked == "put" else blobs.delete(kept)
        assert list(folder.iterdir()) == []
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("asked", ["get", "size"])
def test_what_is_missing_for_a_moment_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """A blob of a disk that was away for one look is not called damaged."""
    folder = tmp_path / "blobs"
    blobs = folder_blobs(folder, "1" * 32)
    blobs.put_marker()
    kept = blobs.put(b"kept", sha256(b"kept"))
    first = "get" if asked == "get" else "head"
    real = getattr(obstore, first)

    def early(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(obstore, first, real)
        with away(folder):
            return real(*arguments, **options)

    monkeypatch.setattr(obstore, first, early)
    assert (blobs.get(kept) == b"kept") if asked == "get" else (blobs.size(kept) == 4)
    blobs.delete(kept)
    with pytest.raises(BlobDamagedError):
        blobs.get(kept)
