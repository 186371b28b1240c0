"""A trainer in memory: a `Transport` that answers as the service does and trains in the clear."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from quietkeys.arrays import Int64
from quietkeys.remote.http import Answer, Request
from quietkeys.testing.fakes import KEY_BYTES, MAGIC, decode_clear, encode_clear, noop_plan_hash
from quietkeys.testing.trainer_circles import Account, Circles, Device, said
from quietkeys_protocol import signing
from quietkeys_protocol.containers import MAX_KEY_PART_BYTES, Report, Update, decode_report, encode_update
from quietkeys_protocol.errors import (
    ErrorCode,
    Outdated,
    QuietkeysError,
    Refused,
    StartOver,
    TryAgain,
    Untrusted,
)
from quietkeys_protocol.messages import (
    Enrolled,
    Enrolment,
    Failure,
    JobProgress,
    JobState,
    KeyState,
    KnownDevice,
    Receipt,
    ReportAccepted,
    ServiceKey,
    UploadState,
)
from quietkeys_protocol.plan import VALUES, Plan
from quietkeys_protocol.program import reference

# (plan, the summed arrays of a report) -> new weights, in the order of `Plan.update_fields`
Training = Callable[[Plan, Sequence[Int64]], list[Int64]]

_MAX_KEY_SETS: Final = 2  # of an account


def train(plan: Plan, arrays: Sequence[Int64]) -> list[Int64]:
    """Return what the integer program makes of a report."""
    return [
        reference(block, *arrays[VALUES * i : VALUES * (i + 1)])[0] for i, block in enumerate(plan.blocks)
    ]


@dataclass(slots=True)
class _Job:
    account: str
    device: str
    report: Report
    idempotency_key: str
    sha256: str
    polls: int = 0
    state: JobState = JobState.QUEUED
    update: bytes = b""


@dataclass(slots=True)
class InMemoryTrainer:
    """Everything a trainer knows, open to a test.

    training: what it computes. polls: how often it answers that a job is queued, then under way, a block
    further each time. key_bytes: size of the evaluation keys that it takes. invites: how many devices each
    still lets in, None: everybody may come. trainer_key: what its receipts are verified with. requests:
    method and path of everything received.
    """

    plan: Plan
    training: Training = train
    polls: int = 0
    clock: Callable[[], float] = time.time
    key_bytes: int = len(MAGIC) + KEY_BYTES
    invites: dict[str, int] | None = None
    jobs: dict[str, _Job] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    circles: Circles = field(init=False)
    _signing_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    _latest: dict[tuple[str, str, int], tuple[str, Report]] = field(default_factory=dict)
    _nonces: set[str] = field(default_factory=set)
    _departed: set[str] = field(default_factory=set)  # devices that had themselves deleted
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.circles = Circles(lambda: self.clock(), self._drop)

    @property
    def trainer_key(self) -> bytes:
        """The public half of what it signs deletions with, 32 bytes."""
        return self._signing_key.public_key().public_bytes_raw()

    @property
    def devices(self) -> dict[str, Device]:
        """Enrolled devices by id."""
        return self.circles.devices

    @property
    def accounts(self) -> dict[str, Account]:
        """What devices share, keys above all."""
        return self.circles.accounts

    def send(self, request: Request) -> Answer:
        """See `quietkeys.remote.http.Transport`."""
        with request.body.open() as stream:
            body = stream.read()
        with self._lock:
            self.requests.append((request.method, request.path))
            try:
                answer = self._route(request, body)
            except QuietkeysError as error:
                answer = said(Failure.of(error), error.code.status)
        if len(answer.content) > request.answer_limit:
            raise Untrusted(ErrorCode.TRAINER_GARBLED, f"more than {request.answer_limit} bytes")
        return answer

    def _route(self, request: Request, body: bytes) -> Answer:
        match request.method, request.path.split("/")[1:]:
            case "GET", ["v1", "service"]:
                return said(ServiceKey(self.trainer_key))
            case "POST", ["v1", "devices"]:
                return self._enrol(request, body)
            case "GET", ["v1", "devices", device_id]:
                self._own(self._sender(request, body), device_id)
                return said(KnownDevice(device_id))
            case "DELETE", ["v1", "devices", device_id]:
                self._own(self._leaver(request, body), device_id)
                return self._delete(device_id, request.headers[signing.NONCE_HEADER])
            case method, ["v1", "keys", key_id, *rest]:
                return self._keys(method, self._sender(request, body), key_id, rest, body)
            case "POST", ["v1", "reports"]:
                return self._receive(self._sender(request, body), request, body)
            case "GET", ["v1", "jobs", job_id]:
                return self._state(self._job(self._sender(request, body), job_id), job_id)
            case "GET", ["v1", "jobs", job_id, "update"]:
                return self._update(self._job(self._sender(request, body), job_id))
            case method, ["v1", ("circle" | "invitations") as group, *rest]:
                return self.circles.answer(method, [group, *rest], self._sender(request, body), body)
        raise Refused(ErrorCode.ROUTE_UNKNOWN)

    def _enrol(self, request: Request, body: bytes) -> Answer:
        device_id = signing.parse_credentials(request.headers).device_id
        public_key = Enrolment.key_in(body, device_id)
        if public_key is None:
            raise Refused(ErrorCode.SIGNATURE_INVALID)
        self._verify(request, body, public_key)
        enrolment = Enrolment.parse(body)
        if enrolment.public_key != public_key:
            raise Refused(ErrorCode.REQUEST_MALFORMED, "public_key")
        if device_id in self._departed:
            raise Refused(ErrorCode.DEVICE_DELETED)
        if device_id not in self.devices and self.invites is not None:
            if self.invites.get(enrolment.invite, 0) < 1:
                raise Refused(ErrorCode.ENROLMENT_REFUSED)
            self.invites[enrolment.invite] -= 1
        is_new = self.circles.enrol(device_id, public_key)
        return said(Enrolled(device_id, self.trainer_key), 201 if is_new else 200)

    def _own(self, sender: str, device_id: str) -> None:
        if sender != device_id:
            raise StartOver(ErrorCode.DEVICE_UNKNOWN)

    def _keys(self, method: str, sender: str, key_id: str, rest: list[str], body: bytes) -> Answer:
        account = self.circles.account_of(sender)
        if not signing.is_hash(key_id):
            raise Refused(ErrorCode.REQUEST_MALFORMED, "key id")
        match method, rest:
            case "GET", []:
                pass
            case "PUT", ["parts", offset] if offset.isdecimal():
                self._append(account, self.devices[sender].account, key_id, int(offset), body)
            case "DELETE", []:
                self._drop_keys(self.devices[sender].account, key_id)
                return Answer(204, {}, b"")
            case _:
                raise Refused(ErrorCode.ROUTE_UNKNOWN)
        state, received = UploadState.ABSENT, 0
        if key_id in account.keys:
            state, received = UploadState.STORED, account.keys[key_id]
        elif account.upload_id == key_id and account.upload:
            state, received = UploadState.PARTIAL, len(account.upload)
        return said(KeyState(key_id, state, received))

    def _append(self, account: Account, account_id: str, key_id: str, offset: int, part: bytes) -> None:
        if key_id in account.keys:
            return
        received = len(account.upload) if account.upload_id == key_id else 0
        if offset != received:
            raise Refused(ErrorCode.UPLOAD_OFFSET)
        if len(part) > min(MAX_KEY_PART_BYTES, self.key_bytes - offset):
            raise Refused(ErrorCode.BODY_TOO_LARGE)
        if not part and not received:
            raise Refused(ErrorCode.REQUEST_MALFORMED, "no bytes")
        if account.upload_id != key_id:
            account.upload_id, account.upload = key_id, bytearray()
        account.upload += part
        if len(account.upload) < self.key_bytes:
            return
        content, account.upload_id, account.upload = bytes(account.upload), "", bytearray()
        if hashlib.sha256(content).hexdigest() != key_id:
            raise Refused(ErrorCode.HASH_MISMATCH)
        if not content.startswith(MAGIC):
            raise Refused(ErrorCode.FRAMING_CHANGED, "evaluation keys")
        for oldest in list(account.keys)[: 1 - _MAX_KEY_SETS]:
            self._drop_keys(account_id, oldest)
        account.keys[key_id] = len(content)

    def _drop_keys(self, account_id: str, key_id: str) -> None:
        """Delete evaluation keys, their upload, and what was sent and made under them."""
        account = self.accounts[account_id]
        account.keys.pop(key_id, None)
        if account.upload_id == key_id:
            account.upload_id, account.upload = "", bytearray()
        kept = {
            n: j for n, j in self.jobs.items() if (j.account, j.report.key_id.hex()) != (account_id, key_id)
        }
        self.jobs = kept
        self._latest = {slot: sent for slot, sent in self._latest.items() if slot[:2] != (account_id, key_id)}

    def _drop(self, device_id: str, account_id: str) -> None:
        """Delete what a device that leaves an account has sent there."""
        self.jobs = {n: j for n, j in self.jobs.items() if (j.device, j.account) != (device_id, account_id)}
        self._latest = {
            slot: sent for slot, sent in self._latest.items() if (sent[0], slot[0]) != (device_id, account_id)
        }

    def _receive(self, sender: str, request: Request, body: bytes) -> Answer:
        idempotency_key, account = request.headers[signing.IDEMPOTENCY_HEADER], self.devices[sender].account
        report, digest = decode_report(body), hashlib.sha256(body).hexdigest()
        for job_id, job in self.jobs.items():
            if (job.account, job.idempotency_key) == (account, idempotency_key):
                if job.sha256 != digest:
                    raise Refused(ErrorCode.IDEMPOTENCY_CONFLICT)
                return said(ReportAccepted(job_id), 202)
        if report.plan_hash.hex() != noop_plan_hash(self.plan):
            raise Outdated(ErrorCode.PLAN_UNKNOWN)
        self._arrays(report)
        key_id = report.key_id.hex()
        if key_id not in self.accounts[account].keys:
            raise StartOver(ErrorCode.KEY_UNKNOWN)
        slot = (account, key_id, report.source)
        if slot in self._latest and self._latest[slot][1].sequence >= report.sequence:
            raise Refused(ErrorCode.SEQUENCE_REPLAYED)
        for job in self.jobs.values():
            if ((job.account, job.report.key_id.hex(), job.report.source), job.state) == (
                slot,
                JobState.QUEUED,
            ):
                job.state = JobState.SUPERSEDED
        self._latest[slot] = (sender, report)
        job_id = secrets.token_hex(16)
        self.jobs[job_id] = _Job(account, sender, report, idempotency_key, digest)
        return said(ReportAccepted(job_id), 202)

    def _state(self, job: _Job, job_id: str) -> Answer:
        """Say how far the job is: queued when first asked, then a block further each time, then done."""
        blocks = len(self.plan.blocks)
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            if job.polls >= self.polls:
                job.update, job.state = self._trained(job, job_id), JobState.DONE
            elif job.polls:
                job.state = JobState.RUNNING
        done = blocks if job.state is JobState.DONE else min(max(job.polls - 1, 0), blocks - 1)
        job.polls += 1
        return said(JobProgress(job_id, job.state, done))

    def _update(self, job: _Job) -> Answer:
        match job.state:
            case JobState.DONE:
                return Answer(200, {"content-type": "application/octet-stream"}, job.update)
            case JobState.FAILED:
                raise StartOver(ErrorCode.JOB_FAILED)
            case JobState.SUPERSEDED:
                raise StartOver(ErrorCode.JOB_SUPERSEDED)
        raise TryAgain(ErrorCode.UPDATE_NOT_READY)

    def _delete(self, device_id: str, nonce: str) -> Answer:
        if device_id in self.devices:
            self.circles.delete(device_id)
            self._departed.add(device_id)
        deleted_at = int(self.clock())
        signature = self._signing_key.sign(signing.deletion_string(device_id, deleted_at, nonce))
        return said(Receipt(device_id, deleted_at, nonce, signature))

    def _trained(self, job: _Job, job_id: str) -> bytes:
        own = job.report
        sources = [
            self._arrays(report)
            for (account, key_id, _), (_, report) in self._latest.items()
            if (account, key_id, report.sources) == (job.account, own.key_id.hex(), own.sources)
        ]
        sums = [np.sum(parts, axis=0) for parts in zip(*sources, strict=True)]
        values = tuple(encode_clear(weights) for weights in self.training(self.plan, sums))
        return encode_update(Update(own.plan_hash, own.key_id, bytes.fromhex(job_id), values))

    def _arrays(self, report: Report) -> list[Int64]:
        fields = self.plan.report_fields
        if len(report.ciphertexts) != len(fields):
            raise Refused(ErrorCode.FRAMING_CHANGED, "number of values")
        try:
            return [decode_clear(v, f) for v, f in zip(report.ciphertexts, fields, strict=True)]
        except Untrusted as error:
            raise Refused(ErrorCode.FRAMING_CHANGED) from error

    def _job(self, sender: str, job_id: str) -> _Job:
        job = self.jobs.get(job_id)
        if job is None or job.account != self.devices[sender].account:
            raise StartOver(ErrorCode.JOB_UNKNOWN)
        return job

    def _sender(self, request: Request, body: bytes) -> str:
        device_id = request.headers.get(signing.DEVICE_HEADER, "")
        device = self.devices.get(device_id)
        if device is None:
            raise StartOver(ErrorCode.DEVICE_UNKNOWN)
        self._verify(request, body, device.public_key)
        return device_id

    def _leaver(self, request: Request, body: bytes) -> str:
        """Return the device that asks to be deleted, known or with the key that it shows."""
        shown = request.headers.get(signing.PUBLIC_KEY_HEADER, "")
        device_id = request.headers.get(signing.DEVICE_HEADER, "")
        if not shown or device_id in self.devices:
            return self._sender(request, body)
        self._verify(request, body, signing.shown_key(shown, device_id))
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
