"""The file that holds a device's key set.

    "QKK2" | SHA-256 of: client specification (32), evaluation keys (32) | sealed key set

The head is public and can be read without the secrets. The key set is sealed under a key of the profile's
vault and bound to the head. Mode 0600, replaced as a whole or not at all.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.files import write_pieces
from quietkeys.vault.sealing import seal_bytes, unseal_bytes
from quietkeys_protocol.errors import ErrorCode, TryAgain, Untrusted

MAGIC: Final = b"QKK2"
HEAD: Final = struct.Struct(">4s32s32s")
MAX_KEY_SET: Final = 1 << 28  # bytes; a plan's keys have under 100 MB


@dataclass(frozen=True, slots=True)
class Head:
    """What a key set is for and called; public."""

    specification_sha256: bytes
    fingerprint: bytes

    def to_bytes(self) -> bytes:
        """Return the bytes of the head."""
        return HEAD.pack(MAGIC, self.specification_sha256, self.fingerprint)


def read_head(path: Path) -> Head | None:
    """Return the head of a key file, or None where there is no file. Raises `Untrusted` if it is damaged."""
    try:
        with path.open("rb") as file:
            content = file.read(HEAD.size)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TryAgain(ErrorCode.STORAGE_FAILED, "key file") from error
    return _parse(content)


def read_key_set(path: Path, key: bytes) -> tuple[Head, bytes] | None:
    """Return the head and the secret key set of a file, or None without one.

    Raises `Untrusted` if it is damaged. key: what it is sealed under.
    """
    head = read_head(path)
    if head is None:
        return None
    if path.stat().st_size > MAX_KEY_SET:
        raise Untrusted(ErrorCode.PROFILE_DAMAGED, "key file")
    key_set = unseal_bytes(key, head.to_bytes(), path.read_bytes()[HEAD.size :])
    if key_set is None:
        raise Untrusted(ErrorCode.PROFILE_DAMAGED, "key file")
    return head, key_set


def write_key_set(path: Path, head: Head, key_set: bytes, key: bytes) -> None:
    """Replace the key file. key: what the key set is sealed under."""
    write_pieces(path, (head.to_bytes(), seal_bytes(key, head.to_bytes(), key_set)))


def _parse(content: bytes) -> Head:
    if len(content) != HEAD.size or not content.startswith(MAGIC):
        raise Untrusted(ErrorCode.PROFILE_DAMAGED, "key file")
    _, specification, fingerprint = HEAD.unpack(content)
    return Head(specification, fingerprint)
