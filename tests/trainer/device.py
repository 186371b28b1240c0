"""A device as the service sees one: signs and sends; written apart from the SDK, to check both."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys_protocol.containers import MAX_KEY_PART_BYTES, Report, encode_report
from quietkeys_protocol.cut_keys import KeyForm
from quietkeys_protocol.errors import QuietkeysError
from quietkeys_protocol.signing import Credentials, device_id_of, signing_string
from tests.patience import HANGS_S


@dataclass(slots=True)
class Device:
    """A key pair and a place to send to."""

    url: str
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    clock_offset_s: int = 0
    sequence: int = 0
    form: KeyForm | None = None  # of the evaluation keys, where they are cut

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def device_id(self) -> str:
        """32 hex digits."""
        return device_id_of(self.public_key)

    def sign(self, method: str, path: str, body_sha256: str) -> dict[str, str]:
        """The four headers of a request."""
        now, nonce = int(time.time()) + self.clock_offset_s, secrets.token_hex(16)
        signature = self.private.sign(signing_string(method, path, now, nonce, body_sha256))
        return Credentials(self.device_id, now, nonce, signature).headers()

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> requests.Response:
        """A signed request; `headers` are added, or take the place of the signed ones."""
        signed = self.sign(method, path, hashlib.sha256(body).hexdigest()) | (headers or {})
        return requests.request(method, self.url + path, data=body, headers=signed, timeout=HANGS_S)

    def enrol(self) -> requests.Response:
        """Enrols this device."""
        body = json.dumps({"public_key": base64.b64encode(self.public_key).decode()})
        return self.send("POST", "/v1/devices", body.encode())

    def key_id(self, keys: bytes) -> str:
        """What evaluation keys are named by, damaged ones included."""
        try:
            return hashlib.sha256(keys).hexdigest() if self.form is None else self.form.key_id([keys])
        except QuietkeysError:
            return hashlib.sha256(keys).hexdigest()

    def put_part(self, key_id: str, offset: int, part: bytes) -> requests.Response:
        """Sends evaluation keys from `offset` on."""
        return self.send("PUT", f"/v1/keys/{key_id}/parts/{offset}", part)

    def put_keys(self, keys: bytes, part_bytes: int = MAX_KEY_PART_BYTES) -> requests.Response:
        """Uploads evaluation keys part by part; the last answer, or the first refusal."""
        key_id = self.key_id(keys)
        for offset in range(0, max(1, len(keys)), part_bytes):
            answer = self.put_part(key_id, offset, keys[offset : offset + part_bytes])
            if answer.status_code != 200:
                break
        return answer

    def key_state(self, keys: bytes) -> tuple[str, int]:
        """What the trainer has of evaluation keys: state and bytes."""
        answer = self.send("GET", f"/v1/keys/{self.key_id(keys)}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["state"]), int(answer.json()["received"])

    def report(self, plan_hash: str, keys: bytes, values: Sequence[bytes], **fields: int) -> Report:
        """The next report of this device."""
        self.sequence += 1
        report = Report(
            plan_hash=bytes.fromhex(plan_hash),
            key_id=bytes.fromhex(self.key_id(keys)),
            source=0,
            sources=1,
            sequence=self.sequence,
            ciphertexts=tuple(values),
        )
        return replace(report, **fields)  # type: ignore[arg-type]

    def post(self, report: Report | bytes, idempotency_key: str = "") -> requests.Response:
        """Sends a report."""
        body = report if isinstance(report, bytes) else encode_report(report)
        headers = {"QK-Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        return self.send("POST", "/v1/reports", body, headers)

    def state(self, job_id: str) -> str:
        """The state of a job."""
        answer = self.send("GET", f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["state"])

    def wait(self, job_id: str, *states: str, within_s: float = HANGS_S) -> str:
        """The state of a job as soon as it is one of `states`."""
        deadline = time.monotonic() + within_s
        while (state := self.state(job_id)) not in states:
            assert time.monotonic() < deadline, f"still {state}"
            time.sleep(0.05)
        return state

    def update(self, job_id: str) -> requests.Response:
        """Asks for the update of a job."""
        return self.send("GET", f"/v1/jobs/{job_id}/update")


def code(answer: requests.Response) -> tuple[int, str]:
    """Status and error code of an answer that must be a typed error."""
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "advice"}
    assert error["advice"]
    return answer.status_code, error["code"]
