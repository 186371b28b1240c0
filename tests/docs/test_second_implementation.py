"""docs/PROTOCOL.md is enough to write it again: what stands there, in plain Python, agrees with the code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from random import Random
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.sync.circle.invitation import Secret
from quietkeys.vault.human_code import RecoveryCode
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference
from tests.docs.conftest import ROOT

VECTORS = ROOT / "tests/vectors"
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def trained(block: Any, strength: list[int], gradient: list[int]) -> list[int]:
    """Section 2, line by line."""
    A, z_bits, top = block["matrix"], block["z_bits"], block["z_top_bits"]
    w = z_bits - top
    h = 3 * 2**w // 8
    gains = block["gains"] + [1] * (block["steps"] - len(block["gains"]))
    drop = block["strength_max"].bit_length() - 4
    u = [gains[0] * g for g in gradient]
    for t, gain in list(enumerate(gains))[1:]:
        z = [sum(a * x for a, x in zip(row, u, strict=True)) for row in A]
        pull = []
        for m, z_m in enumerate(z):
            total = 0
            for p, table in enumerate(block["step_tables"]):
                bit = block["plane_tables"][p][strength[m] >> drop]
                dither = h if (m + p + t) % 2 == 0 else -h
                x = z_m + 2 ** (z_bits - 1) + dither + bit * 2**z_bits
                total += table[(x >> w) % 2 ** (top + 1)]
            pull.append(total)
        back = [sum(row[j] * pull[m] for m, row in enumerate(A)) for j in range(len(u))]
        u = [x + gain * g - gain * b for x, g, b in zip(u, gradient, back, strict=True)]
    half = 2**z_bits
    return [(x + half) % (2 * half) - half for x in u]


@given(st.randoms(use_true_random=False))
def test_the_program(chance: Random) -> None:
    """The same weights from the same sums, for every block of the small plan."""
    canonical = (VECTORS / "small_plan.json").read_bytes()
    plan = Plan.parse(canonical)
    for block, tree in zip(plan.blocks, json.loads(canonical)["blocks"], strict=True):
        arrays = [[chance.randint(field.low, field.high) for _ in range(field.size)] for field in block.sent]
        expected, _ = reference(block, *(np.array(array, dtype=np.int64) for array in arrays))
        assert trained(tree, *arrays) == expected.tolist()


def test_the_plan_hash() -> None:
    """SHA-256 of sorted JSON without spaces."""
    canonical = (VECTORS / "small_plan.json").read_bytes()
    again = json.dumps(json.loads(canonical), sort_keys=True, separators=(",", ":")).encode("ascii")
    assert again == canonical
    assert Plan.parse(canonical).hash == hashlib.sha256(again).hexdigest()


def test_requests() -> None:
    """The device id, the signing string and the signature of every vector."""
    for vector in json.loads((VECTORS / "signing.json").read_text()):
        public = bytes.fromhex(vector["public_key"])
        body = hashlib.sha256(bytes.fromhex(vector["body"])).hexdigest()
        parts = ("quietkeys-v1", vector["method"], vector["path"], str(vector["time"]), vector["nonce"], body)
        signed = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key"])).sign(
            "\n".join(parts).encode()
        )
        assert hashlib.sha256(public).digest()[:16].hex() == vector["device_id"]
        assert base64.b64encode(signed).decode() == vector["signature"]


def test_containers() -> None:
    """What is good among the vectors is laid out as section 5 says."""
    heads = {"report": ">4s32s32sBBQH", "update": ">4s32s32s16sH"}
    good = [v for v in json.loads((VECTORS / "containers.json").read_text()) if v["expect"] == "ok"]
    for vector in good:
        content = bytes.fromhex(vector["hex"])
        head = heads[vector["container"]]
        *fields, count = struct.unpack_from(head, content)
        assert fields[0] == {"report": b"QKR1", "update": b"QKU1"}[vector["container"]]
        at = struct.calcsize(head)
        for _ in range(count):
            at += 4 + struct.unpack_from(">I", content, at)[0]
        assert at == len(content)


def written(kind: str, secret: bytes) -> str:
    """Section 12."""
    check = int.from_bytes(hashlib.sha256(b"quietkeys code " + kind.encode() + secret).digest()[:4]) >> 2
    number = int.from_bytes(secret) << 30 | check
    text = kind + "".join(DIGITS[number >> 5 * place & 31] for place in reversed(range(32)))
    return "-".join(text[at : at + 4] for at in range(0, 36, 4))


def test_codes_and_what_is_derived_from_them() -> None:
    """The text of a recovery code and of an invitation; the invitation's id, claim and key by HKDF."""
    secret = bytes(range(16))
    assert RecoveryCode(secret).text == written("QKR1", secret)
    invitation = Secret.parse(written("QKC1", secret))

    def derived(purpose: str) -> bytes:  # one block of RFC 5869 without salt
        extracted = hmac.digest(bytes(32), secret, "sha256")
        return hmac.digest(extracted, b"quietkeys-circle-v1 " + purpose.encode() + b"\x01", "sha256")

    assert invitation.invitation_id == derived("invitation id")[:16].hex()
    assert invitation.claim == derived("claim")
    assert invitation.package_key == derived("package")
    assert invitation.claim_sha256 == hashlib.sha256(derived("claim")).hexdigest()
