"""Values of an update as they are sent: a golden vector, what rounding costs, and another form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol.cut_values import VALUE_MAGIC, cut, sent_frame, words_of
from quietkeys_protocol.framing import Frame, Literal

VECTOR: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "cut_values.json").read_text()
)
HEAD, TAIL = b"concrete", b"its end."


def framed(words: list[int]) -> tuple[Frame, bytes]:
    """A frame of so many words, and a value of it."""
    payload = np.array(words, dtype=np.uint64).astype("<u8").tobytes()
    end = len(HEAD) + len(payload)
    value = HEAD + payload + TAIL
    return Frame(len(value), (Literal(0, HEAD), Literal(end, TAIL))), value


def test_the_vector_is_what_is_sent() -> None:
    """Its words are rounded to the nearest, around the top too, and come back with zeros below."""
    frame, value = framed([int(word, 16) for word in VECTOR["words"]])
    sent = cut(frame, value)
    assert sent.hex() == VECTOR["sent"]
    assert [f"{word:016x}" for word in words_of(sent).tolist()] == VECTOR["read"]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40))
def test_no_word_moves_by_more_than_half_a_unit(words: list[int]) -> None:
    """Of 2^48, modulo 2^64; what is sent has the frame that is derived, and is cut to itself."""
    frame, value = framed(words)
    sent = cut(frame, value)
    assert sent_frame(frame).matches(sent)
    assert sent_frame(frame).size == len(VALUE_MAGIC) + 2 * len(words)
    read = words_of(sent)
    moved = (read - np.array(words, dtype=np.uint64)).view(np.int64)
    assert np.abs(moved.astype(np.float64)).max() <= 2.0**47
    assert cut(*framed(read.tolist())) == sent


def test_another_version_has_another_frame() -> None:
    """Whatever its length."""
    frame, value = framed([1, 2])
    sent = cut(frame, value)
    assert not sent_frame(frame).matches(b"QKV2" + sent[4:])
    assert not sent_frame(frame).matches(sent + b"\0")
