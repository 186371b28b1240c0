"""A tap on the wire between a device and a trainer process: notes what the trainer sees, changes updates."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Final
from urllib.parse import urlsplit

from quietkeys.environment import Environment
from quietkeys_protocol.containers import decode_update, encode_update
from quietkeys_protocol.messages import JobState
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
    While the trainer, served without workers, is not `training`, nothing is trained: what is fetched is then
    the first update under the name of the job, which is all that a device could tell it by.
    change: what becomes of an update on its way to the device. skipped_s: what a scheduler has waited and
    judging has taken since `begin`, which is noted, but is no time of the trainer's, whose clock is a real
    one.
    """

    trainer: Trainer
    change: Change = bytes
    now: float = field(default_factory=time.time)
    began: float = 0.0
    noted: list[Noted] = field(default_factory=list)
    updates: list[bytes] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    latest: str = ""
    skipped_s: float = 0.0
    worker: subprocess.Popen[bytes] | None = None

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Yield the address of the tap."""
        with serving(self._pass) as url:
            yield url

    @contextmanager
    def training(self) -> Iterator[None]:
        """Have the trainer train as long as the block lasts."""
        environment, ready = os.environ | self.trainer.environment, self.trainer.log.count('"worker_ready"')
        with (self.trainer.folder / "log").open("ab") as log:
            self.worker = subprocess.Popen(self.trainer.command("worker"), env=environment, stderr=log)
        try:
            wait_until(lambda: self.trainer.log.count('"worker_ready"') > ready)
            yield
        finally:
            self.worker.terminate()
            self.worker.wait()
            self.worker = None

    def begin(self, pause_s: float) -> None:
        """Forget what was noted, and count time from here on, after a pause."""
        self.now = max(time.time(), self.now + pause_s)
        self.began, self.skipped_s = self.now, 0.0
        self.noted.clear()

    def since(self) -> float:
        """Return the seconds since `begin`, the skipped ones included."""
        return self.now - self.began + self.skipped_s

    def rest(self, seconds: float) -> None:
        """Let it be later between two syncs, and the device's clock right again; nothing noted shows that."""
        self.sleep(seconds)
        late = max(0.0, time.time() - self.now)
        self.now += late
        self.began += late

    def sleep(self, seconds: float) -> None:
        """Let it be later, as soon as the trainer has trained."""
        if self.worker is not None:
            wait_until(self._has_trained, TRAINS_WITHIN_S)
        self.now += seconds

    def environment(self) -> Environment:
        """Time without chance; nonces are fresh all the same."""
        return Environment(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.5)

    def _has_trained(self) -> bool:
        done = (line for line in self.trainer.log.splitlines() if '"job_done"' in line)
        return any(self.latest in line for line in done)

    def _pass(self, handler: BaseHTTPRequestHandler) -> None:
        content = body_of(handler)
        headers = tuple((name, "" if name in MASKED else value) for name, value in handler.headers.items())
        path = _JOB.sub("/v1/jobs/JOB", handler.path)
        self.noted.append(Noted(handler.command, path, headers, len(content), round(self.since(), 3)))
        status, answer = self._asked(handler, content)
        if path == "/v1/jobs/JOB":
            answer = self._state(handler.path, answer)
        if path.endswith("/update"):
            if self.worker is None:
                status, answer = 200, renamed(self.updates[0], handler.path.split("/")[-2])
            self.updates.append(answer)
            answer = self.change(answer)
        reply(handler, status, answer)

    def _state(self, path: str, answer: bytes) -> bytes:
        """What a device hears of a job."""
        job = json.loads(answer)
        if path not in self.asked:
            self.asked.add(path)
            self.latest = path.split("/")[-1]
            job["state"] = JobState.RUNNING
        elif self.worker is None:
            job["state"] = JobState.DONE
        return json.dumps(job).encode()

    def _asked(self, handler: BaseHTTPRequestHandler, content: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.trainer.url).netloc, timeout=900)
        try:
            connection.request(handler.command, handler.path, content, dict(handler.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def renamed(container: bytes, job_id: str) -> bytes:
    """An update under the name of another job."""
    return encode_update(replace(decode_update(container), job_id=bytes.fromhex(job_id)))
