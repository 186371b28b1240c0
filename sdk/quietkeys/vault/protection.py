"""What protects a profile's data key: where the key that wraps it comes from.

    OsKeyStore()             the key store of the desktop, through keyring
    Passphrase("...")        scrypt
    CallerKey(32 bytes)      a key that the app keeps
    KeyFile()                a file of mode 0600 beside the profile: against nobody who can read the folder

None of them can be printed, pickled or copied.
"""

from __future__ import annotations

import base64
import os
import struct
import unicodedata
from binascii import Error as Base64Error
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn, Protocol

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from quietkeys.vault.sealing import KEY_BYTES, derived
from quietkeys.vault.two_copies import read_mirrored, remove_mirrored, write_mirrored
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, TryAgain, Untrusted

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SHORTEST_PASSPHRASE: Final = 8  # characters
SERVICE: Final = "quietkeys"  # under which the key store lists the keys
KEY_FILE: Final = "vault-{}.key"
_LOG_N: Final = 17  # of scrypt: 128 MB and a third of a second (OWASP's first choice, with r = 8, p = 1)
_LOG_N_RANGE: Final = range(14, 21)  # of what a header may ask for: up to 1 GB
_SALT: Final = 16
_HEAD: Final = struct.Struct(f">B{_SALT}s")  # log2 N, salt


class Kind(IntEnum):
    """The kinds of protection; the value is what a header holds."""

    KEY_FILE = 1
    OS_KEY_STORE = 2
    PASSPHRASE = 3
    CALLER_KEY = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Which profile is protected: its folder, and its random id in hex."""

    folder: Path
    profile_id: str


class Protection(Protocol):
    """Where the key that wraps a profile's data key comes from."""

    kind: ClassVar[Kind]

    def make(self, place: Place) -> tuple[bytes, bytes]:
        """Make a wrapping key, storing it if it has to be; return it and public parameters for `key`.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED, KEY_STORE_FAILED).
        """
        ...

    def key(self, place: Place, parameters: bytes) -> bytes:
        """Return the wrapping key that `make` made.

        Raises Untrusted (PROFILE_DAMAGED), Refused (PROFILE_SEALED), TryAgain (STORAGE_FAILED,
        KEY_STORE_FAILED).
        """
        ...

    def drop(self, place: Place, parameters: bytes) -> None:
        """Remove what `make` has stored, if anything. Raises TryAgain (STORAGE_FAILED, KEY_STORE_FAILED)."""
        ...


class _Secret:
    # Objects that hold a secret.
    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a protection cannot be pickled or copied")


class KeyFile(_Secret):
    """A random key in a file of mode 0600 beside the profile."""

    kind: ClassVar[Kind] = Kind.KEY_FILE
    __slots__ = ()

    def make(self, place: Place) -> tuple[bytes, bytes]:
        """See `Protection`."""
        key, name = os.urandom(KEY_BYTES), os.urandom(4)
        write_mirrored(self._path(place, name), key)
        return key, name

    def key(self, place: Place, parameters: bytes) -> bytes:
        """See `Protection`."""
        key = read_mirrored(self._path(place, parameters))
        if key is None or len(key) != KEY_BYTES:
            raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the key file")
        return key

    def drop(self, place: Place, parameters: bytes) -> None:
        """See `Protection`."""
        remove_mirrored(self._path(place, parameters))

    def _path(self, place: Place, parameters: bytes) -> Path:
        return place.folder / KEY_FILE.format(parameters.hex())


class OsKeyStore(_Secret):
    """A random key in the key store of the operating system or the desktop, which may ask its user."""

    kind: ClassVar[Kind] = Kind.OS_KEY_STORE
    __slots__ = ("_backend",)

    def __init__(self, backend: KeyringBackend | None = None) -> None:
        """backend: of keyring; by default the one that keyring chooses."""
        self._backend = backend

    def make(self, place: Place) -> tuple[bytes, bytes]:
        """See `Protection`."""
        key, name = os.urandom(KEY_BYTES), os.urandom(4)
        self._ask("set_password", place, name, base64.b64encode(key).decode())
        if self._stored(place, name) != key:
            raise TryAgain(ErrorCode.KEY_STORE_FAILED, "it does not keep what it is given")
        return key, name

    def key(self, place: Place, parameters: bytes) -> bytes:
        """See `Protection`."""
        key = self._stored(place, parameters)
        if key is None:
            raise Refused(ErrorCode.PROFILE_SEALED, "its key is not in this key store")
        return key

    def drop(self, place: Place, parameters: bytes) -> None:
        """See `Protection`."""
        if self._stored(place, parameters) is not None:
            self._ask("delete_password", place, parameters)

    def _stored(self, place: Place, parameters: bytes) -> bytes | None:
        text = self._ask("get_password", place, parameters)
        try:
            key = base64.b64decode(text or "", validate=True)
        except (Base64Error, ValueError):
            return None
        return key if len(key) == KEY_BYTES else None

    def _ask(self, verb: str, place: Place, parameters: bytes, *more: str) -> str | None:
        try:
            if self._backend is None:
                import keyring

                self._backend = keyring.get_keyring()
            name = f"{place.profile_id}-{parameters.hex()}"
            answer: str | None = getattr(self._backend, verb)(SERVICE, name, *more)
        except Exception:  # noqa: BLE001 - backends raise what they like, and some quote what they were given
            raise TryAgain(ErrorCode.KEY_STORE_FAILED) from None
        return answer


class Passphrase(_Secret):
    """A passphrase that the user types; whoever forgets it has lost the profile."""

    kind: ClassVar[Kind] = Kind.PASSPHRASE
    __slots__ = ("_passphrase",)

    def __init__(self, passphrase: str) -> None:
        """Raise Refused (SECRET_UNSUITABLE) for a passphrase of fewer than 8 characters."""
        self._passphrase = normalized(passphrase)

    def make(self, place: Place) -> tuple[bytes, bytes]:
        """See `Protection`."""
        parameters = stretching()
        return self.key(place, parameters), parameters

    def key(self, place: Place, parameters: bytes) -> bytes:
        """See `Protection`."""
        del place
        return stretched(self._passphrase, parameters)

    def drop(self, place: Place, parameters: bytes) -> None:
        """See `Protection`."""


class CallerKey(_Secret):
    """A key of 32 random bytes that the app keeps where it keeps such things."""

    kind: ClassVar[Kind] = Kind.CALLER_KEY
    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Raise Refused (SECRET_UNSUITABLE) for a key of another length."""
        if len(key) != KEY_BYTES:
            raise Refused(ErrorCode.SECRET_UNSUITABLE)
        self._key = bytes(key)

    def make(self, place: Place) -> tuple[bytes, bytes]:
        """See `Protection`."""
        salt = os.urandom(_SALT)
        return self.key(place, salt), salt

    def key(self, place: Place, parameters: bytes) -> bytes:
        """See `Protection`."""
        del place
        return derived(self._key, b"caller", parameters)

    def drop(self, place: Place, parameters: bytes) -> None:
        """See `Protection`."""


def normalized(passphrase: str) -> bytes:
    """Return a passphrase as bytes, the same for each way to type it (NFKC).

    Raises Refused (SECRET_UNSUITABLE) for one of fewer than 8 characters.
    """
    text = unicodedata.normalize("NFKC", passphrase)
    if len(text) < SHORTEST_PASSPHRASE:
        raise Refused(ErrorCode.SECRET_UNSUITABLE)
    return text.encode("utf-8", "surrogatepass")


def stretching() -> bytes:
    """Return the public parameters of a new `stretched` key."""
    return _HEAD.pack(_LOG_N, os.urandom(_SALT))


def stretched(passphrase: bytes, parameters: bytes) -> bytes:
    """Return the key of a passphrase (scrypt). Raises Untrusted (PROFILE_DAMAGED) for other parameters."""
    if len(parameters) != _HEAD.size or parameters[0] not in _LOG_N_RANGE:
        raise Untrusted(ErrorCode.PROFILE_DAMAGED, "the vault")
    log_n, salt = _HEAD.unpack(parameters)
    return Scrypt(salt, KEY_BYTES, 1 << log_n, 8, 1).derive(passphrase)


def default_protection() -> Protection:
    """Return the OS key store where it works without asking anybody, else a key file."""
    backend = _silent_backend()
    if backend is not None:
        store, place = OsKeyStore(backend), Place(Path(), "probe")
        try:
            _, name = store.make(place)
            store.drop(place, name)
        except QuietkeysError:
            return KeyFile()
        return store
    return KeyFile()


def _silent_backend() -> KeyringBackend | None:
    # The backend that keyring chooses, if it never opens a window.
    try:
        import keyring

        backend = keyring.get_keyring()
        first = next(iter(getattr(backend, "backends", ())), backend)  # of several, the preferred one
        name = f"{type(first).__module__}.{type(first).__qualname__}"
        silent = name in _SILENT or (name == _FREEDESKTOP and _is_unlocked())
    except Exception:  # noqa: BLE001 - plug-ins of the desktop raise what they like
        return None
    return first if silent else None


_SILENT: Final = ("keyring.backends.macOS.Keyring", "keyring.backends.Windows.WinVaultKeyring")
_FREEDESKTOP: Final = "keyring.backends.SecretService.Keyring"


def _is_unlocked() -> bool:
    # Whether the default collection of the Secret Service is there and open: else it would ask.
    from keyring.backends import SecretService

    library = SecretService.secretstorage  # type: ignore[attr-defined] # which only it declares
    connection = library.dbus_init()
    try:
        return not library.Collection(connection).is_locked()
    finally:
        connection.close()
