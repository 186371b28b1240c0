"""Connections of strangers: how many there are, how long each may keep the trainer waiting, who goes first.

uvicorn answers whatever has arrived, and waits for the rest as long as a sender likes. Here a connection that
keeps the trainer waiting (for the head of a request, for its body, or for room to send the answer) may be
ended: after `HEAD_S` where a head has begun, or at once where a newer connection has no room. The one that
began to wait first goes first, so a device, which sends what it has to say at once, is let through however
many keep silent. Nobody is ended while being answered; where all are, there is room left for `/healthz`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from socket import socket
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from quietkeys_protocol.errors import ErrorCode, error_of
from quietkeys_trainer.http.app import answer_of_error

HEAD_S: Final = 10.0  # from the first byte of a head, or the opening of a connection, to the head's end
SWEEP_S: Final = 1.0
SPARE: Final = 16  # connections beyond all others, for those who ask whether the trainer is alive
OTHER_FILES: Final = (
    300  # open files besides connections: of the database 150, of bodies on their way to disk
)
BACKLOG: Final = 256
_HEALTH: Final = "/healthz"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be: in all, and from one address that is not a proxy's."""

    most: int = 512
    per_address: int = 64
    proxies: Sequence[str] = ()

    def fitted(self) -> Bounds:
        """Return these bounds, or less where the system allows this process fewer open files.

        It raises what this process allows itself to what the system does. A connection may have a body on
        disk, so it counts twice.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * (self.most + SPARE) + OTHER_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            return Bounds(
                max(SPARE, min(self.most, (soft - OTHER_FILES) // 2 - SPARE)), self.per_address, self.proxies
            )
        return self

    def is_proxy(self, address: str) -> bool:
        """Return whether connections from an address are not counted by it."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return True  # no address at all: a local socket
        return any(found in ipaddress.ip_network(network) for network in self.proxies)


@dataclass(slots=True)
class Room:
    """The connections of one server. Used by its event loop alone.

    ended: hears why a connection was ended: `full`, `slow`, `address`.
    """

    bounds: Bounds
    ended: Callable[[str], None] = lambda _: None
    _addresses: dict[Connection, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _waiting: OrderedDict[Connection, None] = field(default_factory=OrderedDict)  # the longest first

    def enter(self, connection: Connection, address: str) -> None:
        """Take a connection in, which sends next; end another one where there is no room for both."""
        self._addresses[connection] = address
        self._counts[address] += 1
        if self._counts[address] > self.bounds.per_address and not self.bounds.is_proxy(address):
            same = (one for one in self._waiting if self._addresses[one] == address)
            self._end(next(same, connection), "address")
        elif len(self._addresses) > self.bounds.most:
            longest = next(iter(self._waiting), None)
            if longest is not None:
                self._end(longest, "full")
            elif len(self._addresses) > self.bounds.most + SPARE:
                self._end(connection, "full")
            else:
                connection.app = _only_health(connection.app)
        if connection in self._addresses:
            self._waiting[connection] = None

    def leave(self, connection: Connection) -> None:
        """Take out a connection that is over; once is enough."""
        address = self._addresses.pop(connection, None)
        self._waiting.pop(connection, None)
        if address is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def waits(self, connection: Connection, is_waiting: bool) -> None:
        """Note whether the trainer waits for a connection; one that it waited for already keeps its turn."""
        if not is_waiting:
            self._waiting.pop(connection, None)
        elif connection in self._addresses:
            self._waiting.setdefault(connection)

    def sweep(self, now: float) -> None:
        """End the connections whose head takes too long."""
        for connection in [one for one in self._waiting if one.head_since < now - HEAD_S]:
            self._end(connection, "slow")

    def _end(self, connection: Connection, reason: str) -> None:
        self.ended(reason)
        self.leave(connection)
        connection.end()


class Connection(H11Protocol):
    """A connection that its room may end."""

    def __init__(self, room: Room, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._room = room
        self.head_since = time.monotonic()  # when a head began; infinite where none has
        self._is_made = False
        self._early = b""  # what came between the agreement on keys and `connection_made`

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take part; the room knows the connection already where it had to agree on keys first."""
        super().connection_made(transport)
        self._is_made = True
        self.head_since = time.monotonic()
        if transport.get_extra_info("sslcontext") is None:
            self._room.enter(self, _address_of(transport))
        if self._early:
            self.data_received(self._early)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be over."""
        self._room.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole, and wait for the rest."""
        if not self._is_made:
            self._early += data
            return
        if self.head_since == float("inf") and self._is_idle():
            self.head_since = time.monotonic()
        super().data_received(data)
        self._settle()

    def on_response_complete(self) -> None:
        """Wait for the next request, or answer one that has come already."""
        self._room.waits(self, False)  # its turn begins anew
        super().on_response_complete()
        self._settle()

    def pause_writing(self) -> None:
        """Wait for the peer to read its answer."""
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        self._settle()

    def end(self) -> None:
        """Drop the connection with whatever was to be sent."""
        if self.transport is not None:
            self.transport.abort()

    def _settle(self) -> None:
        """Tell the room what this connection waits for."""
        if not self._is_idle():
            self.head_since = float("inf")
        is_waiting = self._is_idle() or self.cycle.more_body or self.flow.write_paused
        self._room.waits(self, is_waiting)

    def _is_idle(self) -> bool:
        """Return whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete


class Handshake(asyncio.Protocol):
    """A connection that has yet to agree on keys; then it is `connection`'s."""

    def __init__(self, room: Room, connection: Connection, context: ssl.SSLContext) -> None:
        self._room, self._connection, self._context = room, connection, context
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream
        self._connection.transport = transport
        self._room.enter(self._connection, _address_of(transport))
        self._task = asyncio.get_running_loop().create_task(self._agree(transport))

    async def _agree(self, transport: asyncio.Transport) -> None:
        secured = None
        with suppress(OSError, TimeoutError):
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                self._connection,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HEAD_S,
            )
        if secured is None or secured.is_closing():
            self._room.leave(self._connection)
            transport.abort()
            return
        self._connection.connection_made(secured)


class BoundedServer(uvicorn.Server):
    """uvicorn, with a room for its connections."""

    def __init__(self, config: uvicorn.Config, room: Room) -> None:
        super().__init__(config)
        self._room = room

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen on these sockets."""
        loop = asyncio.get_running_loop()
        await self.lifespan.startup()
        self.servers = [
            await loop.create_server(self._accept, sock=one, backlog=BACKLOG) for one in sockets or []
        ]
        self._sweep(loop)
        self.started = True

    def _accept(self) -> asyncio.Protocol:
        connection = Connection(
            self._room, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        if self.config.ssl is None:
            return connection
        return Handshake(self._room, connection, self.config.ssl)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._room.sweep(time.monotonic())
        loop.call_later(SWEEP_S, self._sweep, loop)


def _only_health(app: ASGIApp) -> ASGIApp:
    """Return what answers that the process is alive, and everything else that it is busy."""
    busy = answer_of_error(error_of(ErrorCode.TRAINER_BUSY), {"Connection": "close", "Retry-After": "5"})

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["path"] == _HEALTH else busy)(scope, receive, send)

    return answer


def _address_of(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
