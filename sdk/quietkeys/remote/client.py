"""The one place where the device speaks to the trainer: signed requests, retries, strictly read answers.

Nothing here has seen a decrypted value, and no body but ciphertexts and public keys passes through.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from quietkeys.environment import Environment
from quietkeys.remote.http import Answer, Body, Request, Transport
from quietkeys.remote.identity import Identity
from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES, MAX_SOURCES, MAX_UPDATE_BYTES
from quietkeys_protocol.errors import ErrorCode, Refused, StartOver, TryAgain, Untrusted, error_of
from quietkeys_protocol.messages import (
    Circle,
    Claim,
    Claimed,
    Enrolled,
    Enrolment,
    Failure,
    Invitation,
    Invited,
    JobProgress,
    KeyState,
    KnownDevice,
    Mail,
    Receipt,
    ReportAccepted,
    ServiceKey,
)
from quietkeys_protocol.signing import IDEMPOTENCY_HEADER, PUBLIC_KEY_HEADER

TRIES: Final = 4
FIRST_WAIT_S: Final = 0.5  # doubled before every further try, and drawn between half of it and all of it
LONGEST_WAIT_S: Final = 30.0  # a trainer that asks for more patience is left alone until the next sync
MAX_JSON_BYTES: Final = 16 * 1024
MAX_PACKAGE_JSON_BYTES: Final = MAX_JSON_BYTES + MAX_PACKAGE_BYTES * 4 // 3  # base64
MAX_CIRCLE_JSON_BYTES: Final = MAX_JSON_BYTES + MAX_SOURCES * MAX_CARD_BYTES * 4 // 3
_EMPTY: Final = Body.of(b"")
_BY_STATUS: Final = {429: ErrorCode.TOO_MANY_REQUESTS, 503: ErrorCode.TRAINER_BUSY}


class TrafficKind(StrEnum):
    """What bytes were sent or received for."""

    ENROLMENT = "enrolment"
    KEYS = "evaluation_keys"
    REPORT = "report"
    JOB = "job"
    UPDATE = "update"
    DELETION = "deletion"
    CIRCLE = "circle"


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

    def __init__(
        self,
        identity: Identity,
        transport: Transport,
        environment: Environment | None = None,
        invite: str = "",
    ) -> None:
        """environment: time and chance, the real ones if None. invite: for a trainer that asks for one."""
        self._identity = identity
        self._transport = transport
        self._environment = Environment() if environment is None else environment
        self._invite = invite
        self._nonce = ""  # of the latest attempt
        self.traffic = Traffic()

    def enrol(self) -> bytes:
        """Make the device known; return the trainer's public key, 32 bytes. Again, it changes nothing.

        Raises Refused (ENROLMENT_REFUSED) if the trainer wants another invite.
        """
        body = Body.of(Enrolment(self._identity.public_key, self._invite).to_json())
        answer = self._call("POST", "/v1/devices", body, TrafficKind.ENROLMENT, statuses=(200, 201))
        enrolled = Enrolled.parse(answer.content)
        _check(enrolled.device_id == self._identity.device_id)
        return enrolled.trainer_key

    def device_exists(self) -> bool:
        """Return whether the trainer knows this device."""
        try:
            answer = self._call("GET", self._own_path, _EMPTY, TrafficKind.ENROLMENT)
        except StartOver as error:
            if error.code is not ErrorCode.DEVICE_UNKNOWN:
                raise
            return False
        _check(KnownDevice.parse(answer.content).device_id == self._identity.device_id)
        return True

    def delete_device(self) -> Receipt:
        """Delete the device and all that is stored of it; return the trainer's receipt, not yet verified.

        There is one as well where the trainer knows no such device (any longer). Raises TryAgain
        (DELETION_UNDER_WAY) as long as not all is deleted.
        """
        shown = {PUBLIC_KEY_HEADER: base64.b64encode(self._identity.public_key).decode()}
        answer = self._call("DELETE", self._own_path, _EMPTY, TrafficKind.DELETION, shown)
        receipt = Receipt.parse(answer.content)
        _check((receipt.device_id, receipt.nonce) == (self._identity.device_id, self._nonce))
        return receipt

    def key_state(self, key_id: str) -> KeyState:
        """Return what the trainer has of evaluation keys. key_id: their SHA-256 in hex."""
        return _key_state(self._call("GET", f"/v1/keys/{key_id}", _EMPTY, TrafficKind.KEYS), key_id)

    def put_key_part(self, key_id: str, offset: int, part: Body) -> KeyState:
        """Send evaluation keys from `offset` on, at most `wire.MAX_KEY_PART_BYTES`; return the state then.

        Raises Refused (UPLOAD_OFFSET) if the trainer has not got as far, or farther.
        """
        path = f"/v1/keys/{key_id}/parts/{offset}"
        return _key_state(self._call("PUT", path, part, TrafficKind.KEYS), key_id)

    def delete_keys(self, key_id: str) -> None:
        """Delete evaluation keys with every report, job and update under them; fine if there are none."""
        self._tell("DELETE", f"/v1/keys/{key_id}", _EMPTY, TrafficKind.DELETION)

    def post_report(self, container: bytes, idempotency_key: str) -> str:
        """Send a report; return the id of its job, the same for the same container and key."""
        headers = {IDEMPOTENCY_HEADER: idempotency_key}
        body, kind = Body.of(container), TrafficKind.REPORT
        answer = self._call("POST", "/v1/reports", body, kind, headers, statuses=(202,))
        return ReportAccepted.parse(answer.content).job_id

    def job(self, job_id: str) -> JobProgress:
        """Return how far a job is."""
        answer = self._call("GET", f"/v1/jobs/{job_id}", _EMPTY, TrafficKind.JOB)
        progress = JobProgress.parse(answer.content)
        _check(progress.job_id == job_id)
        return progress

    def fetch_update(self, job_id: str) -> bytes:
        """Return the update container of a job that is done, as it came."""
        path = f"/v1/jobs/{job_id}/update"
        return self._call("GET", path, _EMPTY, TrafficKind.UPDATE, limit=MAX_UPDATE_BYTES).content

    def circle(self) -> Circle:
        """Return who shares this device's account: at least this device."""
        limit = MAX_CIRCLE_JSON_BYTES
        return Circle.parse(self._call("GET", "/v1/circle", _EMPTY, TrafficKind.CIRCLE, limit=limit).content)

    def put_card(self, card: bytes) -> None:
        """Set what the circle sees of this device: sealed by it, at most `wire.MAX_CARD_BYTES`."""
        self._tell("PUT", "/v1/circle/card", Body.of(card), TrafficKind.CIRCLE)

    def invite(self, invitation_id: str, claim_sha256: str, package: bytes) -> None:
        """Leave a sealed package for one device that shows the claim; open for 15 minutes.

        invitation_id: 32 hex digits, fresh. claim_sha256: of the claim's 32 bytes, in hex. Raises Refused
        (INVITATIONS_FULL).
        """
        body = Body.of(Invitation(invitation_id, claim_sha256, package).to_json())
        answer = self._call("POST", "/v1/invitations", body, TrafficKind.CIRCLE, statuses=(201,))
        _check(Invited.parse(answer.content).invitation_id == invitation_id)

    def claim(self, invitation_id: str, claim: bytes) -> Claimed:
        """Join the inviter's circle with the claim (32 bytes); what was this device's account is deleted.

        Raises Refused (INVITATION_REFUSED, INVITATION_UNKNOWN, CIRCLE_FULL).
        """
        body = Body.of(Claim(claim).to_json())
        path = f"/v1/invitations/{invitation_id}/claim"
        answer = self._call("POST", path, body, TrafficKind.CIRCLE, limit=MAX_PACKAGE_JSON_BYTES)
        return Claimed.parse(answer.content)

    def leave_circle(self) -> None:
        """Take this device out of its circle, into an empty account of its own; fine if it is alone."""
        self.remove_member(self._identity.device_id)

    def remove_member(self, device_id: str) -> None:
        """Take a device out of this circle, with what it has sent; fine if it is not in it (any longer)."""
        try:
            self._tell("DELETE", f"/v1/circle/members/{device_id}", _EMPTY, TrafficKind.CIRCLE)
        except Refused as error:
            if error.code is not ErrorCode.MEMBER_UNKNOWN:
                raise

    def put_mail(self, device_id: str, package: bytes) -> None:
        """Leave a sealed package for a member, in the place of an earlier one from this device.

        Raises Refused (MEMBER_UNKNOWN).
        """
        self._tell("PUT", f"/v1/circle/mail/{device_id}", Body.of(package), TrafficKind.CIRCLE)

    def mail(self) -> Mail | None:
        """Return the oldest mail for this device; the same one until it is dropped."""
        path, limit = "/v1/circle/mail", MAX_PACKAGE_JSON_BYTES
        answer = self._call("GET", path, _EMPTY, TrafficKind.CIRCLE, limit=limit, statuses=(200, 204))
        return None if answer.status == 204 else Mail.parse(answer.content)

    def drop_mail(self, mail: Mail) -> None:
        """Drop mail that was dealt with; mail that came since then stays."""
        self._tell("DELETE", f"/v1/circle/mail/{Body.of(mail.package).sha256}", _EMPTY, TrafficKind.CIRCLE)

    @property
    def device_id(self) -> str:
        """The id that the trainer knows this device by, 32 hex digits."""
        return self._identity.device_id

    @property
    def _own_path(self) -> str:
        return f"/v1/devices/{self._identity.device_id}"

    def _tell(self, method: str, path: str, body: Body, kind: TrafficKind) -> None:
        """Send what is answered without content."""
        self._call(method, path, body, kind, statuses=(204,))

    def _call(
        self,
        method: str,
        path: str,
        body: Body,
        kind: TrafficKind,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_JSON_BYTES,
        statuses: tuple[int, ...] = (200,),
    ) -> Answer:
        """Return the first answer that is not an error; try again what may succeed later.

        statuses: those that make sense.
        """
        wait_s = FIRST_WAIT_S
        for attempt in range(1, TRIES + 1):
            asked_s = 0.0
            try:
                answer = self._attempt(method, path, body, kind, headers or {}, limit)
            except TryAgain as error:
                failure = error
            else:
                if answer.status < 300:
                    _check(answer.status in statuses)
                    return answer
                failure = _failure(answer)
                asked_s = _retry_after_s(answer)
            if attempt == TRIES or failure.code is ErrorCode.UPDATE_NOT_READY or asked_s > LONGEST_WAIT_S:
                raise failure
            self._environment.sleep(max(asked_s, wait_s * (0.5 + 0.5 * self._environment.jitter())))
            wait_s = min(2.0 * wait_s, LONGEST_WAIT_S)
        raise AssertionError("the last attempt returns or raises")

    def _attempt(
        self, method: str, path: str, body: Body, kind: TrafficKind, headers: Mapping[str, str], limit: int
    ) -> Answer:
        environment = self._environment
        self._nonce = environment.nonce()
        signed = self._identity.sign(
            method, path, body.sha256, time=int(environment.clock()), nonce=self._nonce
        ).headers()
        self.traffic.add(kind, body.size, 0)
        answer = self._transport.send(Request(method, path, {**signed, **headers}, body, limit))
        self.traffic.add(kind, 0, len(answer.content))
        return answer


def service_key(transport: Transport) -> bytes:
    """Return the public key that a trainer says it signs receipts with, 32 bytes; asked without a signature.

    Raises TryAgain (TRAINER_UNREACHABLE, or what the trainer says), Untrusted (TRAINER_GARBLED).
    """
    answer = transport.send(Request("GET", "/v1/service", {}, _EMPTY, MAX_JSON_BYTES))
    if answer.status != 200:
        raise _failure(answer)
    return ServiceKey.parse(answer.content).trainer_key


def _key_state(answer: Answer, key_id: str) -> KeyState:
    state = KeyState.parse(answer.content)
    _check(state.key_id == key_id)
    return state


def _check(makes_sense: bool) -> None:
    if not makes_sense:
        raise Untrusted(ErrorCode.TRAINER_GARBLED)


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
    code = Failure.code_in(answer.content)
    return code if code is not None and code.status == answer.status else None


def _retry_after_s(answer: Answer) -> float:
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() and len(asked) < 9 else 0.0
