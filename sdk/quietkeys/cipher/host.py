"""The host's side of the encryption process. Nothing here sees a secret key."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.cipher.interface import Cipher, Parameters, check_update_frames
from quietkeys.cipher.key_file import KEY_FILE, read_head
from quietkeys.cipher.limits import CREATION_FLAGS, has_processes
from quietkeys.cipher.pipe import Broken, Message, Verb, exchange, texts
from quietkeys.files import make_room, remove, translated
from quietkeys_protocol.errors import ErrorCode, StartOver, TryAgain, Untrusted, error_of

if TYPE_CHECKING:
    import subprocess

SECONDS: Final = 900.0  # for one request; key generation takes 1-3 s on an idle core
_MODULE: Final = "quietkeys.cipher.process"
_ENVIRONMENT: Final = (
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "SYSTEMROOT",
    "TMPDIR",
    "VIRTUAL_ENV",
)
_THRIFT: Final = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class ProcessCipher:
    """A `Cipher` whose secrets live in a process of its own, started when first needed.

    `folder` holds the key file, `file_key` is what that is sealed under: without one, a key of this object's
    own, so that no other can read what it writes. A process that dies, hangs or talks nonsense is ended and
    reported as `TryAgain` (CIPHER_FAILED); the next call starts another.
    """

    def __init__(
        self,
        folder: Path,
        parameters: Parameters,
        *,
        file_key: bytes | None = None,
        python: str = sys.executable,
        seconds: float = SECONDS,
        stop: threading.Event | None = None,
    ) -> None:
        """seconds: on the clock, for one request. stop: ends the process and what is asked of it."""
        self._folder = folder
        self._parameters = parameters
        self._file_key = os.urandom(32) if file_key is None else file_key
        self._python = python
        self._seconds = seconds
        self._stop = threading.Event() if stop is None else stop
        self._child: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return "ProcessCipher(...)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def plan_hash(self) -> str:
        """See `Cipher`."""
        return self._parameters.plan.hash

    def has_keys(self) -> bool:
        """See `Cipher`. The process loads and tests the key, so that a damaged one is found out here."""
        head = read_head(self._key_file)
        if head is None or head.specification_sha256 != self._parameters.specification_sha256:
            return False
        (has,) = self._ask(Verb.LOAD)
        return bool(has)

    def generate_keys(self) -> None:
        """See `Cipher`."""
        make_room(self._folder)
        self._ask(Verb.GENERATE)

    def fingerprint(self) -> str:
        """See `Cipher`."""
        head = read_head(self._key_file)
        if head is None or head.specification_sha256 != self._parameters.specification_sha256:
            raise StartOver(ErrorCode.KEY_UNKNOWN, "this device has no key for the plan")
        return head.fingerprint.hex()

    def write_evaluation_keys(self, path: Path) -> str:
        """See `Cipher`."""
        (sha256,) = texts(self._ask(Verb.EXPORT, os.fsencode(path.absolute())))
        with translated():
            has_frame = self._parameters.frames.keys.matches_file(path)
        if not has_frame:  # never send anything else
            remove(path)
            raise Untrusted(ErrorCode.SPECIFICATION_UNTRUSTED, "frame of evaluation keys")
        return sha256

    def encrypt(self, arrays: Sequence[Int64]) -> list[bytes]:
        """See `Cipher`."""
        self._parameters.check_arrays(arrays)
        return list(self._ask(Verb.ENCRYPT, *(array.astype("<i8").tobytes() for array in arrays)))

    def decrypt(self, values: Sequence[bytes]) -> list[Int64]:
        """See `Cipher`."""
        check_update_frames(self._parameters.frames.update, values)
        parts = self._ask(Verb.DECRYPT, *values)
        return [np.frombuffer(part, "<i8").astype(np.int64) for part in parts]

    def share(self, sealing_key: bytes) -> bytes:
        """See `Cipher`. The secret keys are sealed in the process: the host never holds them."""
        (sealed,) = self._ask(Verb.SHARE, sealing_key)
        return sealed

    def adopt(self, sealing_key: bytes, sealed: bytes) -> str:
        """See `Cipher`. They are opened, tried and stored in the process."""
        make_room(self._folder)
        (fingerprint,) = texts(self._ask(Verb.ADOPT, sealing_key, sealed))
        return fingerprint

    def close(self) -> None:
        """See `Cipher`."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()  # it writes files whole or not at all
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def _key_file(self) -> Path:
        return self._folder / KEY_FILE

    def _ask(self, verb: Verb, *parts: bytes) -> tuple[bytes, ...]:
        try:
            if self._child is None:
                self._start()
            return self._exchange(Message(verb, parts))
        except Broken as error:
            self.close()
            raise TryAgain(ErrorCode.CIPHER_FAILED) from error

    def _start(self) -> None:
        import subprocess  # not above: the process that is started loads this module with its package

        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | _THRIFT
        try:
            self._child = subprocess.Popen(
                [self._python, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                bufsize=0,
                creationflags=CREATION_FLAGS,
            )
        except OSError as error:
            raise Broken from error
        parameters = self._parameters
        folder = os.fsencode(self._folder.absolute())
        opening = (parameters.plan.canonical, parameters.specification.canonical, folder, self._file_key)
        try:
            self._exchange(Message(Verb.OPEN, opening))
        except BaseException:
            self.close()
            raise

    def _exchange(self, request: Message) -> tuple[bytes, ...]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise Broken
        reply = exchange(child.stdin, child.stdout, request, self._seconds, self._stop)
        if reply.verb is Verb.DONE:
            return reply.parts
        if reply.verb is not Verb.FAILED or len(reply.parts) != 2:
            raise Broken
        code, detail = texts(reply.parts)
        try:
            known = ErrorCode(code)
        except ValueError as error:
            raise Broken from error
        raise error_of(known, detail)


def device_cipher(
    folder: Path, parameters: Parameters, *, file_key: bytes, stop: threading.Event | None = None
) -> Cipher:
    """Return the cipher of a device: in a process of its own where this system has processes."""
    if has_processes():
        return ProcessCipher(folder, parameters, file_key=file_key, stop=stop)
    from quietkeys.cipher.local import LocalCipher

    return LocalCipher(folder, parameters, file_key=file_key, stop=stop)
