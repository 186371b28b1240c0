"""Where the byte strings of a Cap'n Proto message lie, without its schema: Concrete's serialization format.

A message is a table of segments and the segments, in words of 8 bytes; pointers lead from the root struct to
structs and lists (capnproto.org/encoding). In Concrete's values and key sets the only lists of bytes are
payloads: what was encrypted, seeds included. Everything else is structure.

This reads messages that this side made itself. Offsets are checked all the same, but it is not what protects
from a stranger's bytes: `framing` is, which compares and never parses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

WORD: Final = 8
MAX_SEGMENTS: Final = 512
MAX_POINTERS: Final = 100_000
_STRUCT, _LIST, _FAR = 0, 1, 2
_BYTES, _POINTERS, _COMPOSITE = 2, 6, 7
_ELEMENT_BITS: Final = (0, 1, 8, 16, 32, 64)

Path = tuple[int, ...]  # from the root: the index of a pointer in a struct, or of an element in a list


@dataclass(frozen=True, slots=True)
class Span:
    """A list of bytes in a message: `path` from the root, and where it lies in the file."""

    path: Path
    start: int
    size: int

    @property
    def end(self) -> int:
        """The offset behind the last byte; padding to a whole word follows."""
        return self.start + self.size


class Malformed(ValueError):  # noqa: N818 - what the bytes are
    """The bytes are no Cap'n Proto message of the kind that is read here."""


def byte_spans(message: bytes | memoryview) -> list[Span]:
    """Return the byte lists of one message, in the order of the file. Raises `Malformed`."""
    walker = _Walker(memoryview(message).cast("B"))
    walker.pointer(0, walker.starts[0], ())
    return sorted(walker.spans, key=lambda span: span.start)


@dataclass(slots=True)
class _Walker:
    message: memoryview
    starts: list[int] = field(default_factory=list)  # byte offset of each segment
    sizes: list[int] = field(default_factory=list)  # bytes of each segment
    spans: list[Span] = field(default_factory=list)
    visited: int = 0

    def __post_init__(self) -> None:
        if len(self.message) < WORD:
            raise Malformed("too short")
        segments = self._u32(0) + 1
        if segments > MAX_SEGMENTS or len(self.message) < 4 * (segments + 1):
            raise Malformed("segments")
        start = (4 * (segments + 1) + WORD - 1) // WORD * WORD
        for segment in range(segments):
            self.starts.append(start)
            self.sizes.append(self._u32(4 * (segment + 1)) * WORD)
            start += self.sizes[-1]
        if start != len(self.message):
            raise Malformed("size")

    def pointer(self, segment: int, at: int, path: Path) -> None:
        """Follow the pointer at a byte offset of the message."""
        self.visited += 1
        if self.visited > MAX_POINTERS:
            raise Malformed("too many pointers")
        self._check(segment, at, WORD)
        low, high = self._u32(at), self._u32(at + 4)
        if low == 0 and high == 0:
            return
        if low & 3 == _FAR:
            self._far(low, high, path)
            return
        target = at + WORD + _signed(low >> 2) * WORD
        self._object(segment, low, high, target, path)

    def _far(self, low: int, high: int, path: Path) -> None:
        segment, landing = high, (low >> 3) * WORD
        if segment >= len(self.starts):
            raise Malformed("far pointer")
        at = self.starts[segment] + landing
        if not low & 4:  # the landing pad is the pointer
            if self._u32(at) & 3 == _FAR:
                raise Malformed("far pointer to a far pointer")
            self.pointer(segment, at, path)
            return
        self._check(segment, at, 2 * WORD)  # a far pointer to the object, and a tag that describes it
        inner, inner_segment = self._u32(at), self._u32(at + 4)
        if inner & 7 != _FAR or inner_segment >= len(self.starts):
            raise Malformed("double far pointer")
        target = self.starts[inner_segment] + (inner >> 3) * WORD
        self._object(inner_segment, self._u32(at + WORD), self._u32(at + WORD + 4), target, path)

    def _object(self, segment: int, low: int, high: int, target: int, path: Path) -> None:
        if low & 3 == _STRUCT:
            self._struct(segment, target, high & 0xFFFF, high >> 16, path)
        elif low & 3 == _LIST:
            self._list(segment, target, high & 7, high >> 3, path)
        else:
            raise Malformed("kind of pointer")

    def _struct(self, segment: int, at: int, words: int, pointers: int, path: Path) -> None:
        self._check(segment, at, (words + pointers) * WORD)
        for index in range(pointers):
            self.pointer(segment, at + (words + index) * WORD, (*path, index))

    def _list(self, segment: int, at: int, kind: int, count: int, path: Path) -> None:
        if kind == _COMPOSITE:
            self._check(segment, at, (count + 1) * WORD)  # the tag word, then `count` words of elements
            elements, shape = self._u32(at) >> 2, self._u32(at + 4)
            words, pointers = shape & 0xFFFF, shape >> 16
            if elements * (words + pointers) != count:
                raise Malformed("list of structs")
            for index in range(elements):
                begin = at + WORD + index * (words + pointers) * WORD
                self._struct(segment, begin, words, pointers, (*path, index))
        elif kind == _POINTERS:
            self._check(segment, at, count * WORD)
            for index in range(count):
                self.pointer(segment, at + index * WORD, (*path, index))
        else:
            self._check(segment, at, (count * _ELEMENT_BITS[kind] + 7) // 8)
            if kind == _BYTES:
                self.spans.append(Span(path, at, count))

    def _check(self, segment: int, at: int, size: int) -> None:
        start = self.starts[segment]
        if at < start or at + size > start + self.sizes[segment]:
            raise Malformed("out of range")

    def _u32(self, at: int) -> int:
        if at < 0 or at + 4 > len(self.message):
            raise Malformed("out of range")
        return int.from_bytes(self.message[at : at + 4], "little")


def _signed(offset: int) -> int:
    """Return the number that 30 bits stand for in two's complement."""
    return offset - (1 << 30) if offset & (1 << 29) else offset
