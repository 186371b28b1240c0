"""A cipher in this process: what the encryption process holds, and what there is where there are none.

It knows the secret keys and everything in the clear. An app on a system with processes uses `ProcessCipher`,
so that its own memory has none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from quietkeys.arrays import Int64
from quietkeys.cipher.interface import Parameters
from quietkeys.cipher.key_file import KEY_FILE, KeyFile
from quietkeys.cipher.key_set import KeySet
from quietkeys.cipher.secret_keys import SHARED_KEYS, read_letter
from quietkeys.files import make_room, remove, write_pieces
from quietkeys.vault.sealing import seal, unseal
from quietkeys_protocol.errors import ErrorCode, StartOver, TryAgain, Untrusted


class LocalCipher:
    """A `Cipher` whose secrets are in the memory of this process, from their first use to `close`."""

    def __init__(
        self, folder: Path, parameters: Parameters, *, file_key: bytes, stop: Event | None = None
    ) -> None:
        """file_key: what the key file is sealed under. stop: ends the making of keys."""
        self._folder = folder
        self._parameters = parameters
        self._file = KeyFile(folder / KEY_FILE, parameters, file_key)
        self._stop = Event() if stop is None else stop
        self._keys: KeySet | None = None

    def __repr__(self) -> str:
        return "LocalCipher(...)"

    def plan_hash(self) -> str:
        """See `Cipher`."""
        return self._parameters.plan.hash

    def has_keys(self) -> bool:
        """See `Cipher`. All of the file is read and tested, so that a damaged one is found out here."""
        with _typed():
            if self._file.head() is None:
                return False
            self._key_set()
            for _ in self._file.evaluation_keys():
                pass
            return True

    def generate_keys(self) -> None:
        """See `Cipher`."""
        with _typed():
            make_room(self._folder)
            keys = KeySet.generate(self._parameters)
            self._file.write(keys.secrets, self._unless_stopped(keys.new_evaluation_keys()))
            self._keys = keys

    def fingerprint(self) -> str:
        """See `Cipher`."""
        return self._file.needed().fingerprint.hex()

    def write_evaluation_keys(self, path: Path) -> str:
        """See `Cipher`."""
        with _typed():
            fingerprint = self.fingerprint()
            write_pieces(path, self._file.evaluation_keys())
            if path.stat().st_size == 0:
                remove(path)
                raise StartOver(ErrorCode.KEY_UNKNOWN, "the evaluation keys are on another device")
            if not self._parameters.frames.keys.matches_file(path):  # never send anything else
                remove(path)
                raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "frame of evaluation keys")
            return fingerprint

    def share(self, sealing_key: bytes) -> bytes:
        """See `Cipher`."""
        with _typed():
            content = self._key_set().letter(self._file.needed().fingerprint)
            return seal(sealing_key, content, SHARED_KEYS)

    def adopt(self, sealing_key: bytes, sealed: bytes) -> str:
        """See `Cipher`."""
        with _typed():
            content = unseal(sealing_key, sealed, SHARED_KEYS)
            fingerprint, secrets = read_letter(self._parameters.specification, content)
            keys = KeySet(self._parameters, secrets)  # which tries them
            make_room(self._folder)
            self._file.write_adopted(secrets, fingerprint)
            self._keys = keys
            return fingerprint.hex()

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """See `Cipher`."""
        with _typed():
            self._parameters.check_arrays(arrays)
            return self._key_set().encrypt(arrays)

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """See `Cipher`."""
        with _typed():
            return self._key_set().decrypt(values)

    def close(self) -> None:
        """See `Cipher`. Memory that held a key is not wiped: Python cannot."""
        self._keys = None

    def _key_set(self) -> KeySet:
        if self._keys is None:
            self._keys = KeySet(self._parameters, self._file.secrets())
        return self._keys

    def _unless_stopped(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._stop.is_set():
                raise TryAgain(ErrorCode.CIPHER_FAILED, "stopped")
            yield piece


@contextmanager
def _typed() -> Iterator[None]:
    """Raise what went wrong in the arithmetic or the system as ours, without a word about values or keys."""
    try:
        yield
    except (MemoryError, RuntimeError, ValueError, ArithmeticError, OSError) as error:
        raise TryAgain(ErrorCode.CIPHER_FAILED, type(error).__name__) from None
