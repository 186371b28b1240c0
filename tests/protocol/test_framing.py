"""Frames: payload is free, everything else is fixed; written from a specification, found in a sample."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol.capnp import Malformed, byte_spans
from quietkeys_protocol.errors import Untrusted
from quietkeys_protocol.framing import Frame, Literal, frame_of
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.specification import parse_specification
from quietkeys_protocol.templates import frames_of

VECTORS: Final = Path(__file__).parents[1] / "vectors"
PLAN: Final = Plan.parse((VECTORS / "small_plan.json").read_bytes())
FRAMES: Final = frames_of(parse_specification((VECTORS / "small_specification.json").read_bytes()), PLAN)
VALUE: Final = bytes.fromhex(
    (VECTORS / "small_value.hex").read_text()
)  # the plan's first strengths, encrypted


def filled(frame: Frame, fill: bytes = b"\xa5") -> bytes:
    """A value of a frame, its payload all of one byte."""
    value = bytearray(fill * frame.size)
    for literal in frame.literals:
        value[literal.offset : literal.end] = literal.content
    return bytes(value)


def test_an_encrypted_value_has_the_frame_that_was_written() -> None:
    """The frame from the specification is the frame that the encryption library makes."""
    assert FRAMES.report[0].matches(VALUE)
    assert frame_of(VALUE) == FRAMES.report[0]
    assert frame_of(VALUE).payload_bytes == PLAN.report_fields[0].size * 3 * 8


def test_payload_is_free() -> None:
    """Whatever lies between the literals, the value matches."""
    for frame in (FRAMES.keys, *FRAMES.report, *FRAMES.update):
        value = filled(frame)
        assert frame.matches(value)
        assert frame.matches(memoryview(value))


@given(st.integers(0, 7), st.data())
def test_any_changed_framing_byte_is_refused(bit: int, data: st.DataObject) -> None:
    """One bit anywhere outside the payload is enough."""
    frame = data.draw(st.sampled_from([*FRAMES.report, *FRAMES.update]))
    literal = data.draw(st.sampled_from(frame.literals))
    value = bytearray(filled(frame))
    value[data.draw(st.integers(literal.offset, literal.end - 1))] ^= 1 << bit
    assert not frame.matches(bytes(value))


@pytest.mark.parametrize("change", [-8, -1, 1, 8])
def test_another_size_is_refused(change: int) -> None:
    """Truncated and extended values do not match."""
    frame = FRAMES.report[0]
    value = filled(frame)
    assert not frame.matches(value[:change] if change < 0 else value + bytes(change))
    assert not frame.matches(b"")


def test_a_large_file_is_matched_without_reading_it(tmp_path: Path) -> None:
    """Evaluation keys are compared where they lie; only literals are read."""
    frame, path = FRAMES.keys, tmp_path / "keys"
    with path.open("wb") as file:  # sparse
        file.truncate(frame.size)
        for literal in frame.literals:
            file.seek(literal.offset)
            file.write(literal.content)
    tracemalloc.start()
    assert frame.matches_file(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    with path.open("r+b") as file:
        file.seek(frame.literals[-1].offset)
        file.write(b"\xff")
    assert not frame.matches_file(path)
    path.write_bytes(b"")
    assert not frame.matches_file(path)


@pytest.mark.parametrize(
    ("size", "literals"),
    [
        (0, [(0, b"a")]),
        (1 << 31, [(0, b"a")]),
        (10, []),
        (10, [(1, b"a")]),
        (10, [(0, b"")]),
        (10, [(0, b"ab"), (1, b"c")]),
        (10, [(0, b"ab"), (9, b"cd")]),
    ],
)
def test_a_frame_that_makes_no_sense_cannot_be(size: int, literals: list[tuple[int, bytes]]) -> None:
    """Literals lie inside, in order, apart, and begin at the beginning."""
    with pytest.raises(Untrusted):
        Frame(size, tuple(Literal(*literal) for literal in literals))


def test_samples_that_differ_in_their_frames_make_no_frame() -> None:
    """A template is made of samples that agree."""
    changed = VALUE[:-1] + bytes([VALUE[-1] ^ 1])
    with pytest.raises(Malformed):
        frame_of(VALUE, changed)


@given(st.integers(0, len(VALUE) - 1), st.integers(1, 255))
def test_the_walker_survives_any_changed_byte(at: int, change: int) -> None:
    """A damaged message is walked or refused, never followed out of its bytes."""
    value = bytearray(VALUE)
    value[at] ^= change
    try:
        spans = byte_spans(bytes(value))
    except Malformed:
        return
    assert all(0 <= span.start <= span.end <= len(value) for span in spans)


@given(st.binary(max_size=200))
def test_the_walker_survives_any_bytes(message: bytes) -> None:
    """Nothing but `Malformed` comes of garbage."""
    try:
        byte_spans(message)
    except Malformed:
        return


def test_the_walker_does_not_go_in_circles() -> None:
    """A far pointer to itself is refused."""
    with pytest.raises(Malformed):
        byte_spans(struct.pack("<IIQ", 0, 1, 2))
