"""Secrets of 128 bits as people carry them: written down, typed, or shown to a camera.

    QKR1-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXCC-CCCC

Four characters say what the code is for, and the version of its form. 26 characters of Crockford's base 32
are the secret, after two bits that are zero; 6 are the first 30 bits of a SHA-256 over "quietkeys code ", the
four characters and the secret. So one mistyped code in a billion passes for another, and no code of one kind
for one of another.
"""

from __future__ import annotations

import hashlib
import secrets
from enum import Enum
from typing import Final, NoReturn

from quietkeys_protocol.errors import ErrorCode, Refused

SECRET_BYTES: Final = 16
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("OIL", "011", "-")
_DIGITS: Final = 26  # of the secret
_CHECK: Final = 6
_GROUP: Final = 4


class CodeKind(Enum):
    """What a code is for; the value begins it."""

    RECOVERY = "QKR1"
    INVITATION = "QKC1"  # to a circle


def new_secret() -> bytes:
    """Return a fresh secret."""
    return secrets.token_bytes(SECRET_BYTES)


def written(kind: CodeKind, secret: bytes) -> str:
    """Return the code of a secret of 16 bytes, in groups of four characters."""
    plain = _plain(kind, secret)
    return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def read(kind: CodeKind, text: str) -> bytes | None:
    """Return the secret in a code that somebody typed, None if it is no code of this kind.

    Case, blanks and hyphens do not matter; O is taken for 0, I and L for 1.
    """
    plain = "".join(text.split()).upper().translate(_MISREAD)
    digits = [_ALPHABET.find(character) for character in plain[_GROUP : _GROUP + _DIGITS]]
    if len(digits) != _DIGITS or min(digits) < 0 or digits[0] >= 8:
        return None
    number = 0
    for digit in digits:
        number = number * 32 + digit
    secret = number.to_bytes(SECRET_BYTES, "big")
    return secret if _plain(kind, secret) == plain else None


class RecoveryCode:
    """What opens a backup. `text` is for its user to write down; it cannot be printed, pickled or copied."""

    __slots__ = ("secret",)

    def __init__(self, secret: bytes) -> None:
        """secret: 16 random bytes."""
        self.secret = secret

    @classmethod
    def generate(cls) -> RecoveryCode:
        """Return a new code."""
        return cls(new_secret())

    @classmethod
    def parse(cls, text: str) -> RecoveryCode:
        """Return the code that somebody typed, as `read` does. Raises Refused (RECOVERY_CODE_MISTYPED)."""
        secret = read(CodeKind.RECOVERY, text)
        if secret is None:
            raise Refused(ErrorCode.RECOVERY_CODE_MISTYPED)
        return cls(secret)

    @property
    def text(self) -> str:
        """The code as it is written down."""
        return written(CodeKind.RECOVERY, self.secret)

    def __repr__(self) -> str:
        return "RecoveryCode(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a recovery code cannot be pickled or copied")


def _plain(kind: CodeKind, secret: bytes) -> str:
    digest = hashlib.sha256(b"quietkeys code " + kind.value.encode() + secret).digest()
    check = int.from_bytes(digest[:4], "big") >> 2
    return kind.value + _digits(int.from_bytes(secret, "big"), _DIGITS) + _digits(check, _CHECK)


def _digits(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))
