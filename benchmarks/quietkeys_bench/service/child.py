"""A process of devices for the bench of a service: `python -m quietkeys_bench.service.child`, told on stdin.

Each device enrols, uploads its keys, sends its report, asks for its job until it is done, fetches the update.
So many at once; the next one begins when one has ended. What every request took goes to standard output.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from quietkeys.environment import Environment
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import Answer, Request, RequestsTransport, Transport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys_protocol.containers import decode_report, decode_update
from quietkeys_protocol.errors import QuietkeysError
from quietkeys_protocol.messages import JobState

POLL_S: Final = 2.0  # between two questions for a job, give or take a half
TWICE: Final = 4  # every so many reports are sent a second time, as after a lost answer
LONGEST_S: Final = 1800.0  # for one job
UPLOAD: Final = "PUT /v1/keys/parts"


@dataclass(slots=True)
class Clocked:
    """A transport that notes what every request took; not the signature made before it."""

    inner: Transport
    rows: list[tuple[str, float, float, int]] = field(default_factory=list)  # route, when, ms, status

    def send(self, request: Request) -> Answer:
        """Send, and note the route, when it began, the milliseconds and the status (0: no answer)."""
        status, began, start = 0, time.time(), time.perf_counter()
        try:
            answer = self.inner.send(request)
            status = answer.status
        finally:
            took = (time.perf_counter() - start) * 1000
            self.rows.append((_route(request), began, took, status))
        return answer


@dataclass(slots=True)
class Outcome:
    """What became of one device's report."""

    accepted: bool = False
    job_ids: list[str] = field(default_factory=list)
    update: bytes = field(default=b"", repr=False)
    which: str = ""  # number of the key set/number of the report
    error: str = ""

    def tree(self) -> dict[str, Any]:
        """Return what is said of it."""
        return {
            "accepted": self.accepted,
            "job_ids": self.job_ids,
            "update": self.update.hex(),
            "which": self.which,
            "error": self.error,
        }


def session(sent: Mapping[str, Any], which: int, number: int, clocked: Clocked) -> Outcome:
    """Run one device from enrolment to update."""
    client = TrainerClient(Identity.generate(), clocked, Environment())
    outcome = Outcome()
    with noted(outcome):
        client.enrol()
        train(client, sent, which, number, outcome)
    return outcome


def train(client: TrainerClient, sent: Mapping[str, Any], which: int, number: int, outcome: Outcome) -> None:
    """Have a device that is enrolled upload its keys, send a report and fetch the update; note all that."""
    report = number % len(sent["reports"])
    outcome.which = f"{which}/{report}"
    container = Path(sent["reports"][report]).read_bytes()
    upload_keys(client, Path(sent["keys"]), sent["key_id"])
    idempotency_key = secrets.token_hex(16)
    outcome.job_ids.append(client.post_report(container, idempotency_key))
    outcome.accepted = True
    if number % TWICE == 0:
        outcome.job_ids.append(client.post_report(container, idempotency_key))
    outcome.update = _update(client, outcome.job_ids[0], container)


@contextmanager
def noted(outcome: Outcome) -> Iterator[None]:
    """Note an error that ends a device's turn."""
    try:
        yield
    except QuietkeysError as error:
        outcome.error = error.code.value


def _update(client: TrainerClient, job_id: str, container: bytes) -> bytes:
    """Return the update of a job once it is done, if it is this job's; nothing otherwise."""
    chance, deadline = Random(job_id), time.monotonic() + LONGEST_S
    while (state := client.job(job_id).state) in (JobState.QUEUED, JobState.RUNNING):
        if time.monotonic() > deadline:
            return b""
        time.sleep(POLL_S * (0.5 + chance.random()))
    if state is not JobState.DONE:
        return b""
    content = client.fetch_update(job_id)
    update, report = decode_update(content), decode_report(container)
    expected = (report.plan_hash, report.key_id, bytes.fromhex(job_id))
    return content if (update.plan_hash, update.key_id, update.job_id) == expected else b""


def _route(request: Request) -> str:
    parts = [part for part in request.path.split("/")[2:] if not _is_id(part)]
    return f"{request.method} /v1/{'/'.join(parts)}"


def _is_id(part: str) -> bool:
    return part.isdecimal() or (len(part) in {32, 64} and set(part) <= set("0123456789abcdef"))


def run(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the outcome of every device, then every request."""
    numbers = range(told["first"], told["first"] + told["devices"])
    local, rows, lock = threading.local(), list[Clocked](), threading.Lock()

    def one(number: int) -> Outcome:
        if not hasattr(local, "clocked"):
            local.clocked = Clocked(RequestsTransport(told["url"]))
            with lock:
                rows.append(local.clocked)
        which = number % len(told["sets"])
        return session(told["sets"][which], which, number // len(told["sets"]), local.clocked)

    with ThreadPoolExecutor(told["at_once"]) as pool:
        for outcome in pool.map(one, numbers):
            yield outcome.tree()
    yield {"requests": [row for clocked in rows for row in clocked.rows]}


def main() -> None:
    """Do as told on standard input; one line of JSON for each thing that is to be said."""
    for line in run(json.loads(sys.stdin.read())):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
