"""Sealing: AES-256-GCM under a key of 32 bytes, bound to what it is for; keys derived by HKDF-SHA-256.

nonce (12) | ciphertext and tag
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietkeys.vault.sealing import seal_bytes, unseal_bytes
from quietkeys_protocol.errors import ErrorCode, Untrusted

KEY_BYTES: Final = 32
_PREFIX: Final = "quietkeys-circle-v1 "


def seal(key: bytes, content: bytes, purpose: str) -> bytes:
    """Return content sealed under a key; only for the same purpose can it be opened."""
    return seal_bytes(key, (_PREFIX + purpose).encode(), content)


def unseal(key: bytes, sealed: bytes, purpose: str) -> bytes:
    """Return what was sealed; Untrusted (LETTER_UNTRUSTED) with another key or purpose, or if altered."""
    content = unseal_bytes(key, (_PREFIX + purpose).encode(), sealed)
    if content is None:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED)
    return content


def derive(secret: bytes, purpose: str, size: int = KEY_BYTES) -> bytes:
    """Return the key of a purpose, derived from a secret of full entropy (RFC 5869)."""
    return HKDF(SHA256(), size, salt=None, info=(_PREFIX + purpose).encode()).derive(secret)


def new_key() -> bytes:
    """Return a fresh key."""
    return secrets.token_bytes(KEY_BYTES)
