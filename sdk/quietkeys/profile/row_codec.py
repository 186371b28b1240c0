"""The contents of sealed rows, before they are sealed. A content that is none is damage: PROFILE_DAMAGED."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys_protocol.errors import ErrorCode, error_of

_MEMORY: Final = struct.Struct("<dq")  # count, tick
_TIME: Final = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of the user's ledger: Unix seconds, a kind for programs, a sentence for people."""

    time: float
    kind: str
    text: str

    def to_bytes(self) -> bytes:
        """Return the bytes that `of_bytes` reads."""
        return _TIME.pack(self.time) + f"{self.kind}\n{self.text}".encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> LedgerLine:
        """Return the line in these bytes. Raises Untrusted (PROFILE_DAMAGED)."""
        try:
            (time,) = _TIME.unpack_from(content)
            kind, _, text = content[_TIME.size :].decode().partition("\n")
        except (struct.error, UnicodeDecodeError) as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "the ledger") from error
        return cls(time, kind, text)


def pack_count(count: float, tick: int) -> bytes:
    """Return the bytes of a decayed count and its tick."""
    return _MEMORY.pack(count, tick)


def unpack_count(content: bytes) -> tuple[float, int]:
    """Return the count, not negative, and tick in these bytes. Raises Untrusted (PROFILE_DAMAGED)."""
    if len(content) != _MEMORY.size:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "local memory")
    count, tick = _MEMORY.unpack(content)
    if not 0.0 <= count < math.inf or tick < 0:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "local memory")
    return count, tick


def pack_array(array: NDArray[np.float64]) -> bytes:
    """Return the bytes of an array."""
    shape = "x".join(str(size) for size in array.shape)
    return shape.encode() + b"\n" + np.ascontiguousarray(array, dtype="<f8").tobytes()


def unpack_array(content: bytes) -> NDArray[np.float64]:
    """Return the array of counts, none negative, in these bytes. Raises Untrusted (PROFILE_DAMAGED)."""
    shape, _, values = content.partition(b"\n")
    try:
        sizes = tuple(int(part) for part in shape.split(b"x"))
        array: NDArray[np.float64] = np.frombuffer(values, dtype="<f8").reshape(sizes).copy()
    except ValueError as error:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "an array") from error
    if not (np.isfinite(array).all() and (array >= 0.0).all()):
        raise error_of(ErrorCode.PROFILE_DAMAGED, "an array")
    return array
