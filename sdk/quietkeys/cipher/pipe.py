"""Messages between the host and its encryption process: a verb and parts, length-prefixed, over two pipes.

length u32 of all that follows | verb u8 | count u16 | count x (length u32, bytes)       big-endian
"""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from threading import Event
from typing import Final

MAX_MESSAGE: Final = 1 << 26  # bytes; the largest is an update, under 2 MB
_CHUNK: Final = 1 << 16
_HEAD: Final = ">IBH"  # size of what follows, verb, number of parts
_TICK_S: Final = 0.1  # how late a wait may notice that it is to end


class Verb(IntEnum):
    """What a message asks for, or how an answer begins."""

    OPEN = 1
    GENERATE = 2
    EXPORT = 3
    ENCRYPT = 4
    DECRYPT = 5
    LOAD = 6
    SHARE = 7
    ADOPT = 8
    DONE = 100
    FAILED = 101


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer; parts may be private."""

    verb: Verb
    parts: tuple[bytes, ...] = field(default=(), repr=False)


class Broken(Exception):  # noqa: N818 - what the pipe is
    """The other end is gone, silent for too long, or makes no sense; or nobody waits for it any longer."""


def write_message(descriptor: int, message: Message) -> None:
    """Write one message. Raises `Broken` where nobody reads."""
    size = struct.calcsize(_HEAD) - 4 + sum(4 + len(part) for part in message.parts)
    pieces = [struct.pack(_HEAD, size, message.verb, len(message.parts))]
    for part in message.parts:
        pieces += [struct.pack(">I", len(part)), part]
    try:
        for piece in pieces:  # one by one: a message may have megabytes, and the host's memory is the app's
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        raise Broken from error


def read_message(descriptor: int, seconds: float | None = None, stop: Event | None = None) -> Message:
    """Return the next message, waiting at most `seconds` for all of it, and no longer once `stop` is set.

    Raises `Broken`.
    """
    patience = _Patience(None if seconds is None else time.monotonic() + seconds, stop)
    (size,) = struct.unpack(">I", _read(descriptor, 4, patience))
    if size > MAX_MESSAGE:
        raise Broken
    return _parse(_read(descriptor, size, patience))


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long to wait: for ever, until a deadline, until told otherwise."""

    deadline: float | None
    stop: Event | None

    def wait(self, descriptor: int) -> None:
        """Wait until there is something to read. Raises `Broken` if there is nothing in time."""
        if self.deadline is None and self.stop is None:
            return
        while True:
            left_s = _TICK_S if self.deadline is None else self.deadline - time.monotonic()
            if left_s < 0.0 or (self.stop is not None and self.stop.is_set()):
                raise Broken
            ready, _, _ = select.select([descriptor], [], [], min(left_s, _TICK_S))
            if ready:
                return


def _parse(body: bytes) -> Message:
    try:
        verb, count = struct.unpack_from(">BH", body)
        at, parts = 3, []
        for _ in range(count):
            (size,) = struct.unpack_from(">I", body, at)
            parts.append(body[at + 4 : at + 4 + size])
            at += 4 + size
        if at != len(body):
            raise Broken
        return Message(Verb(verb), tuple(parts))
    except (struct.error, ValueError) as error:
        raise Broken from error


def _read(descriptor: int, size: int, patience: _Patience) -> bytes:
    content = bytearray()
    while len(content) < size:
        patience.wait(descriptor)
        chunk = os.read(descriptor, min(_CHUNK, size - len(content)))
        if not chunk:
            raise Broken
        content += chunk
    return bytes(content)


def texts(parts: Sequence[bytes]) -> list[str]:
    """Return parts that are text as str."""
    return [part.decode("utf-8") for part in parts]
