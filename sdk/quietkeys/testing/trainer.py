"""A trainer in memory: a `Transport` that answers as the service does and trains in the clear."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from quietkeys.client import JobState
from quietkeys.testing.fakes import MAGIC, decode_clear, encode_clear, noop_plan_hash
from quietkeys.transport import Answer, Request
from quietkeys_protocol import signing
from quietkeys_protocol.errors import (
    ErrorCode,
    Outdated,
    QuietkeysError,
    Refused,
    StartOver,
    TryAgain,
    Untrusted,
)
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference
from quietkeys_protocol.wire import Report, Update, decode_report, encode_update

Integers = NDArray[np.int64]
# (plan, the summed arrays of a report) -> new weights, in the order of `Plan.update_fields`
Training = Callable[[Plan, Sequence[Integers]], list[Integers]]

_JSON: Final = {"content-type": "application/json"}


def train(plan: Plan, arrays: Sequence[Integers]) -> list[Integers]:
    """Return what the integer program makes of a report."""
    return [reference(block, *arrays[3 * i : 3 * i + 3])[0] for i, block in enumerate(plan.blocks)]


@dataclass(slots=True)
class _Job:
    device: str
    report: Report
    idempotency_key: str
    sha256: str
    polls: int = 0
    state: JobState = JobState.QUEUED
    update: bytes = b""


@dataclass(slots=True)
class _Device:
    public_key: bytes
    keys: set[str] = field(default_factory=set)


@dataclass(slots=True)
class InMemoryTrainer:
    """Everything a trainer knows, open to a test.

    training: what it computes. polls: how often it answers that a job is under way. requests: method and path
    of everything received.
    """

    plan: Plan
    training: Training = train
    polls: int = 0
    clock: Callable[[], float] = time.time
    devices: dict[str, _Device] = field(default_factory=dict)
    jobs: dict[str, _Job] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    _latest: dict[tuple[str, bytes, int], Report] = field(default_factory=dict)
    _nonces: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, request: Request) -> Answer:
        """See `quietkeys.transport.Transport`."""
        with request.body.open() as stream:
            body = stream.read()
        with self._lock:
            self.requests.append((request.method, request.path))
            try:
                answer = self._route(request, body)
            except QuietkeysError as error:
                shown = {"code": error.code.value, "message": error.message, "advice": error.advice}
                answer = Answer(error.code.status, _JSON, json.dumps({"error": shown}).encode())
        if len(answer.content) > request.answer_limit:
            raise Untrusted(ErrorCode.TRAINER_GARBLED, f"more than {request.answer_limit} bytes")
        return answer

    def _route(self, request: Request, body: bytes) -> Answer:
        match request.method, request.path.split("/")[1:]:
            case "POST", ["v1", "devices"]:
                return self._enrol(request, body)
            case "PUT", ["v1", "keys", key_id]:
                return self._put_keys(self._sender(request, body), key_id, body)
            case "POST", ["v1", "reports"]:
                return self._receive(self._sender(request, body), request, body)
            case "GET", ["v1", "jobs", job_id]:
                return self._state(self._job(self._sender(request, body), job_id), job_id)
            case "GET", ["v1", "jobs", job_id, "update"]:
                return self._update(self._job(self._sender(request, body), job_id))
            case "DELETE", ["v1", "devices", device_id]:
                return self._delete(self._sender(request, body), device_id)
        raise Refused(ErrorCode.ROUTE_UNKNOWN)

    def _enrol(self, request: Request, body: bytes) -> Answer:
        public_key = signing.parse_base64(json.loads(body)["public_key"], 32, "public_key")
        device_id = signing.device_id_of(public_key)
        self._verify(request, body, public_key)
        is_new = device_id not in self.devices
        if is_new:
            self.devices[device_id] = _Device(public_key)
        return _answer(201 if is_new else 200, device_id=device_id)

    def _put_keys(self, sender: str, key_id: str, body: bytes) -> Answer:
        if hashlib.sha256(body).hexdigest() != key_id:
            raise Refused(ErrorCode.HASH_MISMATCH)
        if not body.startswith(MAGIC):
            raise Refused(ErrorCode.FRAMING_CHANGED, "evaluation keys")
        is_new = key_id not in self.devices[sender].keys
        self.devices[sender].keys.add(key_id)
        return _answer(201 if is_new else 200, key_id=key_id)

    def _receive(self, sender: str, request: Request, body: bytes) -> Answer:
        idempotency_key = request.headers[signing.IDEMPOTENCY_HEADER]
        report, digest = decode_report(body), hashlib.sha256(body).hexdigest()
        for job_id, job in self.jobs.items():
            if (job.device, job.idempotency_key) == (sender, idempotency_key):
                if job.sha256 != digest:
                    raise Refused(ErrorCode.IDEMPOTENCY_CONFLICT)
                return _answer(202, job_id=job_id)
        if report.plan_hash.hex() != noop_plan_hash(self.plan):
            raise Outdated(ErrorCode.PLAN_UNKNOWN)
        self._arrays(report)
        if report.key_id.hex() not in self.devices[sender].keys:
            raise StartOver(ErrorCode.KEY_UNKNOWN)
        slot = (sender, report.key_id, report.source)
        if slot in self._latest and self._latest[slot].sequence >= report.sequence:
            raise Refused(ErrorCode.SEQUENCE_REPLAYED)
        for job in self.jobs.values():
            if (job.device, job.report.source, job.state) == (sender, report.source, JobState.QUEUED):
                job.state = JobState.SUPERSEDED
        self._latest[slot] = report
        job_id = secrets.token_hex(16)
        self.jobs[job_id] = _Job(sender, report, idempotency_key, digest)
        return _answer(202, job_id=job_id)

    def _state(self, job: _Job, job_id: str) -> Answer:
        if job.state is JobState.QUEUED and job.polls >= self.polls:
            job.update, job.state = self._trained(job, job_id), JobState.DONE
        job.polls += 1
        return _answer(200, job_id=job_id, state=job.state.value)

    def _update(self, job: _Job) -> Answer:
        match job.state:
            case JobState.DONE:
                return Answer(200, {"content-type": "application/octet-stream"}, job.update)
            case JobState.FAILED:
                raise StartOver(ErrorCode.JOB_FAILED)
            case JobState.SUPERSEDED:
                raise StartOver(ErrorCode.JOB_SUPERSEDED)
        raise TryAgain(ErrorCode.UPDATE_NOT_READY)

    def _delete(self, sender: str, device_id: str) -> Answer:
        if sender != device_id:
            raise StartOver(ErrorCode.DEVICE_UNKNOWN)
        del self.devices[sender]
        self.jobs = {name: job for name, job in self.jobs.items() if job.device != sender}
        self._latest = {slot: report for slot, report in self._latest.items() if slot[0] != sender}
        return Answer(204, {}, b"")

    def _trained(self, job: _Job, job_id: str) -> bytes:
        own = job.report
        sources = [
            self._arrays(report)
            for (device, key_id, _), report in self._latest.items()
            if (device, key_id, report.sources) == (job.device, own.key_id, own.sources)
        ]
        sums = [np.sum(parts, axis=0) for parts in zip(*sources, strict=True)]
        values = tuple(encode_clear(weights) for weights in self.training(self.plan, sums))
        return encode_update(Update(own.plan_hash, own.key_id, bytes.fromhex(job_id), values))

    def _arrays(self, report: Report) -> list[Integers]:
        fields = self.plan.report_fields
        if len(report.ciphertexts) != len(fields):
            raise Refused(ErrorCode.FRAMING_CHANGED, "number of values")
        try:
            return [decode_clear(v, f) for v, f in zip(report.ciphertexts, fields, strict=True)]
        except Untrusted as error:
            raise Refused(ErrorCode.FRAMING_CHANGED) from error

    def _job(self, sender: str, job_id: str) -> _Job:
        job = self.jobs.get(job_id)
        if job is None or job.device != sender:
            raise StartOver(ErrorCode.JOB_UNKNOWN)
        return job

    def _sender(self, request: Request, body: bytes) -> str:
        device_id = request.headers.get(signing.DEVICE_HEADER, "")
        device = self.devices.get(device_id)
        if device is None:
            raise StartOver(ErrorCode.DEVICE_UNKNOWN)
        self._verify(request, body, device.public_key)
        return device_id

    def _verify(self, request: Request, body: bytes, public_key: bytes) -> None:
        credentials = signing.parse_credentials(request.headers)
        signing.check_time(credentials.time, self.clock())
        signed = signing.signing_string(
            request.method,
            request.path,
            credentials.time,
            credentials.nonce,
            hashlib.sha256(body).hexdigest(),
        )
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(credentials.signature, signed)
        except InvalidSignature as error:
            raise Refused(ErrorCode.SIGNATURE_INVALID) from error
        if credentials.nonce in self._nonces:
            raise Refused(ErrorCode.NONCE_REPLAYED)
        self._nonces.add(credentials.nonce)


def _answer(status: int, **fields: str) -> Answer:
    return Answer(status, _JSON, json.dumps(fields).encode())
