"""Messages between the host and its encryption process: a verb and parts, length-prefixed, over two pipes.

length u32 of all that follows | verb u8 | count u16 | count x (length u32, bytes)       big-endian
"""

from __future__ import annotations

import queue
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import IO, Final

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


def write_message(stream: IO[bytes], message: Message) -> None:
    """Write one message to an unbuffered stream. Raises `Broken` where nobody reads."""
    size = struct.calcsize(_HEAD) - 4 + sum(4 + len(part) for part in message.parts)
    pieces = [struct.pack(_HEAD, size, message.verb, len(message.parts))]
    for part in message.parts:
        pieces += [struct.pack(">I", len(part)), part]
    try:
        for piece in pieces:  # one by one: a message may have megabytes, and the host's memory is the app's
            rest = memoryview(piece)
            while rest:
                rest = rest[stream.write(rest) :]
    except (OSError, ValueError) as error:  # ValueError: closed by another thread
        raise Broken from error


def read_message(stream: IO[bytes]) -> Message:
    """Return the next message of an unbuffered stream, waiting for it. Raises `Broken`."""
    try:
        (size,) = struct.unpack(">I", _read(stream, 4))
        if size > MAX_MESSAGE:
            raise Broken
        return _parse(_read(stream, size))
    except (OSError, ValueError) as error:
        raise Broken from error


def exchange(
    to: IO[bytes], back: IO[bytes], request: Message, seconds: float, stop: threading.Event
) -> Message:
    """Send a request and return its answer, in `seconds` on the clock at most and until `stop` is set.

    A thread does it, because no system but POSIX can wait for a pipe with a limit. Raises `Broken`; then the
    caller ends the process at the other end and closes both streams, which ends the thread.
    """
    answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            write_message(to, request)
            answers.put(read_message(back))
        except Broken:
            answers.put(None)

    threading.Thread(target=ask, name="quietkeys pipe", daemon=True).start()
    deadline = time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0.0 and not stop.is_set():
        try:
            answer = answers.get(timeout=min(left_s, _TICK_S))
        except queue.Empty:
            continue
        if answer is None:
            break
        return answer
    raise Broken


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


def _read(stream: IO[bytes], size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        chunk = stream.read(min(_CHUNK, size - len(content)))
        if not chunk:
            raise Broken
        content += chunk
    return bytes(content)


def texts(parts: Sequence[bytes]) -> list[str]:
    """Return parts that are text as str."""
    return [part.decode("utf-8") for part in parts]
