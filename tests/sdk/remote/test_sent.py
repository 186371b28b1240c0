"""What is said to have left is what left: compared with a tap on the wire, byte for byte."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from quietkeys import Deletion, Outcome, Personalizer, QuietkeysError, Sent
from quietkeys.profile.database import Database
from quietkeys.remote.http import Answer, Body, Request, RequestsTransport
from quietkeys.remote.sent import HEAD_BYTES, SentRecord
from quietkeys.vault.sealing import DataKey
from quietkeys_protocol.errors import ErrorCode, TryAgain
from quietkeys_protocol.signing import (
    DEVICE_HEADER,
    IDEMPOTENCY_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
)
from tests.sdk.conftest import Rig
from tests.sdk.http_trainer import body_of, reply, serving
from tests.sdk.transports import Unreachable

OURS = {DEVICE_HEADER, TIME_HEADER, NONCE_HEADER, SIGNATURE_HEADER, IDEMPOTENCY_HEADER}
EVERYBODYS = {"Accept", "Accept-Encoding", "Connection", "Content-Length", "Host", "User-Agent"}


@dataclass(slots=True)
class Tap:
    """What came over the wire, in order: method, path and body of each request, and names of headers."""

    came: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)
    arrived: Callable[[], None] = lambda: None

    @contextmanager
    def before(self, rig: Rig) -> Iterator[str]:
        """Listen in front of a trainer; the address."""

        def handle(handler: BaseHTTPRequestHandler) -> None:
            content = body_of(handler)
            self.came.append((handler.command, handler.path, content))
            self.headers |= set(handler.headers)
            self.arrived()
            body = Body(lambda: io.BytesIO(content), len(content), "")
            request = Request(handler.command, handler.path, dict(handler.headers.items()), body, 1 << 30)
            answer = rig.trainer.send(request)
            reply(handler, answer.status, answer.content)

        with serving(handle) as url:
            rig.url, rig.transport = url, None
            yield url


def told(sent: tuple[Sent, ...]) -> list[tuple[str, str, int, str, bytes]]:
    """What the device says that it sent."""
    return [(one.method, one.path, one.size, one.sha256, one.head) for one in sent]


def tapped(tap: Tap) -> list[tuple[str, str, int, str, bytes]]:
    """The same of what came over the wire."""
    return [
        (method, path, len(body), hashlib.sha256(body).hexdigest(), body[:HEAD_BYTES])
        for method, path, body in tap.came
    ]


def test_every_byte_on_the_wire_is_told_while_it_leaves_and_after_reopening(rig: Rig) -> None:
    """As each request has arrived, with the sync under way; then when it is over; then reopened."""
    tap = Tap()
    during: list[bool] = []
    with tap.before(rig) as url:
        with rig.open_learned() as keyboard:
            tap.arrived = lambda: during.append(told(keyboard.sent()) == tapped(tap))
            assert keyboard.sent() == ()
            assert keyboard.sync().outcome is Outcome.APPLIED
            after = keyboard.sent()
        with rig.open() as again:
            assert again.sent() == after
    assert during == [True] * len(tap.came)
    assert len(tap.came) >= 6
    assert told(after) == tapped(tap)
    assert all(one.trainer == url and 200 <= one.status < 300 for one in after)
    assert sum(one.received for one in after) > 1000
    assert tap.headers <= OURS | EVERYBODYS


def test_a_body_that_is_cut_off_is_told_as_far_as_it_went(rig: Rig) -> None:
    """Never less than arrived; of a trainer that cannot be reached, nothing."""
    came: list[int] = []

    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        came.append(len(handler.rfile.read(100_000)))
        handler.close_connection = True
        handler.connection.close()

    record = SentRecord(Database.in_memory(DataKey.generate()), lambda: 7.0)
    with serving(hang_up) as url:
        transport = RequestsTransport(url)
        with pytest.raises(TryAgain):
            record.carried(Request("PUT", "/", {}, Body.of(bytes(20_000_000)), 10), url, transport.send)
    with pytest.raises(TryAgain):
        record.carried(Request("PUT", "/", {}, Body.of(bytes(9)), 10), "there", Unreachable().send)
    first, second = record.all()
    assert came[0] <= first.size < 20_000_000
    assert (first.status, first.time, second.size, second.status) == (0, 7.0, 0, 0)


def test_what_the_end_of_the_program_cuts_off_is_told_whole() -> None:
    """All of it may have left: it is on record before its first byte is read."""
    database = Database.in_memory(DataKey.generate())
    found: list[Sent] = []

    def dies(request: Request) -> Answer:
        found.extend(SentRecord(database, lambda: 0.0).all())  # what a later start would read
        return Answer(200, {}, b"four")

    SentRecord(database, lambda: 0.0).carried(
        Request("POST", "/v1/reports", {}, Body.of(b"abc"), 9), "", dies
    )
    assert told(tuple(found)) == [
        ("POST", "/v1/reports", 3, hashlib.sha256(b"abc").hexdigest(), b"abc"),
    ]


def test_what_cannot_be_put_on_record_does_not_leave(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the sync ends before the first request."""

    def full(*_: object) -> int:
        raise TryAgain(ErrorCode.DISK_FULL)

    with rig.open_learned() as keyboard:
        monkeypatch.setattr(keyboard._link.sent._rows, "add", full)
        with pytest.raises(QuietkeysError, match="no space"):
            keyboard.sync()
    assert rig.trainer.requests == []


def deletions(keyboard: Personalizer) -> list[str]:
    """The methods of all that is on record."""
    return [one.method for one in keyboard.sent()]


def test_a_wipe_leaves_on_record_what_left_after_it(rig: Rig) -> None:
    """The deletion at the trainer, and the look whether it is gone."""
    with rig.open_learned() as keyboard:
        keyboard.sync()
        before = len(rig.trainer.requests)
        assert keyboard.forget() is Deletion.CONFIRMED
        assert [(one.method, one.path) for one in keyboard.sent()] == rig.trainer.requests[before:]
        assert deletions(keyboard) == ["DELETE", "GET"]
