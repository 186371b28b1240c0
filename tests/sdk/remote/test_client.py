"""The trainer's client, against servers that are down, slow, talk nonsense or point elsewhere."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import (
    DeletionReceipt,
    ErrorCode,
    Outcome,
    QuietkeysError,
    StartOver,
    Trainer,
    TryAgain,
    Untrusted,
)
from quietkeys.environment import Environment
from quietkeys.remote.client import LONGEST_WAIT_S, MAX_JSON_BYTES, TRIES, TrainerClient
from quietkeys.remote.http import Answer, Body, Request, RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import PART_BYTES, upload_keys
from quietkeys.testing import InMemoryTrainer
from quietkeys_protocol.errors import error_of
from quietkeys_protocol.messages import (
    Failure,
    JobProgress,
    JobState,
    KeyState,
    Mail,
    Problem,
    Receipt,
    UploadState,
)
from quietkeys_protocol.plan import Plan
from tests.sdk.conftest import Rig
from tests.sdk.http_trainer import body_of, over_http, reply, serving

JOB = "0" * 32


def client_of(url: str, waited: list[float] | None = None) -> TrainerClient:
    """A client with an identity of its own that does not sleep."""
    waits: list[float] = [] if waited is None else waited
    environment = Environment(sleep=waits.append, jitter=lambda: 1.0)
    return TrainerClient(Identity.generate(), RequestsTransport(url), environment)


def always(status: int, content: bytes, headers: dict[str, str] | None = None) -> Callable[..., None]:
    """A server that says the same to everybody."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        body_of(handler)
        reply(handler, status, content, headers)

    return behave


def error_body(code: ErrorCode) -> bytes:
    """The body of a typed error."""
    return Failure(Problem(code, "m", "a")).to_json()


def code_of(call: Callable[[], object]) -> ErrorCode:
    """The code of the error that a call raises."""
    with pytest.raises(QuietkeysError) as caught:
        call()
    return caught.value.code


def test_a_trainer_that_is_down_is_tried_again_and_then_waited_for() -> None:
    """Nobody listens: a few attempts, longer pauses each time, then TryAgain."""
    with serving(always(200, b"")) as url:
        pass
    waited: list[float] = []
    with pytest.raises(TryAgain) as caught:
        client_of(url, waited).job(JOB)
    assert caught.value.code is ErrorCode.TRAINER_UNREACHABLE
    assert caught.value.__cause__ is not None
    assert waited == [0.5, 1.0, 2.0]


def test_a_trainer_that_recovers_is_answered_within_one_call() -> None:
    """After two failures the third attempt counts, each signed with a nonce of its own."""
    nonces: list[str] = []

    def behave(handler: BaseHTTPRequestHandler) -> None:
        nonces.append(handler.headers["QK-Nonce"])
        if len(nonces) < 3:
            reply(handler, 503, error_body(ErrorCode.TRAINER_BUSY))
        else:
            reply(handler, 200, JobProgress(JOB, JobState.RUNNING, 0).to_json())

    with serving(behave) as url:
        assert client_of(url).job(JOB).state is JobState.RUNNING
    assert len(set(nonces)) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, ErrorCode.TRAINER_BROKEN), (503, ErrorCode.TRAINER_BUSY), (429, ErrorCode.TOO_MANY_REQUESTS)],
)
def test_errors_of_something_in_front_of_the_trainer(status: int, code: ErrorCode) -> None:
    """A status without a typed error is told by its number, and tried again."""
    with serving(always(status, b"<html>bad gateway</html>")) as url:
        waited: list[float] = []
        assert code_of(lambda: client_of(url, waited).job(JOB)) is code
        assert len(waited) == TRIES - 1


def test_an_untyped_502_is_a_broken_trainer() -> None:
    """Every other 5xx as well."""
    with serving(always(502, b"")) as url:
        assert code_of(lambda: client_of(url).job(JOB)) is ErrorCode.TRAINER_BROKEN


def test_retry_after_is_respected_up_to_a_point() -> None:
    """A short wish is granted; a trainer that wants a long rest is left alone at once."""
    busy = error_body(ErrorCode.TRAINER_BUSY)
    with serving(always(503, busy, {"Retry-After": "7"})) as url:
        waited: list[float] = []
        assert code_of(lambda: client_of(url, waited).job(JOB)) is ErrorCode.TRAINER_BUSY
        assert waited == [7.0, 7.0, 7.0]
    with serving(always(503, busy, {"Retry-After": str(int(LONGEST_WAIT_S) + 1)})) as url:
        waited = []
        assert code_of(lambda: client_of(url, waited).job(JOB)) is ErrorCode.TRAINER_BUSY
        assert waited == []


@pytest.mark.parametrize("code", [code for code in ErrorCode if code.status >= 400])
def test_typed_errors_arrive_as_they_are(code: ErrorCode) -> None:
    """Every code of the trainer is raised in its class; its words are ours, not the trainer's."""
    body = Failure(Problem(code, "CANARY", "CANARY")).to_json()
    with serving(always(code.status, body)) as url:
        with pytest.raises(type(error_of(code))) as caught:
            client_of(url).job(JOB)
        assert caught.value.code is code
        assert "CANARY" not in str(caught.value)


def job_answer(**changed: object) -> bytes:
    """What a trainer says of a job that is done, with some fields changed or added."""
    return json.dumps(json.loads(DONE) | changed).encode()


DONE = JobProgress(JOB, JobState.DONE, 0).to_json()
NONSENSE = {
    "html": (200, b"<html></html>"),
    "not json": (200, b"\xff{"),
    "deep json": (200, b"[" * 10_000),
    "list": (200, b"[]"),
    "another job": (200, job_answer(job_id="1" * 32)),
    "unknown state": (200, job_answer(state="sleeping")),
    "state of a wrong type": (200, job_answer(state=["done"])),
    "more blocks than a plan has": (200, job_answer(blocks_done="17")),
    "blocks that are no number": (200, job_answer(blocks_done="-1")),
    "one field more": (200, job_answer(x="y")),
    "a field twice": (200, DONE.replace(b"{", b'{"state":"done",')),
    "no content": (204, b""),
    "teapot": (418, b""),
    "unknown code": (404, b'{"error": {"code": "nonsense", "message": "", "advice": ""}}'),
    "unhashable code": (404, b'{"error": {"code": [], "message": "", "advice": ""}}'),
    "code of another status": (404, error_body(ErrorCode.TRAINER_BUSY)),
    "code that never crosses the wire": (404, b'{"error": {"code": "profile_damaged"}}'),
    "huge": (200, DONE.ljust(MAX_JSON_BYTES + 1)),
    "redirect": (302, b""),
}


@pytest.mark.parametrize(("status", "content"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_not_trusted_and_not_tried_again(status: int, content: bytes) -> None:
    """An answer that makes no sense is reported as such, after one attempt."""
    with serving(always(status, content)) as url:
        waited: list[float] = []
        with pytest.raises(Untrusted) as caught:
            client_of(url, waited).job(JOB)
        assert caught.value.code is ErrorCode.TRAINER_GARBLED
        assert waited == []


def test_a_redirect_is_not_followed() -> None:
    """Signed requests go to the address that the app gave, and nowhere else."""
    visitors: list[str] = []

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        visitors.append(handler.path)
        reply(handler, 200, DONE)

    with (
        serving(elsewhere) as other,
        serving(always(307, b"", {"Location": other + f"/v1/jobs/{JOB}"})) as url,
    ):
        assert code_of(lambda: client_of(url).job(JOB)) is ErrorCode.TRAINER_GARBLED
    assert visitors == []


def test_an_endless_answer_is_cut_off() -> None:
    """A body that never ends is not read past what an update may have."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass

    with serving(endless) as url:
        assert code_of(lambda: client_of(url).fetch_update(JOB)) is ErrorCode.TRAINER_GARBLED


def test_a_compressed_bomb_is_not_opened() -> None:
    """No encoding was asked for, so none is accepted."""
    with serving(always(200, b"x", {"Content-Encoding": "gzip"})) as url:
        assert code_of(lambda: client_of(url).fetch_update(JOB)) is ErrorCode.TRAINER_GARBLED


def test_keys_are_sent_in_parts_and_once(tmp_path: Path, plan: Plan) -> None:
    """A large file arrives whole, and nothing of it a second time, under its SHA-256."""
    path = tmp_path / "keys"
    path.write_bytes(b"in the clear: " + bytes(3_000_000))
    key_id = hashlib.sha256(path.read_bytes()).hexdigest()
    trainer = InMemoryTrainer(plan, key_bytes=path.stat().st_size)
    with serving(over_http(trainer)) as url:
        client = client_of(url)
        assert client.enrol() == trainer.trainer_key
        assert client.key_state(key_id) == KeyState(key_id, UploadState.ABSENT, 0)
        client.put_key_part(key_id, 0, Body.of(path.read_bytes()[:PART_BYTES]))
        assert client.key_state(key_id) == KeyState(key_id, UploadState.PARTIAL, PART_BYTES)
        for _ in range(2):
            upload_keys(client, path, key_id)
        assert client.key_state(key_id) == KeyState(key_id, UploadState.STORED, path.stat().st_size)
        assert client.traffic.sent["evaluation_keys"] == path.stat().st_size  # type: ignore[index]


def test_a_deletion_has_a_receipt(plan: Plan) -> None:
    """The receipt names device and request and is signed by the trainer; then the device is unknown."""
    trainer, device = InMemoryTrainer(plan), Identity.generate()
    client = TrainerClient(
        device, trainer, Environment(sleep=lambda _: None, nonce=lambda: secrets.token_hex(16))
    )
    assert not client.device_exists()
    client.enrol()
    assert client.device_exists()
    receipt = client.delete_device()
    assert receipt.device_id == device.device_id
    assert DeletionReceipt.of(receipt, "", trainer.trainer_key).trainer_key == trainer.trainer_key
    later = replace(receipt, deleted_at=receipt.deleted_at + 1)
    for wrong, key in ((receipt, InMemoryTrainer(plan).trainer_key), (later, trainer.trainer_key)):
        assert code_of(lambda: DeletionReceipt.of(wrong, "", key)) is ErrorCode.DELETION_UNPROVEN  # noqa: B023
    assert not client.device_exists()
    with pytest.raises(StartOver):
        client.job(JOB)
    assert client.delete_device().nonce != receipt.nonce


def test_a_receipt_for_another_request_is_not_taken(plan: Plan) -> None:
    """An old receipt, or one of another device, is no answer."""
    device = Identity.generate()
    right = Receipt(device.device_id, 17, "1" * 32, bytes(64))
    for receipt in (right, replace(right, nonce="2" * 32), replace(right, device_id="3" * 32)):
        client = TrainerClient(device, Says(200, receipt.to_json()), Environment(nonce=lambda: "1" * 32))
        if receipt is right:
            assert client.delete_device() == right
        else:
            assert code_of(client.delete_device) is ErrorCode.TRAINER_GARBLED


@pytest.mark.parametrize("received", [0, 1, 3_000_001])
def test_an_upload_that_gets_nowhere_ends(tmp_path: Path, received: int) -> None:
    """A trainer that always wants the same bytes, or more than there are, is not served for ever."""
    path = tmp_path / "keys"
    path.write_bytes(bytes(3_000_000))
    state = KeyState("0" * 64, UploadState.PARTIAL if received else UploadState.ABSENT, received)
    client = TrainerClient(Identity.generate(), Says(200, state.to_json()))
    with pytest.raises(Untrusted):
        upload_keys(client, path, "0" * 64)


class Says:
    """A transport that answers with given bytes."""

    def __init__(self, status: int, content: bytes) -> None:
        self._answer = Answer(status, {}, content)

    def send(self, request: Request) -> Answer:
        """Answer."""
        return self._answer


@given(st.integers(100, 599), st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_answer_is_taken_or_refused(status: int, content: bytes) -> None:
    """No bytes of a trainer raise anything but our errors."""
    environment = Environment(sleep=lambda _: None)
    client = TrainerClient(Identity.generate(), Says(status, content), environment)
    calls: list[Callable[[], object]] = [
        client.enrol,
        lambda: client.post_report(b"x", JOB),
        lambda: client.job(JOB),
        lambda: client.fetch_update(JOB),
        client.delete_device,
        client.device_exists,
        lambda: client.key_state("0" * 64),
        lambda: client.put_key_part("0" * 64, 0, Body.of(b"x")),
        lambda: client.delete_keys("0" * 64),
        client.circle,
        lambda: client.put_card(b"x"),
        lambda: client.invite(JOB, "0" * 64, b"x"),
        lambda: client.claim(JOB, bytes(32)),
        client.leave_circle,
        lambda: client.put_mail(JOB, b"x"),
        client.mail,
        lambda: client.drop_mail(Mail(JOB, b"x")),
    ]
    for call in calls:
        try:
            call()
        except QuietkeysError:
            continue


@pytest.mark.parametrize(
    "behaviour",
    [always(500, b""), always(200, b"garbage"), always(302, b"", {"Location": "https://x.test/"})],
    ids=["5xx", "garbage", "redirect"],
)
def test_a_bad_trainer_costs_nothing(rig: Rig, behaviour: Callable[..., None]) -> None:
    """The sync raises with advice, typing goes on, and a good trainer later gets everything."""
    with (
        serving(behaviour) as url,
        rig.open_learned(trainer=Trainer(url), transport=None) as keyboard,
    ):
        words = keyboard.status().words_recorded
        with pytest.raises(QuietkeysError) as caught:
            keyboard.sync()
        assert caught.value.advice
        assert keyboard.suggest("see", "yuo").strip
        keyboard.record("see", "yuo", "you")
        assert keyboard.status().words_recorded == words + 1
    with rig.open() as keyboard:
        assert keyboard.sync().outcome is Outcome.APPLIED
