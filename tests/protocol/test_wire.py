"""Containers: golden vectors, round trips, and every way of being malformed."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol import containers as wire
from quietkeys_protocol.errors import ErrorCode, Outdated, QuietkeysError, Refused

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors/containers.json").read_text())

values = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=12).map(tuple)
hashes = st.binary(min_size=32, max_size=32)


@st.composite
def reports(draw: st.DrawFn) -> wire.Report:
    """Any report that may be sent."""
    sources = draw(st.integers(1, wire.MAX_SOURCES))
    return wire.Report(
        plan_hash=draw(hashes),
        key_id=draw(hashes),
        source=draw(st.integers(0, sources - 1)),
        sources=sources,
        sequence=draw(st.integers(1, wire.MAX_SEQUENCE)),
        ciphertexts=draw(values),
    )


updates = st.builds(
    wire.Update,
    plan_hash=hashes,
    key_id=hashes,
    job_id=st.binary(min_size=16, max_size=16),
    ciphertexts=values,
)


def recode_report(container: bytes) -> bytes:
    """A report, parsed and encoded again."""
    return wire.encode_report(wire.decode_report(container))


def recode_update(container: bytes) -> bytes:
    """An update, parsed and encoded again."""
    return wire.encode_update(wire.decode_update(container))


def recode(container: bytes) -> bytes:
    """What the codec that the container's first bytes name makes of it."""
    return recode_update(container) if container[:3] == b"QKU" else recode_report(container)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['container']}: {v['name']}")
def test_vectors(vector: dict[str, str]) -> None:
    """Each vector parses and re-encodes to itself, or fails with the code it names."""
    container = bytes.fromhex(vector["hex"])
    recode = recode_report if vector["container"] == "report" else recode_update
    if vector["expect"] == "ok":
        assert recode(container) == container
    else:
        with pytest.raises(QuietkeysError) as caught:
            recode(container)
        assert caught.value.code == vector["expect"]


@given(reports())
def test_a_report_survives_the_wire(report: wire.Report) -> None:
    """Every report parses back to itself."""
    assert wire.decode_report(wire.encode_report(report)) == report


@given(updates)
def test_an_update_survives_the_wire(update: wire.Update) -> None:
    """Every update parses back to itself."""
    assert wire.decode_update(wire.encode_update(update)) == update


@given(reports(), st.data())
def test_no_part_of_a_container_is_a_container(report: wire.Report, draw: st.DataObject) -> None:
    """However much is cut off or added, it is refused."""
    container = wire.encode_report(report)
    cut = draw.draw(st.integers(0, len(container) - 1))
    more = draw.draw(st.binary(min_size=1, max_size=9))
    for altered in (container[:cut], container + more):
        with pytest.raises(Refused) as caught:
            wire.decode_report(altered)
        assert caught.value.code is ErrorCode.CONTAINER_MALFORMED


@given(st.one_of(reports().map(wire.encode_report), updates.map(wire.encode_update)), st.data())
def test_a_changed_byte_is_refused_or_kept(container: bytes, draw: st.DataObject) -> None:
    """Whatever byte changes, the container is refused with a code or re-encodes to those very bytes."""
    where = draw.draw(st.integers(0, len(container) - 1))
    altered = bytearray(container)
    altered[where] ^= draw.draw(st.integers(1, 255))
    try:
        assert recode(bytes(altered)) == altered
    except (Refused, Outdated) as error:
        assert error.code in {ErrorCode.CONTAINER_MALFORMED, ErrorCode.VERSION_UNSUPPORTED}


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    """Bytes of any kind end in a code, never in another exception."""
    for container in (noise, b"QKR1" + noise, b"QKU1" + noise):
        try:
            assert recode(container) == container
        except QuietkeysError as error:
            assert error.code in {ErrorCode.CONTAINER_MALFORMED, ErrorCode.VERSION_UNSUPPORTED}


@pytest.mark.parametrize("most", [wire.MAX_REPORT_BYTES, wire.MAX_UPDATE_BYTES])
def test_the_largest_container_parses_and_one_byte_more_does_not(most: int) -> None:
    """The limit is exact on both sides."""
    magic, head = (b"QKR1", 80) if most == wire.MAX_REPORT_BYTES else (b"QKU1", 86)
    parts = (bytes([0, 1]) + struct.pack(">Q", 1)) if magic == b"QKR1" else bytes(16)
    for size in (most, most + 1):
        length = size - head - 4
        container = magic + bytes(64) + parts + struct.pack(">HI", 1, length) + bytes(length)
        assert len(container) == size
        if size == most:
            assert recode(container) == container
        else:
            with pytest.raises(Refused):
                recode(container)


def test_an_announced_length_allocates_nothing() -> None:
    """A container that announces gigabytes is refused without reserving memory for them."""
    container = b"QKR1" + bytes(64) + bytes([0, 1]) + struct.pack(">QHI", 1, 1, 2**32 - 1) + bytes(100)
    assert peak_bytes(container) < 100_000


def test_a_container_beyond_the_limit_is_not_taken_apart() -> None:
    """Ten megabytes are refused by their length; no part of them is copied."""
    length = 10_000_000
    container = b"QKR1" + bytes(64) + bytes([0, 1]) + struct.pack(">QHI", 1, 1, length) + bytes(length)
    assert peak_bytes(container) < 100_000


def peak_bytes(container: bytes) -> int:
    """The most memory that refusing a container takes."""
    tracemalloc.start()
    with pytest.raises(Refused):
        wire.decode_report(container)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    "field", [{"plan_hash": b""}, {"key_id": bytes(33)}, {"source": 2}, {"sequence": 0}, {"ciphertexts": ()}]
)
def test_what_cannot_be_sent_cannot_be_built(field: dict[str, object]) -> None:
    """A report outside the format is refused when it is made, not when it is received."""
    good: dict[str, object] = {
        "plan_hash": bytes(32),
        "key_id": bytes(32),
        "source": 0,
        "sources": 2,
        "sequence": 1,
        "ciphertexts": (b"x",),
    }
    wire.Report(**good)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        wire.Report(**good | field)  # type: ignore[arg-type]
