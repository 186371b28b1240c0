"""The vault of a profile: its data key, and the header that holds it wrapped.

    "QKV1" | kind u8 | profile id (16) | size u8 | parameters of the protection | wrapped data key (60)

The header lies in `vault.header` and in a copy. Everything before the wrapped key is bound to it.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn, Self

from quietkeys.files import remove
from quietkeys.vault.protection import (
    KEY_FILE,
    CallerKey,
    KeyFile,
    Kind,
    OsKeyStore,
    Place,
    Protection,
    default_protection,
)
from quietkeys.vault.sealing import KEY_BYTES, SEALED_MORE, DataKey, seal_bytes, unseal_bytes
from quietkeys.vault.two_copies import has_mirrored, read_mirrored, repair_mirrored, write_mirrored
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, Untrusted

HEADER: Final = "vault.header"
MAGIC: Final = b"QKV1"
_HEAD: Final = struct.Struct(">4sB16sB")
_WRAPPED: Final = KEY_BYTES + SEALED_MORE
_ASKS: Final = {
    Kind.KEY_FILE: "it has a key file",
    Kind.OS_KEY_STORE: "its key is in a key store",
    Kind.PASSPHRASE: "it has a passphrase",
    Kind.CALLER_KEY: "it has a key that the app keeps",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says; `wrapped` is the data key under the protection's key."""

    kind: Kind
    profile_id: bytes
    parameters: bytes
    wrapped: bytes = field(repr=False)

    @classmethod
    def of(cls, protection: Protection, folder: Path, profile_id: bytes, key: DataKey) -> Self:
        """Have a protection make a new wrapping key for a data key; return the header of both."""
        wrapping, parameters = protection.make(Place(folder, profile_id.hex()))
        head = _head(protection.kind, profile_id, parameters)
        return cls(protection.kind, profile_id, parameters, seal_bytes(wrapping, head, key.secret))

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Return the header in these bytes.

        Raises Untrusted (PROFILE_DAMAGED), Outdated (PROFILE_NEWER).
        """
        if content[:3] == MAGIC[:3] and content[3:4] > MAGIC[3:]:
            raise Outdated(ErrorCode.PROFILE_NEWER)
        try:
            magic, kind, profile_id, size = _HEAD.unpack_from(content)
            parsed = cls(Kind(kind), profile_id, content[_HEAD.size :][:size], content[_HEAD.size + size :])
        except (struct.error, ValueError) as error:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the vault") from error
        if magic != MAGIC or len(parsed.wrapped) != _WRAPPED or parsed.to_bytes() != content:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the vault")
        return parsed

    def to_bytes(self) -> bytes:
        """Return the bytes that `parse` reads."""
        return _head(self.kind, self.profile_id, self.parameters) + self.wrapped

    def unwrapped(self, protection: Protection, folder: Path) -> DataKey:
        """Return the data key. Raises Refused (PROFILE_SEALED) for another protection, and as its `key`."""
        if protection.kind is not self.kind:
            raise Refused(ErrorCode.PROFILE_SEALED, _ASKS[self.kind])
        wrapping = protection.key(Place(folder, self.profile_id.hex()), self.parameters)
        head = _head(self.kind, self.profile_id, self.parameters)
        secret = unseal_bytes(wrapping, head, self.wrapped)
        if secret is None and self.kind is Kind.KEY_FILE:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the key file")
        if secret is None or len(secret) != KEY_BYTES:
            raise Refused(ErrorCode.PROFILE_SEALED, "this is not its key")
        return DataKey(secret)


class Vault:
    """The data key of an open profile, and how it is protected."""

    __slots__ = ("_folder", "_header", "_protection", "key")

    def __init__(self, folder: Path, header: Header, protection: Protection, key: DataKey) -> None:
        self._folder = folder
        self._header = header
        self._protection = protection
        self.key = key

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Return whether a folder has a header, good or not."""
        return has_mirrored(folder / HEADER)

    @classmethod
    def create(cls, folder: Path, protection: Protection | None, key: DataKey | None = None) -> Vault:
        """Make a vault in a folder, in place of any other; return it.

        protection: None for the OS key store where it works without asking, else a key file. key: a new one
        by default. Raises TryAgain (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED).
        """
        chosen = default_protection() if protection is None else protection
        data_key = DataKey.generate() if key is None else key
        header = Header.of(chosen, folder, os.urandom(16), data_key)
        write_mirrored(folder / HEADER, header.to_bytes())
        return cls(folder, header, chosen, data_key)

    @classmethod
    def passing(cls, folder: Path) -> Vault:
        """Return a vault that is stored nowhere, for a folder that nothing can be written to."""
        protection, key = CallerKey(os.urandom(KEY_BYTES)), DataKey.generate()
        return cls(folder, Header.of(protection, folder, os.urandom(16), key), protection, key)

    @classmethod
    def open(cls, folder: Path, protection: Protection | None) -> Vault:
        """Open the vault of a folder, writing a damaged copy of the header anew; return it.

        protection: what it was protected with; None will do for a key file and for the OS key store.
        Raises Refused (PROFILE_SEALED), Untrusted (PROFILE_DAMAGED), Outdated (PROFILE_NEWER), TryAgain
        (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED).
        """
        content = read_mirrored(folder / HEADER)
        if content is None:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the vault")
        header = Header.parse(content)
        if protection is None and header.kind in (Kind.PASSPHRASE, Kind.CALLER_KEY):
            raise Refused(ErrorCode.PROFILE_SEALED, _ASKS[header.kind])
        if protection is None:
            protection = KeyFile() if header.kind is Kind.KEY_FILE else OsKeyStore()
        vault = cls(folder, header, protection, header.unwrapped(protection, folder))
        repair_mirrored(folder / HEADER, content)
        vault._tidy()
        return vault

    @property
    def kind(self) -> Kind:
        """How the data key is protected."""
        return self._header.kind

    def protect(self, protection: Protection) -> None:
        """Protect the data key otherwise from now on. Raises TryAgain as `create`; then nothing was changed.

        A kill leaves the old protection or the new one in force.
        """
        before, by = self._header, self._protection
        header = Header.of(protection, self._folder, before.profile_id, self.key)
        write_mirrored(self._folder / HEADER, header.to_bytes())
        self._header, self._protection = header, protection
        by.drop(Place(self._folder, before.profile_id.hex()), before.parameters)

    def _tidy(self) -> None:
        # Key files that are not, or no longer, of use.
        name = KEY_FILE.format(self._header.parameters.hex()) if self.kind is Kind.KEY_FILE else ""
        for path in self._folder.glob(KEY_FILE.format("*") + "*"):
            if not name or not path.name.startswith(name):
                remove(path)

    def __repr__(self) -> str:
        return f"Vault({self.kind.name})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault cannot be pickled or copied")


def _head(kind: Kind, profile_id: bytes, parameters: bytes) -> bytes:
    return _HEAD.pack(MAGIC, kind, profile_id, len(parameters)) + parameters
