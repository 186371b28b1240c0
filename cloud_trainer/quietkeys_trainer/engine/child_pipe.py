"""Between the engine and its children: count u32, then count x (length u64, bytes), big-endian."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Final

MAX_PARTS: Final = 4096
MAX_REQUEST_BYTES: Final = 256 << 20  # evaluation keys have 51 MB, eight reports under 1 MB

_COUNT: Final = struct.Struct(">I")
_LENGTH: Final = struct.Struct(">Q")


def write_parts(stream: IO[bytes], parts: Sequence[bytes]) -> None:
    """Writes the parts and flushes."""
    write_each(stream, len(parts), parts)


def write_each(stream: IO[bytes], count: int, parts: Iterable[bytes]) -> None:
    """Writes `count` parts, each as soon as it is there."""
    stream.write(_COUNT.pack(count))
    for part in parts:
        stream.write(_LENGTH.pack(len(part)))
        stream.write(part)
        stream.flush()
    stream.flush()


def read_parts(stream: IO[bytes], most: int, told: Callable[[int], None] = lambda _: None) -> list[bytes]:
    """The parts, of `most` bytes together; `told` hears after each how many have come.

    Raises `ValueError` where they end early or are more.
    """
    (count,) = _COUNT.unpack(_exactly(stream, _COUNT.size))
    if count > MAX_PARTS:
        raise ValueError("too many parts")
    parts: list[bytes] = []
    for _ in range(count):
        (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
        most -= length
        if most < 0:
            raise ValueError("too many bytes")
        parts.append(_exactly(stream, length))
        told(len(parts))
    return parts


def _exactly(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise ValueError("the stream ends early")
    return content
