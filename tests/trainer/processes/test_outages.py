"""Servers that die or fail under the trainer, and more than one API: nothing is lost, nothing is doubled."""

from __future__ import annotations

import hashlib
import itertools
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from quietkeys_protocol.containers import decode_update
from quietkeys_protocol.errors import ErrorCode
from tests.trainer.bucket import Bucket, Fault
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import PLAN, result
from tests.trainer.postgres import PostgresServer
from tests.trainer.running import Trainer, fake_keys, fake_values, running, wait_until
from tests.trainer.stores import Services, Storage, on_both

KEYS = fake_keys(b"one")


@pytest.fixture
def outage() -> Iterator[Services]:
    """Servers of this test's own, which it may kill."""
    own = Services(PostgresServer(), Bucket())
    try:
        own.postgres.start()
        own.bucket.start()
        yield own
    finally:
        own.postgres.stop()
        own.bucket.stop()


def insist(device: Device, number: int) -> tuple[str, bytes]:
    """The job of a report that is sent until it is accepted, as devices do, and what was in it."""
    payload = b"report %d" % number
    report, key = device.report(PLAN.hash, KEYS, fake_values(payload)), secrets.token_hex(16)
    answers: list[int] = []

    def accepted() -> bool:
        answer = device.post(report, key)
        answers.append(answer.status_code)
        assert answer.status_code in {202, 503}, answer.text
        return answer.status_code == 202

    wait_until(accepted)
    return str(device.post(report, key).json()["job_id"]), payload


def assert_one_result(
    trainer: Trainer, storage: Storage, device: Device, job_id: str, payload: bytes
) -> None:
    """The newest job is done, its result is the report's, and no blob is there twice."""

    def ended() -> bool:
        answer = device.send("GET", f"/v1/jobs/{job_id}")
        return answer.status_code == 200 and answer.json()["state"] in {"done", "failed"}

    wait_until(ended)
    assert device.state(job_id) == "done"
    update = decode_update(device.update(job_id).content)
    assert list(update.ciphertexts) == result(KEYS, [fake_values(payload)])
    assert '"status": 500' not in trainer.log


def test_postgresql_is_killed_and_comes_back(outage: Services, tmp_path: Path) -> None:
    """Kill -9 of the database while reports come and a job runs: every accepted report ends in one result."""
    storage = outage.new_storage()
    with running(tmp_path, "--workers", "1", **storage.variables()) as trainer:
        device, other = trainer.device(), trainer.device()
        for one in (device, other):
            assert one.put_keys(KEYS).json()["state"] == "stored"
        with trainer.held():
            running_job, payload = insist(device, 1)
            wait_until(lambda: len(trainer.runs()) == 1)
            outage.postgres.kill()
            assert code(device.send("GET", f"/v1/jobs/{running_job}")) == (503, ErrorCode.TRAINER_BUSY)
            restart = threading.Timer(1.0, outage.postgres.start)
            restart.start()
            waiting_job, later = insist(other, 2)
            restart.join()
        assert_one_result(trainer, storage, device, running_job, payload)
        assert_one_result(trainer, storage, other, waiting_job, later)
        # An attempt that lost its lease leaves its blob to be tidied; what rows name is two of each.
        assert len(storage.names()) in {6, 7}


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.SILENCE])
def test_a_store_that_fails_loses_nothing(outage: Services, tmp_path: Path, fault: Fault) -> None:
    """While S3 answers with errors, or not in time, reports are refused for now, and jobs run again later."""
    storage = outage.new_storage()
    hurry = {"QUIETKEYS_TEST_LATER": "1", "QUIETKEYS_TEST_STORE_TIMEOUT": "1"}
    with running(tmp_path, "--workers", "1", **hurry, **storage.variables()) as trainer:
        device = trainer.device()
        assert device.put_keys(KEYS).json()["state"] == "stored"
        with trainer.held():
            first, payload = insist(device, 1)
            wait_until(lambda: len(trainer.runs()) == 1)
            outage.bucket.fault = lambda _: fault
        wait_until(lambda: "worker_waits" in trainer.log)  # its result found no place
        report = device.report(PLAN.hash, KEYS, fake_values(b"refused"))
        assert code(device.post(report)) == (503, ErrorCode.TRAINER_BUSY)
        outage.bucket.fault = lambda _: None
        assert_one_result(trainer, storage, device, first, payload)
        turns = itertools.cycle([fault, None, None])
        outage.bucket.fault = lambda _: next(turns)
        second, newer = insist(device, 2)
        outage.bucket.fault = lambda _: None
        assert_one_result(trainer, storage, device, second, newer)
        assert device.state(first) == "superseded"


@on_both
def test_a_request_is_taken_once_by_two_apis_and_after_a_restart(storage: Storage, tmp_path: Path) -> None:
    """Of a request that reaches two processes at once one takes it; both refuse it later, restarted too."""
    empty = hashlib.sha256(b"").hexdigest()
    second_home = tmp_path / "second"
    (second_home / "state").mkdir(parents=True)
    variables = storage.variables()
    if not storage.database:
        variables["QUIETKEYS_DATABASE"] = f"sqlite:///{tmp_path / 'state' / 'ledger.sqlite'}"
        variables["QUIETKEYS_BLOBS"] = str(tmp_path / "state" / "blobs")
    with ExitStack() as stack:
        one = stack.enter_context(running(tmp_path, "--workers", "0", **variables))
        shutil.copy(tmp_path / "state" / "trainer.key", second_home / "state" / "trainer.key")
        two = stack.enter_context(running(second_home, "--workers", "0", **variables))
        device = one.device()
        for _ in range(5):
            signed = device.sign("GET", "/v1/circle", empty)
            start, statuses = threading.Barrier(4), list[int]()

            def ask(url: str, headers: dict[str, str], start: threading.Barrier, to: list[int]) -> None:
                start.wait()
                to.append(requests.get(url + "/v1/circle", headers=headers, timeout=900).status_code)

            threads = [
                threading.Thread(target=ask, args=(trainer.url, signed, start, statuses))
                for trainer in (one, two, one, two)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(statuses) == [200, 409, 409, 409]
        two.stop()
        two.start("--workers", "0")
        for trainer in (one, two):
            again = requests.get(trainer.url + "/v1/circle", headers=signed, timeout=900)
            assert code(again) == (409, ErrorCode.NONCE_REPLAYED)
