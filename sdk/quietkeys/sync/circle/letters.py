"""What the devices of a circle tell each other, sealed so that the trainer, which carries it, cannot read it.

    card       sealed under the circle's card key: a device's public key and name
    package    sealed under a key of the invitation's secret: a letter
    mail       from device to device (NaCl box: only a member writes it, only that member reads it): a letter

A letter brings the keys of an epoch. The secret keys in it are sealed once more, under a key that stands
beside them, so that they are opened in the encryption process and nowhere else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, Self

from nacl.exceptions import CryptoError
from nacl.public import Box, PublicKey

from quietkeys.sync.circle.invitation import Secret
from quietkeys.sync.circle.membership import MAX_EPOCH, Known, Membership
from quietkeys.vault.sealing import KEY_BYTES, seal, unseal
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.signing import is_hash, is_id


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """The keys of an epoch, and whom the writer trusts.

    to: the reader's device id, "" in a package. key: the card key, in hex. key_id, created: of the key set.
    plan_hash: the writer's. sealing_key: what `keys` is sealed under, in hex. keys: see `Cipher.share`, in
    base64.
    """

    to: str
    epoch: int
    key: str
    members: Mapping[str, Known]
    key_id: str
    created: float
    plan_hash: str
    sealing_key: str
    keys: str

    def encode(self) -> bytes:
        """Return the letter in the clear; secret."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Return the letter in these bytes. Raises Untrusted (LETTER_UNTRUSTED)."""
        try:
            tree: dict[str, Any] = json.loads(content)
            members = {name: Known(**known) for name, known in tree.pop("members").items()}
            letter = cls(members=members, **tree)
            letter._check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Untrusted(ErrorCode.LETTER_UNTRUSTED) from None  # its cause may hold the keys
        return letter

    @property
    def sealed_keys(self) -> bytes:
        """What `Cipher.adopt` takes."""
        return base64.b64decode(self.keys)

    def _check(self) -> None:
        secrets = (bytes.fromhex(self.key), bytes.fromhex(self.sealing_key))
        base64.b64decode(self.keys, validate=True)
        if (
            any(len(secret) != KEY_BYTES for secret in secrets)
            or not all(map(is_id, self.members))
            or not is_hash(self.key_id)
            or not 0 <= self.epoch <= MAX_EPOCH
            or not 0.0 <= self.created < 2.0**40
        ):
            raise ValueError("a letter")

    def __repr__(self) -> str:
        return "Letter(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a letter cannot be pickled or copied")


def seal_card(membership: Membership) -> bytes:
    """Return this device's card."""
    content = json.dumps(asdict(membership.own)).encode()
    return seal(membership.card_key, content, f"card {membership.device_id}")


def open_card(membership: Membership, device_id: str, card: bytes) -> Known | None:
    """Return what a device says of itself, None if it lacks the card key or says nonsense."""
    try:
        return Known(**json.loads(unseal(membership.card_key, card, f"card {device_id}")))
    except (Untrusted, ValueError, TypeError, RecursionError):
        return None


def seal_package(secret: Secret, letter: Letter) -> bytes:
    """Return what waits at the trainer for whoever has the invitation."""
    return seal(secret.package_key, letter.encode(), "package")


def open_package(secret: Secret, package: bytes) -> Letter:
    """Return the letter in an invitation's package. Raises Untrusted (LETTER_UNTRUSTED)."""
    return Letter.decode(unseal(secret.package_key, package, "package"))


def seal_mail(membership: Membership, letter: Letter) -> bytes:
    """Return a letter as mail to the member that it names."""
    return bytes(_box(membership, membership.members[letter.to]).encrypt(letter.encode()))


def open_mail(membership: Membership, sender: str, package: bytes) -> Letter:
    """Return the letter in mail. Raises Untrusted (LETTER_UNTRUSTED) if no member wrote it to this device."""
    if sender not in membership.members or sender == membership.device_id:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED)
    try:
        content = _box(membership, membership.members[sender]).decrypt(package)
    except (CryptoError, ValueError) as error:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED) from error
    letter = Letter.decode(content)
    if letter.to != membership.device_id or letter.to not in letter.members:
        raise Untrusted(ErrorCode.LETTER_UNTRUSTED)
    return letter


def _box(membership: Membership, other: Known) -> Box:
    return Box(membership.private_key, PublicKey(bytes.fromhex(other.public)))
