"""Frames: all of a serialized value that is the same for every sender, compared before anything parses it.

A ciphertext or a set of evaluation keys is a fixed header, payload, a fixed trailer. Native code parses the
header and trailer, and four changed bytes there have taken 17 GB; so whoever receives one compares size and
structure byte for byte with a template, and only the payload is the sender's. A full key set, secret keys
included, has another structure and another size than evaluation keys, and is refused for both.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_protocol.capnp import Malformed, byte_spans
from quietkeys_protocol.errors import ErrorCode, Untrusted

MAX_SIZE: Final = 1 << 30
MAX_LITERALS: Final = 1 << 16  # bytes; a frame of ours has a few hundred


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that never change, at a fixed offset."""

    offset: int
    content: bytes

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + len(self.content)


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a value in bytes and its literals, in order, with payload between them."""

    size: int
    literals: tuple[Literal, ...]

    def __post_init__(self) -> None:
        _require(0 < self.size <= MAX_SIZE and bool(self.literals), "size")
        _require(sum(len(literal.content) for literal in self.literals) <= MAX_LITERALS, "literals")
        end = -1
        for literal in self.literals:
            _require(bool(literal.content) and literal.offset > end, "order of literals")
            end = literal.end
        _require(self.literals[0].offset == 0 and end <= self.size, "reach of literals")

    @property
    def payload_bytes(self) -> int:
        """Bytes that are the sender's."""
        return self.size - sum(len(literal.content) for literal in self.literals)

    @property
    def payload_start(self) -> int:
        """The offset of the first byte that is the sender's."""
        return self.literals[0].end

    def matches(self, value: bytes | memoryview) -> bool:
        """Return whether the value has this size and every literal in its place, whatever its payload."""
        view = memoryview(value).cast("B")
        return len(view) == self.size and all(
            view[literal.offset : literal.end] == literal.content for literal in self.literals
        )

    def matches_file(self, path: Path) -> bool:
        """Return `matches` for a file, reading the literals alone, however large the payload."""
        with path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != self.size:
                return False
            return all(
                file.seek(literal.offset) == literal.offset
                and file.read(len(literal.content)) == literal.content
                for literal in self.literals
            )


def frame_of(sample: bytes, *more: bytes) -> Frame:
    """Return the frame of values that were made here: everything but the byte lists of the first sample.

    Raises `ValueError` if a sample is no such message, or the others differ from the first in their frames.
    """
    literals, end = [], 0
    for span in byte_spans(sample):
        if span.start < end:
            raise Malformed("payloads overlap")
        if span.start > end:
            literals.append(Literal(end, sample[end : span.start]))
        end = span.end
    if end < len(sample):
        literals.append(Literal(end, sample[end:]))
    frame = Frame(len(sample), tuple(literals))
    if not frame.payload_bytes or not all(frame.matches(other) for other in more):
        raise Malformed("the samples differ in more than their payload")
    return frame


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, f"frames: {what}")
