"""Whatever is wrong with a trainer's folders, disk or descriptors, every route answers with a typed error."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
import requests

from quietkeys_protocol.containers import encode_report
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.messages import Claim, Enrolment, Invitation, InviteWish
from quietkeys_trainer.http.openapi import OPERATIONS
from quietkeys_trainer.http.operator_token import make_token
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN
from tests.trainer.running import Trainer, fake_keys, fake_values, running, wait_until
from tests.trainer.stores import Storage, on_both

KEYS: Final = fake_keys(b"one")
KEY_ID: Final = hashlib.sha256(KEYS).hexdigest()
OTHER_KEYS: Final = fake_keys(b"two")
CLAIM: Final = "1" * 64
INVITATION: Final = "2" * 32

Asked = dict[tuple[str, str], requests.Response]


@pytest.fixture
def trainer(tmp_path: Path, storage: Storage) -> Iterator[Trainer]:
    """A trainer of this test's own, which permissions of files hold for."""
    with running(tmp_path, "--workers", "0", QUIETKEYS_TEST_AS_OTHERS="1", **storage.variables()) as trainer:
        yield trainer


@pytest.fixture
def device(trainer: Trainer) -> Device:
    """An enrolled device with keys and a job."""
    device = trainer.device()
    assert device.put_keys(KEYS).json()["state"] == "stored"
    report = device.report(PLAN.hash, KEYS, fake_values(b"x"))
    assert device.post(report).status_code == 202
    return device


def walk(trainer: Trainer, device: Device, spoilt: str = "") -> Asked:
    """The answers of all routes, each asked for what it could do; `spoilt` goes into their paths."""
    asked: Asked = {}
    token = make_token(trainer.folder / "state" / "operator.token")
    package = Invitation(INVITATION, hashlib.sha256(bytes.fromhex(CLAIM)).hexdigest(), b"sealed")
    bodies = {
        "/v1/devices": Enrolment(device.public_key).to_json(),
        "/v1/keys/{key_id}/parts/{offset}": OTHER_KEYS[:1000],
        "/v1/reports": encode_report(device.report(PLAN.hash, KEYS, fake_values(b"y"))),
        "/v1/circle/card": b"card",
        "/v1/invitations": package.to_json(),
        "/v1/invitations/{invitation_id}/claim": Claim(bytes.fromhex(CLAIM)).to_json(),
        "/v1/circle/mail/{device_id}": b"letter",
        "/v1/admin/invites": InviteWish(1, 1).to_json(),
    }
    values = {
        "device_id": device.device_id,
        "plan_hash": PLAN.hash,
        "key_id": KEY_ID,
        "offset": "0",
        "job_id": "3" * 32,
        "invitation_id": INVITATION,
        "sha256": "4" * 64,
    }
    later = sorted(OPERATIONS, key=lambda one: (one[0] == "DELETE", one[1].startswith("/v1/devices"), one))
    for method, pattern in later:
        path = re.sub(r"{(\w+)}", lambda found: values[found[1]] + spoilt, pattern)
        if method == "PUT" and "parts" in path:
            path = path.replace(KEY_ID, hashlib.sha256(OTHER_KEYS).hexdigest())
        headers = {"Authorization": f"Bearer {token}", "QK-Idempotency-Key": "5" * 32}
        url, body = device.url, bodies.get(pattern, b"") if method != "GET" else b""
        if not OPERATIONS[method, pattern].signed and not pattern.startswith("/v1"):
            device.url = trainer.private_url
        asked[method, pattern] = device.send(method, path, body, headers)
        device.url = url
    assert asked.keys() == OPERATIONS.keys()
    return asked


def untyped(asked: Asked) -> list[object]:
    """The answers that are neither what was asked for nor an error of ours."""
    found: list[object] = []
    for operation, answer in asked.items():
        if answer.status_code < 300:
            continue
        try:
            status, name = code(answer)
            known = ErrorCode(name)
        except (AssertionError, ValueError, KeyError):
            found.append((operation, answer.status_code, answer.text[:100]))
            continue
        if known is ErrorCode.TRAINER_BROKEN or known.status != status:
            found.append((operation, status, name))
    return found


@on_both
def test_all_is_well_with_a_trainer_that_is_well(trainer: Trainer, device: Device) -> None:
    """Asked in this way most routes do what they are for, so that what follows is about them."""
    asked = walk(trainer, device)
    assert untyped(asked) == []
    assert sum(answer.status_code < 300 for answer in asked.values()) >= 20


@on_both
@pytest.mark.parametrize("spoilt", ["%00", "%0a", "%7f", "%ff", "%C2%85", "%F0%9F%98%80"])
def test_odd_characters_in_paths(trainer: Trainer, device: Device, spoilt: str) -> None:
    """What no id has is a malformed request or names nothing; no database is asked about a NUL."""
    asked = walk(trainer, device, spoilt)
    assert untyped(asked) == []
    if spoilt == "%00":
        named = {operation: answer for operation, answer in asked.items() if "{" in operation[1]}
        assert {code(answer) for answer in named.values()} == {(400, ErrorCode.REQUEST_MALFORMED)}


def gone(trainer: Trainer, name: str) -> None:
    """A folder of the state is removed."""
    shutil.rmtree(trainer.folder / "state" / name)


def replaced(trainer: Trainer, name: str) -> None:
    """A file stands where a folder was."""
    gone(trainer, name)
    (trainer.folder / "state" / name).write_bytes(b"")


def locked(trainer: Trainer, name: str) -> None:
    """A folder can no longer be written."""
    (trainer.folder / "state" / name).chmod(0o500)


@on_both
@pytest.mark.parametrize("name", ["spool", "uploads", "circuits"])
@pytest.mark.parametrize("fault", [gone, replaced, locked])
def test_a_folder_that_was_taken_away(
    trainer: Trainer, device: Device, name: str, fault: Callable[[Trainer, str], None]
) -> None:
    """A missing, wrong or read-only folder is `trainer_busy` where it is needed, and nothing elsewhere."""
    fault(trainer, name)
    asked = walk(trainer, device)
    assert untyped(asked) == []
    busy = {operation for operation, answer in asked.items() if answer.status_code == 503}
    assert (("PUT", "/v1/keys/{key_id}/parts/{offset}") in busy) is (name != "circuits")
    assert asked["GET", "/healthz"].status_code == 200


@pytest.mark.parametrize("fault", [gone, replaced, locked])
def test_a_store_that_was_taken_away(
    trainer: Trainer, device: Device, fault: Callable[[Trainer, str], None]
) -> None:
    """The same for the folder of blobs."""
    fault(trainer, "blobs")
    assert untyped(walk(trainer, device)) == []


def test_a_state_that_cannot_be_written(trainer: Trainer, device: Device) -> None:
    """A read-only state folder: what only reads is answered, all else refused, and afterwards all is well."""
    state = trainer.folder / "state"
    modes: dict[Path, int] = {}
    for path in (state, *state.rglob("*")):
        with suppress(FileNotFoundError):  # a file that is there for a moment
            modes[path] = path.stat().st_mode
            path.chmod(modes[path] & ~0o222)
    assert untyped(walk(trainer, device)) == []
    at_once(device)
    for path, mode in modes.items():
        with suppress(FileNotFoundError):
            path.chmod(mode)
    # Connections that were opened meanwhile may each say so once.
    wait_until(lambda: at_once(device) <= {200, 404})


def at_once(device: Device) -> set[int]:
    """How many requests at the same time, more than the trainer has had connections for, are answered."""
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(device.send, "GET", f"/v1/devices/{device.device_id}") for _ in range(32)]
        return {one.result().status_code for one in asked}


@on_both
def test_a_disk_without_room(tmp_path: Path, storage: Storage) -> None:
    """Where no file can grow, what needs room is refused as such, or for now."""
    with running(tmp_path, "--workers", "0", **storage.variables()) as trainer:
        device = trainer.device()
        assert device.put_keys(KEYS).json()["state"] == "stored"
        assert device.post(device.report(PLAN.hash, KEYS, fake_values(b"x"))).status_code == 202
        assert trainer.process is not None
        resource.prlimit(trainer.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        assert untyped(walk(trainer, device)) == []


@on_both
def test_no_descriptor_is_left(trainer: Trainer, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that can open nothing more says so on the connection it has, and recovers by itself."""
    with on_one_connection(trainer, monkeypatch) as pid:
        used = max(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, before[1]))
        asked = walk(trainer, device)
        assert untyped(asked) == []
        assert asked["PUT", "/v1/keys/{key_id}/parts/{offset}"].status_code == 503
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    again = trainer.device()
    assert again.put_keys(KEYS).json()["state"] == "stored"


@contextmanager
def on_one_connection(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Have devices ask on connections that are open already; yield the process."""
    assert trainer.process is not None
    with requests.Session() as session, monkeypatch.context() as patched:
        for url in (trainer.url, trainer.private_url):
            assert session.get(url + "/healthz", timeout=900).json() == {"status": "ok"}
        patched.setattr("tests.trainer.device.requests.request", session.request)
        yield trainer.process.pid


def test_a_body_that_is_no_text_of_ours(trainer: Trainer, device: Device) -> None:
    """A NUL in the text of a message is as good as any other wrong text."""
    body = json.dumps({"public_key": "\0" * 44, "invite": "\0"}).encode()
    answer = device.send("POST", "/v1/devices", body)
    assert code(answer)[0] in (400, 401)
