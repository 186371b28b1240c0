"""Reading request bodies: bounded in size and time, those of a few KB to memory, all others to disk.

The only asynchronous code of the service. Nothing here looks into a body: it is counted, hashed and kept.

What waits for disks has threads of its own, so that what is quick never waits behind it. Handlers share a
pool of forty threads. Fifty devices that upload keys would hold all of them, waiting for the disk, and a
device that asks for its job would wait for one of these to end.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Final, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, TryAgain
from quietkeys_protocol.json_bodies import AnswerBody
from quietkeys_trainer.engine.pressure import Overloaded, Pressure
from quietkeys_trainer.storage.blobs import full_disk_typed
from quietkeys_trainer.storage.files import write_all

PATIENCE_S: Final = 20.0  # for a body of any size
IDLE_S: Final = 10.0  # between two pieces of a body
SLOWEST: Final = 64 * 1024  # bytes a second, below which a body is too slow
LINGER_BYTES: Final = 256 * 1024  # read past a limit so that a sender slightly over it gets to see its answer
LINGER_S: Final = 1.0
BODY_BYTES: Final = "quietkeys.body_bytes"  # in a request's scope: how many it has brought
BATCH: Final = 1024 * 1024  # bytes hashed and written at a time, and the most of a body that is in memory

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lane:
    """Runs functions in threads, so many at once; others wait their turn without a thread."""

    name: str
    width: int
    _limiter: RunVar[anyio.CapacityLimiter] = field(init=False)  # one for every event loop

    def __post_init__(self) -> None:
        object.__setattr__(self, "_limiter", RunVar(self.name))

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run the function once the lane is free; return what it returns."""
        try:
            limiter = self._limiter.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(self.width)
            self._limiter.set(limiter)
        return await anyio.to_thread.run_sync(function, *arguments, limiter=limiter)


_SPOOLING: Final = Lane("spooling", 4)


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body in memory."""

    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class SpooledBody:
    """A whole body in a file without a name, which is gone when it is closed."""

    file: IO[bytes]
    size: int
    sha256: str

    @property
    def content(self) -> bytes:
        """All of it, read anew; for bodies that a handler needs whole."""
        self.file.seek(0)
        return self.file.read()


async def read_body(request: Request, limit: int) -> Body:
    """Read a body of at most `limit` bytes, which are few; return it."""
    content = b"".join([chunk async for chunk in _chunks(request, limit)])
    return Body(content, hashlib.sha256(content).hexdigest())


def answer_of(body: AnswerBody, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer that has this body."""
    return Response(body.to_json(), status, headers, "application/json")


async def _no_body(request: Request) -> Body:
    return await read_body(request, 0)


NoBody = Annotated[Body, Depends(_no_body)]  # of a route that takes none: the hash of no bytes


async def spool_body(request: Request, limit: int, folder: Path) -> SpooledBody:
    """Write a body of at most `limit` bytes to disk as it arrives; return it. The caller closes the file."""
    with full_disk_typed():
        file = await _SPOOLING.run(_nameless_file, folder)
    digest = hashlib.sha256()
    size = 0

    def keep(batch: bytes) -> None:
        digest.update(batch)
        with full_disk_typed():
            write_all(file, batch)

    try:
        async for batch in _batches(request, limit):
            await _SPOOLING.run(keep, batch)
            size += len(batch)
    except BaseException:
        file.close()
        raise
    return SpooledBody(file, size, digest.hexdigest())


def _nameless_file(folder: Path) -> IO[bytes]:
    """Make a file that no kill can leave behind; unbuffered, so that closing it has nothing left to write."""
    return tempfile.TemporaryFile(buffering=0, dir=folder)


async def _batches(request: Request, limit: int) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for chunk in _chunks(request, limit):
        waiting += chunk
        if len(waiting) >= BATCH:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


async def _chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; stop with an error at the limit or when it takes too long."""
    refusal: QuietkeysError | None = None
    if _announced(request) > limit:
        refusal = Refused(ErrorCode.BODY_TOO_LARGE, f"at most {limit} bytes")
    deadline = anyio.current_time() + PATIENCE_S + limit / SLOWEST
    stream = request.stream()
    size = 0
    while refusal is None:
        with anyio.move_on_after(min(IDLE_S, deadline - anyio.current_time())) as scope:
            chunk = await anext(stream, None)
        if scope.cancelled_caught:
            refusal = TryAgain(ErrorCode.BODY_TOO_SLOW)
            break
        if chunk is None:
            return
        size += len(chunk)
        request.scope[BODY_BYTES] = size
        if size > limit:
            refusal = Refused(ErrorCode.BODY_TOO_LARGE, f"at most {limit} bytes")
            break
        yield chunk
    if refusal.code is ErrorCode.BODY_TOO_LARGE:
        await _linger(stream)
    raise refusal


async def admit(request: Request, pressure: Pressure) -> None:
    """Raise `Overloaded` where no body should be read now; a small one is read and dropped first."""
    try:
        pressure.admit_body()
    except Overloaded:
        await _linger(request.stream())
        raise


async def _linger(stream: AsyncIterator[bytes]) -> None:
    """Read a little of what is not wanted, so that its sender gets to see the answer."""
    with anyio.move_on_after(LINGER_S):
        size = 0
        async for chunk in stream:
            size += len(chunk)
            if size > LINGER_BYTES:
                break


def _announced(request: Request) -> int:
    """Return the length that the request announces, 0 if none; the server has checked its form."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 16 else 0
