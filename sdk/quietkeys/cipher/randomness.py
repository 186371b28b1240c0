"""Randomness for secrets and noise: AES-256 in counter mode, each stream under a fresh key of the system.

Every key, every array and every part that is made on its own has a stream of its own. A stream is never
stored and never begun twice, so nothing is ever made again with the same noise. numpy's generators are for
simulations; nothing here uses them.
"""

from __future__ import annotations

import os
from typing import Final, NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from quietkeys.arrays import Int64, UInt64
from quietkeys_protocol.errors import ErrorCode, Refused

STREAM_KEY_BYTES: Final = 32
_WORD: Final = 8
_TWO_64: Final = 2.0**64
_HEALTH_BYTES: Final = 32  # an honest source fails `_looks_random` on so many once in 10^30 draws


class Stream:
    """Bytes that nobody can predict, one after the other. Cannot be printed, pickled or copied."""

    __slots__ = ("_encryptor",)

    def __init__(self, key: bytes | None = None) -> None:
        """key: 32 bytes, for known answers alone; the product gives none and the system is asked."""
        secret = fresh(STREAM_KEY_BYTES) if key is None else key
        self._encryptor = Cipher(algorithms.AES(secret), modes.CTR(bytes(16))).encryptor()

    def __repr__(self) -> str:
        return "Stream(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream cannot be pickled or copied")

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        return self._encryptor.update(bytes(size))

    def bits(self, count: int) -> UInt64:
        """Return uniform bits, one a word, [count]; each draw begins with a new byte."""
        packed = np.frombuffer(self.take(-(-count // 8)), np.uint8)
        return np.unpackbits(packed, count=count).astype(np.uint64)

    def noise(self, count: int, deviation: float) -> Int64:
        """Return normally distributed integers, [count], mean 0 (Box-Muller on uniforms of 64 bits).

        deviation: in units of 2^-64 of the torus, below 2^50. The farthest that can be drawn is 9.4
        deviations, which is exceeded once in 10^20.
        """
        half = -(-count // 2)
        u, v = np.frombuffer(self.take(2 * half * _WORD), "<u8").reshape(2, half).astype(np.float64)
        radius = deviation * np.sqrt(-2.0 * np.log((u + 1.0) / _TWO_64))  # of (0, 1]: never infinite
        angle = v * (2.0 * np.pi / _TWO_64)
        normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
        numbers: Int64 = np.rint(normal).astype(np.int64)
        return numbers


def fresh(size: int) -> bytes:
    """Return bytes of the operating system's generator.

    Raises `Refused` (WORKER_UNSUITABLE) where there is none, or where it gives what no honest one would.
    """
    try:
        drawn = os.urandom(size + _HEALTH_BYTES)
    except (OSError, NotImplementedError) as error:
        raise Refused(ErrorCode.WORKER_UNSUITABLE, "no source of randomness") from error
    content, sample = drawn[:size], drawn[size:]
    if len(drawn) != size + _HEALTH_BYTES or len(set(sample)) < _HEALTH_BYTES // 3:
        raise Refused(ErrorCode.WORKER_UNSUITABLE, "the source of randomness repeats itself")
    return content
