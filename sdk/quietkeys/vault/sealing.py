"""Sealing: AES-256-GCM under keys of 32 bytes, bound to what it is for; keys derived by HKDF-SHA-256.

    sealed = nonce (12) | ciphertext of what is padded | tag (16)

At rest the keys are derived from one random data key of the profile. What is sealed is bound to its place, a
table and a row, or a file's name: moved elsewhere it does not open. Between the devices of one person it is
bound to a purpose, and nothing is padded.

Names that may be words become HMACs. Contents are padded (ISO/IEC 7816-4), so that their sizes say little.
A nonce is random, which is safe for 2^32 messages of a key (NIST SP 800-38D): hundreds of millions of words.
"""

from __future__ import annotations

import hmac
import os
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietkeys_protocol.errors import ErrorCode, Untrusted

KEY_BYTES: Final = 32
NAME_BYTES: Final = 16  # of a row's name: too many for two to meet
BLOCK: Final = 16  # what sizes are padded to a multiple of
_NONCE: Final = 12
_TAG: Final = 16
SEALED_MORE: Final = _NONCE + _TAG  # bytes that sealing adds
_END: Final = b"\x80"  # of a content, before the zeros that pad it
_CONTEXT: Final = b"quietkeys vault 1 "
_BETWEEN: Final = "quietkeys-circle-v1 "


class DataKey:
    """The key of everything in one profile. Cannot be printed, pickled or copied."""

    __slots__ = ("_names", "_rows", "secret")

    def __init__(self, secret: bytes) -> None:
        """secret: 32 random bytes."""
        self.secret = secret
        self._rows = AESGCM(derived(secret, b"rows"))
        self._names = derived(secret, b"names")

    @classmethod
    def generate(cls) -> DataKey:
        """Return a new key."""
        return cls(os.urandom(KEY_BYTES))

    def file_key(self, purpose: bytes) -> bytes:
        """Return the key that files of one kind are sealed under."""
        return derived(self.secret, b"files " + purpose)

    def name(self, table: str, text: str) -> bytes:
        """Return the name of a row, which does not tell the text."""
        return hmac.digest(self._names, f"{table}\0{text}".encode(), "sha256")[:NAME_BYTES]

    def seal(self, table: str, row: bytes, content: bytes, block: int = BLOCK) -> bytes:
        """Return the content of a row as it is stored, padded to a multiple of `block` bytes."""
        padded = content + _END + bytes(-(len(content) + 1) % block)
        nonce = os.urandom(_NONCE)
        return nonce + self._rows.encrypt(nonce, padded, table.encode() + b"\0" + row)

    def unseal(self, table: str, row: bytes, sealed: bytes) -> bytes:
        """Return the content of a stored row; raise Untrusted (PROFILE_DAMAGED) if it is not this row's."""
        try:
            padded = self._rows.decrypt(sealed[:_NONCE], sealed[_NONCE:], table.encode() + b"\0" + row)
        except (InvalidTag, ValueError) as error:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, table) from error
        return padded[: padded.rindex(_END)]

    def __repr__(self) -> str:
        return "DataKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled or copied")


def derived(secret: bytes, purpose: bytes, salt: bytes | None = None) -> bytes:
    """Return a key of 32 bytes for one purpose, derived from a secret of full entropy (HKDF, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt, _CONTEXT + purpose).derive(secret)


def new_key() -> bytes:
    """Return a fresh key."""
    return os.urandom(KEY_BYTES)


def seal_bytes(key: bytes, place: bytes, content: bytes) -> bytes:
    """Return content sealed under a key and bound to a place; not padded."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, place)


def unseal_bytes(key: bytes, place: bytes, sealed: bytes) -> bytes | None:
    """Return what was sealed under this key at this place, None if nothing was."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except (InvalidTag, ValueError):
        return None


# Between devices of one person.


def seal(key: bytes, content: bytes, purpose: str) -> bytes:
    """Return content sealed under a key; only for the same purpose can it be opened."""
    return seal_bytes(key, (_BETWEEN + purpose).encode(), content)


def unseal(key: bytes, sealed: bytes, purpose: str) -> bytes:
    """Return what was sealed; Untrusted (LETTER_UNTRUSTED) with another key or purpose, or if altered."""
    content = unseal_bytes(key, (_BETWEEN + purpose).encode(), sealed)
    if content is None:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED)
    return content


def shared_key(secret: bytes, purpose: str, size: int = KEY_BYTES) -> bytes:
    """Return the key of a purpose that every device derives from a shared secret of full entropy."""
    return HKDF(SHA256(), size, None, (_BETWEEN + purpose).encode()).derive(secret)
