"""The device's identity at one trainer: an Ed25519 key that signs requests and says nothing about its user.

The private key lies in the profile folder, sealed under the vault, and never leaves this module: it cannot
be printed or pickled. It protects no text; who steals it can send reports and delete the device.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys.files import make_room, read_whole, remove, write_whole
from quietkeys.profile.folder import IDENTITIES
from quietkeys.vault.sealing import SEALED_MORE, DataKey, seal_bytes, unseal_bytes
from quietkeys_protocol.signing import Credentials, device_id_of, signing_string

_PURPOSE: Final = b"identities"
_SECRET_BYTES: Final = 32  # RFC 8032


class Identity:
    """A key pair; `device_id` and `public_key` are public."""

    __slots__ = ("_key", "device_id", "public_key")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()  # 32 bytes
        self.device_id = device_id_of(self.public_key)  # 32 hex digits

    @classmethod
    def generate(cls) -> Identity:
        """Return a new identity that is stored nowhere."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, method: str, path: str, body_sha256: str, *, time: int, nonce: str) -> Credentials:
        """Return the credentials of a request. time: Unix seconds. nonce: 32 hex digits, used once."""
        signature = self._key.sign(signing_string(method, path, time, nonce, body_sha256))
        return Credentials(self.device_id, time, nonce, signature)

    def __repr__(self) -> str:
        return f"Identity({self.device_id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an identity cannot be pickled or copied")


def identity_for(profile: Path, trainer: str, key: DataKey) -> Identity:
    """Make this profile an identity at a trainer unless it has one; return it.

    Each trainer gets a key of its own, so that no two of them can tell that they serve the same device, and
    none can replay at another what was sent to it. A damaged key is replaced: the device is then a new one
    to the trainer, and what is stored there of the old one can no longer be reached. key: of the vault.
    Raises TryAgain (DISK_FULL, STORAGE_FAILED).
    """
    path, file_key = _path(profile, trainer), key.file_key(_PURPOSE)
    sealed = read_whole(path, _SECRET_BYTES + SEALED_MORE)
    secret = unseal_bytes(file_key, path.name.encode(), sealed)
    if secret is None or len(secret) != _SECRET_BYTES:
        make_room(path.parent)
        secret = Ed25519PrivateKey.generate().private_bytes_raw()
        write_whole(path, seal_bytes(file_key, path.name.encode(), secret))
    return Identity(Ed25519PrivateKey.from_private_bytes(secret))


def drop_identity(profile: Path, trainer: str) -> None:
    """Remove the identity at a trainer; nothing sent under it can be reached afterwards."""
    remove(_path(profile, trainer))


def _path(profile: Path, trainer: str) -> Path:
    name = hashlib.sha256(trainer.encode()).hexdigest()[:32]
    return profile / IDENTITIES / f"{name}.key"
