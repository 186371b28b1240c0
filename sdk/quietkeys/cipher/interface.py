"""What a device asks of its cipher, and the public parameters that a cipher is made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from quietkeys.arrays import Int64
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_protocol.framing import Frame
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import accumulator_bits
from quietkeys_protocol.security import MAX_P_ERROR, check_specification
from quietkeys_protocol.specification import Circuit, Specification, parse_specification
from quietkeys_protocol.templates import Frames, frames_of


class Cipher(Protocol):
    """One key of one device, for one plan. Arrays are in the clear and private; bytes may be sent."""

    def plan_hash(self) -> str:
        """Return the hash of the plan that its reports are for, hex."""
        ...

    def has_keys(self) -> bool:
        """Return whether there is a key for these parameters.

        Raises `Untrusted` (PROFILE_DAMAGED) for a damaged one.
        """
        ...

    def generate_keys(self) -> None:
        """Make a new key and store it in place of any other."""
        ...

    def fingerprint(self) -> str:
        """Return the key id, the SHA-256 of the evaluation keys before they are cut, hex.

        Raises `StartOver` (KEY_UNKNOWN) without a key.
        """
        ...

    def write_evaluation_keys(self, path: Path) -> str:
        """Write the evaluation keys, cut, to a new file for sending; return their key id, hex.

        Raises `StartOver` (KEY_UNKNOWN) without a key, and where it came from another device, which has them.
        """
        ...

    def share(self, sealing_key: bytes) -> bytes:
        """Return the secret keys for another device of the same person, sealed under 32 bytes.

        Raises `StartOver` (KEY_UNKNOWN) without a key.
        """
        ...

    def adopt(self, sealing_key: bytes, sealed: bytes) -> str:
        """Store what another device's `share` gave, in place of any key; return its fingerprint, hex.

        Raises `Untrusted` (LETTER_UNTRUSTED) for anything else, `Outdated` (CIRCLE_MISMATCH) for keys of
        another specification; then the key that was there stays.
        """
        ...

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """Return the values of a report, for arrays [size of the field] in the order of `Plan.report_fields`.

        Raises `Refused` (VALUE_OUT_OF_RANGE) for other sizes and for integers outside their field.
        """
        ...

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """Return the new weights [d] of each block, in the order of `Plan.update_fields`.

        They are not yet range-checked. Raises `Untrusted` (UPDATE_UNTRUSTED) where the number of values, a
        size or a frame is not the plan's.
        """
        ...

    def close(self) -> None:
        """End whatever holds the secret key in memory. The cipher can be used again."""
        ...


@dataclass(frozen=True, slots=True)
class Parameters:
    """A plan, the client specification pinned for it in the signed bundle, and what follows. All public."""

    plan: Plan
    specification: Specification
    frames: Frames
    security_bits: int

    @classmethod
    def of(cls, plan: Plan, specification: bytes) -> Self:
        """Return the parameters of a plan.

        Raises `Untrusted` (SPECIFICATION_UNTRUSTED) if they are unsafe or another plan's.
        """
        if plan.p_error > MAX_P_ERROR:  # which a specification does not say
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "p_error is above 2^-40")
        parsed = parse_specification(specification)
        bits = check_specification(parsed, plan)
        return cls(plan, parsed, frames_of(parsed, plan), bits)

    @property
    def specification_sha256(self) -> bytes:
        """What a key belongs to."""
        return bytes.fromhex(self.specification.hash)

    @property
    def circuits(self) -> tuple[Circuit, ...]:
        """The circuit of every block."""
        return tuple(self.specification.ordered(self.plan))

    @property
    def update_bits(self) -> tuple[int, ...]:
        """The bits of every array of an update, the low ones that the compiler does not protect included."""
        return tuple(accumulator_bits(block) for block in self.plan.blocks)

    def check_arrays(self, arrays: Sequence[Int64]) -> None:
        """Raise `Refused` (VALUE_OUT_OF_RANGE) unless the arrays are a report's in sizes and ranges."""
        if len(arrays) != len(self.plan.report_fields):
            raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "number of arrays")
        for array, field in zip(arrays, self.plan.report_fields, strict=True):
            where = f"{field.block}.{field.quantity}"
            if array.shape != (field.size,) or not np.issubdtype(array.dtype, np.integer):
                raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, f"{where}: shape or type")
            if array.min() < field.low or array.max() > field.high:
                raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, where)


def check_update_frames(frames: Sequence[Frame], values: Sequence[bytes]) -> None:
    """Raise `Untrusted` (UPDATE_UNTRUSTED) unless the values have these frames."""
    if len(values) != len(frames):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "number of values")
    for position, (frame, value) in enumerate(zip(frames, values, strict=True)):
        if not frame.matches(value):
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, f"frame of value {position}")
