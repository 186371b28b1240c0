"""One window for a folder: the first listens on loopback, a second one has it come to the front, and ends."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FILE: Final = "window.json"
_ANSWER: Final = b"raised"
_PATIENCE_S: Final = 3.0
_MOST: Final = 200  # bytes of what is said


def raised(folder: Path) -> bool:
    """Have the window that is open on a folder come to the front; return whether there is one."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        address = ("127.0.0.1", int(found["port"]))
        with socket.create_connection(address, _PATIENCE_S) as one:
            one.sendall(str(found["word"]).encode())
            one.shutdown(socket.SHUT_WR)
            return one.recv(_MOST) == _ANSWER
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False


@contextmanager
def listening(folder: Path, come: Callable[[], None]) -> Iterator[None]:
    """Let a second start call `come`, in a thread, for as long as the block lasts.

    Whoever can read the folder knows the word to say; others on this machine are not listened to.
    """
    word = secrets.token_hex(16)
    server = socket.create_server(("127.0.0.1", 0))
    file = folder / FILE
    with suppress(OSError):  # then a second start says that the profile is open, and no more
        file.touch(mode=0o600)
        file.write_text(json.dumps({"port": server.getsockname()[1], "word": word}), encoding="utf-8")
    threading.Thread(target=_serve, args=(server, word.encode(), come), daemon=True).start()
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # it wakes whoever accepts
            server.shutdown(socket.SHUT_RDWR)
        server.close()


def _serve(server: socket.socket, word: bytes, come: Callable[[], None]) -> None:
    while True:
        try:
            one, _ = server.accept()
        except OSError:
            return
        with one, suppress(OSError):
            one.settimeout(_PATIENCE_S)
            if secrets.compare_digest(one.recv(_MOST), word):
                come()
                one.sendall(_ANSWER)
