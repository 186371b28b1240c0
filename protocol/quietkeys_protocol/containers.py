"""The two containers that cross the wire: strict, bounded, versioned.

    QKR1  plan hash (32) key id (32) source u8 sources u8 sequence u64 values       device to trainer
    QKU1  plan hash (32) key id (32) job id (16) values                             trainer to device
    values: count u16, then count times (length u32, ciphertext)

All numbers are big-endian. Lengths are exact, nothing follows the last value, and whatever parses re-encodes
to the same bytes. The ciphertexts are opaque here; their number and framing are compared with the plan by
`quietkeys_protocol.framing`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Outdated, Refused

REPORT_MAGIC: Final = b"QKR1"
UPDATE_MAGIC: Final = b"QKU1"

MAX_REPORT_BYTES: Final = 256 * 1024  # a shipped plan's report takes at most 100 KB
MAX_UPDATE_BYTES: Final = 4 * 1024 * 1024  # a shipped plan's update takes at most 2 MB
MAX_VALUES: Final = 1024  # ciphertexts in one container; the same plans need under 130
MAX_SOURCES: Final = 8
MAX_KEY_PART_BYTES: Final = 4 * 1024 * 1024  # of evaluation keys, in one request
MAX_PACKAGE_BYTES: Final = (
    512 * 1024
)  # sealed by one device of a circle for another: a secret key set and more
MAX_CARD_BYTES: Final = 4 * 1024  # sealed by a device for its circle: its name, its public key
MAX_SEQUENCE: Final = 2**63 - 1  # what a database's signed integer holds

_REPORT_HEAD: Final = struct.Struct(">4s32s32sBBQH")
_UPDATE_HEAD: Final = struct.Struct(">4s32s32s16sH")
_LENGTH: Final = struct.Struct(">I")
REPORT_OVERHEAD: Final = _REPORT_HEAD.size  # bytes of a container beside its values
UPDATE_OVERHEAD: Final = _UPDATE_HEAD.size
VALUE_OVERHEAD: Final = _LENGTH.size  # bytes before each value


@dataclass(frozen=True, slots=True)
class Report:
    """One upload: encrypted strength and gradient of every block and the encrypted current weights.

    `ciphertexts` are in the order of `Plan.report_fields`; `source` counts from 0 and lies below `sources`;
    `sequence` starts at 1 and grows with every report of a source.
    """

    plan_hash: bytes
    key_id: bytes
    source: int
    sources: int
    sequence: int
    ciphertexts: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _require(len(self.plan_hash) == 32, "plan hash")
        _require(len(self.key_id) == 32, "key id")
        _require(1 <= self.sources <= MAX_SOURCES, "sources")
        _require(0 <= self.source < self.sources, "source")
        _require(1 <= self.sequence <= MAX_SEQUENCE, "sequence")
        _check_values(self.ciphertexts, MAX_REPORT_BYTES - _REPORT_HEAD.size)


@dataclass(frozen=True, slots=True)
class Update:
    """What comes back: the encrypted new weights, in the order of `Plan.update_fields`."""

    plan_hash: bytes
    key_id: bytes
    job_id: bytes
    ciphertexts: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _require(len(self.plan_hash) == 32, "plan hash")
        _require(len(self.key_id) == 32, "key id")
        _require(len(self.job_id) == 16, "job id")
        _check_values(self.ciphertexts, MAX_UPDATE_BYTES - _UPDATE_HEAD.size)


def encode_report(report: Report) -> bytes:
    """Return the `QKR1` container of a report."""
    head = _REPORT_HEAD.pack(
        REPORT_MAGIC,
        report.plan_hash,
        report.key_id,
        report.source,
        report.sources,
        report.sequence,
        len(report.ciphertexts),
    )
    return head + _pack_values(report.ciphertexts)


def decode_report(container: bytes) -> Report:
    """Return the report in a `QKR1` container; raise `Refused` or `Outdated` for anything else."""
    _check_magic(container, REPORT_MAGIC, MAX_REPORT_BYTES, _REPORT_HEAD.size)
    _, plan_hash, key_id, source, sources, sequence, count = _REPORT_HEAD.unpack_from(container)
    return Report(
        plan_hash=plan_hash,
        key_id=key_id,
        source=source,
        sources=sources,
        sequence=sequence,
        ciphertexts=_unpack_values(container, _REPORT_HEAD.size, count),
    )


def encode_update(update: Update) -> bytes:
    """Return the `QKU1` container of an update."""
    head = _UPDATE_HEAD.pack(
        UPDATE_MAGIC, update.plan_hash, update.key_id, update.job_id, len(update.ciphertexts)
    )
    return head + _pack_values(update.ciphertexts)


def decode_update(container: bytes) -> Update:
    """Return the update in a `QKU1` container; raise `Refused` or `Outdated` for anything else."""
    _check_magic(container, UPDATE_MAGIC, MAX_UPDATE_BYTES, _UPDATE_HEAD.size)
    _, plan_hash, key_id, job_id, count = _UPDATE_HEAD.unpack_from(container)
    return Update(
        plan_hash=plan_hash,
        key_id=key_id,
        job_id=job_id,
        ciphertexts=_unpack_values(container, _UPDATE_HEAD.size, count),
    )


def _check_magic(container: bytes, magic: bytes, most: int, least: int) -> None:
    _require(len(container) <= most, f"more than {most} bytes")
    found = container[: len(magic)]
    if found != magic and found[:3] == magic[:3] and found[3:].isdigit():
        raise Outdated(ErrorCode.VERSION_UNSUPPORTED)
    _require(found == magic, "magic")
    _require(len(container) >= least, "truncated")


def _check_values(ciphertexts: tuple[bytes, ...], room: int) -> None:
    _require(1 <= len(ciphertexts) <= MAX_VALUES, "number of values")
    _require(all(ciphertexts), "empty value")
    _require(sum(map(len, ciphertexts)) + _LENGTH.size * len(ciphertexts) <= room, "too long")


def _pack_values(ciphertexts: tuple[bytes, ...]) -> bytes:
    return b"".join(part for value in ciphertexts for part in (_LENGTH.pack(len(value)), value))


def _unpack_values(container: bytes, start: int, count: int) -> tuple[bytes, ...]:
    """Return `count` values from `start` to the very end; slices only, so no length makes it allocate."""
    _require(1 <= count <= MAX_VALUES, "number of values")
    values: list[bytes] = []
    for _ in range(count):
        _require(start + _LENGTH.size <= len(container), "truncated")
        (length,) = _LENGTH.unpack_from(container, start)
        start += _LENGTH.size
        _require(length <= len(container) - start, "truncated")
        values.append(container[start : start + length])
        start += length
    _require(start == len(container), "trailing bytes")
    return tuple(values)


def _require(well_formed: bool, what: str) -> None:
    if not well_formed:
        raise Refused(ErrorCode.CONTAINER_MALFORMED, what)
