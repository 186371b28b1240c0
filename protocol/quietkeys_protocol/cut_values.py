"""An update's values as they travel and lie on disks: of each word the upper 16 of 64 bits.

    "QKV1" | the words of the ciphertexts in order, 16 bits each, little-endian

A result has 64 bits a word, and nobody reads a weight as finely. Each word is rounded to a multiple of
2^48, which anybody may do and which says nothing. Of n words of a mask, half of them under a key bit of
one, the rounding adds noise of sqrt((n / 2 + 1) / 12) times 2^48: 9.2 for n = 2,048, which is 4.6 units of
a weight of 14 bits, where a typical weight has hundreds and the noise of training moves it by tens.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quietkeys_protocol.arrays import UInt64
from quietkeys_protocol.framing import Frame, Literal

VALUE_MAGIC: Final = b"QKV1"
WORD: Final = 8  # bytes of a word of a result
KEPT_BYTES: Final = 2  # of a word
_CUT_BITS: Final = 8 * (WORD - KEPT_BYTES)


def sent_frame(result: Frame) -> Frame:
    """Return the frame of what is sent of results of a frame."""
    size = len(VALUE_MAGIC) + result.payload_bytes // WORD * KEPT_BYTES
    return Frame(size, (Literal(0, VALUE_MAGIC),))


def cut(result: Frame, value: bytes) -> bytes:
    """Return what is sent of a result, whose frame was compared."""
    words = np.frombuffer(value, "<u8", result.payload_bytes // WORD, result.payload_start)
    nearest = (words + np.uint64(1 << (_CUT_BITS - 1))) >> np.uint64(
        _CUT_BITS
    )  # wraps at the top, as it should
    return VALUE_MAGIC + nearest.astype("<u2").tobytes()


def words_of(sent: bytes) -> UInt64:
    """Return the words of what was sent, whose frame was compared, the bits that were cut zero."""
    return np.frombuffer(sent, "<u2", offset=len(VALUE_MAGIC)).astype(np.uint64) << np.uint64(_CUT_BITS)
