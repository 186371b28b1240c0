"""A cipher that remembers what it decrypted last, so that the demo can show an update that the gate refused.

Only something that measures may do this: the product keeps no weights that it does not use.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quietkeys.arrays import Int64
from quietkeys.cipher import Cipher


class WatchedCipher:
    """A `Cipher` in front of another; see there."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self.decrypted: list[Int64] = []  # the new weights, by block; private

    def plan_hash(self) -> str:
        """See `Cipher`."""
        return self._cipher.plan_hash()

    def has_keys(self) -> bool:
        """See `Cipher`."""
        return self._cipher.has_keys()

    def generate_keys(self) -> None:
        """See `Cipher`."""
        self._cipher.generate_keys()

    def fingerprint(self) -> str:
        """See `Cipher`."""
        return self._cipher.fingerprint()

    def write_evaluation_keys(self, path: Path) -> str:
        """See `Cipher`."""
        return self._cipher.write_evaluation_keys(path)

    def share(self, sealing_key: bytes) -> bytes:
        """See `Cipher`."""
        return self._cipher.share(sealing_key)

    def adopt(self, sealing_key: bytes, sealed: bytes) -> str:
        """See `Cipher`."""
        return self._cipher.adopt(sealing_key, sealed)

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """See `Cipher`."""
        return self._cipher.encrypt(arrays)

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """See `Cipher`; remembers the weights."""
        self.decrypted = self._cipher.decrypt(values)
        return self.decrypted

    def close(self) -> None:
        """See `Cipher`."""
        self._cipher.close()
