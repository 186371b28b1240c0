"""What a request signs: golden vectors, one spelling for every field, and the time window."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from quietkeys_protocol import signing
from quietkeys_protocol.errors import ErrorCode, Refused

VECTORS: Final = json.loads((Path(__file__).parents[1] / "vectors/signing.json").read_text())
EMPTY: Final = hashlib.sha256(b"").hexdigest()

GOOD: Final = {
    "QK-Device": "ab" * 16,
    "QK-Time": "1700000000",
    "QK-Nonce": "0f" * 16,
    "QK-Signature": base64.b64encode(bytes(64)).decode(),
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    """Signing string, device id and signature are those of the vector."""
    body_hash = hashlib.sha256(bytes.fromhex(vector["body"])).hexdigest()
    signed = signing.signing_string(
        vector["method"], vector["path"], vector["time"], vector["nonce"], body_hash
    )
    assert signed.decode() == vector["signing_string"]
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key"]))
    assert private.public_key().public_bytes_raw().hex() == vector["public_key"]
    assert base64.b64encode(private.sign(signed)).decode() == vector["signature"]
    assert signing.device_id_of(bytes.fromhex(vector["public_key"])) == vector["device_id"]


def test_every_part_of_a_request_is_signed() -> None:
    """A signature holds for one method, path, time, nonce and body."""
    vector = VECTORS[1]
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vector["public_key"]))
    body = hashlib.sha256(bytes.fromhex(vector["body"])).hexdigest()
    good = ("POST", vector["path"], vector["time"], vector["nonce"], body)
    signature = base64.b64decode(vector["signature"])
    public.verify(signature, signing.signing_string(*good))
    for other in (
        ("PUT", *good[1:]),
        (good[0], "/v1/report", *good[2:]),
        (*good[:2], good[2] + 1, *good[3:]),
        (*good[:3], "1" * 32, good[4]),
        (*good[:4], EMPTY),
    ):
        with pytest.raises(InvalidSignature):
            public.verify(signature, signing.signing_string(*other))


@given(st.sampled_from(range(5)), st.text(max_size=70), st.sampled_from(["", "\n", "\n1", "\r"]))
def test_no_field_can_smuggle_a_line(which: int, text: str, tail: str) -> None:
    """A signing string is refused or has exactly its six lines, so no two requests share one."""
    good: list[Any] = ["GET", "/v1/x", 17, "a" * 32, EMPTY]
    for field in (text, str(good[which]) + tail):
        fields = [*good[:which], field, *good[which + 1 :]]
        try:
            signed = signing.signing_string(*fields)
        except Refused as error:
            assert error.code is ErrorCode.REQUEST_MALFORMED
        else:
            assert signed.decode().split("\n")[1:] == [str(field) for field in fields]


@pytest.mark.parametrize(
    "fields",
    [
        ("get", "/", 1, "a" * 32, EMPTY),
        ("GET", "v1", 1, "a" * 32, EMPTY),
        ("GET", "/v1?x", 1, "a" * 32, EMPTY),
        ("GET", "/v1 x", 1, "a" * 32, EMPTY),
        ("GET", "/", 0, "a" * 32, EMPTY),
        ("GET", "/", 1, "A" * 32, EMPTY),
        ("GET", "/", 1, "a" * 32, "a" * 32),
    ],
)
def test_what_has_another_spelling_is_not_signed(fields: tuple[str, str, int, str, str]) -> None:
    """Each field that could be spelt in two ways is refused in all but one."""
    with pytest.raises(Refused):
        signing.signing_string(*fields)


def test_credentials_survive_the_headers() -> None:
    """Headers parse to credentials that spell the same headers."""
    assert signing.parse_credentials(GOOD).headers() == GOOD


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("QK-Device", ""),
        ("QK-Device", "AB" * 16),
        ("QK-Device", "ab" * 16 + "\n"),
        ("QK-Device", "ab" * 15),
        ("QK-Time", "01700000000"),
        ("QK-Time", "-5"),
        ("QK-Time", "0"),
        ("QK-Time", "17e8"),
        ("QK-Time", "١٧٠٠٠٠٠٠٠٠"),
        ("QK-Time", "9" * 400),
        ("QK-Nonce", "0f" * 17),
        ("QK-Nonce", "0g" * 16),
        ("QK-Signature", "AAAA"),
        ("QK-Signature", base64.b64encode(bytes(65)).decode()),
        ("QK-Signature", base64.b64encode(bytes(64)).decode().rstrip("=")),
        ("QK-Signature", base64.b64encode(bytes(64)).decode()[:-3] + "B=="),
        ("QK-Signature", " " + base64.b64encode(bytes(64)).decode()),
        ("QK-Signature", "é" * 88),
    ],
)
def test_a_header_has_one_spelling(header: str, value: str) -> None:
    """Another spelling, or none, is refused and named."""
    with pytest.raises(Refused) as caught:
        signing.parse_credentials(GOOD | {header: value})
    assert caught.value.code is ErrorCode.REQUEST_MALFORMED
    assert caught.value.detail == header


def test_the_window_is_five_minutes_either_way() -> None:
    """A request of up to 300 s ago or ahead is taken, a second more is not."""
    for offset in (-signing.WINDOW_S, 0, signing.WINDOW_S):
        signing.check_time(1_700_000_000 + offset, 1_700_000_000)
    for offset in (-signing.WINDOW_S - 1, signing.WINDOW_S + 1):
        with pytest.raises(Refused) as caught:
            signing.check_time(1_700_000_000 + offset, 1_700_000_000)
        assert caught.value.code is ErrorCode.CLOCK_SKEWED


def test_a_deletion_is_signed_in_four_lines() -> None:
    """The scheme, the device, the time and the nonce of the request; another spelling of any is refused."""
    good: list[Any] = ["ab" * 16, 1_700_000_000, "0f" * 16]
    signed = signing.deletion_string(*good)
    assert signed.decode() == f"quietkeys-deletion-v1\n{'ab' * 16}\n1700000000\n{'0f' * 16}"
    changes: list[tuple[int, Any]] = [(0, "AB" * 16), (0, "ab" * 16 + "\n"), (1, 0), (1, -5), (2, "")]
    for which, wrong in changes:
        with pytest.raises(Refused):
            signing.deletion_string(*[wrong if n == which else value for n, value in enumerate(good)])
