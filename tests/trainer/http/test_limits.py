"""Bodies and disks: what is too large, too slow, cut off, or finds no space."""

from __future__ import annotations

import hashlib
import json
import select
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
import requests
from sqlalchemy import event
from starlette.requests import Request
from starlette.types import Message

from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_trainer.http import request_bodies as bodies
from quietkeys_trainer.ledger.database import migrate, open_database
from quietkeys_trainer.ledger.devices_and_keys import Ledger
from tests.trainer.conftest import Rig
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import KEY_BYTES, PLAN, FakeEngine, wrap
from tests.trainer.running import (
    Trainer,
    fake_keys,
    fake_values,
    memory,
    open_files,
    peak_memory,
    running,
    wait_until,
)

LARGE_KEYS = 60_000_000  # bytes, as shipped plans have them


class Wire:
    """A connection on which anything can be said."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=900)

    def head(self, device: Device, method: str, path: str, body_sha256: str, *lines: str) -> None:
        """Sends a signed request up to where its body begins."""
        signed = [f"{name}: {value}" for name, value in device.sign(method, path, body_sha256).items()]
        text = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: trainer", *signed, *lines])
        self.socket.sendall(text.encode() + b"\r\n\r\n")

    def answer(self) -> tuple[int, str]:
        """Status and error code of the answer."""
        received = b""
        while b"\r\n\r\n" not in received or not received.rstrip().endswith(b"}"):
            part = self.socket.recv(65536)
            assert part, received
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)["error"]["code"]

    def push(self, part: bytes, most: int) -> int:
        """How many bytes were taken, of at most `most`, before the other side hung up."""
        sent = 0
        try:
            while sent < most:
                self.socket.sendall(part)
                sent += len(part)
        except OSError:
            pass
        return sent


@pytest.fixture
def wire(fake_rig: Rig) -> Iterator[Wire]:
    """A connection to the trainer."""
    wire = Wire(fake_rig.trainer.url)
    yield wire
    wire.socket.close()


def api_memory(trainer: Trainer) -> int:
    """Bytes that the API process holds."""
    assert trainer.process is not None
    return memory(trainer.process.pid)


@pytest.mark.parametrize("path", ["/v1/reports", "/v1/devices"])
def test_an_announced_length_beyond_the_limit_is_refused_unread(fake_rig: Rig, wire: Wire, path: str) -> None:
    """10 GB are refused by their announcement; not a byte of them need be sent."""
    wire.head(fake_rig.device(), "POST", path, "0" * 64, f"Content-Length: {10**10}")
    assert wire.answer() == (413, ErrorCode.BODY_TOO_LARGE)


def test_announced_keys_beyond_the_limit_are_refused_unread(fake_rig: Rig, wire: Wire) -> None:
    """So are keys, of which a request brings a part."""
    path, nothing = f"/v1/keys/{'0' * 64}/parts/0", "0" * 64
    wire.head(fake_rig.device(), "PUT", path, nothing, f"Content-Length: {10**10}")
    assert wire.answer() == (413, ErrorCode.BODY_TOO_LARGE)


def test_a_request_that_outlasts_a_stop_is_told_to_come_again(tmp_path: Path) -> None:
    """The server waits for what is under way, and then answers with a code, as it always does."""
    with running(tmp_path, "--workers", "0") as trainer:
        wire = Wire(trainer.url)
        wire.head(trainer.device(), "POST", "/v1/reports", "0" * 64, "Content-Length: 1000")
        assert requests.get(trainer.url + "/healthz", timeout=900).ok  # so the head was read too
        assert trainer.process is not None
        trainer.process.terminate()
        while not select.select([wire.socket], [], [], 1.0)[0]:
            wire.socket.sendall(b"x")  # a body that stood still would be given up before
        assert wire.answer() == (503, ErrorCode.TRAINER_BUSY)
        wire.socket.close()
        assert trainer.process.wait(900) == 0


def test_a_body_without_end_is_cut_off(fake_rig: Rig, wire: Wire) -> None:
    """A chunked body that never ends is read a little past the limit, then the connection is closed."""
    before = api_memory(fake_rig.trainer)
    wire.head(fake_rig.device(), "POST", "/v1/reports", "0" * 64, "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    assert wire.push(chunk, 200_000_000) < 50_000_000
    assert api_memory(fake_rig.trainer) - before < 20_000_000


def test_bodies_that_do_not_end_wait_on_disk(fake_rig: Rig) -> None:
    """Of sixty packages that have come all but their ends, what is in memory is a part of each at most."""
    device, count, size = fake_rig.device(), 60, 512 * 1024
    assert fake_rig.trainer.process is not None
    pid = fake_rig.trainer.process.pid
    path = f"/v1/circle/mail/{device.device_id}"
    with ExitStack() as stack:
        for _ in range(count):
            wire = Wire(fake_rig.trainer.url)
            stack.callback(wire.socket.close)
            wire.head(device, "PUT", path, "0" * 64, f"Content-Length: {size}")
            wire.socket.sendall(bytes(size - 1))
        wait_until(lambda: nameless_bytes(pid) >= count * (size - bodies.BATCH))
    wait_until(lambda: nameless_bytes(pid) == 0)


def nameless_bytes(pid: int) -> int:
    """The size of all files without a name that a process has open."""
    size = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(link.readlink()).endswith(" (deleted)"):
                size += link.stat().st_size
    return size


def test_a_get_takes_no_body(fake_rig: Rig) -> None:
    """A body where none belongs is too large."""
    device = fake_rig.device()
    assert code(device.send("GET", f"/v1/plans/{fake_rig.plan.hash}", b"x")) == (
        413,
        ErrorCode.BODY_TOO_LARGE,
    )


def test_an_upload_that_breaks_off_leaves_nothing(fake_rig: Rig) -> None:
    """A connection that ends in the middle of a part leaves nothing of it, and the next upload works."""
    device, keys = fake_rig.device(), fake_keys(b"broken off")
    key_id = hashlib.sha256(keys).hexdigest()
    before = fake_rig.trainer.stored()
    wire = Wire(fake_rig.trainer.url)
    wire.head(device, "PUT", f"/v1/keys/{key_id}/parts/0", key_id, f"Content-Length: {len(keys)}")
    wire.socket.sendall(keys[: len(keys) // 2])
    wire.socket.close()
    assert device.put_keys(keys).json()["state"] == "stored"
    assert len(fake_rig.trainer.stored()) == len(before) + 1
    assert list((fake_rig.trainer.folder / "state" / "spool").iterdir()) == []


def test_what_is_no_http_harms_nobody(fake_rig: Rig, wire: Wire) -> None:
    """Garbage on the connection is answered or dropped, and the next request is served."""
    wire.socket.sendall(b"\x16\x03\x01\x02\x00" + bytes(range(256)) * 10 + b"\r\n\r\n")
    wire.socket.recv(4096)
    fake_rig.device()


def test_headers_without_end_are_refused(fake_rig: Rig, wire: Wire) -> None:
    """A megabyte of headers is not collected."""
    assert wire.push(
        b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 1_000_000, 20_000_000
    ) < 20_000_000 or wire.socket.recv(9)
    fake_rig.device()


def test_keys_never_lie_in_memory_whole(tmp_path: Path) -> None:
    """Uploading 60 MB of keys costs the API process a fraction of that."""
    keys = wrap(FakeEngine(key_bytes=LARGE_KEYS).frames.keys, b"large")
    with running(tmp_path, "--workers", "0", **{KEY_BYTES: str(LARGE_KEYS)}) as trainer:
        device = trainer.device()
        assert device.put_keys(b"warm up").status_code == 200
        before = api_memory(trainer)
        assert device.put_keys(keys).json()["state"] == "stored"
        assert trainer.process is not None
        assert peak_memory(trainer.process.pid) - before < LARGE_KEYS // 2


def test_a_full_disk_is_said_and_stores_nothing_by_half(tmp_path: Path) -> None:
    """Keys that find no space get 507 and leave nothing; small things go on; with space all is well."""
    with running(tmp_path, "--workers", "0", QUIETKEYS_TEST_LARGEST_FILE="1000000") as trainer:
        device, keys = trainer.device(), fake_keys(b"one")
        for part_bytes, kept in ((2_000_000, ("absent", 0)), (700_000, ("partial", 700_000))):
            assert code(device.put_keys(keys, part_bytes)) == (507, ErrorCode.DISK_FULL)
            assert device.key_state(keys) == kept
        assert trainer.stored() == []
        assert list((tmp_path / "state" / "spool").iterdir()) == []
        (upload,) = (tmp_path / "state" / "uploads").iterdir()
        assert upload.stat().st_size == 700_000
        report = device.report(PLAN.hash, keys, fake_values(b"x"))
        assert code(device.post(report)) == (404, ErrorCode.KEY_UNKNOWN)
        assert device.send("GET", f"/v1/plans/{PLAN.hash}").status_code == 200
        trainer.stop()
        trainer.environment.clear()
        trainer.start("--workers", "0")
        device.url = trainer.url
        key_id = hashlib.sha256(keys).hexdigest()
        assert device.put_part(key_id, 700_000, keys[700_000:]).json()["state"] == "stored"
        assert device.post(report).status_code == 202


def test_a_full_database_is_said(tmp_path: Path) -> None:
    """A ledger that cannot grow refuses with the same error, and keeps what it has."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrate(database)
    ledger = Ledger(database)
    ledger.enrol("a" * 32, bytes(32), 0)
    database.dispose()

    def shrink(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # of what it has already

    event.listen(database, "connect", shrink)
    with pytest.raises(TryAgain) as caught:
        for number in range(1000):
            ledger.enrol(f"{number:032x}", bytes(32), 0)
    assert caught.value.code is ErrorCode.DISK_FULL
    assert ledger.public_key("a" * 32) == bytes(32)
    database.dispose()


def test_a_busy_database_is_said(tmp_path: Path) -> None:
    """A ledger that another process keeps locked refuses for now."""
    database = open_database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    migrate(database)

    def impatient(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    event.listen(database, "connect", impatient)
    database.dispose()
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TryAgain) as caught:
        Ledger(database).enrol("a" * 32, bytes(32), 0)
    assert caught.value.code is ErrorCode.TRAINER_BUSY
    other.close()
    database.dispose()


def test_a_body_that_arrives_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that keeps quiet is not waited for longer than the size allows."""
    monkeypatch.setattr(bodies, "PATIENCE_S", 0.05)

    async def silence() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "headers": []}, silence)
    with pytest.raises(TryAgain) as caught:
        anyio.run(bodies.read_body, request, 100)
    assert caught.value.code is ErrorCode.BODY_TOO_SLOW


def test_the_service_survives_many_broken_connections(fake_rig: Rig) -> None:
    """A hundred uploads that are dropped at once leave the service answering, with no open files behind."""
    assert fake_rig.trainer.process is not None
    pid = fake_rig.trainer.process.pid
    device = fake_rig.device()
    before = open_files(pid)
    for number in range(100):
        wire = Wire(fake_rig.trainer.url)
        key_id = f"{number:064x}"
        wire.head(device, "PUT", f"/v1/keys/{key_id}/parts/0", key_id, "Content-Length: 2000000")
        wire.socket.sendall(bytes(1000))
        wire.socket.close()
    wait_until(lambda: open_files(pid) < before + 60)
    assert device.send("GET", f"/v1/plans/{fake_rig.plan.hash}").status_code == 200
