"""Ends an exchange with the trainer when its time is up or the profile is closed.

A socket's timeout is for one silence. This is for the whole exchange, however little at a time it moves: the
connection is shut down under whoever is waiting on it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from quietkeys_protocol.errors import ErrorCode, TryAgain

TICK_S: Final = 0.1  # how late it may notice


class Watch:
    """Watches one exchange, the `with` block, which raises TryAgain (TRAINER_UNREACHABLE) if it is ended."""

    def __init__(self, limit_s: float, stop: threading.Event) -> None:
        """limit_s: how long the exchange may take. stop: ends it early."""
        self._limit_s = limit_s
        self._stop = stop
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._ended = ""  # why
        self._thread = threading.Thread(target=self._wait, name="quietkeys-watch", daemon=True)

    def follow(self, connection: socket.socket) -> None:
        """Shut this connection down as well. A duplicate is kept: TLS takes the socket itself over."""
        duplicate = connection.dup()
        with self._lock:
            self._connections.append(duplicate)
            if self._ended:
                _shut_down(duplicate)

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


class WatchedAdapter(HTTPAdapter):
    """Opens connections that a watch follows, from before the TLS handshake on."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def get_connection_with_tls_context(self, *arguments: Any, **named: Any) -> Any:
        """Return the pool for a request."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **named)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._watch)
        return pool


def _watched(kind: Any, watch: Watch) -> type[HTTPConnection]:
    class Watched(kind):  # type: ignore[misc]
        """A connection of this kind."""

        def _new_conn(self) -> socket.socket:
            connection: socket.socket = super()._new_conn()
            watch.follow(connection)
            return connection

    return Watched


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
