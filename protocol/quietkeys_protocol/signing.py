"""What a request signs: pure functions over text and bytes; the Ed25519 operation is done by each side.

    quietkeys-v1 LF method LF path LF time LF nonce LF SHA-256 of the body

Every field has one spelling, so two requests that differ in anything sign different strings: the method is
upper case, the path as it is sent, the time decimal without leading zeros, the rest lower-case hex.
The trainer's address is not signed: a device enrols a key pair per trainer.

A trainer signs one thing, that it has deleted a device:

    quietkeys-deletion-v1 LF device id LF time LF nonce of the request that asked for it
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quietkeys_protocol.errors import ErrorCode, Refused

SCHEME: Final = "quietkeys-v1"
DELETION_SCHEME: Final = "quietkeys-deletion-v1"
DEVICE_HEADER: Final = "QK-Device"
TIME_HEADER: Final = "QK-Time"
NONCE_HEADER: Final = "QK-Nonce"
SIGNATURE_HEADER: Final = "QK-Signature"
IDEMPOTENCY_HEADER: Final = "QK-Idempotency-Key"
PUBLIC_KEY_HEADER: Final = "QK-Public-Key"  # of a device that leaves, which the trainer may know no longer

WINDOW_S: Final = 300  # a request farther than this from the trainer's clock is refused
PUBLIC_KEY_BYTES: Final = 32  # RFC 8032
SIGNATURE_BYTES: Final = 64  # RFC 8032

_HEX_16 = re.compile(r"[0-9a-f]{32}")
_HEX_32 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[1-9][0-9]{0,11}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_PATH = re.compile(r"/[!->@-~]{0,1023}")  # printable ASCII without space and without "?"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says about its sender: who, when, which attempt, and the proof (64 bytes)."""

    device_id: str
    time: int
    nonce: str
    signature: bytes

    def __post_init__(self) -> None:
        _require(is_id(self.device_id), DEVICE_HEADER)
        _require(_TIME.fullmatch(str(self.time)) is not None, TIME_HEADER)
        _require(is_id(self.nonce), NONCE_HEADER)
        _require(len(self.signature) == SIGNATURE_BYTES, SIGNATURE_HEADER)

    def headers(self) -> dict[str, str]:
        """Return the four headers that carry them."""
        return {
            DEVICE_HEADER: self.device_id,
            TIME_HEADER: str(self.time),
            NONCE_HEADER: self.nonce,
            SIGNATURE_HEADER: base64.b64encode(self.signature).decode(),
        }


def parse_credentials(headers: Mapping[str, str]) -> Credentials:
    """Return the credentials in a request's headers; `Refused` where one is missing or spelt otherwise."""
    return Credentials(
        device_id=headers.get(DEVICE_HEADER, ""),
        time=parse_time(headers.get(TIME_HEADER, ""), TIME_HEADER),
        nonce=headers.get(NONCE_HEADER, ""),
        signature=parse_base64(headers.get(SIGNATURE_HEADER, ""), SIGNATURE_BYTES, SIGNATURE_HEADER),
    )


def signing_string(method: str, path: str, time: int, nonce: str, body_sha256: str) -> bytes:
    """Return the bytes to sign.

    `path` is without query, `body_sha256` in hex (of no bytes where there is no body).
    """
    _require(_METHOD.fullmatch(method) is not None, "method")
    _require(_PATH.fullmatch(path) is not None, "path")
    _require(_TIME.fullmatch(str(time)) is not None, TIME_HEADER)
    _require(is_id(nonce), NONCE_HEADER)
    _require(is_hash(body_sha256), "body hash")
    return "\n".join((SCHEME, method, path, str(time), nonce, body_sha256)).encode("ascii")


def deletion_string(device_id: str, deleted_at: int, nonce: str) -> bytes:
    """Return the bytes that a trainer signs when it has deleted a device; `deleted_at` in Unix seconds."""
    _require(is_id(device_id), "device_id")
    _require(_TIME.fullmatch(str(deleted_at)) is not None, "deleted_at")
    _require(is_id(nonce), "nonce")
    return "\n".join((DELETION_SCHEME, device_id, str(deleted_at), nonce)).encode("ascii")


def device_id_of(public_key: bytes) -> str:
    """Return the id of a device: the first 16 bytes of SHA-256 of its Ed25519 public key, in hex."""
    _require(len(public_key) == PUBLIC_KEY_BYTES, "public_key")
    return hashlib.sha256(public_key).hexdigest()[:32]


def shown_key(text: str, device_id: str) -> bytes:
    """Return the public key that a request shows in base64.

    Raises Refused (SIGNATURE_INVALID) where it is not that of the device.
    """
    public_key = parse_base64(text, PUBLIC_KEY_BYTES, PUBLIC_KEY_HEADER)
    if device_id_of(public_key) != device_id:
        raise Refused(ErrorCode.SIGNATURE_INVALID)
    return public_key


def check_time(time: int, now: float) -> None:
    """Refuse (CLOCK_SKEWED) a request whose time is outside the window around `now` (both Unix seconds)."""
    if abs(time - now) > WINDOW_S:
        raise Refused(ErrorCode.CLOCK_SKEWED)


def is_id(text: str) -> bool:
    """Return whether `text` is 16 bytes in lower-case hex: a device, a job, a nonce, an idempotency key."""
    return _HEX_16.fullmatch(text) is not None


def is_hash(text: str) -> bool:
    """Return whether `text` is 32 bytes in lower-case hex: a SHA-256, of a plan or of evaluation keys."""
    return _HEX_32.fullmatch(text) is not None


def parse_base64(text: str, length: int, field: str) -> bytes:
    """Return the `length` bytes that `text` spells in canonical base64; `Refused` for any other spelling."""
    decoded = parse_base64_within(text, length, field)
    _require(len(decoded) == length, field)
    return decoded


def parse_base64_within(text: str, most: int, field: str) -> bytes:
    """Return the bytes, at most `most`, that `text` spells in canonical base64.

    Raises `Refused` (REQUEST_MALFORMED) for any other spelling.
    """
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(ErrorCode.REQUEST_MALFORMED, field) from None
    _require(len(decoded) <= most and base64.b64encode(decoded).decode() == text, field)
    return decoded


def parse_time(text: str, field: str) -> int:
    """Return the Unix seconds that `text` spells, without leading zeros; `Refused` for any other spelling."""
    _require(_TIME.fullmatch(text) is not None, field)
    return int(text)


def _require(well_formed: bool, field: str) -> None:
    if not well_formed:
        raise Refused(ErrorCode.REQUEST_MALFORMED, field)
