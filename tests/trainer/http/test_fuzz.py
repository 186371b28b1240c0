"""Malformed requests of every kind, signed: a typed refusal each and never a 5xx."""

from __future__ import annotations

import hashlib
import secrets

import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quietkeys_protocol.containers import encode_report
from quietkeys_protocol.errors import ErrorCode
from tests.trainer.conftest import Rig
from tests.trainer.device import Device, code

# The trainer is shared by all examples; each brings devices of its own where it matters.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

ids = st.one_of(
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=80),
)
routes = st.sampled_from(
    [
        "/v1/jobs/{}",
        "/v1/jobs/{}/update",
        "/v1/keys/{}/parts/0",
        "/v1/keys/{}/parts/1",
        "/v1/plans/{}",
        "/v1/devices/{}",
        "/v1/circle/members/{}",
        "/v1/circle/mail/{}",
        "/v1/invitations/{}/claim",
    ]
)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"])

# Mail with any hash may be dropped, being there or not, and keys with any hash be begun.
ANYTHING_GOES = (("DELETE", "/v1/circle/mail/{}", 204), ("PUT", "/v1/keys/{}/parts/0", 200))


def assert_typed(answer: requests.Response) -> None:
    """A refusal with a code of ours."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    if answer.request.method != "HEAD":
        assert code(answer)[1] in set(ErrorCode)


def send_raw(device: Device, method: str, path: str, body: bytes) -> requests.Response:
    """A request to exactly this path, signed if there is a way to."""
    body_sha256 = hashlib.sha256(body).hexdigest()
    headers = device.sign(method, path, body_sha256) | {"QK-Idempotency-Key": secrets.token_hex(16)}
    prepared = requests.Request(method, device.url, data=body, headers=headers).prepare()
    prepared.url = device.url + path
    with requests.Session() as session:
        return session.send(prepared, timeout=900)


@shared
@given(method=methods, route=routes, name=ids, body=st.binary(max_size=200))
def test_any_id_and_any_body_on_any_route(
    fake_rig: Rig, method: str, route: str, name: str, body: bytes
) -> None:
    """Whatever stands where an id belongs is refused, or unknown, unless it may be anything."""
    answer = send_raw(fake_rig.device(), method, route.format(name), body)
    if (method, route, answer.status_code) not in ANYTHING_GOES:
        assert_typed(answer)


@shared
@given(body=st.binary(max_size=400))
def test_any_body_as_a_report(fake_rig: Rig, body: bytes) -> None:
    """Bytes that are no container, with and without its magic, are refused."""
    device = fake_rig.device()
    for container in (body, b"QKR1" + body):
        assert_typed(device.post(container))


@shared
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_any_body_as_an_enrolment(fake_rig: Rig, body: bytes) -> None:
    """Bytes that are no enrolment are refused."""
    assert_typed(Device(fake_rig.trainer.url).send("POST", "/v1/devices", body))


@shared
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=4))
def test_changed_bytes_anywhere_in_a_report(fake_rig: Rig, changes: list[tuple[int, int]]) -> None:
    """A report with changed bytes is refused, or accepted where only payload changed; never a 5xx."""
    device = fake_rig.ready_device()
    container = bytearray(encode_report(device.report(fake_rig.plan.hash, fake_rig.keys, fake_rig.values(1))))
    for where, change in changes:
        container[where % len(container)] ^= change
    answer = device.post(bytes(container))
    if answer.status_code != 202:
        assert_typed(answer)
    good = device.report(fake_rig.plan.hash, fake_rig.keys, fake_rig.values(2), sequence=2**62, source=0)
    assert device.post(good).status_code in {202, 409}


@shared
@given(
    name=st.sampled_from(["QK-Device", "QK-Time", "QK-Nonce", "QK-Signature", "QK-Idempotency-Key"]),
    value=st.text(
        st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc"]), max_size=100
    ),
)
def test_any_value_in_any_header(fake_rig: Rig, name: str, value: str) -> None:
    """A header of ours with another value is refused."""
    device = fake_rig.device()
    headers = {name: value.encode("latin-1")}
    assert_typed(device.send("POST", "/v1/reports", b"QKR1", headers))  # type: ignore[arg-type]


def test_a_header_given_twice_is_refused(fake_rig: Rig) -> None:
    """No two parsers of a request may see different senders."""
    import http.client
    from urllib.parse import urlsplit

    device = fake_rig.device()
    path = "/v1/jobs/" + "0" * 32
    for doubled in ("QK-Device", "QK-Time", "QK-Nonce", "QK-Signature"):
        address = urlsplit(fake_rig.trainer.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=900)
        connection.putrequest("GET", path)
        for name, value in device.sign("GET", path, hashlib.sha256(b"").hexdigest()).items():
            connection.putheader(name, value)
            if name == doubled:
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 400
        connection.close()
