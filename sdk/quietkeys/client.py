"""The one place where the device speaks to the trainer: signed requests, retries, strictly read answers.

Nothing here has seen a decrypted value, and no body but ciphertexts and public keys passes through.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from quietkeys.identity import Identity
from quietkeys.surroundings import Surroundings
from quietkeys.transport import Answer, Body, Request, Transport
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, TryAgain, Untrusted, error_of
from quietkeys_protocol.signing import IDEMPOTENCY_HEADER, is_id
from quietkeys_protocol.wire import MAX_UPDATE_BYTES

TRIES: Final = 4
FIRST_WAIT_S: Final = 0.5  # doubled before every further try, and drawn between half of it and all of it
LONGEST_WAIT_S: Final = 30.0  # a trainer that asks for more patience is left alone until the next sync
MAX_JSON_BYTES: Final = 16 * 1024
_EMPTY: Final = Body.of(b"")
_BY_STATUS: Final = {429: ErrorCode.TOO_MANY_REQUESTS, 503: ErrorCode.TRAINER_BUSY}


class JobState(StrEnum):
    """How far the trainer is with a report."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class TrafficKind(StrEnum):
    """What bytes were sent or received for."""

    ENROLMENT = "enrolment"
    KEYS = "evaluation_keys"
    REPORT = "report"
    JOB = "job"
    UPDATE = "update"
    DELETION = "deletion"


@dataclass(slots=True)
class Traffic:
    """Bytes of bodies by kind, every attempt counted; headers are not."""

    sent: dict[TrafficKind, int] = field(default_factory=dict)
    received: dict[TrafficKind, int] = field(default_factory=dict)

    def add(self, kind: TrafficKind, sent: int, received: int) -> None:
        """Count one attempt."""
        self.sent[kind] = self.sent.get(kind, 0) + sent
        self.received[kind] = self.received.get(kind, 0) + received


class TrainerClient:
    """One device's conversation with one trainer.

    Every method raises TryAgain (TRAINER_UNREACHABLE, or what the trainer says) after TRIES attempts,
    Untrusted (TRAINER_GARBLED) for an answer that makes no sense, StartOver, Refused or Outdated as the
    trainer says.
    """

    def __init__(self, identity: Identity, transport: Transport, around: Surroundings | None = None) -> None:
        """around: where time and chance come from; the real ones if None."""
        self._identity = identity
        self._transport = transport
        self._around = Surroundings() if around is None else around
        self.traffic = Traffic()

    def enrol(self) -> None:
        """Make the device known; doing so again changes nothing."""
        public_key = base64.b64encode(self._identity.public_key).decode()
        body = Body.of(json.dumps({"public_key": public_key}).encode())
        answer = self._call("POST", "/v1/devices", body, TrafficKind.ENROLMENT)
        _check(_fields(answer, {200, 201}, {"device_id"})["device_id"] == self._identity.device_id)

    def put_keys(self, keys: Body) -> str:
        """Upload evaluation keys, streamed; return their id, SHA-256 in hex."""
        answer = self._call("PUT", f"/v1/keys/{keys.sha256}", keys, TrafficKind.KEYS)
        _check(_fields(answer, {200, 201}, {"key_id"})["key_id"] == keys.sha256)
        return keys.sha256

    def post_report(self, container: bytes, idempotency_key: str) -> str:
        """Send a report; return the id of its job, the same for the same container and key."""
        headers = {IDEMPOTENCY_HEADER: idempotency_key}
        answer = self._call("POST", "/v1/reports", Body.of(container), TrafficKind.REPORT, headers)
        job_id = _fields(answer, {202}, {"job_id"})["job_id"]
        _check(is_id(job_id))
        return job_id

    def job_state(self, job_id: str) -> JobState:
        """Return how far a job is."""
        answer = self._call("GET", f"/v1/jobs/{job_id}", _EMPTY, TrafficKind.JOB)
        fields = _fields(answer, {200}, {"job_id", "state"})
        _check(fields["job_id"] == job_id and fields["state"] in set(JobState))
        return JobState(fields["state"])

    def fetch_update(self, job_id: str) -> bytes:
        """Return the update container of a job that is done, as it came."""
        path = f"/v1/jobs/{job_id}/update"
        answer = self._call("GET", path, _EMPTY, TrafficKind.UPDATE, limit=MAX_UPDATE_BYTES)
        _check(answer.status == 200)
        return answer.content

    def delete_device(self) -> None:
        """Delete the device and all that is stored of it; fine if it is not there (any longer)."""
        path = f"/v1/devices/{self._identity.device_id}"
        try:
            answer = self._call("DELETE", path, _EMPTY, TrafficKind.DELETION)
        except QuietkeysError as error:
            if error.code is not ErrorCode.DEVICE_UNKNOWN:
                raise
        else:
            _check(answer.status == 204)

    def _call(
        self,
        method: str,
        path: str,
        body: Body,
        kind: TrafficKind,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_JSON_BYTES,
    ) -> Answer:
        """Return the first answer that is not an error; try again what may succeed later."""
        wait_s = FIRST_WAIT_S
        for attempt in range(1, TRIES + 1):
            asked_s = 0.0
            try:
                answer = self._attempt(method, path, body, kind, headers or {}, limit)
            except TryAgain as error:
                failure = error
            else:
                if answer.status < 300:
                    return answer
                failure = _failure(answer)
                asked_s = _retry_after_s(answer)
            if attempt == TRIES or failure.code is ErrorCode.UPDATE_NOT_READY or asked_s > LONGEST_WAIT_S:
                raise failure
            self._around.sleep(max(asked_s, wait_s * (0.5 + 0.5 * self._around.jitter())))
            wait_s = min(2.0 * wait_s, LONGEST_WAIT_S)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(
        self, method: str, path: str, body: Body, kind: TrafficKind, headers: Mapping[str, str], limit: int
    ) -> Answer:
        around = self._around
        signed = self._identity.sign(
            method, path, body.sha256, time=int(around.clock()), nonce=around.nonce()
        ).headers()
        self.traffic.add(kind, body.size, 0)
        answer = self._transport.send(Request(method, path, {**signed, **headers}, body, limit))
        self.traffic.add(kind, 0, len(answer.content))
        return answer


def _failure(answer: Answer) -> TryAgain:
    """Return the error of an answer that may be tried again; raise any other.

    Only the code is taken from the answer: its words are those of whoever runs the trainer.
    """
    if 300 <= answer.status < 400:
        raise Untrusted(ErrorCode.TRAINER_GARBLED, "a redirect")
    code = _typed_code(answer) or _BY_STATUS.get(answer.status)
    if code is None and 500 <= answer.status < 600:
        code = ErrorCode.TRAINER_BROKEN
    if code is None:
        raise Untrusted(ErrorCode.TRAINER_GARBLED, f"status {answer.status}")
    error = error_of(code)
    if not isinstance(error, TryAgain):
        raise error
    return error


def _typed_code(answer: Answer) -> ErrorCode | None:
    # The error code in an answer of the trainer itself, rather than of something in front of it.
    tree = _json(answer)
    error = tree.get("error") if isinstance(tree, dict) else None
    name = error.get("code") if isinstance(error, dict) else None
    code = ErrorCode(name) if isinstance(name, str) and name in set(ErrorCode) else None
    return code if code is not None and code.status == answer.status else None


def _retry_after_s(answer: Answer) -> float:
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() and len(asked) < 9 else 0.0


def _fields(answer: Answer, statuses: set[int], names: set[str]) -> dict[str, str]:
    """Return the fields of a JSON answer, which are exactly these and all text."""
    _check(answer.status in statuses)
    tree = _json(answer)
    _check(isinstance(tree, dict) and tree.keys() == names and all(isinstance(v, str) for v in tree.values()))
    return dict(tree)


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def _check(makes_sense: bool) -> None:
    if not makes_sense:
        raise Untrusted(ErrorCode.TRAINER_GARBLED)
