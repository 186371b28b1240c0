"""Decryption in numpy: a result of the service never reaches native code on the device.

An LWE ciphertext of m is (a, b) with b = <a, s> + m * unit + noise mod 2^64, s binary, where `unit` leaves
one bit free above the message. The body of every scalar follows its mask of n words, little-endian.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quietkeys.arrays import Int64, UInt64

WORD_BITS: Final = 64


def phases(words: UInt64, secret: UInt64) -> Int64:
    """Return the phases b - <a, s> mod 2^64, signed: message and noise.

    words: ciphertexts of n + 1 each.
    """
    ciphertexts = words.reshape(-1, len(secret) + 1)  # [scalars, n + 1]
    phase: UInt64 = ciphertexts[:, -1] - ciphertexts[:, :-1] @ secret  # wraps, as it should
    return phase.view(np.int64)


def messages(words: UInt64, secret: UInt64, bits: int) -> Int64:
    """Return the signed integers nearest to the phases, where a message has `bits` bits."""
    shift = WORD_BITS - 1 - bits
    nearest: Int64 = (phases(words, secret) + np.int64(1 << (shift - 1))) >> shift
    return nearest
