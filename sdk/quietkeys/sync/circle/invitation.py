"""An invitation: a secret of 160 bits that goes from screen to screen, as text or as a QR code.

The trainer learns the invitation's id and, from whoever joins, the claim. Both are derived from the secret
one way, as is the key that the package is sealed under, which the trainer therefore cannot open.

    QK1-ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567-CHEK        32 characters of base 32, 4 to check them by
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from quietkeys.vault.sealing import shared_key
from quietkeys_protocol.errors import ErrorCode, Refused

SECRET_BYTES: Final = 20  # 160 bits: whole characters of base 32; 128 would do
LASTS_S: Final = 15 * 60.0  # at the trainer
_MARK: Final = "QK1"
_SECRET_CHARACTERS: Final = 32
_CHECK_CHARACTERS: Final = 4  # 20 bits: one misread text in a million passes, and is refused at the trainer
_GROUP: Final = 4
_LOOKALIKES: Final = str.maketrans("018", "OIB")  # digits that base 32 has not, misread or mistyped


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What is in an invitation's text. Cannot be printed or pickled."""

    content: bytes

    @classmethod
    def fresh(cls) -> Self:
        """Return a new secret."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the secret in a text; case, blanks and hyphens do not matter.

        Raises Refused (INVITATION_MALFORMED).
        """
        letters = "".join(text.split()).replace("-", "").upper()
        body = letters.removeprefix(_MARK).translate(_LOOKALIKES)
        if not letters.startswith(_MARK) or len(body) != _SECRET_CHARACTERS + _CHECK_CHARACTERS:
            raise Refused(ErrorCode.INVITATION_MALFORMED)
        try:
            content = base64.b32decode(body[:_SECRET_CHARACTERS])
        except ValueError as error:
            raise Refused(ErrorCode.INVITATION_MALFORMED) from error
        if _check(content) != body[_SECRET_CHARACTERS:]:
            raise Refused(ErrorCode.INVITATION_MALFORMED)
        return cls(content)

    @property
    def text(self) -> str:
        """The text that a person carries to the other device."""
        letters = base64.b32encode(self.content).decode() + _check(self.content)
        groups = (letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))
        return "-".join((_MARK, *groups))

    @property
    def invitation_id(self) -> str:
        """What the trainer calls the invitation, 32 hex digits."""
        return shared_key(self.content, "invitation id", 16).hex()

    @property
    def claim(self) -> bytes:
        """What is shown to the trainer for the package, 32 bytes."""
        return shared_key(self.content, "claim")

    @property
    def claim_sha256(self) -> str:
        """What the trainer knows of the claim before it is shown, in hex."""
        return hashlib.sha256(self.claim).hexdigest()

    @property
    def package_key(self) -> bytes:
        """What the package is sealed under."""
        return shared_key(self.content, "package")

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the secret of an invitation cannot be pickled or copied")


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """What lets one device into this circle, once.

    text: to be shown to the user as it is or as a QR code, for the other device; never to be sent or stored.
    expires: Unix seconds; at the trainer it is over then.
    """

    text: str
    expires: float

    def __repr__(self) -> str:
        return f"Invitation(expires={self.expires:.0f})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an invitation cannot be pickled or copied")


def _check(content: bytes) -> str:
    digest = hashlib.sha256(b"quietkeys invitation" + content).digest()
    return base64.b32encode(digest).decode()[:_CHECK_CHARACTERS]
