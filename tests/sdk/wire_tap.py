"""A tap on the wire between a device and a trainer process: notes what the trainer sees, changes updates."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Final
from urllib.parse import urlsplit

from quietkeys.environment import Environment
from quietkeys_protocol.signing import IDEMPOTENCY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIME_HEADER
from tests.sdk.http_trainer import body_of, reply, serving
from tests.trainer.running import Trainer, wait_until

MASKED: Final = (IDEMPOTENCY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIME_HEADER)
TRAINS_WITHIN_S: Final = 900.0
_JOB: Final = re.compile(r"/v1/jobs/[0-9a-f]{32}")

Change = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Noted:
    """One request as it came: all that is in it but job ids, payload, nonce, time stamp and signature."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body_bytes: int
    after_s: float


@dataclass(slots=True)
class Tap:
    """Passes everything on, and is the device's clock: its time passes only while it sleeps.

    Every job is said to run when it is asked for first, and is done when the device has slept after that.
    change: what becomes of an update on its way to the device.
    """

    trainer: Trainer
    change: Change = bytes
    now: float = field(default_factory=time.time)
    began: float = 0.0
    noted: list[Noted] = field(default_factory=list)
    updates: list[bytes] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Yield the address of the tap."""
        with serving(self._pass) as url:
            yield url

    def begin(self, pause_s: float) -> None:
        """Forget what was noted, and count time from here on, after a pause."""
        self.now = max(time.time(), self.now + pause_s)
        self.began = self.now
        self.noted.clear()

    def sleep(self, seconds: float) -> None:
        """Let it be later, as soon as the trainer has trained."""
        wait_until(lambda: self.trainer.log.count('"job_done"') >= len(self.asked), TRAINS_WITHIN_S)
        self.now += seconds

    def environment(self) -> Environment:
        """Time without chance; nonces are fresh all the same."""
        return Environment(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)

    def _pass(self, handler: BaseHTTPRequestHandler) -> None:
        content = body_of(handler)
        headers = tuple((name, "" if name in MASKED else value) for name, value in handler.headers.items())
        path = _JOB.sub("/v1/jobs/JOB", handler.path)
        self.noted.append(Noted(handler.command, path, headers, len(content), self.now - self.began))
        status, answer = self._asked(handler, content)
        if path == "/v1/jobs/JOB" and handler.path not in self.asked:
            self.asked.add(handler.path)
            answer = json.dumps(json.loads(answer) | {"state": "running"}).encode()
        if path.endswith("/update"):
            self.updates.append(answer)
            answer = self.change(answer)
        reply(handler, status, answer)

    def _asked(self, handler: BaseHTTPRequestHandler, content: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.trainer.url).netloc, timeout=900)
        try:
            connection.request(handler.command, handler.path, content, dict(handler.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
