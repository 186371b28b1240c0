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
from functools import lru_cache
from socket import socket
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from quietkeys_protocol.errors import ErrorCode, error_of
from quietkeys_trainer.http.app import answer_of_error
from quietkeys_trainer.service.addresses import Strangers, network_of

HEAD_S: Final = 10.0  # from the first byte of a head, or the opening of a connection, to the head's end
FLOOD_PAUSE_S: Final = 10.0  # until a connection from an address that has sent too much is read
SWEEP_S: Final = 1.0
SPARE: Final = 16  # connections beyond all others, for those who ask whether the trainer is alive
OTHER_FILES: Final = (
    300  # open files besides connections: of the database 150, of bodies on their way to disk
)
BACKLOG: Final = 4096  # as many as the system lets wait, so that nobody has to knock twice
AT_ONCE: Final = 16  # connections taken in at a time, so that those that are there do not wait
CLOSED_AT_ONCE: Final = 256  # of those that are closed instead: 10 ms
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
        return _is_among(address, tuple(self.proxies))


@dataclass(slots=True)
class Room:
    """The connections of one server. Used by its event loop alone.

    ended: hears why a connection was ended: `full`, `slow`, `address`. strangers: counts what comes from an
    address.
    """

    bounds: Bounds
    ended: Callable[[str], None] = lambda _: None
    strangers: Strangers = field(default_factory=Strangers)
    _addresses: dict[Connection, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _waiting: OrderedDict[Connection, None] = field(default_factory=OrderedDict)  # the longest first

    def enter(self, connection: Connection, address: str) -> None:
        """Take a connection in, which sends next; end another one where there is no room for both."""
        is_proxy, address = self.bounds.is_proxy(address), network_of(address)
        self._addresses[connection] = address
        self._counts[address] += 1
        if self._counts[address] > self.bounds.per_address and not is_proxy:
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

    def takes(self, address: str) -> bool:
        """Return whether an address may have a connection; note that it has asked for one."""
        if self.bounds.is_proxy(address) or self.strangers.connects(address):
            return True
        self.ended("address")
        return False

    def pause_s(self, address: str) -> float:
        """Return for how long a new connection is left unread: of an address that floods, a while."""
        is_slow = not self.bounds.is_proxy(address) and self.strangers.is_flooding(address)
        return FLOOD_PAUSE_S if is_slow else 0.0

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
            address = _address_of(transport)
            self._room.enter(self, address)
            self._rest(self._room.pause_s(address))
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

    def _rest(self, pause_s: float) -> None:
        """Leave unread for a while what comes."""
        if pause_s:
            self.head_since += pause_s
            self.flow.pause_reading()
            self.loop.call_later(pause_s, self.flow.resume_reading)

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
        address = _address_of(transport)
        self._room.enter(self._connection, address)
        pause_s = self._room.pause_s(address)
        self._connection.head_since += pause_s
        self._task = asyncio.get_running_loop().create_task(self._agree(transport, pause_s))

    async def _agree(self, transport: asyncio.Transport, pause_s: float) -> None:
        if pause_s:
            transport.pause_reading()
            await asyncio.sleep(pause_s)
            transport.resume_reading()
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


class Door(socket):
    """A listening socket that hands on what its room takes; the rest costs next to nothing."""

    def __init__(self, listening: socket, room: Room) -> None:
        super().__init__(listening.family, listening.type, listening.proto, listening.detach())
        self._room = room

    def accept(self) -> tuple[socket, Any]:
        """Return the next connection that is taken; raise `BlockingIOError` where there is none now."""
        for _ in range(CLOSED_AT_ONCE):
            connection, peer = super().accept()
            if not isinstance(peer, tuple) or self._room.takes(str(peer[0])):
                return connection, peer
            connection.close()
        raise BlockingIOError


class BoundedServer(uvicorn.Server):
    """uvicorn, with a room for its connections."""

    def __init__(self, config: uvicorn.Config, room: Room) -> None:
        super().__init__(config)
        self._room = room

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen on these sockets."""
        loop = asyncio.get_running_loop()
        await self.lifespan.startup()
        doors = [Door(one, self._room) for one in sockets or []]
        self.servers = [await loop.create_server(self._accept, sock=one, backlog=AT_ONCE) for one in doors]
        for one in doors:
            one.listen(BACKLOG)  # asyncio also means how many it takes in at a time
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


@lru_cache(maxsize=4096)
def _is_among(address: str, networks: tuple[str, ...]) -> bool:
    """Return whether an address is in one of these networks; what is no address is a local socket, and is."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return any(found in ipaddress.ip_network(network) for network in networks)


def _only_health(app: ASGIApp) -> ASGIApp:
    """Return what answers that the process is alive, and everything else that it is busy."""
    busy = answer_of_error(error_of(ErrorCode.TRAINER_BUSY), {"Connection": "close", "Retry-After": "5"})

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["path"] == _HEALTH else busy)(scope, receive, send)

    return answer


def _address_of(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
