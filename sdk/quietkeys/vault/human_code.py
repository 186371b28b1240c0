"""The recovery code of a backup: 128 random bits in letters and digits that are hard to misread.

Seven groups of four characters (Crockford's base 32): 26 for the bits, two that tell a mistyped code.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, NoReturn

from quietkeys_protocol.errors import ErrorCode, Refused

CODE_BYTES: Final = 16
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("OIL", "011", " -")
_DIGITS: Final = 26  # 130 bits, of which the first two are zero
_GROUP: Final = 4


class RecoveryCode:
    """What opens a backup. `text` is for its user to write down; it cannot be pickled or copied."""

    __slots__ = ("secret",)

    def __init__(self, secret: bytes) -> None:
        """secret: 16 random bytes."""
        self.secret = secret

    @classmethod
    def generate(cls) -> RecoveryCode:
        """Return a new code."""
        return cls(secrets.token_bytes(CODE_BYTES))

    @classmethod
    def parse(cls, text: str) -> RecoveryCode:
        """Return the code that somebody typed, with any spaces and hyphens, O for 0, I or L for 1.

        Raises Refused (RECOVERY_CODE_MISTYPED).
        """
        plain = text.upper().translate(_MISREAD)
        digits = [_ALPHABET.find(character) for character in plain]
        if len(digits) != _DIGITS + 2 or min(digits) < 0 or digits[0] >= 8:
            raise Refused(ErrorCode.RECOVERY_CODE_MISTYPED)
        number = 0
        for digit in digits[:_DIGITS]:
            number = number * 32 + digit
        code = cls(number.to_bytes(CODE_BYTES, "big"))
        if code._plain() != plain:
            raise Refused(ErrorCode.RECOVERY_CODE_MISTYPED)
        return code

    @property
    def text(self) -> str:
        """The code as it is written down."""
        plain = self._plain()
        return "-".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))

    def _plain(self) -> str:
        digest = hashlib.sha256(b"quietkeys recovery code" + self.secret).digest()
        check = int.from_bytes(digest[:2], "big") >> 6  # ten bits
        return _digits(int.from_bytes(self.secret, "big"), _DIGITS) + _digits(check, 2)

    def __repr__(self) -> str:
        return "RecoveryCode(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a recovery code cannot be pickled or copied")


def _digits(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count)))
