"""The secret keys of a key set as the devices of a circle hand them on: their bits, a few hundred bytes.

    SHA-256 of: client specification (32), evaluation keys (32) | the bits of every secret key, packed

Who gets them makes Concrete's serialization of a key set around them, one without evaluation keys: the
trainer has those. No stranger's bytes reach a parser: all but the bits is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from quietkeys.arrays import UInt64
from quietkeys_protocol.errors import ErrorCode, Outdated, Untrusted
from quietkeys_protocol.specification import Specification
from quietkeys_protocol.templates import WORD, Segment, message_frame, two_words

SHARED_KEYS: Final = "secret keys"  # the purpose that they are sealed for
_HASH_BYTES: Final = 32
_PRECISION: Final = 64  # bits of an integer of a secret key


def pack(specification: Specification, fingerprint: bytes, secrets: Mapping[int, UInt64]) -> bytes:
    """Return the secret keys by id, one word per bit, as they are handed on; secret."""
    bits = np.concatenate([secrets[key.key_id] for key in specification.secret_keys])
    return bytes.fromhex(specification.hash) + fingerprint + np.packbits(bits.astype(np.uint8)).tobytes()


def unpack(specification: Specification, content: bytes) -> tuple[bytes, bytes]:
    """Return (fingerprint, a serialized key set without evaluation keys) of what `pack` gave; secret.

    Raises Untrusted (LETTER_UNTRUSTED) if it is none, Outdated (CIRCLE_MISMATCH) if it is for another
    specification.
    """
    head, fingerprint = content[:_HASH_BYTES], content[_HASH_BYTES : 2 * _HASH_BYTES]
    packed = np.frombuffer(content[2 * _HASH_BYTES :], np.uint8)
    dimensions = [key.dimension for key in specification.secret_keys]
    if len(head) == _HASH_BYTES and head != bytes.fromhex(specification.hash):
        raise Outdated(ErrorCode.CIRCLE_MISMATCH)
    if len(fingerprint) != _HASH_BYTES or len(packed) != -(-sum(dimensions) // 8):
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED)
    bits = np.unpackbits(packed, count=sum(dimensions)).astype("<u8")
    keys = np.split(bits, np.cumsum(dimensions)[:-1])
    return fingerprint, _key_set(specification, [key.tobytes() for key in keys])


def _key_set(specification: Specification, payloads: list[bytes]) -> bytes:
    # Keyset { server @0 { three empty lists }, client @1 { lweSecretKeys @0: [{ info @0, payload @1 }] } }
    body = Segment()
    root = body.structure(None, [], 2)
    server = body.structure(root, [], 3)
    for position in range(3):
        body.elements(server + position, count=0, pointers=2)
    element = body.elements(body.structure(root + 1, [], 1), len(payloads), pointers=2)
    for position, (key, payload) in enumerate(zip(specification.secret_keys, payloads, strict=True)):
        at = element + 2 * position
        body.structure(body.structure(at, [key.key_id], 1), [two_words(key.dimension, _PRECISION), 0], 0)
        body.payload(body.pointers(body.structure(at + 1, [], 1), [0]), len(payload))
    frame = message_frame([body])
    message, end = bytearray(), 0
    rest = list(payloads)
    for literal in frame.literals:
        if literal.offset > end:
            message += rest.pop(0)
        message += literal.content
        end = literal.end
    message += b"".join(rest)
    if len(message) != frame.size or len(message) % WORD:
        raise AssertionError("a payload fills its gap")
    return bytes(message)
