"""The trainer's own Ed25519 key, and what it signs: that a device was deleted.

Devices pin the public half at enrolment. The private half lies in the state folder, mode 0600, is made at the
first start, and never leaves this module: it cannot be printed or pickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.signing import deletion_string
from quietkeys_trainer.storage.files import PRIVATE, write_first

_SECRET_BYTES: Final = 32  # RFC 8032


class TrainerKey:
    """A key pair; `public_key` is public, 32 bytes."""

    __slots__ = ("_key", "public_key")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    def sign_deletion(self, device_id: str, deleted_at: int, nonce: str) -> bytes:
        """Return the signature, 64 bytes, of a receipt. nonce: of the request that asked for the deletion."""
        return self._key.sign(deletion_string(device_id, deleted_at, nonce))

    def __repr__(self) -> str:
        return "TrainerKey()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a trainer's key cannot be pickled or copied")


def make_trainer_key(path: Path) -> TrainerKey:
    """Make the key in a file unless there is one; return it. Whoever makes it first, all get the same.

    Raises as `open_trainer_key`.
    """
    if not path.exists():
        write_first(path, Ed25519PrivateKey.generate().private_bytes_raw(), PRIVATE)
    return open_trainer_key(path)


def open_trainer_key(path: Path) -> TrainerKey:
    """Return the key in a file.

    Raises `Refused` (TRAINER_KEY_DAMAGED) where there is none, or something else in it: a new key would make
    every pinned one useless.
    """
    try:
        return trainer_key_of(path.read_bytes())
    except FileNotFoundError as error:
        raise Refused(ErrorCode.TRAINER_KEY_DAMAGED, f"there is no {path}") from error


def trainer_key_of(secret: bytes) -> TrainerKey:
    """Return the key of a file's content; raises as `open_trainer_key`."""
    if len(secret) != _SECRET_BYTES:
        raise Refused(ErrorCode.TRAINER_KEY_DAMAGED)
    return TrainerKey(Ed25519PrivateKey.from_private_bytes(secret))
