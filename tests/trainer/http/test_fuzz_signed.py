"""Malformed requests by the thousand, all signed: what a device with a key, and bad intentions, can send.

Cases come from the OpenAPI document (schemathesis) and from a fuzzer of bytes. Each answer is a typed one,
none is a 5xx, none is late, the service holds little more memory afterwards, and serves the next device.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from quietkeys_protocol.containers import encode_report
from quietkeys_protocol.errors import ErrorCode, Refused
from tests.trainer.conftest import Rig
from tests.trainer.device import Device, code
from tests.trainer.running import memory

GROWTH_BYTES = 100 << 20
PATIENCE_S = 30.0
RENEWED = 50  # requests after which a device gives way to another, as its limits and its data may be used up
UNFIT = "/v1/unsignable"  # signed in the place of a path that nobody can sign
STATES = ("job_id", "device_id", "key_id", "invitation_id", "sha256", "plan_hash")


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes
    headers: dict[str, str]

    def check(self, method: str) -> None:
        """Refuses what no answer may be: a server's mistake, or a refusal in words that are not ours."""
        assert self.status < 500, (self.status, self.content)
        if self.status >= 400 and method != "HEAD":
            error = json.loads(self.content)["error"]
            assert set(error) == {"code", "message", "advice"}
            assert error["code"] in set(ErrorCode)


@dataclass(slots=True)
class Attacker:
    """Devices of one attacker, used one after the other, with something of their own to ask for."""

    rig: Rig
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    device: Device = field(init=False)
    own: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self.rig.clear()
        self.device = self.rig.ready_device()
        plan_hash, keys = self.rig.plan.hash, self.rig.keys
        answer = self.device.post(self.device.report(plan_hash, keys, self.rig.values(1)))
        assert answer.status_code == 202
        self.own = {
            "job_id": answer.json()["job_id"],
            "device_id": self.device.device_id,
            "key_id": hashlib.sha256(keys).hexdigest(),
            "invitation_id": secrets.token_hex(16),
            "sha256": hashlib.sha256(b"mail").hexdigest(),
            "plan_hash": plan_hash,
        }

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """One signed request, to exactly this path; a device that is gone is replaced before the next."""
        self.sent += 1
        if self.sent % RENEWED == 0 or self.device.send("GET", "/v1/circle").status_code != 200:
            self._renew()
        sha256 = hashlib.sha256(body).hexdigest()
        try:
            signed = self.device.sign(method, path, sha256)
        except Refused:
            signed = self.device.sign("GET", UNFIT, sha256)
        return self._exchange(method, path, body, headers | signed)

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        address = urlsplit(self.rig.trainer.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_S)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        found = Answer(answer.status, content, {name.lower(): value for name, value in answer.getheaders()})
        found.check(method)
        self.statuses[found.status] += 1
        return found


@contextmanager
def unharmed(rig: Rig) -> Iterator[None]:
    """Checks that the service holds little more memory after the block, and works."""
    assert rig.trainer.process is not None
    before = memory(rig.trainer.process.pid)
    yield
    assert memory(rig.trainer.process.pid) - before < GROWTH_BYTES
    device = rig.ready_device()
    answer = device.post(device.report(rig.plan.hash, rig.keys, rig.values(9)))
    assert answer.status_code == 202
    device.wait(answer.json()["job_id"], "done")
    assert device.update(answer.json()["job_id"]).status_code == 200


def cases(examples: int) -> settings:
    """So many cases; a failing one is shown as it is: the service is no longer the same for a second look."""
    return settings(
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )


@pytest.mark.timeout(7200)
def test_requests_made_from_the_document(fake_rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Whatever schemathesis makes of the OpenAPI document, valid or not, is answered as the document says."""
    document = requests.get(fake_rig.trainer.private_url + "/openapi.json", timeout=PATIENCE_S).json()
    schema = schemathesis.openapi.from_dict(document)
    attacker = Attacker(fake_rig)
    strategies = [
        found.ok().as_strategy(generation_mode=mode)
        for found in schema.get_all_operations()
        if isinstance(found, Ok)
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or _has_input(found.ok().definition.raw)
    ]

    @cases(sized(60, 5000))
    @given(case=st.one_of(strategies), own=st.booleans())
    def send(case: schemathesis.Case[Any], own: bool) -> None:
        for name in set(case.path_parameters or {}) & set(STATES) if own else ():
            case.path_parameters[name] = attacker.own[name]
        sent = case.as_transport_kwargs(base_url=fake_rig.trainer.url)
        prepared = requests.Request(**{k: v for k, v in sent.items() if k in REQUEST}).prepare()
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
        headers = {
            name: value
            for name, value in prepared.headers.items()
            if name.lower() not in {"content-length", "transfer-encoding", "host"} and _is_sendable(value)
        }
        answer = attacker.send(str(prepared.method), prepared.path_url, bytes(body), headers)
        responses = case.operation.definition.raw["responses"]
        assert str(answer.status) in responses or 400 <= answer.status < 500, (answer, case)

    with unharmed(fake_rig):
        send()
    assert {200, 400, 404} <= attacker.statuses.keys()


REQUEST = {"method", "url", "headers", "params", "data", "json", "cookies", "files"}


def _has_input(operation: Mapping[str, Any]) -> bool:
    return bool(operation["parameters"] or "requestBody" in operation)


def _is_sendable(value: object) -> bool:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text.isascii() and text.isprintable()


def mutated(chance: Random, content: bytes) -> bytes:
    """The content with a few changes of the kinds that parsers trip over."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        where = chance.randrange(len(changed) + 1)
        match chance.randrange(7):
            case 0:
                changed[where : where + 1] = chance.randbytes(1)
            case 1:
                changed[where:] = b""
            case 2:
                changed[where:where] = chance.randbytes(chance.randint(1, 64))
            case 3:
                changed[where : where + 4] = chance.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
            case 4:
                del changed[where : where + chance.randint(1, 64)]
            case 5:
                changed[where:where] = changed[: chance.randint(0, 256)]
            case _:
                changed[where : where + 8] = bytes(reversed(changed[where : where + 8]))
    return bytes(changed)


def strange_id(chance: Random, own: str) -> str:
    """An id that is none, or nearly one."""
    return chance.choice(
        [
            own.upper(),
            own[:-1],
            own + "0",
            own.replace(own[0], "g"),
            "%2e%2e%2f" * chance.randint(1, 40) + "etc%2fpasswd",
            "..",
            ".",
            "%00",
            "%ff%fe",
            "-1",
            "0" * chance.randint(1, 900),
            "'%20OR%201=1--",
            own + "/",
            own + "?a=b",
            chance.randbytes(chance.randint(1, 30)).hex(),
        ]
    )


@pytest.mark.timeout(7200)
def test_bytes_of_keys_reports_and_ids(fake_rig: Rig, sized: Callable[[int, int], int]) -> None:
    """Keys, reports and ids with changed bytes are refused or, where they may be anything, taken."""
    attacker, chance = Attacker(fake_rig), Random(sized(1, secrets.randbits(32)))

    def report() -> tuple[str, str, bytes]:
        good = attacker.device.report(fake_rig.plan.hash, fake_rig.keys, fake_rig.values(2))
        return "POST", "/v1/reports", mutated(chance, encode_report(good))

    def key_part() -> tuple[str, str, bytes]:
        keys = mutated(chance, fake_rig.keys[: chance.choice([100, 5000, len(fake_rig.keys)])])
        key_id = chance.choice([hashlib.sha256(keys).hexdigest(), attacker.own["key_id"]])
        offset = chance.choice(["0", "0", "1", str(len(keys)), str(2**40), "-1", "00", "1e3"])
        return "PUT", f"/v1/keys/{key_id}/parts/{offset}", keys

    def identifier() -> tuple[str, str, bytes]:
        path = chance.choice(
            [
                "/v1/jobs/{job_id}",
                "/v1/jobs/{job_id}/update",
                "/v1/keys/{key_id}",
                "/v1/keys/{key_id}/parts/0",
                "/v1/devices/{device_id}",
                "/v1/plans/{plan_hash}",
                "/v1/circle/members/{device_id}",
                "/v1/circle/mail/{sha256}",
                "/v1/invitations/{invitation_id}/claim",
            ]
        )
        name = path.partition("{")[2].partition("}")[0]
        method = chance.choice(["GET", "PUT", "POST", "DELETE"])
        return (
            method,
            path.replace(f"{{{name}}}", strange_id(chance, attacker.own[name])),
            chance.randbytes(9),
        )

    with unharmed(fake_rig):
        for _ in range(sized(60, 5000)):
            method, path, body = chance.choice([report, key_part, identifier])()
            attacker.send(method, path, body, {"QK-Idempotency-Key": secrets.token_hex(16)})
    assert {400, 404} <= attacker.statuses.keys()


def test_ids_of_another_device_are_unknown(fake_rig: Rig) -> None:
    """Whatever is asked about another device's ids is answered, to the byte, as about ids of nobody."""
    owner, other = fake_rig.ready_device(), fake_rig.device()
    job_id = owner.post(owner.report(fake_rig.plan.hash, fake_rig.keys, fake_rig.values(3))).json()["job_id"]
    owner.wait(job_id, "done")
    owner.send("PUT", f"/v1/circle/mail/{owner.device_id}", b"mail")
    key_id = hashlib.sha256(fake_rig.keys).hexdigest()
    mail = hashlib.sha256(b"mail").hexdigest()
    for method, path, own in (
        ("GET", "/v1/jobs/{}", job_id),
        ("GET", "/v1/jobs/{}/update", job_id),
        ("GET", "/v1/devices/{}", owner.device_id),
        ("DELETE", "/v1/devices/{}", owner.device_id),
        ("DELETE", "/v1/circle/members/{}", owner.device_id),
        ("PUT", "/v1/circle/mail/{}", owner.device_id),
        ("GET", "/v1/keys/{}", key_id),
        ("DELETE", "/v1/keys/{}", key_id),
        ("DELETE", "/v1/circle/mail/{}", mail),
    ):
        nobodys = secrets.token_hex(len(own) // 2)
        found, expected = (other.send(method, path.format(name)) for name in (own, nobodys))
        assert found.status_code == expected.status_code, path
        assert found.text.replace(own, "") == expected.text.replace(nobodys, ""), path
    assert owner.update(job_id).status_code == 200
    assert code(other.post(other.report(fake_rig.plan.hash, fake_rig.keys, fake_rig.values(4)))) == (
        404,
        ErrorCode.KEY_UNKNOWN,
    )
