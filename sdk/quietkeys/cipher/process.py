"""The encryption process: `python -m quietkeys.cipher.process`, asked over its standard input.

It holds the secret key while a sync lasts, at low priority, in one thread, in bounded memory and processor
time for each request, and ends with its host.
Whatever goes wrong is answered by a typed error without a word about values or keys.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from quietkeys.cipher.interface import Parameters
from quietkeys.cipher.key_file import Head, read_head, read_key_set, write_key_set
from quietkeys.cipher.pipe import Broken, Message, Verb, read_message, texts, write_message
from quietkeys.cipher.randomness import require_randomness
from quietkeys.cipher.shared_keys import SHARED_KEYS, unpack
from quietkeys.files import write_pieces
from quietkeys.vault.sealing import seal, unseal
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, StartOver, TryAgain
from quietkeys_protocol.plan import Plan

if TYPE_CHECKING:
    from quietkeys.cipher.key_set import KeySet

MEMORY_BYTES: Final = 3 << 30  # of address space; a small plan's keys took 0.65 GB at most
PROCESSOR_S: Final = 200  # of one request; key generation takes 10 s
NICENESS: Final = 10
_CHUNK: Final = 1 << 20
_PR_SET_DUMPABLE: Final = 4  # prctl(2)


class Session:
    """Answers requests for one profile; loads the key set when it is first needed."""

    def __init__(self, parameters: Parameters, key_file: Path, file_key: bytes) -> None:
        """file_key: what the key file is sealed under."""
        self._parameters = parameters
        self._key_file = key_file
        self._file_key = file_key
        self._keys: KeySet | None = None

    def __repr__(self) -> str:
        return "Session(...)"

    def answer(self, request: Message) -> list[bytes]:
        """Return the parts of the answer to one request."""
        match request.verb:
            case Verb.LOAD:
                self._key_set()
                return []
            case Verb.GENERATE:
                self._generate()
                return []
            case Verb.EXPORT:
                return [self._export(Path(texts(request.parts)[0]))]
            case Verb.ENCRYPT:
                return self._key_set().encrypt([np.frombuffer(part, "<i8") for part in request.parts])
            case Verb.DECRYPT:
                return [a.astype("<i8").tobytes() for a in self._key_set().decrypt(request.parts)]
            case Verb.SHARE:
                return [self._share(*request.parts)]
            case Verb.ADOPT:
                return [self._adopt(*request.parts)]
            case _:
                raise Broken

    def _generate(self) -> None:
        keys = _new_key_set(self._parameters, None)
        fingerprint = hashlib.sha256(keys.evaluation_keys()).digest()
        head = Head(self._parameters.specification_sha256, fingerprint)
        write_key_set(self._key_file, head, keys.secret_serialization, self._file_key)
        self._keys = keys

    def _export(self, path: Path) -> bytes:
        evaluation_keys = self._key_set().evaluation_keys()
        write_pieces(path, _chunks(evaluation_keys))
        return hashlib.sha256(evaluation_keys).hexdigest().encode()

    def _share(self, sealing_key: bytes) -> bytes:
        keys, stored = self._key_set(), read_head(self._key_file)
        if stored is None:
            raise StartOver(ErrorCode.KEY_UNKNOWN, "this device has no key for the plan")
        return seal(sealing_key, keys.shared(stored.fingerprint), SHARED_KEYS)

    def _adopt(self, sealing_key: bytes, sealed: bytes) -> bytes:
        parameters = self._parameters
        content = unseal(sealing_key, sealed, SHARED_KEYS)
        fingerprint, serialized = unpack(parameters.specification, content)
        keys = _new_key_set(parameters, serialized)  # which tries it
        head = Head(parameters.specification_sha256, fingerprint)
        write_key_set(self._key_file, head, serialized, self._file_key)
        self._keys = keys
        return fingerprint.hex().encode()

    def _key_set(self) -> KeySet:
        if self._keys is None:
            head = read_head(self._key_file)
            if head is None or head.specification_sha256 != self._parameters.specification_sha256:
                raise StartOver(ErrorCode.KEY_UNKNOWN, "this device has no key for the plan")
            stored = read_key_set(self._key_file, self._file_key)
            self._keys = _new_key_set(self._parameters, None if stored is None else stored[1])
        return self._keys


def _new_key_set(parameters: Parameters, serialized: bytes | None) -> KeySet:
    try:
        from quietkeys.cipher.key_set import KeySet  # imports Concrete
    except ImportError as error:
        raise Refused(ErrorCode.EXTRA_MISSING) from error
    return KeySet(parameters, serialized)


def _chunks(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    return (view[at : at + _CHUNK] for at in range(0, len(view), _CHUNK))


def _open(request: Message) -> Session:
    if request.verb is not Verb.OPEN or len(request.parts) != 4:
        raise Broken
    plan, specification, key_file, file_key = request.parts
    require_randomness()
    parameters = Parameters.of(Plan.parse(plan), specification)
    return Session(parameters, Path(os.fsdecode(key_file)), file_key)


def _serve(inbox: int, outbox: int) -> None:
    session: Session | None = None
    while True:
        request = read_message(inbox)
        allow_processor_time(PROCESSOR_S)
        try:
            if session is None:
                session, parts = _open(request), list[bytes]()
            else:
                parts = session.answer(request)
            reply = Message(Verb.DONE, tuple(parts))
        except QuietkeysError as error:
            reply = Message(Verb.FAILED, (error.code.encode(), error.detail.encode()))
        except (MemoryError, RuntimeError, ValueError, OSError) as error:
            failed = TryAgain(ErrorCode.CIPHER_FAILED, type(error).__name__)
            reply = Message(Verb.FAILED, (failed.code.encode(), failed.detail.encode()))
        write_message(outbox, reply)


def allow_processor_time(seconds: int) -> None:
    """Let the kernel end this process when it has used so much more processor time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used_s = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + seconds, hard))


def main() -> int:
    """Serve until the host closes the pipe."""
    inbox, outbox = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # native code prints
        os.dup2(nowhere, descriptor)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the key
    if sys.platform == "linux":  # nor may other processes of the user read its memory
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.nice(NICENESS)
    with suppress(Broken):
        _serve(inbox, outbox)
    return 0


if __name__ == "__main__":
    sys.exit(main())
