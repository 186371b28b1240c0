"""The bytes between the engine and its children."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_trainer.engine.child import MAX_PARTS, read_parts, write_parts


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_parts_arrive_as_they_were_sent(parts: list[bytes]) -> None:
    """Writing and reading are inverse."""
    stream = io.BytesIO()
    write_parts(stream, parts)
    stream.seek(0)
    assert read_parts(stream, 20 * 300) == parts
    assert stream.read() == b""


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5), st.data())
def test_a_cut_stream_is_noticed(parts: list[bytes], data: st.DataObject) -> None:
    """However early a stream ends, that is an error and not fewer parts."""
    stream = io.BytesIO()
    write_parts(stream, parts)
    cut = stream.getvalue()[: data.draw(st.integers(0, len(stream.getvalue()) - 1))]
    with pytest.raises(ValueError, match="ends early"):
        read_parts(io.BytesIO(cut), 1000)


def test_lengths_are_not_believed() -> None:
    """A length or a number beyond the limit is refused before anything is read or reserved."""
    with pytest.raises(ValueError, match="bytes"):
        read_parts(io.BytesIO(b"\0\0\0\1" + b"\xff" * 8), 1 << 20)
    with pytest.raises(ValueError, match="parts"):
        read_parts(io.BytesIO((MAX_PARTS + 1).to_bytes(4)), 1 << 20)
