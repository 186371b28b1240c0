"""An invitation: a secret of 128 bits that goes from screen to screen, as text or as a QR code.

The trainer learns the invitation's id and, from whoever joins, the claim. Both are derived from the secret
one way, as is the key that the package is sealed under, which the trainer therefore cannot open. The text is
a `vault.human_code`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from quietkeys.vault.human_code import CodeKind, new_secret, read, written
from quietkeys.vault.sealing import shared_key
from quietkeys_protocol.errors import ErrorCode, Refused

LASTS_S: Final = 15 * 60.0  # at the trainer


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """What is in an invitation's text. Cannot be printed or pickled."""

    content: bytes

    @classmethod
    def fresh(cls) -> Self:
        """Return a new secret."""
        return cls(new_secret())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the secret in a text, as `human_code.read` takes it.

        Raises Refused (INVITATION_MALFORMED).
        """
        content = read(CodeKind.INVITATION, text)
        if content is None:
            raise Refused(ErrorCode.INVITATION_MALFORMED)
        return cls(content)

    @property
    def text(self) -> str:
        """The text that a person carries to the other device."""
        return written(CodeKind.INVITATION, self.content)

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
