"""Every JSON body of the wire: what devices and operators ask with, and what a trainer answers.

Device, trainer, the trainer in memory and the published OpenAPI document all use these. What is not JSON, the
containers and parts of keys, is in `containers`; the plan has its own canonical form in `plan`. Sizes are in
bytes, times in Unix seconds. Packages and cards are sealed by devices for devices.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Self

from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES, MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, QuietkeysError
from quietkeys_protocol.json_bodies import (
    AnswerBody,
    RequestBody,
    any_text,
    base64_bytes,
    decimal,
    hex_bytes,
    hex_text,
    list_of,
    nested,
    one_of,
)
from quietkeys_protocol.plan import MAX_BLOCKS
from quietkeys_protocol.signing import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, device_id_of

MAX_STORED_BYTES: Final = 2**40  # more evaluation keys than any plan has


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class UploadState(StrEnum):
    """How far the upload of evaluation keys is."""

    ABSENT = "absent"
    PARTIAL = "partial"
    STORED = "stored"


Id = Annotated[str, hex_text(16)]  # of a device, a job, a nonce, an invitation
Hash = Annotated[str, hex_text(32)]
PublicKey = Annotated[bytes, base64_bytes(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES)]
Signature = Annotated[bytes, base64_bytes(SIGNATURE_BYTES, SIGNATURE_BYTES)]
Package = Annotated[bytes, base64_bytes(0, MAX_PACKAGE_BYTES)]
Card = Annotated[bytes, base64_bytes(0, MAX_CARD_BYTES)]
Source = Annotated[int, decimal(0, MAX_SOURCES - 1)]
Number = Annotated[int, decimal(1, 999_999)]

_KEY_TEXT: Final = re.compile(rb'"([A-Za-z0-9+/]{43}=)"')  # 32 bytes in base64, with nothing escaped


# What devices and operators ask with. MAX_BYTES: of the whole body.


@dataclass(frozen=True, slots=True)
class Enrolment(RequestBody):
    """`POST /v1/devices`: the key that signs this and later requests; invite: where one is asked for."""

    MAX_BYTES: ClassVar[int] = 1024
    public_key: PublicKey
    invite: Annotated[str, any_text()] = field(default="", repr=False)

    @staticmethod
    def key_in(content: bytes, device_id: str) -> bytes | None:
        """Return the key of this device in the bytes of an enrolment, None if it is not there.

        An enrolment is signed by a key that only its body holds, and no body is parsed before its signature
        was checked. So the key is searched for: a device's id is the hash of its key, so what has this hash
        is the key, wherever it stands. Nothing is taken for granted of the rest.
        """
        found = (base64.b64decode(text) for text in _KEY_TEXT.findall(content))
        return next((key for key in found if device_id_of(key) == device_id), None)


@dataclass(frozen=True, slots=True)
class Invitation(RequestBody):
    """`POST /v1/invitations`: a package for one device that shows the claim with this hash."""

    MAX_BYTES: ClassVar[int] = 1024 + (MAX_PACKAGE_BYTES + 2) // 3 * 4  # base64
    invitation_id: Id
    claim_sha256: Hash
    package: Package = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim(RequestBody):
    """`POST /v1/invitations/{id}/claim`: the secret of an invitation, 32 bytes."""

    MAX_BYTES: ClassVar[int] = 1024
    claim: Annotated[bytes, hex_bytes(32)] = field(repr=False)


@dataclass(frozen=True, slots=True)
class InviteWish(RequestBody):
    """`POST /v1/admin/invites`: for how many devices and days an invite shall be good."""

    MAX_BYTES: ClassVar[int] = 256
    uses: Number
    days: Number


# What a trainer answers.


@dataclass(frozen=True, slots=True)
class ServiceKey(AnswerBody):
    """`GET /v1/service`: the key that receipts are verified with."""

    trainer_key: PublicKey


@dataclass(frozen=True, slots=True)
class Enrolled(AnswerBody):
    """`POST /v1/devices`: the device is known."""

    device_id: Id
    trainer_key: PublicKey


@dataclass(frozen=True, slots=True)
class KnownDevice(AnswerBody):
    """`GET /v1/devices/{id}`: the device that asks is known."""

    device_id: Id


@dataclass(frozen=True, slots=True)
class Receipt(AnswerBody):
    """`DELETE /v1/devices/{id}`: the trainer's word that a device is deleted.

    nonce: of the request that asked for it. signature: over `signing.deletion_string`.
    """

    device_id: Id
    deleted_at: Annotated[int, decimal(1, 10**12 - 1)]
    nonce: Id
    signature: Signature


@dataclass(frozen=True, slots=True)
class KeyState(AnswerBody):
    """`GET /v1/keys/{id}` and after each part: what there is of evaluation keys, from the first byte on."""

    key_id: Hash
    state: Annotated[UploadState, one_of(tuple(UploadState))]
    received: Annotated[int, decimal(0, MAX_STORED_BYTES)]

    def __post_init__(self) -> None:
        if (self.received == 0) != (self.state is UploadState.ABSENT):
            raise ValueError("received")


@dataclass(frozen=True, slots=True)
class ReportAccepted(AnswerBody):
    """`POST /v1/reports`: the job that the report asked for."""

    job_id: Id


@dataclass(frozen=True, slots=True)
class JobProgress(AnswerBody):
    """`GET /v1/jobs/{id}`: how far a job is; blocks_done: blocks of the plan that are trained."""

    job_id: Id
    state: Annotated[JobState, one_of(tuple(JobState))]
    blocks_done: Annotated[int, decimal(0, MAX_BLOCKS)]


@dataclass(frozen=True, slots=True)
class Member(AnswerBody):
    """A device of a circle. card: what it has sealed for the others, b"" for nothing yet."""

    device_id: Id
    source: Source
    card: Card = field(repr=False)


@dataclass(frozen=True, slots=True)
class Circle(AnswerBody):
    """`GET /v1/circle`: who shares an account, by source; key_id: its newest evaluation keys, "" for none."""

    members: Annotated[tuple[Member, ...], list_of(Member, 1, MAX_SOURCES)]
    key_id: Annotated[str, hex_text(32, or_empty=True)]

    def __post_init__(self) -> None:
        sources = [member.source for member in self.members]
        if sources != sorted(set(sources)):
            raise ValueError("members")


@dataclass(frozen=True, slots=True)
class Invited(AnswerBody):
    """`POST /v1/invitations`: the invitation is open."""

    invitation_id: Id


@dataclass(frozen=True, slots=True)
class Claimed(AnswerBody):
    """`POST /v1/invitations/{id}/claim`: the inviter's package, and this device's source in the circle."""

    package: Package = field(repr=False)
    source: Source


@dataclass(frozen=True, slots=True)
class Mail(AnswerBody):
    """`GET /v1/circle/mail`: a package from another device of the circle."""

    sender: Id
    package: Package = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invite(AnswerBody):
    """`POST /v1/admin/invites`: the token to hand on."""

    invite: Annotated[str, any_text()] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Health(AnswerBody):
    """`GET /healthz` and `GET /readyz`: one word."""

    status: Annotated[str, one_of(("ok", "ready"))]


@dataclass(frozen=True, slots=True)
class Problem(AnswerBody):
    """What went wrong: a code, and words for people of whoever runs the trainer."""

    code: Annotated[ErrorCode, one_of(sorted(code for code in ErrorCode if code.status))]
    message: Annotated[str, any_text()]
    advice: Annotated[str, any_text()]


@dataclass(frozen=True, slots=True)
class Failure(AnswerBody):
    """What every route answers where it cannot do as asked, with the status of the code."""

    error: Annotated[Problem, nested(Problem)]

    @classmethod
    def of(cls, error: QuietkeysError) -> Self:
        """Return the answer that tells of an error."""
        return cls(Problem(error.code, error.message, error.advice))

    @staticmethod
    def code_in(content: bytes) -> ErrorCode | None:
        """Return the code in an answer, whatever else is in it; None where there is none that is known.

        Read leniently, unlike all else: a device asks this of what a proxy says as well, and a later trainer
        may say more of an error.
        """
        try:
            tree = json.loads(content)
        except (ValueError, RecursionError):
            return None
        error = tree.get("error") if isinstance(tree, dict) else None
        code = error.get("code") if isinstance(error, dict) else None
        return ErrorCode(code) if isinstance(code, str) and code in set(ErrorCode) else None
