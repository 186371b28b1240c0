"""The file that holds a device's keys.

    evaluation keys, or nothing | sealed secret keys | head
    head: "QKK4" | SHA-256 of the client specification (32) | key id (32)

The head can be read without the secrets. The secret keys are sealed under a key of the profile's vault and
bound to the head. Evaluation keys are public, what the trainer gets, and cut as it gets them: they are not
sealed, and their key id in the head binds them to the rest. They come first because they are written while
they are made, and are never in memory as a whole. A device that adopted its keys has none. Mode 0600,
replaced as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from quietkeys.cipher.interface import Parameters
from quietkeys.cipher.secret_keys import Secrets, pack, packed_size, unpack
from quietkeys.files import translated, write_pieces
from quietkeys.vault.sealing import SEALED_MORE, seal_bytes, unseal_bytes
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, StartOver, Untrusted

KEY_FILE: Final = "keys.qkk"
MAGIC: Final = b"QKK4"
HEAD: Final = struct.Struct(">4s32s32s")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """What the keys are for and called; public."""

    specification_sha256: bytes
    fingerprint: bytes

    def to_bytes(self) -> bytes:
        """Return the bytes of the head."""
        return HEAD.pack(MAGIC, self.specification_sha256, self.fingerprint)

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the head of these bytes. Raises `Untrusted` (PROFILE_DAMAGED) if they are none."""
        if len(content) != HEAD.size or not content.startswith(MAGIC):
            raise _damaged()
        _, specification, fingerprint = HEAD.unpack(content)
        return cls(specification, fingerprint)


def read_head(path: Path) -> Head | None:
    """Return the head of a key file, or None where there is no file. Raises `Untrusted` if it is damaged."""
    with translated():
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - HEAD.size))
                return Head.of(file.read(HEAD.size))
        except FileNotFoundError:
            return None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The key file of a device for these parameters. key: what the secret keys are sealed under, 32 bytes."""

    path: Path
    parameters: Parameters
    key: bytes

    def __repr__(self) -> str:
        return "KeyFile(...)"

    def head(self) -> Head | None:
        """Return the head, None where there is no key for these parameters. Raises `Untrusted` if damaged."""
        head = read_head(self.path)
        return head if head and head.specification_sha256 == self.parameters.specification_sha256 else None

    def needed(self) -> Head:
        """Return the head. Raises `StartOver` (KEY_UNKNOWN) where there is none."""
        head = self.head()
        if head is None:
            raise StartOver(ErrorCode.KEY_UNKNOWN, "this device has no key for the plan")
        return head

    def secrets(self) -> Secrets:
        """Return the secret keys.

        Raises `StartOver` (KEY_UNKNOWN) without any, `Untrusted` (PROFILE_DAMAGED) for what is no key file.
        """
        head = self.needed()
        with translated(), self.path.open("rb") as file:
            self._evaluation_bytes(file.seek(0, os.SEEK_END))
            file.seek(-self._end_bytes, os.SEEK_END)
            sealed = file.read(self._end_bytes - HEAD.size)
        packed = unseal_bytes(self.key, head.to_bytes(), sealed)
        secrets = None if packed is None else unpack(self.parameters.specification, packed)
        if secrets is None:
            raise _damaged()
        return secrets

    def evaluation_keys(self) -> Iterator[bytes]:
        """Yield the evaluation keys in pieces, cut for sending; none where another device has them.

        Raises `Untrusted` (PROFILE_DAMAGED), at the end at the latest, where they are not those of the head.
        """
        head, digest = self.needed(), hashlib.sha256()
        form = self.parameters.frames.key_form
        with translated(), self.path.open("rb") as file:
            size = self._evaluation_bytes(file.seek(0, os.SEEK_END))
        if not size:
            return
        try:
            yield from form.cut(_hashed(form.fill(self._stored(size)), digest))
        except (Refused, Outdated) as error:
            raise _damaged() from error
        if digest.digest() != head.fingerprint:
            raise _damaged()

    def write(self, secrets: Secrets, evaluation_keys: Iterable[bytes]) -> Head:
        """Replace the file by one with new evaluation keys, given filled and in pieces; return its head."""
        write_pieces(self.path, self._new(secrets, evaluation_keys))
        return self.needed()

    def write_adopted(self, secrets: Secrets, fingerprint: bytes) -> None:
        """Replace the file by one of keys whose evaluation keys another device has."""
        write_pieces(self.path, self._end(secrets, fingerprint))

    def _new(self, secrets: Secrets, evaluation_keys: Iterable[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        yield from self.parameters.frames.key_form.cut(_hashed(evaluation_keys, digest))
        yield from self._end(secrets, digest.digest())

    def _stored(self, size: int) -> Iterator[bytes]:
        """Yield the first bytes of the file, so many, in pieces."""
        with translated(), self.path.open("rb") as file:
            while piece := file.read(min(size, _CHUNK)):
                size -= len(piece)
                yield piece

    def _end(self, secrets: Secrets, fingerprint: bytes) -> tuple[bytes, bytes]:
        head = Head(self.parameters.specification_sha256, fingerprint).to_bytes()
        return seal_bytes(self.key, head, pack(self.parameters.specification, secrets)), head

    @property
    def _end_bytes(self) -> int:
        return packed_size(self.parameters.specification) + SEALED_MORE + HEAD.size

    def _evaluation_bytes(self, size: int) -> int:
        """Return how many bytes of a file of this size are evaluation keys."""
        left = size - self._end_bytes
        if left not in (0, self.parameters.frames.keys.size):
            raise _damaged()
        return left


def _hashed(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """Yield pieces as they are, and hash them."""
    for piece in pieces:
        digest.update(piece)
        yield piece


def _damaged() -> Untrusted:
    return Untrusted(ErrorCode.PROFILE_DAMAGED, "key file")
