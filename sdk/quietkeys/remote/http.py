"""How requests reach the trainer: one method, over HTTP by requests, or whatever an app brings along.

Nothing here knows what a body means, follows a redirect, or reads more of an answer than it was told to.
"""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from quietkeys.files import translated
from quietkeys.remote.trust import trainer_address
from quietkeys_protocol.errors import ErrorCode, TryAgain, Untrusted

CONNECT_S: Final = 10.0
SILENCE_S: Final = 30.0  # longest pause while an answer arrives, or while it is waited for
EXCHANGE_S: Final = 150.0  # for a whole exchange, besides the time that its body may take:
SLOWEST_BYTES_PER_S: Final = 16 * 1024  # of a body; a weak 3G uplink carries twice that
TICK_S: Final = 0.1  # how late a deadline may be noticed
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: opened anew for every attempt; sha256 in hex, size in bytes."""

    open: Callable[[], BinaryIO]
    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Body:
        """Return a body in memory."""
        return cls(lambda: io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Body:
        """Return a body that is read from a file as it is sent. Raises TryAgain (STORAGE_FAILED)."""
        with translated(), path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return cls(lambda: path.open("rb"), stream.tell(), digest)


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt: method, path on the trainer, headers, body, and the most bytes its answer may have."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Body
    answer_limit: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name, and content."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class Transport(Protocol):
    """Sends one request and returns its answer."""

    def send(self, request: Request) -> Answer:
        """Return the answer, whatever its status.

        Raises TryAgain (TRAINER_UNREACHABLE) if none came, Untrusted (TRAINER_GARBLED) if it is too large or
        not an answer.
        """


class RequestsTransport:
    """HTTP with requests: proxies and passwords of the environment are not used, certificates are checked.

    Every exchange has a connection of its own, so that it can be ended without regard to another.
    """

    def __init__(
        self, url: str, stop: threading.Event | None = None, certificates: Path | None = None
    ) -> None:
        """url: see `trust.trainer_address`. stop: ends the exchange under way, and all later ones.

        certificates: a PEM file of the authorities to trust, instead of the public ones.
        """
        self._url = trainer_address(url)
        self._verify: bool | str = True if certificates is None else str(certificates)
        self._stop = threading.Event() if stop is None else stop

    def send(self, request: Request) -> Answer:
        """Send; see `Transport`. A trainer that takes or answers it too slowly is unreachable."""
        limit_s = EXCHANGE_S + request.body.size / SLOWEST_BYTES_PER_S
        with Deadline(limit_s, self._stop) as deadline, requests.Session() as session:
            session.trust_env = False
            session.verify = self._verify
            for scheme in ("https://", "http://"):
                session.mount(scheme, _Adapter(deadline))
            return self._exchange(session, request)

    def _exchange(self, session: requests.Session, request: Request) -> Answer:
        headers = {"Accept-Encoding": "identity", "Connection": "close", **request.headers}
        try:
            with translated():
                stream = request.body.open()
            with stream:
                response = session.request(
                    request.method,
                    self._url + request.path,
                    data=stream if request.body.size else None,
                    headers=headers,
                    timeout=(CONNECT_S, SILENCE_S),
                    allow_redirects=False,
                    stream=True,
                )
            with response:
                content = _read(response, request.answer_limit)
                return Answer(
                    response.status_code,
                    {name.lower(): value for name, value in response.headers.items()},
                    content,
                )
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Untrusted(ErrorCode.TRAINER_GARBLED, "its certificate is not trusted") from error
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE) from error
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE) from error
        except urllib3.exceptions.ProtocolError as error:
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE, "the answer broke off") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise Untrusted(ErrorCode.TRAINER_GARBLED, "not HTTP") from error
        except OSError as error:
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE) from error


@dataclass(frozen=True, slots=True)
class StoppableTransport:
    """Sends nothing any more once it is told to stop; what is under way is the inner transport's matter."""

    inner: Transport
    stop: threading.Event

    def send(self, request: Request) -> Answer:
        """Send; see `Transport`."""
        if self.stop.is_set():
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE, "stopped")
        return self.inner.send(request)


class Deadline:
    """Ends an exchange, the `with` block, when its time is up or the profile is closed.

    A socket's timeout is for one silence; this is for the whole exchange, however little at a time it moves.
    The connection is shut down under whoever waits on it. Raises TryAgain (TRAINER_UNREACHABLE) then.
    """

    def __init__(self, limit_s: float, stop: threading.Event) -> None:
        """limit_s: how long the exchange may take. stop: ends it early."""
        self._limit_s = limit_s
        self._stop = stop
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._ended = ""  # why
        self._thread = threading.Thread(target=self._wait, name="quietkeys-deadline", daemon=True)

    def follow(self, connection: socket.socket) -> socket.socket:
        """Return this connection, which is to end as well."""
        duplicate = connection.dup()  # TLS takes the socket itself over
        with self._lock:
            self._connections.append(duplicate)
            if self._ended:
                _shut_down(duplicate)
        return connection

    def __enter__(self) -> Self:
        if self._stop.is_set():
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE, "stopped")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        for connection in self._connections:
            connection.close()
        if self._ended:
            raise TryAgain(ErrorCode.TRAINER_UNREACHABLE, self._ended) from error

    def _wait(self) -> None:
        deadline = time.monotonic() + self._limit_s
        while not self._done.wait(TICK_S):
            if self._stop.is_set():
                return self._end("stopped")
            if time.monotonic() > deadline:
                return self._end("too slow")
        return None

    def _end(self, reason: str) -> None:
        with self._lock:
            self._ended = reason
            for connection in self._connections:
                _shut_down(connection)


class _Adapter(HTTPAdapter):
    """Opens connections that a deadline ends."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """Have urllib3 make our connections: its own SOCKS support hooks in by the same names."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _pools(self._deadline)


def _pools(deadline: Deadline) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    # A deadline has to see a socket before the TLS handshake, which a trainer may draw out as well.
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.follow(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.follow(super()._new_conn())

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _read(response: requests.Response, limit: int) -> bytes:
    # As it arrives and never decoded, so that a compressed bomb does not get far.
    if "content-encoding" in response.headers:
        raise Untrusted(ErrorCode.TRAINER_GARBLED, "encoded")
    content = bytearray()
    while chunk := response.raw.read1(_CHUNK, decode_content=False):
        content += chunk
        if len(content) > limit:
            raise Untrusted(ErrorCode.TRAINER_GARBLED, f"more than {limit} bytes")
    return bytes(content)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
