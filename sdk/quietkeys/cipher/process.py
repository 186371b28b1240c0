"""The encryption process: `python -m quietkeys.cipher.process`, asked over its standard input.

It holds the secret key while a sync lasts, at low priority, in one thread, in bounded memory and processor
time for each request, and ends with its host.
Whatever goes wrong is answered by a typed error without a word about values or keys.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.cipher.interface import Parameters
from quietkeys.cipher.limits import allow_processor_time, give_way
from quietkeys.cipher.local import LocalCipher
from quietkeys.cipher.pipe import Broken, Message, Verb, read_message, write_message
from quietkeys_protocol.errors import QuietkeysError
from quietkeys_protocol.plan import Plan

PROCESSOR_S: Final = 200  # of one request; keys take 1 s


def answer(cipher: LocalCipher, request: Message) -> list[bytes]:
    """Return the parts of the answer to one request."""
    match request.verb:
        case Verb.LOAD:
            return [b"\1" if cipher.has_keys() else b""]
        case Verb.GENERATE:
            cipher.generate_keys()
            return []
        case Verb.EXPORT:
            return [cipher.write_evaluation_keys(Path(os.fsdecode(request.parts[0]))).encode()]
        case Verb.ENCRYPT:
            return cipher.encrypt([np.frombuffer(part, "<i8") for part in request.parts])
        case Verb.DECRYPT:
            return [array.astype("<i8").tobytes() for array in cipher.decrypt(request.parts)]
        case Verb.SHARE:
            return [cipher.share(request.parts[0])]
        case Verb.ADOPT:
            return [cipher.adopt(*request.parts).encode()]
        case _:
            raise Broken


def _open(request: Message) -> LocalCipher:
    if request.verb is not Verb.OPEN or len(request.parts) != 4:
        raise Broken
    plan, specification, folder, file_key = request.parts
    parameters = Parameters.of(Plan.parse(plan), specification)
    return LocalCipher(Path(os.fsdecode(folder)), parameters, file_key=file_key)


def _serve(inbox: FileIO, outbox: FileIO) -> None:
    cipher: LocalCipher | None = None
    while True:
        request = read_message(inbox)
        allow_processor_time(PROCESSOR_S)
        try:
            if cipher is None:
                cipher, parts = _open(request), list[bytes]()
            else:
                parts = answer(cipher, request)
            reply = Message(Verb.DONE, tuple(parts))
        except QuietkeysError as error:
            reply = Message(Verb.FAILED, (error.code.encode(), error.detail.encode()))
        write_message(outbox, reply)


def main() -> int:
    """Serve until the host closes the pipe."""
    give_way()
    inbox, outbox = FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # no warning of a library goes to the host
        os.dup2(nowhere, descriptor)
    with suppress(Broken):
        _serve(inbox, outbox)
    return 0


if __name__ == "__main__":
    sys.exit(main())
