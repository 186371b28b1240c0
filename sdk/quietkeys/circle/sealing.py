"""Sealing: AES-256-GCM under a key of 32 bytes, bound to what it is for; keys derived by HKDF-SHA-256.

nonce (12) | ciphertext and tag
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietkeys_protocol.errors import ErrorCode, Untrusted

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12  # NIST SP 800-38D; drawn at random, a key seals a few hundred times at most
_PREFIX: Final = "quietkeys-circle-v1 "


def seal(key: bytes, content: bytes, purpose: str) -> bytes:
    """Return content sealed under a key; only for the same purpose can it be opened."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, (_PREFIX + purpose).encode())


def unseal(key: bytes, sealed: bytes, purpose: str) -> bytes:
    """Return what was sealed; Untrusted (LETTER_UNTRUSTED) with another key or purpose, or if altered."""
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, rest, (_PREFIX + purpose).encode())
    except (InvalidTag, ValueError) as error:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED) from error


def derive(secret: bytes, purpose: str, size: int = KEY_BYTES) -> bytes:
    """Return the key of a purpose, derived from a secret of full entropy (RFC 5869)."""
    return HKDF(SHA256(), size, salt=None, info=(_PREFIX + purpose).encode()).derive(secret)


def new_key() -> bytes:
    """Return a fresh key."""
    return secrets.token_bytes(KEY_BYTES)
