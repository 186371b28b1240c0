"""Evaluation keys as they travel and lie on disks: bodies without their lowest bits, three quarters as large.

    "QKE1" | Concrete's message, of each body of 64 bits the upper 48 alone

A body holds noise in its low bits, and bootstrapping adds far more of its own: a body that is rounded to a
multiple of 2^16 does the same work. Whoever makes keys rounds them, so that what is left out is zero; whoever
computes with them fills the zeros in again. Both forms say the same, and a key id is the SHA-256 of the
filled one. What is rounded is public, so rounding gives nothing away. Seeds, which stand for masks, stay.

Everything goes in pieces: no key is in memory as a whole unless somebody puts the pieces together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from quietkeys_protocol.arrays import UInt8
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused
from quietkeys_protocol.framing import Frame, Literal

KEYS_MAGIC: Final = b"QKE1"
WORD: Final = 8  # bytes of a body
KEPT_BYTES: Final = 6  # of a body; why is in docs/decisions/2026-11-30-cut-keys-and-kept-children.md
SEED_BYTES: Final = 16  # at the beginning of each payload
_TOGETHER: Final = 1 << 15  # bodies at a time: 256 KB
_CHUNK: Final = 1 << 18  # bytes of a file at a time


@dataclass(frozen=True, slots=True)
class KeyForm:
    """Both forms of evaluation keys of one frame. kept: bytes of a body that are sent, all of them without.

    Where all are kept there is no difference between the two, and no magic.
    """

    filled: Frame
    kept: int = KEPT_BYTES

    @property
    def cut_bits(self) -> int:
        """How many of a body's bits are zero, from the lowest on."""
        return 8 * (WORD - self.kept)

    @property
    def sent(self) -> Frame:
        """The frame of what is sent and stored."""
        if self.kept == WORD:
            return self.filled
        literals, at = [], len(KEYS_MAGIC)
        for fixed, payload in self._parts():
            if fixed:
                literals.append(Literal(at, fixed))
            at += len(fixed) + (SEED_BYTES + _bodies(payload) * self.kept if payload else 0)
        literals[0] = Literal(0, KEYS_MAGIC + literals[0].content)
        return Frame(at, tuple(literals))

    def cut(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the sent form of filled keys, both in pieces of any length.

        Raises `Refused` (CONTAINER_MALFORMED) where they have another frame, or bodies that are not rounded.
        """
        if self.kept == WORD:
            yield from pieces
            return
        yield KEYS_MAGIC
        for fixed, words in self._walk(_Source(pieces), WORD):
            yield fixed
            _require(not words[:, : WORD - self.kept].any(), "bodies that are not rounded")
            yield words[:, WORD - self.kept :].tobytes()

    def fill(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the filled form of keys as they were sent, both in pieces of any length.

        Raises `Refused` (CONTAINER_MALFORMED) where they have another frame or length, `Outdated`
        (VERSION_UNSUPPORTED) where they are of another version.
        """
        if self.kept == WORD:
            yield from pieces
            return
        source = _Source(pieces)
        check_version(source.take(len(KEYS_MAGIC)))
        for fixed, bodies in self._walk(source, self.kept):
            yield fixed
            words = np.zeros((len(bodies), WORD), np.uint8)
            words[:, WORD - self.kept :] = bodies
            yield words.tobytes()

    def key_id(self, sent: Iterable[bytes]) -> str:
        """Return the SHA-256 of the filled form of keys as they were sent, hex. Raises as `fill`."""
        digest = hashlib.sha256()
        for piece in self.fill(sent):
            digest.update(piece)
        return digest.hexdigest()

    def _parts(self) -> Iterator[tuple[bytes, int]]:
        """Yield what is fixed in the filled form and the bytes of the payload behind it, piece by piece."""
        ends = [*(literal.offset for literal in self.filled.literals[1:]), self.filled.size]
        for literal, end in zip(self.filled.literals, ends, strict=True):
            yield literal.content, end - literal.end

    def _walk(self, source: _Source, width: int) -> Iterator[tuple[bytes, UInt8]]:
        """Yield bytes that are the same in both forms, and the bodies behind them, [bodies, width] bytes."""
        none: UInt8 = np.zeros((0, width), np.uint8)
        for fixed, payload in self._parts():
            _require(source.take(len(fixed)) == fixed, "frame of evaluation keys")
            yield fixed, none
            if not payload:
                continue
            yield source.take(SEED_BYTES), none
            left = _bodies(payload)
            while left:
                count = min(left, _TOGETHER)
                left -= count
                yield b"", np.frombuffer(source.take(count * width), np.uint8).reshape(count, width)
        source.end()


def check_version(start: bytes) -> None:
    """Raise unless evaluation keys begin so: `Outdated` (VERSION_UNSUPPORTED) for another digit.

    `Refused` (CONTAINER_MALFORMED) for anything else.
    """
    kind, version = start[: len(KEYS_MAGIC) - 1], start[len(KEYS_MAGIC) - 1 : len(KEYS_MAGIC)]
    if start[: len(KEYS_MAGIC)] != KEYS_MAGIC and kind == KEYS_MAGIC[:-1] and version.isdigit():
        raise Outdated(ErrorCode.VERSION_UNSUPPORTED)
    _require(start[: len(KEYS_MAGIC)] == KEYS_MAGIC, "magic of evaluation keys")


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what a stream holds, in pieces."""
    while piece := stream.read(_CHUNK):
        yield piece


class _Source:
    """Pieces of any length, taken in other lengths."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = bytearray()

    def take(self, size: int) -> bytes:
        """Return the next bytes; raise `Refused` where there are fewer."""
        while len(self._held) < size:
            piece = next(self._pieces, None)
            _require(piece is not None, "truncated")
            self._held += piece or b""
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def end(self) -> None:
        """Raise `Refused` unless everything was taken."""
        _require(not self._held and not any(self._pieces), "trailing bytes")


def _bodies(payload: int) -> int:
    """Return how many bodies a payload of so many bytes has besides its seed."""
    return (payload - SEED_BYTES) // WORD


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(ErrorCode.CONTAINER_MALFORMED, what)
