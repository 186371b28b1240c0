"""The secret keys of one device by id, and their bits as they are stored and handed on: a few hundred bytes.

    the bits of every secret key, in the order of the specification, eight to a byte

In the key file they are sealed so. For another device of a circle they follow

    SHA-256 of: client specification (32), evaluation keys (32)

Everything else is made from the specification, so no stranger's bytes reach a parser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from quietkeys.arrays import UInt64
from quietkeys_protocol.errors import ErrorCode, Outdated, Untrusted
from quietkeys_protocol.specification import Specification

SHARED_KEYS: Final = "secret keys"  # the purpose that they are sealed for
HASH_BYTES: Final = 32
Secrets = Mapping[int, UInt64]  # [dimension] words, each 0 or 1, by the id of the key


def packed_size(specification: Specification) -> int:
    """Return the bytes of all bits."""
    return -(-sum(key.dimension for key in specification.secret_keys) // 8)


def pack(specification: Specification, secrets: Secrets) -> bytes:
    """Return all bits; secret."""
    bits = np.concatenate([secrets[key.key_id] for key in specification.secret_keys])
    return np.packbits(bits.astype(np.uint8)).tobytes()


def unpack(specification: Specification, packed: bytes) -> Secrets | None:
    """Return the secret keys of what `pack` gave, None where that cannot be; secret."""
    dimensions = [key.dimension for key in specification.secret_keys]
    if len(packed) != packed_size(specification):
        return None
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=sum(dimensions)).astype(np.uint64)
    keys = np.split(bits, np.cumsum(dimensions)[:-1])
    secrets = {key.key_id: bits for key, bits in zip(specification.secret_keys, keys, strict=True)}
    same = pack(specification, secrets) == packed  # nothing in the bits that fill up the last byte
    return secrets if same and all(map(looks_random, keys)) else None


def looks_random(key: UInt64) -> bool:
    """Return whether the share of ones lies within 8 deviations of a half, as 1 - 10^-15 of all keys do."""
    return abs(int(key.sum()) - len(key) / 2) < float(4 * len(key) ** 0.5)


def letter(specification: Specification, fingerprint: bytes, secrets: Secrets) -> bytes:
    """Return the secret keys as they are handed on; secret."""
    return bytes.fromhex(specification.hash) + fingerprint + pack(specification, secrets)


def read_letter(specification: Specification, content: bytes) -> tuple[bytes, Secrets]:
    """Return (fingerprint, secret keys) of what `letter` gave; secret.

    Raises Untrusted (LETTER_UNTRUSTED) if it is none, Outdated (CIRCLE_MISMATCH) if it is for another
    specification.
    """
    head, fingerprint = content[:HASH_BYTES], content[HASH_BYTES : 2 * HASH_BYTES]
    if len(head) == HASH_BYTES and head != bytes.fromhex(specification.hash):
        raise Outdated(ErrorCode.CIRCLE_MISMATCH)
    secrets = unpack(specification, content[2 * HASH_BYTES :])
    if len(fingerprint) != HASH_BYTES or secrets is None:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED)
    return fingerprint, secrets
