"""Cut evaluation keys: golden vectors, both forms in pieces of any length, and what is refused."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol.cut_keys import KEPT_BYTES, KEYS_MAGIC, SEED_BYTES, WORD, KeyForm, check_version
from quietkeys_protocol.errors import ErrorCode, Outdated, QuietkeysError, Refused
from quietkeys_protocol.framing import Frame, Literal
from quietkeys_protocol.specification import parse_specification
from quietkeys_protocol.templates import key_frame

FOLDER: Final = Path(__file__).parents[1] / "vectors"
VECTORS: Final[dict[str, Any]] = json.loads((FOLDER / "cut_keys.json").read_text())
FORM: Final = KeyForm(
    Frame(
        VECTORS["frame"]["size"],
        tuple(Literal(at, bytes.fromhex(content)) for at, content in VECTORS["frame"]["literals"]),
    )
)
FILLED, SENT = bytes.fromhex(VECTORS["filled"]), bytes.fromhex(VECTORS["sent"])
SMALL: Final = KeyForm(key_frame(parse_specification((FOLDER / "small_specification.json").read_bytes())))


def pieces_of(content: bytes, lengths: list[int]) -> Iterator[bytes]:
    """The content in pieces of these lengths, and what is left in one."""
    for length in lengths:
        yield content[:length]
        content = content[length:]
    yield content


def test_the_vector_goes_there_and_back() -> None:
    """Both forms and the key id are those of the vector, and the sent one has the frame that is derived."""
    assert b"".join(FORM.cut([FILLED])) == SENT
    assert b"".join(FORM.fill([SENT])) == FILLED
    assert FORM.key_id([SENT]) == VECTORS["key_id"] == hashlib.sha256(FILLED).hexdigest()
    assert FORM.filled.matches(FILLED)
    assert FORM.sent.matches(SENT)
    assert SENT.startswith(KEYS_MAGIC)


@pytest.mark.parametrize("vector", VECTORS["refused_sent"], ids=lambda one: one["name"])
def test_what_is_no_sent_form_is_refused(vector: dict[str, str]) -> None:
    """Whatever it is, it fills nothing up, and says by its code why."""
    with pytest.raises(QuietkeysError) as caught:
        list(FORM.fill([bytes.fromhex(vector["hex"])]))
    assert caught.value.code == vector["expect"]


@pytest.mark.parametrize("vector", VECTORS["refused_filled"], ids=lambda one: one["name"])
def test_what_cannot_be_cut_without_loss_is_refused(vector: dict[str, str]) -> None:
    """A bit in what is left out, another frame, another length."""
    with pytest.raises(QuietkeysError) as caught:
        list(FORM.cut([bytes.fromhex(vector["hex"])]))
    assert caught.value.code == vector["expect"]


@given(st.lists(st.integers(0, 20), max_size=20))
def test_pieces_may_have_any_length(lengths: list[int]) -> None:
    """Where a piece ends makes no difference, also in the middle of a body; empty ones are none."""
    assert b"".join(FORM.cut(pieces_of(FILLED, lengths))) == SENT
    assert b"".join(FORM.fill(pieces_of(SENT, lengths))) == FILLED


@given(st.binary(max_size=2 * len(SENT)))
def test_whatever_is_filled_up_is_cut_to_the_same_bytes(content: bytes) -> None:
    """There are no two ways to write the same keys."""
    try:
        filled = b"".join(FORM.fill([content]))
    except (Refused, Outdated):
        return
    assert b"".join(FORM.cut([filled])) == content


@given(st.data())
def test_a_changed_body_is_another_key(data: st.DataObject) -> None:
    """Any byte of a payload may be sent; it comes back as it is, and the key id is another."""
    inside = [
        at for at in range(len(SENT)) if not any(lit.offset <= at < lit.end for lit in FORM.sent.literals)
    ]
    assert len(inside) == 2 * SEED_BYTES + 5 * KEPT_BYTES
    where = data.draw(st.sampled_from(inside))
    changed = bytearray(SENT)
    changed[where] ^= data.draw(st.integers(1, 255))
    assert b"".join(FORM.cut(FORM.fill([bytes(changed)]))) == changed
    assert FORM.key_id([bytes(changed)]) != VECTORS["key_id"]


def test_a_frame_may_end_in_what_is_fixed() -> None:
    """The literal behind the last payload is where it belongs in both forms."""
    frame = Frame(
        16 + SEED_BYTES + WORD + 4, (Literal(0, b"h" * 16), Literal(16 + SEED_BYTES + WORD, b"tail"))
    )
    form = KeyForm(frame)
    filled = b"h" * 16 + b"s" * SEED_BYTES + b"\0\0body12" + b"tail"
    sent = b"".join(form.cut([filled]))
    assert form.sent.matches(sent)
    assert sent.endswith(b"body12tail")
    assert b"".join(form.fill([sent])) == filled


def test_where_all_bits_are_kept_nothing_changes() -> None:
    """Both forms are the same bytes then, without a magic."""
    form = KeyForm(FORM.filled, kept=WORD)
    assert form.sent == form.filled
    assert list(form.cut([b"any", b"thing"])) == list(form.fill([b"any", b"thing"])) == [b"any", b"thing"]


@pytest.mark.parametrize("start", [b"QKE2", b"QKE0", b"QKE9 and more"])
def test_another_version_is_told_apart(start: bytes) -> None:
    """So that a device is told to be updated, or that its trainer is."""
    with pytest.raises(Outdated) as caught:
        check_version(start)
    assert caught.value.code is ErrorCode.VERSION_UNSUPPORTED


def test_real_keys_are_three_quarters_and_go_through_little_memory() -> None:
    """Of two levels as of one, in bounded memory; the frame of what is sent follows from the other."""
    bodies = (SMALL.filled.payload_bytes - 2 * SEED_BYTES) // WORD
    assert SMALL.sent.size == SMALL.filled.size + len(KEYS_MAGIC) - 2 * bodies
    draw = np.random.default_rng(0)

    def sent() -> Iterator[bytes]:
        at = 0
        for literal in SMALL.sent.literals:
            while at < literal.offset:
                size = min(1 << 20, literal.offset - at)
                yield draw.bytes(size)
                at += size
            yield literal.content
            at = literal.end
        while at < SMALL.sent.size:
            size = min(1 << 20, SMALL.sent.size - at)
            yield draw.bytes(size)
            at += size

    tracemalloc.start()
    total = sum(len(piece) for piece in SMALL.cut(SMALL.fill(sent())))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == SMALL.sent.size
    assert peak < 8 << 20
