"""A tap on the wire between the application and its trainer: everything that comes through, byte for byte."""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Final
from urllib.parse import urlsplit

from tests.patience import HANGS_S
from tests.sdk.http_trainer import body_of, reply

SHOWN: Final = 64  # bytes of a request, on the screen
COLUMNS: Final = 8


@dataclass(slots=True)
class Passed:
    """A request that came, and what was answered; status 0 while there is no answer."""

    time: float
    method: str
    path: str
    body: bytes
    status: int = 0
    answer: bytes = b""

    def row(self) -> list[object]:
        """Method, path, size and hash, as the application says them."""
        return [self.method, self.path, len(self.body), hashlib.sha256(self.body).hexdigest()]

    def shown(self) -> str:
        """The first bytes in hex, as a screen shows them."""
        head = self.body[:SHOWN]
        rows = [head[at : at + COLUMNS] for at in range(0, len(head), COLUMNS)]
        return "\n".join(f"{COLUMNS * number:04x}  {row.hex(' ')}" for number, row in enumerate(rows))


@dataclass(slots=True)
class Tap:
    """Passes everything on to the trainer at `url`; what begins with `held` only when `opened`."""

    url: str = ""
    came: list[Passed] = field(default_factory=list)
    held: str = "/none"
    opened: threading.Event = field(default_factory=threading.Event)

    def passes(self, handler: BaseHTTPRequestHandler) -> None:
        """Note a request, and pass it on."""
        one = Passed(time.time(), handler.command, handler.path, body_of(handler))
        self.came.append(one)
        if one.path.startswith(self.held):
            self.opened.wait(HANGS_S)
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=HANGS_S)
        try:
            connection.request(one.method, one.path, one.body, dict(handler.headers.items()))
            answer = connection.getresponse()
            one.status, one.answer = answer.status, answer.read()
            reply(handler, one.status, one.answer)
        finally:
            connection.close()

    def rows(self) -> list[list[object]]:
        """All that came, as the application says it."""
        return [one.row() for one in self.came]

    def total(self, until: float = float("inf")) -> str:
        """All that came until a time, as one sentence of the privacy screen."""
        came = [one for one in self.came if one.time <= until]
        count = "1 request" if len(came) == 1 else f"{len(came):,} requests"
        return f"{sum(len(one.body) for one in came):,} bytes left this device, in {count}."
