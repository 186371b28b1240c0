"""Concrete 2.10's bytes around our numbers: serialized values and evaluation keys, from frames and payloads.

A frame (`quietkeys_protocol.framing`) holds all of a message but its payloads, the gaps between its literals.
What fills them: in a value, the words of its ciphertexts in order; in evaluation keys, for the bootstrap key
and then for the key switching key, the seed of its masks and its bodies. Words are little-endian.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from quietkeys.arrays import UInt64
from quietkeys_protocol.capnp import WORD
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.framing import Frame


def word_bytes(words: UInt64) -> bytes:
    """Return the bytes of words as they are serialized."""
    return words.astype("<u8", copy=False).tobytes()


def value_bytes(frame: Frame, words: UInt64) -> bytes:
    """Return a serialized encrypted array of these words."""
    return b"".join(framed(frame, [[word_bytes(words)]]))


def value_words(frame: Frame, value: bytes) -> UInt64:
    """Return the words of a serialized encrypted array, whose frame was compared."""
    return np.frombuffer(value, "<u8", frame.payload_bytes // WORD, frame.payload_start).astype(np.uint64)


def framed(frame: Frame, payloads: Sequence[Iterable[bytes]]) -> Iterator[bytes]:
    """Yield a message in pieces: the frame's literals, and in its gaps the payloads, each in pieces.

    Raises `Untrusted` (SPECIFICATION_UNTRUSTED) where a payload does not fill its gap exactly.
    """
    rest = iter(payloads)
    at = 0
    for literal in frame.literals:
        if literal.offset > at:
            yield from _exactly(literal.offset - at, next(rest, ()))
        yield literal.content
        at = literal.end
    if frame.size > at:
        yield from _exactly(frame.size - at, next(rest, ()))
    if next(rest, None) is not None:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "number of payloads")


def _exactly(size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        size -= len(piece)
        yield piece
    if size != 0:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "size of a payload")
