"""What the trainer answers besides plain text fields, and how that is read: exactly, or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from quietkeys.remote.http import Answer
from quietkeys.remote.trust import DeletionReceipt
from quietkeys_protocol.containers import MAX_CARD_BYTES, MAX_PACKAGE_BYTES, MAX_SOURCES
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted
from quietkeys_protocol.plan import MAX_BLOCKS
from quietkeys_protocol.signing import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    is_hash,
    is_id,
    parse_base64,
    parse_base64_within,
    parse_time,
)


class JobState(StrEnum):
    """How far the trainer is with a report."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far the trainer is with a report; blocks_done: blocks of the plan that it has trained."""

    state: JobState
    blocks_done: int


class Upload(StrEnum):
    """How far the upload of evaluation keys is."""

    ABSENT = "absent"
    PARTIAL = "partial"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class KeyState:
    """What the trainer has of some evaluation keys; received: bytes, from the first one on."""

    state: Upload
    received: int


@dataclass(frozen=True, slots=True)
class Member:
    """A device of the circle. card: what it has sealed for the others, b"" for nothing yet."""

    device_id: str
    source: int
    card: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CircleState:
    """The devices that share an account, by source; key_id: of its newest evaluation keys, "" for none."""

    members: tuple[Member, ...]
    key_id: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an invitation gave: the inviter's sealed package, and this device's source in the circle."""

    package: bytes = field(repr=False)
    source: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A sealed package from another device of the circle."""

    sender: str
    package: bytes = field(repr=False)


def check(makes_sense: bool) -> None:
    """Raise Untrusted (TRAINER_GARBLED) for an answer that makes no sense."""
    if not makes_sense:
        raise Untrusted(ErrorCode.TRAINER_GARBLED)


def json_of(answer: Answer) -> Any:
    """Return the JSON of an answer, None if it is none."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def fields_of(answer: Answer, statuses: set[int], names: set[str]) -> dict[str, str]:
    """Return the fields of a JSON answer, which are exactly these and all text."""
    check(answer.status in statuses)
    return _texts(json_of(answer), names)


def read_trainer_key(text: str) -> bytes:
    """Return the trainer's public key, 32 bytes."""
    return _base64(text, PUBLIC_KEY_BYTES, exactly=True)


def read_key_state(answer: Answer, key_id: str) -> KeyState:
    """Return what an answer says of these evaluation keys."""
    fields = fields_of(answer, {200}, {"key_id", "state", "received"})
    check(fields["key_id"] == key_id and fields["state"] in set(Upload))
    received, state = _number(fields["received"], 2**40), Upload(fields["state"])
    check((received == 0) == (state is Upload.ABSENT))
    return KeyState(state, received)


def read_job(answer: Answer, job_id: str) -> JobProgress:
    """Return what an answer says of this job."""
    fields = fields_of(answer, {200}, {"job_id", "state", "blocks_done"})
    check(fields["job_id"] == job_id and fields["state"] in set(JobState))
    return JobProgress(JobState(fields["state"]), _number(fields["blocks_done"], MAX_BLOCKS))


def read_receipt(answer: Answer, device_id: str, nonce: str) -> DeletionReceipt:
    """Return the receipt for this device and request; its signature is not looked at here."""
    fields = fields_of(answer, {200}, {"device_id", "deleted_at", "nonce", "signature"})
    check(fields["device_id"] == device_id and fields["nonce"] == nonce)
    try:
        deleted_at = parse_time(fields["deleted_at"], "deleted_at")
    except Refused as error:
        raise Untrusted(ErrorCode.TRAINER_GARBLED) from error
    return DeletionReceipt(
        device_id, deleted_at, nonce, _base64(fields["signature"], SIGNATURE_BYTES, exactly=True)
    )


def read_circle(answer: Answer) -> CircleState:
    """Return the members, each source once, and the newest key's id."""
    check(answer.status == 200)
    tree = json_of(answer)
    check(
        isinstance(tree, dict) and tree.keys() == {"members", "key_id"} and isinstance(tree["members"], list)
    )
    check(isinstance(tree["key_id"], str) and (is_hash(tree["key_id"]) or not tree["key_id"]))
    members = sorted((_member(entry) for entry in tree["members"]), key=lambda member: member.source)
    check(1 <= len(members) <= MAX_SOURCES)
    check(len({member.source for member in members}) == len(members))
    return CircleState(tuple(members), tree["key_id"])


def read_claimed(answer: Answer) -> Claimed:
    """Return the package of an invitation and the source that it gave."""
    fields = fields_of(answer, {200}, {"package", "source"})
    return Claimed(_base64(fields["package"], MAX_PACKAGE_BYTES), _number(fields["source"], MAX_SOURCES - 1))


def read_mail(answer: Answer) -> Mail | None:
    """Return the mail in an answer, None if it says that there is none."""
    if answer.status == 204:
        return None
    fields = fields_of(answer, {200}, {"sender", "package"})
    check(is_id(fields["sender"]))
    return Mail(fields["sender"], _base64(fields["package"], MAX_PACKAGE_BYTES))


def _member(entry: Any) -> Member:
    fields = _texts(entry, {"device_id", "source", "card"})
    check(is_id(fields["device_id"]))
    return Member(
        fields["device_id"],
        _number(fields["source"], MAX_SOURCES - 1),
        _base64(fields["card"], MAX_CARD_BYTES),
    )


def _texts(tree: Any, names: set[str]) -> dict[str, str]:
    check(isinstance(tree, dict) and tree.keys() == names and all(isinstance(v, str) for v in tree.values()))
    return dict(tree)


def _number(text: str, most: int) -> int:
    check(text.isascii() and text.isdecimal() and len(text) < 16 and str(int(text)) == text)
    check(int(text) <= most)
    return int(text)


def _base64(text: str, length: int, *, exactly: bool = False) -> bytes:
    try:
        return parse_base64(text, length, "") if exactly else parse_base64_within(text, length, "")
    except Refused as error:
        raise Untrusted(ErrorCode.TRAINER_GARBLED) from error
