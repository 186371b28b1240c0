"""A cipher that hides nothing, for tests of apps: no secrets, no waiting.

It and `InMemoryTrainer` behave as the real parts do and pass the same tests. What they exchange cannot be
mistaken for the real thing: reports name a plan hash that no trainer serves, and the values say that they are
in the clear.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.files import make_room, read_whole, write_whole
from quietkeys.vault.sealing import seal, unseal
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, StartOver, Untrusted
from quietkeys_protocol.plan import Field, Plan

MAGIC: Final = b"in the clear: "
_ADOPTED: Final = b"from another device: "  # and the fingerprint
KEY_BYTES: Final = 4096  # of evaluation keys, which are random


def noop_plan_hash(plan: Plan) -> str:
    """Return the plan hash that reports of a no-op cipher carry: never that of a plan."""
    return hashlib.sha256(MAGIC + plan.hash.encode()).hexdigest()


def encode_clear(array: Int64) -> bytes:
    """Return an array as the no-op cipher "encrypts" it."""
    return MAGIC + array.astype("<i4").tobytes()


def decode_clear(value: bytes, field: Field) -> Int64:
    """Return the array in a value; raise Untrusted (UPDATE_UNTRUSTED) if it is none of this field's size."""
    if not value.startswith(MAGIC) or len(value) != len(MAGIC) + 4 * field.size:
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, f"frame of {field.block}.{field.quantity}")
    return np.frombuffer(value, "<i4", offset=len(MAGIC)).astype(np.int64)


class NoopCipher:
    """A `quietkeys.cipher.Cipher` that encrypts nothing. For tests only."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        """folder: where the "keys" lie, made when they are."""
        self._file = folder / "noop.keys"
        self._plan = plan

    def plan_hash(self) -> str:
        """See `Cipher`."""
        return noop_plan_hash(self._plan)

    def has_keys(self) -> bool:
        """See `Cipher`."""
        return bool(self._keys())

    def generate_keys(self) -> None:
        """See `Cipher`."""
        make_room(self._file.parent)
        write_whole(self._file, MAGIC + secrets.token_bytes(KEY_BYTES))

    def fingerprint(self) -> str:
        """See `Cipher`."""
        if not self.has_keys():
            raise StartOver(ErrorCode.KEY_UNKNOWN, "this device has no key for the plan")
        keys = self._keys()
        adopted = keys.removeprefix(_ADOPTED)
        return hashlib.sha256(keys).hexdigest() if adopted == keys else adopted.hex()

    def write_evaluation_keys(self, path: Path) -> str:
        """See `Cipher`."""
        fingerprint = self.fingerprint()
        if self._keys().startswith(_ADOPTED):
            raise StartOver(ErrorCode.KEY_UNKNOWN, "the evaluation keys are on another device")
        write_whole(path, self._keys())
        return fingerprint

    def share(self, sealing_key: bytes) -> bytes:
        """See `Cipher`."""
        content = hashlib.sha256(self._plan.hash.encode()).digest() + bytes.fromhex(self.fingerprint())
        return seal(sealing_key, content, "noop")

    def adopt(self, sealing_key: bytes, sealed: bytes) -> str:
        """See `Cipher`."""
        content = unseal(sealing_key, sealed, "noop")
        if content[:32] != hashlib.sha256(self._plan.hash.encode()).digest():
            raise Outdated(ErrorCode.CIRCLE_MISMATCH)
        make_room(self._file.parent)
        write_whole(self._file, _ADOPTED + content[32:])
        return self.fingerprint()

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """See `Cipher`."""
        fields = self._plan.report_fields
        if len(arrays) != len(fields):
            raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, "number of arrays")
        for array, field in zip(arrays, fields, strict=True):
            if array.shape != (field.size,) or array.min() < field.low or array.max() > field.high:
                raise Refused(ErrorCode.VALUE_OUT_OF_RANGE, f"{field.block}.{field.quantity}")
        return [encode_clear(array) for array in arrays]

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """See `Cipher`."""
        fields = self._plan.update_fields
        if len(values) != len(fields):
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "number of values")
        return [decode_clear(value, field) for value, field in zip(values, fields, strict=True)]

    def close(self) -> None:
        """See `Cipher`."""

    def _keys(self) -> bytes:
        return read_whole(self._file, len(MAGIC) + KEY_BYTES)
