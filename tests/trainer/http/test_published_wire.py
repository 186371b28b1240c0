"""What devices and a trainer really say to each other, held against the document that is published."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from quietkeys.environment import Environment
from quietkeys.remote.client import TrainerClient, service_key
from quietkeys.remote.http import Answer, Body, Request, RequestsTransport, Transport
from quietkeys.remote.identity import Identity
from quietkeys_protocol.containers import Report, encode_report
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import Enrolment, InviteWish, JobState
from quietkeys_trainer.http.openapi import OPERATIONS
from quietkeys_trainer.http.operator_token import make_token
from tests.trainer.conftest import Rig
from tests.trainer.device import code
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import wait_until
from tests.trainer.sides import CLAIM

ABSENT = "0" * 32


@dataclass(slots=True)
class Held:
    """A transport that holds requests and answers against a document; seen: the operations it had to."""

    inner: Transport
    document: dict[str, Any]
    seen: set[tuple[str, str]] = field(default_factory=set)

    def send(self, request: Request) -> Answer:
        """Send, after and before a look."""
        with request.body.open() as stream:
            content = stream.read()
        operation = self._operation(request.method, request.path)
        if "requestBody" in operation:
            self._check(operation["requestBody"], content)
        else:
            assert not content
        given = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
        assert given <= request.headers.keys()
        answer = self.inner.send(request)
        responses = operation["responses"]
        self._check(responses.get(str(answer.status), responses["default"]), answer.content)
        return answer

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, item in self.document["paths"].items():
            if method.lower() not in item:
                continue
            parameters = {one["name"]: one["schema"] for one in item[method.lower()]["parameters"]}
            named = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", pattern), path)
            if named and all(is_valid(parameters[name], text) for name, text in named.groupdict().items()):
                self.seen.add((method, pattern))
                return dict(item[method.lower()])
        raise AssertionError(f"{method} {path} is not in the document")

    def _check(self, described: dict[str, Any], content: bytes) -> None:
        if "$ref" in described:
            *_, kind, name = described["$ref"].split("/")
            described = self.document["components"][kind][name]
        if "content" not in described:
            assert not content
            return
        ((media_type, about),) = described["content"].items()
        if media_type == "application/json":
            schema = {"components": self.document["components"], **about["schema"]}
            Draft202012Validator(schema).validate(json.loads(content))
        else:
            assert len(content) <= about["schema"]["maxLength"]


def is_valid(schema: dict[str, Any], tree: object) -> bool:
    """Whether a tree is as a schema says."""
    return Draft202012Validator(schema).is_valid(tree)


def published(rig: Rig) -> dict[str, Any]:
    """The document that a trainer publishes."""
    return dict(requests.get(rig.trainer.private_url + "/openapi.json", timeout=30).json())


def operator_token(rig: Rig) -> str:
    """A new token of the operator."""
    return make_token(rig.trainer.folder / "state" / "operator.token")


def test_a_whole_conversation_is_as_published(fake_rig: Rig) -> None:
    """Every route that a device uses, with every body, an invite too: the document allows what is said."""
    held = Held(RequestsTransport(fake_rig.trainer.url), published(fake_rig))

    def device(invite: str = "") -> TrainerClient:
        around = Environment(sleep=lambda _: None)
        return TrainerClient(Identity.generate(), held, around, invite)

    first, second = device("an invite that nobody asks for"), device()
    trainer_key = service_key(held)
    assert not first.device_exists()
    for one in (first, second):
        assert one.enrol() == one.enrol() == trainer_key
        assert one.device_exists()
    keys, key_id = fake_rig.keys, hashlib.sha256(fake_rig.keys).hexdigest()
    first.key_state(key_id)
    first.put_key_part(key_id, 0, Body.of(keys[:1000]))
    first.put_key_part(key_id, 1000, Body.of(keys[1000:]))
    first.key_state(key_id)
    head = (bytes.fromhex(PLAN.hash), bytes.fromhex(key_id), 0, 1, 1)
    job = first.post_report(encode_report(Report(*head, fake_rig.values(1))), secrets.token_hex(16))
    wait_until(lambda: first.job(job).state is JobState.DONE)
    assert first.fetch_update(job)
    first.put_card(b"card")
    first.invite(ABSENT, hashlib.sha256(CLAIM).hexdigest(), b"sealed")
    assert second.claim(ABSENT, CLAIM).source == 1
    assert len(first.circle().members) == 2
    first.put_mail(second.device_id, b"letter")
    mail = second.mail()
    assert mail is not None
    second.drop_mail(mail)
    assert second.mail() is None
    first.remove_member(second.device_id)
    first.remove_member(second.device_id)
    first.delete_keys(key_id)
    for one in (first, second):
        one.delete_device()
    signed = {operation for operation, about in OPERATIONS.items() if about.signed}
    assert held.seen - {("GET", "/v1/service")} == signed - {("GET", "/v1/plans/{plan_hash}")}


def test_an_operators_wish_is_as_published(fake_rig: Rig) -> None:
    """The wish for an invite and its answer are in the document as they are said."""
    held = Held(RequestsTransport(fake_rig.trainer.url), published(fake_rig))
    shown = {"Authorization": f"Bearer {operator_token(fake_rig)}"}
    body = Body.of(InviteWish(1, 7).to_json())
    for headers, status in ((shown, 201), ({}, 401)):
        answer = held.send(Request("POST", "/v1/admin/invites", headers, body, 10_000))
        assert answer.status == status


@pytest.mark.parametrize(("method", "pattern"), sorted(OPERATIONS))
def test_nothing_is_parsed_before_the_signature_was_checked(fake_rig: Rig, method: str, pattern: str) -> None:
    """A malformed body or id under another device's signature: the answer is about that alone."""
    about = OPERATIONS[method, pattern]
    known, thief = fake_rig.device(), fake_rig.device()
    path = re.sub(r"{device_id}", known.device_id, pattern)
    path = re.sub(r"{\w+}", "malformed", path)
    bodies = [b""]
    if about.body is not None:
        whole = Enrolment(known.public_key).to_json()
        bodies = [b"", b"{", b"\xff", b"[" * 200, whole[:-1], whole + b"}", b"[" + whole + b"]"]
    for body in bodies:
        if about.signed:
            signed = thief.sign(method, path, hashlib.sha256(body).hexdigest())
            answer = known.send(method, path, body, signed | {"QK-Device": known.device_id})
            assert code(answer) == (401, ErrorCode.SIGNATURE_INVALID), body
        elif about.body is not None:
            answer = requests.request(method, fake_rig.trainer.url + path, data=body, timeout=30)
            assert code(answer) == (401, ErrorCode.OPERATOR_REFUSED), body
