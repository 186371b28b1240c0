"""Pictures of a window as small files: of at most 256 colours, which is few only for edges of letters."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 256  # colours of a picture with a table of them
_COARSE: Final = 3  # bits of each channel in which colours may differ and stand for each other
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_TABLED: Final = 3  # the kind of picture whose pixels are places of a table


def take(window: Any, path: Path) -> None:
    """Write what a window of Kivy shows."""
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels

    wide, high = map(int, window.size)
    read = glReadPixels(0, 0, wide, high, GL_RGBA, GL_UNSIGNED_BYTE)
    pixels = np.frombuffer(read, np.uint8).reshape(high, wide, 4)[::-1, :, :3]  # the last row is read first
    path.write_bytes(png(pixels))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture (rows, columns, 3) as a PNG file, each colour as the nearest of MOST."""
    high, wide, _ = pixels.shape
    table, places = tabled(pixels.reshape(-1, 3))
    rows = np.zeros((high, wide + 1), np.uint8)  # each row begins with how it is filtered: not at all
    rows[:, 1:] = places.reshape(high, wide)
    header = struct.pack(">IIBBBBB", wide, high, 8, _TABLED, 0, 0, 0)
    chunks = (b"IHDR", header), (b"PLTE", table.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 9))
    return _SIGNATURE + b"".join(_chunk(*one) for one in (*chunks, (b"IEND", b"")))


def tabled(colours: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a table (at most MOST, 3) for colours (n, 3), of those most used, and each one's place in it."""
    found, places, counts = np.unique(colours, axis=0, return_inverse=True, return_counts=True)
    table = found
    if len(found) > MOST:
        often = found[np.argsort(-counts, kind="stable")]
        _, first = np.unique(often >> _COARSE, axis=0, return_index=True)
        table = often[np.sort(first)[:MOST]]
    apart = np.square(found[:, None].astype(np.int32) - table[None]).sum(axis=2)
    return table, apart.argmin(axis=1).astype(np.uint8)[places.ravel()]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
