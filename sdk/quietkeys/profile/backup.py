"""A backup of a whole profile in one file: everything learned, the identities, the secret key.

    "QKB1" | kind u8 | size u8 | parameters | nonce prefix (7) | key check (16) | chunks

The key is made from a recovery code (kind 1, parameters: a salt) or from a passphrase (kind 2, parameters: of
scrypt). The content is sealed in chunks of 1 MiB by AES-256-GCM with the nonce prefix | number u32 | whether
it is the last u8 (the STREAM construction), each bound to what is before the chunks: none can be left out,
moved or cut off. The content is a sequence of entries: size u8 | name | size u64 | bytes. The first is the
data key of the profile; the others are its files, sealed under it as they lie in the folder.
"""

from __future__ import annotations

import hmac
import os
import re
import shutil
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from quietkeys.files import make_folder, translated, write_pieces
from quietkeys.profile.folder import DATABASE, IDENTITIES, KEYS, OUTBOX, Profile
from quietkeys.profile.outbox import KEYS as EVALUATION_KEYS
from quietkeys.profile.store import Store
from quietkeys.vault.header import Vault
from quietkeys.vault.human_code import RecoveryCode
from quietkeys.vault.protection import Protection, normalized, stretched, stretching
from quietkeys.vault.sealing import KEY_BYTES, DataKey, derived
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, Untrusted

MAGIC: Final = b"QKB1"
CHUNK: Final = 1 << 20  # bytes of content
_CODE, _PASSPHRASE = 1, 2  # kinds
_SALT: Final = 16
_PREFIX: Final = 7
_CHECK: Final = 16
_TAG: Final = 16
_NUMBER: Final = struct.Struct(">IB")
_SIZE: Final = struct.Struct(">Q")
_DATA_KEY: Final = "data key"
_FOLDERS: Final = (IDENTITIES, KEYS, OUTBOX)
_NAME: Final = re.compile(
    rf"{re.escape(DATABASE)}|(?:{'|'.join(_FOLDERS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}"
)


class _Source(Protocol):
    def read(self, size: int) -> bytes: ...


def back_up(profile: Profile, path: Path, passphrase: str | None = None) -> RecoveryCode | None:
    """Write a backup of an open profile to a file of mode 0600; return what opens it, if no passphrase does.

    Not while a sync runs. Raises Refused (SECRET_UNSUITABLE) for a short passphrase, TryAgain (DISK_FULL,
    STORAGE_FAILED); then nothing was written.
    """
    code = None if passphrase is not None else RecoveryCode.generate()
    kind, parameters = (_PASSPHRASE, stretching()) if code is None else (_CODE, os.urandom(_SALT))
    key = _key(kind, parameters, code.text if code is not None else passphrase or "")
    head = MAGIC + bytes([kind, len(parameters)]) + parameters + os.urandom(_PREFIX)
    head += derived(key, b"backup check")[:_CHECK]
    write_pieces(path, _sealed(key, head, _entries(profile)))
    return code


def restore(
    path: Path, folder: Path, secret: str | RecoveryCode, protection: Protection | None = None
) -> None:
    """Make a profile folder of a backup.

    secret: its recovery code, as it was returned or as somebody typed it, or its passphrase.
    protection: of the new profile, as `Personalizer.open`. Raises Refused (BACKUP_SEALED,
    RECOVERY_CODE_MISTYPED; PROFILE_EXISTS if there is something in that folder), Untrusted (BACKUP_DAMAGED),
    Outdated (VERSION_UNSUPPORTED, PROFILE_NEWER), TryAgain (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED);
    then nothing was made.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(ErrorCode.PROFILE_EXISTS)
    with ExitStack() as stack:
        with translated():
            source = stack.enter_context(path.open("rb"))
            draft = folder.absolute().with_name(f".restored-{folder.absolute().name}")
            shutil.rmtree(draft, ignore_errors=True)  # what a kill has left
        stack.callback(shutil.rmtree, draft, ignore_errors=True)
        make_folder(draft)
        key = _write_files(source, secret.text if isinstance(secret, RecoveryCode) else secret, draft)
        store = Store.open(draft / DATABASE, key)
        try:
            store.check()
        finally:
            store.close()
        Vault.create(draft, protection, key)
        with translated():
            draft.rename(folder)


def _write_files(source: _Source, secret: str, folder: Path) -> DataKey:
    key, head = _opened(source, secret)
    content = _Content(_unsealed(source, key, head))
    name, size = content.entry()
    if name != _DATA_KEY or size != KEY_BYTES:
        raise Untrusted(ErrorCode.BACKUP_DAMAGED)
    data_key = DataKey(content.read(size))
    seen: set[str] = set()
    while not content.at_end():
        name, size = content.entry()
        if name in seen or not _NAME.fullmatch(name):
            raise Untrusted(ErrorCode.BACKUP_DAMAGED)
        seen.add(name)
        make_folder((folder / name).parent)
        write_pieces(folder / name, content.pieces(size))
    if DATABASE not in seen:
        raise Untrusted(ErrorCode.BACKUP_DAMAGED)
    return data_key


def _entries(profile: Profile) -> Iterator[bytes]:
    yield from _entry(_DATA_KEY, profile.vault.key.secret)
    yield from _entry(DATABASE, profile.store.database.copy())
    for folder in _FOLDERS:
        with translated():
            paths = sorted((profile.folder / folder).glob("*"))
        for path in paths:
            name = f"{folder}/{path.name}"
            if _NAME.fullmatch(name) and path.name != EVALUATION_KEYS:
                with translated():
                    content = path.read_bytes()
                yield from _entry(name, content)


def _entry(name: str, content: bytes) -> Iterator[bytes]:
    yield bytes([len(name)]) + name.encode() + _SIZE.pack(len(content))
    yield from (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))


def _key(kind: int, parameters: bytes, secret: str) -> bytes:
    if kind == _CODE:
        return derived(RecoveryCode.parse(secret).secret, b"backup", parameters)
    return stretched(normalized(secret), parameters)


def _sealed(key: bytes, head: bytes, content: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    cipher, held, number = AESGCM(key), b"", 0
    for piece in content:
        held += piece
        while len(held) > CHUNK:
            yield cipher.encrypt(_nonce(head, number, last=False), held[:CHUNK], head)
            held, number = held[CHUNK:], number + 1
    yield cipher.encrypt(_nonce(head, number, last=True), held, head)


def _opened(source: _Source, secret: str) -> tuple[bytes, bytes]:
    """Return the key and the head of a backup."""
    start = source.read(len(MAGIC) + 2)
    if start[:3] == MAGIC[:3] and start[3:4] > MAGIC[3:]:
        raise Outdated(ErrorCode.VERSION_UNSUPPORTED)
    if len(start) != len(MAGIC) + 2 or not start.startswith(MAGIC) or start[4] not in (_CODE, _PASSPHRASE):
        raise Untrusted(ErrorCode.BACKUP_DAMAGED)
    kind, size = start[4], start[5]
    rest = source.read(size + _PREFIX + _CHECK)
    if len(rest) != size + _PREFIX + _CHECK or (kind == _CODE and size != _SALT):
        raise Untrusted(ErrorCode.BACKUP_DAMAGED)
    try:
        key = _key(kind, rest[:size], secret)
    except Untrusted as error:
        raise Untrusted(ErrorCode.BACKUP_DAMAGED) from error
    except Refused as error:
        if error.code is ErrorCode.SECRET_UNSUITABLE:
            raise Refused(ErrorCode.BACKUP_SEALED) from error
        raise
    if not hmac.compare_digest(derived(key, b"backup check")[:_CHECK], rest[-_CHECK:]):
        raise Refused(ErrorCode.BACKUP_SEALED)
    return key, start + rest


def _unsealed(source: _Source, key: bytes, head: bytes) -> Iterator[bytes]:
    cipher, number = AESGCM(key), 0
    with translated():
        sealed = source.read(CHUNK + _TAG)
        while True:
            after = source.read(CHUNK + _TAG)
            try:
                yield cipher.decrypt(_nonce(head, number, last=not after), sealed, head)
            except (InvalidTag, ValueError) as error:
                raise Untrusted(ErrorCode.BACKUP_DAMAGED) from error
            if not after:
                return
            sealed, number = after, number + 1


def _nonce(head: bytes, number: int, *, last: bool) -> bytes:
    prefix = head[-_CHECK - _PREFIX : -_CHECK]
    return prefix + _NUMBER.pack(number, last)


class _Content:
    """The entries of a backup, read one after the other. Raises Untrusted (BACKUP_DAMAGED)."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    def at_end(self) -> bool:
        """Return whether nothing is left."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._held = chunk
        return False

    def read(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        return b"".join(self.pieces(size))

    def entry(self) -> tuple[str, int]:
        """Return the name and size of the next entry."""
        (length,) = self.read(1)
        name = self.read(length).decode("ascii", errors="replace")
        (size,) = _SIZE.unpack(self.read(_SIZE.size))
        return name, size

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield exactly so many bytes, in pieces."""
        while size:
            if self.at_end():
                raise Untrusted(ErrorCode.BACKUP_DAMAGED)
            piece, self._held = self._held[:size], self._held[size:]
            size -= len(piece)
            yield piece
