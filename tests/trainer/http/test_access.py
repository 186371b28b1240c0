"""Who may ask for what, whatever the engine: enrolment, signatures, other people's things, deletion."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
import requests

from quietkeys_protocol.errors import ErrorCode
from tests.trainer.conftest import Rig
from tests.trainer.device import Device, code

UNKNOWN = "0" * 32


def test_health_needs_no_signature(rig: Rig) -> None:
    """`/healthz` answers anybody."""
    answer = requests.get(rig.trainer.url + "/healthz", timeout=900)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_device_enrols_once(rig: Rig) -> None:
    """The first enrolment is 201, the second 200, both with the id that the key implies."""
    device = Device(rig.trainer.url)
    first, second = device.enrol(), device.enrol()
    assert (first.status_code, second.status_code) == (201, 200)
    service = requests.get(rig.trainer.url + "/v1/service", timeout=900).json()
    assert first.json() == second.json() == {"device_id": device.device_id, **service}
    assert len(base64.b64decode(service["trainer_key"])) == 32


def test_nobody_enrols_a_key_they_do_not_hold(rig: Rig) -> None:
    """An enrolment signed by another key, or under another id, is refused and enrols nobody."""
    victim, thief = Device(rig.trainer.url), Device(rig.trainer.url)
    body = json.dumps({"public_key": base64.b64encode(victim.public_key).decode()}).encode()
    assert code(thief.send("POST", "/v1/devices", body)) == (401, ErrorCode.SIGNATURE_INVALID)
    disguised = {"QK-Device": victim.device_id}
    own = json.dumps({"public_key": base64.b64encode(thief.public_key).decode()}).encode()
    for content in (body, own):
        answer = thief.send("POST", "/v1/devices", content, disguised)
        assert code(answer) == (401, ErrorCode.SIGNATURE_INVALID)
    assert code(victim.send("GET", f"/v1/jobs/{UNKNOWN}")) == (404, ErrorCode.DEVICE_UNKNOWN)


@pytest.mark.parametrize(
    "body",
    [
        b'"%s"',
        b'["%s"]',
        b'{"public_key": "%s"',
        b'{"public_key": ["%s"]}',
        b'{"public_key": "%s", "name": "x"}',
        b'{"public_key": "%s", "invite": 5}',
        b'{"public_key": "%s", "public_key": "%s"}',
        b'{"public_key": "' + b"A" * 43 + b'=", "invite": "%s"}',
        b'{"public_key": "%s", "invite": "\xff\xfe"}',
        b'{"public_key": "%s", "invite": "\\ud800"}',
    ],
)
def test_an_enrolment_has_one_form(rig: Rig, body: bytes) -> None:
    """Anything but one public key in canonical base64, and an invite, is malformed, if this key signed it."""
    device = Device(rig.trainer.url)
    signed = body.replace(b"%s", base64.b64encode(device.public_key))
    assert code(device.send("POST", "/v1/devices", signed)) == (400, ErrorCode.REQUEST_MALFORMED)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[" * 1000, b"null", b"\xff\xfe", b'{"public_key": "AAAA"}', b'{"public_key": 5}'],
)
def test_an_enrolment_without_its_key_is_not_signed(rig: Rig, body: bytes) -> None:
    """Where the key is not in the body nobody can tell who signed it, and it is not looked at further."""
    assert code(Device(rig.trainer.url).send("POST", "/v1/devices", body)) == (
        401,
        ErrorCode.SIGNATURE_INVALID,
    )


def test_the_plan_is_served_by_its_hash(rig: Rig) -> None:
    """The canonical form comes back; another hash is an unknown plan."""
    device = rig.device()
    answer = device.send("GET", f"/v1/plans/{rig.plan.hash}")
    assert answer.content == rig.plan.canonical
    assert hashlib.sha256(answer.content).hexdigest() == rig.plan.hash
    assert code(device.send("GET", f"/v1/plans/{'0' * 64}")) == (404, ErrorCode.PLAN_UNKNOWN)


def test_a_request_signed_by_another_device_is_refused(rig: Rig) -> None:
    """A signature by another key under this device's id does not pass, and uses up no nonce."""
    device, thief = rig.ready_device(), rig.device()
    path, body = f"/v1/jobs/{UNKNOWN}", hashlib.sha256(b"").hexdigest()
    headers = thief.sign("GET", path, body) | {"QK-Device": device.device_id}
    answer = requests.get(rig.trainer.url + path, headers=headers, timeout=900)
    assert code(answer) == (401, ErrorCode.SIGNATURE_INVALID)
    honest = device.sign("GET", path, body)
    forged = honest | {"QK-Signature": thief.sign("GET", path, body)["QK-Signature"]}
    for attempt, expected in (
        (forged, (401, ErrorCode.SIGNATURE_INVALID)),
        (honest, (404, ErrorCode.JOB_UNKNOWN)),
    ):
        assert code(requests.get(rig.trainer.url + path, headers=attempt, timeout=900)) == expected


def test_a_signature_holds_for_one_request(rig: Rig) -> None:
    """Another method, path, body or query under the same signature is refused."""
    device = rig.device()
    path, empty = f"/v1/jobs/{UNKNOWN}", hashlib.sha256(b"").hexdigest()
    other = f"/v1/jobs/{'1' * 32}"
    for method, sent, expected in (
        ("DELETE", f"/v1/devices/{device.device_id}", (401, ErrorCode.SIGNATURE_INVALID)),
        ("GET", other, (401, ErrorCode.SIGNATURE_INVALID)),
        ("GET", path + "?x=1", (400, ErrorCode.REQUEST_MALFORMED)),
        ("GET", path, (404, ErrorCode.JOB_UNKNOWN)),
    ):
        headers = device.sign("GET", path, empty)
        answer = requests.request(method, rig.trainer.url + sent, headers=headers, timeout=900)
        assert code(answer) == expected


def test_a_request_is_taken_once(rig: Rig) -> None:
    """The very same request again is a replay."""
    device = rig.device()
    path = f"/v1/jobs/{UNKNOWN}"
    headers = device.sign("GET", path, hashlib.sha256(b"").hexdigest())
    answers = [requests.get(rig.trainer.url + path, headers=headers, timeout=900) for _ in range(2)]
    assert [code(answer) for answer in answers] == [
        (404, ErrorCode.JOB_UNKNOWN),
        (409, ErrorCode.NONCE_REPLAYED),
    ]


@pytest.mark.parametrize("offset_s", [-400, 400])
def test_a_request_far_from_the_trainers_time_is_refused(rig: Rig, offset_s: int) -> None:
    """More than five minutes off, either way, the clock is to be set."""
    device = rig.device()
    device.clock_offset_s = offset_s
    assert code(device.send("GET", f"/v1/jobs/{UNKNOWN}")) == (401, ErrorCode.CLOCK_SKEWED)


def test_unsigned_requests_are_refused(rig: Rig) -> None:
    """Without credentials every route but health and enrolment's absence of them is malformed."""
    for method, path in (
        ("GET", f"/v1/plans/{rig.plan.hash}"),
        ("GET", f"/v1/keys/{'0' * 64}"),
        ("PUT", f"/v1/keys/{'0' * 64}/parts/0"),
        ("DELETE", f"/v1/keys/{'0' * 64}"),
        ("GET", "/v1/circle"),
        ("PUT", "/v1/circle/card"),
        ("DELETE", f"/v1/circle/members/{UNKNOWN}"),
        ("GET", "/v1/circle/mail"),
        ("PUT", f"/v1/circle/mail/{UNKNOWN}"),
        ("DELETE", f"/v1/circle/mail/{'0' * 64}"),
        ("POST", "/v1/invitations"),
        ("POST", f"/v1/invitations/{UNKNOWN}/claim"),
        ("GET", f"/v1/devices/{UNKNOWN}"),
        ("POST", "/v1/reports"),
        ("POST", "/v1/devices"),
        ("GET", f"/v1/jobs/{UNKNOWN}"),
        ("GET", f"/v1/jobs/{UNKNOWN}/update"),
        ("DELETE", f"/v1/devices/{UNKNOWN}"),
    ):
        answer = requests.request(method, rig.trainer.url + path, timeout=900)
        assert code(answer) == (400, ErrorCode.REQUEST_MALFORMED), path


def test_a_stranger_is_unknown_everywhere(rig: Rig) -> None:
    """A device that did not enrol gets 404 from every route."""
    stranger = Device(rig.trainer.url)
    answers = [
        stranger.send("GET", f"/v1/plans/{rig.plan.hash}"),
        stranger.put_keys(rig.keys),
        stranger.post(stranger.report(rig.plan.hash, rig.keys, rig.values(1))),
        stranger.send("GET", f"/v1/jobs/{UNKNOWN}"),
        stranger.update(UNKNOWN),
        stranger.send("GET", f"/v1/devices/{stranger.device_id}"),
        stranger.send("DELETE", f"/v1/devices/{stranger.device_id}"),
        stranger.send("GET", f"/v1/keys/{'0' * 64}"),
        stranger.send("DELETE", f"/v1/keys/{'0' * 64}"),
        stranger.send("GET", "/v1/circle"),
        stranger.send("PUT", "/v1/circle/card", b"x"),
        stranger.send("DELETE", f"/v1/circle/members/{stranger.device_id}"),
        stranger.send("GET", "/v1/circle/mail"),
        stranger.send("PUT", f"/v1/circle/mail/{stranger.device_id}", b"x"),
        stranger.send("DELETE", f"/v1/circle/mail/{'0' * 64}"),
        stranger.send("POST", "/v1/invitations", b"{}"),
        stranger.send("POST", f"/v1/invitations/{UNKNOWN}/claim", b"{}"),
    ]
    assert {code(answer) for answer in answers} == {(404, ErrorCode.DEVICE_UNKNOWN)}


def test_another_devices_job_does_not_exist(rig: Rig) -> None:
    """Asking for it answers byte for byte as asking for a job that nobody has."""
    device, stranger = rig.ready_device(), rig.device()
    job_id = device.post(device.report(rig.plan.hash, rig.keys, rig.values(1))).json()["job_id"]
    device.wait(job_id, "done")
    for path in ("/v1/jobs/{}", "/v1/jobs/{}/update"):
        theirs, nobodys = (stranger.send("GET", path.format(name)) for name in (job_id, UNKNOWN))
        assert code(theirs) == (404, ErrorCode.JOB_UNKNOWN)
        assert theirs.content == nobodys.content
    assert code(stranger.send("DELETE", f"/v1/devices/{device.device_id}")) == (404, ErrorCode.DEVICE_UNKNOWN)
    assert device.state(job_id) == "done"


def test_a_deleted_device_is_gone(rig: Rig) -> None:
    """A receipt, then 404 from every route; nobody gets at what was its own, and it does not come back."""
    device = rig.ready_device()
    report = device.report(rig.plan.hash, rig.keys, rig.values(1))
    job_id = device.post(report).json()["job_id"]
    device.wait(job_id, "done")
    assert device.send("DELETE", f"/v1/devices/{device.device_id}").status_code == 200
    for answer in (
        device.send("GET", f"/v1/jobs/{job_id}"),
        device.put_keys(rig.keys),
        device.post(report),
    ):
        assert code(answer) == (404, ErrorCode.DEVICE_UNKNOWN)
    assert code(device.enrol()) == (410, ErrorCode.DEVICE_DELETED)
    other = rig.device()
    assert code(other.update(job_id)) == (404, ErrorCode.JOB_UNKNOWN)
    assert code(other.post(report)) == (404, ErrorCode.KEY_UNKNOWN)


def test_nobody_gets_a_receipt_for_another(rig: Rig) -> None:
    """A key that is not the device's, or a signature that is not the key's, deletes nothing."""
    device, stranger = rig.device(), Device(rig.trainer.url)
    path, header = f"/v1/devices/{device.device_id}", "QK-Public-Key"
    mine, theirs = (base64.b64encode(one.public_key).decode() for one in (stranger, device))
    assert code(stranger.send("DELETE", path, headers={header: mine})) == (404, ErrorCode.DEVICE_UNKNOWN)
    own = f"/v1/devices/{stranger.device_id}"
    assert code(stranger.send("DELETE", own, headers={header: theirs})) == (401, ErrorCode.SIGNATURE_INVALID)
    for wrong in ("", "=", "A" * 43, mine + "A"):
        answer = stranger.send("DELETE", own, headers={header: wrong})
        assert answer.status_code in {400, 404}
    headers = {header: mine, "QK-Signature": base64.b64encode(bytes(64)).decode()}
    assert code(stranger.send("DELETE", own, headers=headers)) == (401, ErrorCode.SIGNATURE_INVALID)
    assert device.send("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1", (404, ErrorCode.ROUTE_UNKNOWN)),
        ("GET", "/v1/devices/", (404, ErrorCode.ROUTE_UNKNOWN)),
        ("GET", "/docs", (404, ErrorCode.ROUTE_UNKNOWN)),
        ("GET", "/v1/../healthz", (404, ErrorCode.ROUTE_UNKNOWN)),
        ("DELETE", "/healthz", (405, ErrorCode.METHOD_NOT_ALLOWED)),
        ("GET", "/v1/reports", (405, ErrorCode.METHOD_NOT_ALLOWED)),
    ],
)
def test_what_is_not_there_is_said_in_the_same_form(
    rig: Rig, method: str, path: str, expected: tuple[int, str]
) -> None:
    """Unknown paths and methods get a typed error as well."""
    prepared = requests.Request(method, rig.trainer.url).prepare()
    prepared.url = rig.trainer.url + path
    with requests.Session() as session:
        assert code(session.send(prepared, timeout=900)) == expected


def test_answers_are_not_to_be_cached(rig: Rig) -> None:
    """No proxy keeps what was meant for one device."""
    device = rig.device()
    for answer in (device.send("GET", f"/v1/plans/{rig.plan.hash}"), device.update(UNKNOWN)):
        assert answer.headers["Cache-Control"] == "no-store"
