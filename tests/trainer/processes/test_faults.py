"""Processes that die, are told to stop, or start again: every accepted report ends in one result."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quietkeys_bench.common.processes import lives
from quietkeys_protocol.containers import decode_update
from quietkeys_protocol.errors import ErrorCode
from tests.trainer.device import Device, code
from tests.trainer.fake_engine import CONTROL, PLAN, result
from tests.trainer.running import Trainer, fake_keys, fake_values, running, wait_until
from tests.trainer.stores import Storage, on_both

KEYS = fake_keys(b"one")


@pytest.fixture
def trainer(tmp_path: Path, storage: Storage) -> Iterator[Trainer]:
    """A trainer with one worker, of this test's own."""
    with running(tmp_path, **storage.variables()) as trainer:
        yield trainer


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    """A trainer with one worker, for the tests in which nothing of it dies."""
    with running(tmp_path_factory.mktemp("lasting")) as trainer:
        yield trainer


def ready_device(trainer: Trainer) -> Device:
    """An enrolled device with stored keys."""
    device = trainer.device()
    assert device.put_keys(KEYS).json()["state"] == "stored"
    return device


def post(device: Device, payload: bytes, keys: bytes = KEYS) -> str:
    """The job of a report."""
    answer = device.post(device.report(PLAN.hash, keys, fake_values(payload)))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def assert_result(device: Device, job_id: str, payload: bytes) -> None:
    """The job's update is what the engine computes from this one report."""
    update = decode_update(device.update(job_id).content)
    assert list(update.ciphertexts) == result(KEYS, [fake_values(payload)])


@on_both
def test_a_job_survives_the_death_of_its_worker(trainer: Trainer, storage: Storage) -> None:
    """After kill -9 in the middle of a job another worker runs it, and it has one result."""
    device = ready_device(trainer)
    with trainer.held():
        job_id = post(device, b"once")
        wait_until(lambda: len(trainer.runs()) == 1)
        os.kill(trainer.runs()[0]["pid"], signal.SIGKILL)
        wait_until(lambda: len(trainer.runs()) == 2)
        assert device.state(job_id) == "running"
    assert device.wait(job_id, "done", "failed") == "done"
    assert_result(device, job_id, b"once")
    assert len({run["pid"] for run in trainer.runs()}) == 2
    assert len(storage.names()) == 3  # keys, report, one update


def test_a_report_that_kills_workers_fails_and_harms_no_other(trainer: Trainer) -> None:
    """After three dead workers the job has failed; the next report is trained on."""
    device = ready_device(trainer)
    deadly = post(device, b"<die>")
    assert device.wait(deadly, "failed", "done") == "failed"
    assert len(trainer.runs()) == 3
    assert code(device.update(deadly)) == (409, ErrorCode.JOB_FAILED)
    harmless = post(device, b"harmless")
    assert device.wait(harmless, "done", "failed") == "done"


def test_an_engine_failure_is_one_failed_job(lasting: Trainer) -> None:
    """The device is told to start over, the same worker goes on."""
    device, before = ready_device(lasting), len(lasting.runs())
    failing = post(device, b"<fail>")
    assert device.wait(failing, "failed", "done") == "failed"
    good = post(device, b"good")
    assert device.wait(good, "done", "failed") == "done"
    runs = lasting.runs()[before:]
    assert len(runs) == 2
    assert len({run["pid"] for run in runs}) == 1


@on_both
def test_nothing_is_lost_when_everything_is_killed(trainer: Trainer, storage: Storage) -> None:
    """After kill -9 of API and worker a restart finds devices, keys, reports, and runs the job again."""
    device = ready_device(trainer)
    idempotency_key = secrets.token_hex(16)
    report = device.report(PLAN.hash, KEYS, fake_values(b"kept"))
    with trainer.held():
        job_id = device.post(report, idempotency_key).json()["job_id"]
        wait_until(lambda: len(trainer.runs()) == 1)
        workers = trainer.workers()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        trainer.stop(signal.SIGKILL)
    trainer.start()
    device.url = trainer.url
    assert device.post(report, idempotency_key).json()["job_id"] == job_id
    assert device.wait(job_id, "done", "failed") == "done"
    assert_result(device, job_id, b"kept")
    assert device.key_state(KEYS) == ("stored", len(KEYS))
    assert len(storage.names()) == 3


def test_workers_do_not_outlive_the_service(trainer: Trainer) -> None:
    """After kill -9 of the API its worker finishes the job it has, and ends."""
    device = ready_device(trainer)
    with trainer.held():
        job_id = post(device, b"last")
        wait_until(lambda: len(trainer.runs()) == 1)
        workers = trainer.workers()
        assert trainer.process is not None
        trainer.process.kill()
        trainer.process.wait()
    wait_until(lambda: not any(map(lives, workers)))
    trainer.start("--workers", "0")
    device.url = trainer.url
    assert device.state(job_id) == "done"
    assert_result(device, job_id, b"last")


def test_a_stop_waits_for_the_job_that_runs(trainer: Trainer) -> None:
    """SIGTERM lets the worker finish, takes no further job, and ends with status 0."""
    device = ready_device(trainer)
    with trainer.held():
        first = post(device, b"first")
        wait_until(lambda: len(trainer.runs()) == 1)
        second = post(device, b"second")
        assert trainer.process is not None
        trainer.process.terminate()
        wait_until(lambda: "draining" in trainer.log)
        assert trainer.process.poll() is None
    assert trainer.process.wait(900) == 0
    trainer.start("--workers", "0")
    device.url = trainer.url
    assert (device.state(first), device.state(second)) == ("done", "queued")


@on_both
def test_a_second_signal_gives_the_job_back(trainer: Trainer) -> None:
    """SIGTERM twice ends the trainer in the middle of a job, which runs again after a restart."""
    device = ready_device(trainer)
    with trainer.held():
        job_id = post(device, b"again")
        wait_until(lambda: len(trainer.runs()) == 1)
        assert trainer.process is not None
        trainer.process.terminate()
        wait_until(lambda: refuses_connections(device))
        trainer.process.terminate()
        assert trainer.process.wait(900) == 0
        assert "job_given_back" in trainer.log
    trainer.start()
    device.url = trainer.url
    assert device.wait(job_id, "done", "failed") == "done"
    assert len(trainer.runs()) == 2


def refuses_connections(device: Device) -> bool:
    """Whether nobody listens any longer."""
    try:
        device.send("GET", "/healthz")
    except OSError:
        return True
    return False


def test_a_newer_report_supersedes_a_waiting_one(lasting: Trainer) -> None:
    """While the worker is busy elsewhere, the newest report of a source takes the place of the one before."""
    busy, device = ready_device(lasting), ready_device(lasting)
    before = len(lasting.runs())
    with lasting.held():
        post(busy, b"busy")
        wait_until(lambda: len(lasting.runs()) == before + 1)
        older, newer = post(device, b"older"), post(device, b"newer")
        assert (device.state(older), device.state(newer)) == ("superseded", "queued")
        assert code(device.update(older)) == (409, ErrorCode.JOB_SUPERSEDED)
        assert code(device.update(newer)) == (409, ErrorCode.UPDATE_NOT_READY)
    assert device.wait(newer, "done", "failed") == "done"
    assert device.state(older) == "superseded"
    assert_result(device, newer, b"newer")


def test_the_oldest_of_three_key_sets_is_gone(lasting: Trainer) -> None:
    """A device that uploads a third key set finds the oldest one's jobs and the keys themselves unknown."""
    device = ready_device(lasting)
    oldest = post(device, b"oldest")
    assert device.wait(oldest, "done", "failed") == "done"
    second, third = fake_keys(b"two"), fake_keys(b"three")
    assert device.put_keys(second).status_code == 200
    assert device.update(oldest).status_code == 200
    assert device.put_keys(third).status_code == 200
    assert code(device.send("GET", f"/v1/jobs/{oldest}")) == (404, ErrorCode.JOB_UNKNOWN)
    assert code(device.update(oldest)) == (404, ErrorCode.JOB_UNKNOWN)
    report = device.report(PLAN.hash, KEYS, fake_values(b"late"))
    assert code(device.post(report)) == (404, ErrorCode.KEY_UNKNOWN)
    assert device.wait(post(device, b"second", second), "done", "failed") == "done"


@on_both
def test_the_result_of_a_deleted_device_is_not_stored(trainer: Trainer, storage: Storage) -> None:
    """A device deleted in the middle of its job leaves no row and no blob, also when the job ends."""
    device = ready_device(trainer)
    with trainer.held():
        post(device, b"gone")
        wait_until(lambda: len(trainer.runs()) == 1)
        assert device.send("DELETE", f"/v1/devices/{device.device_id}").status_code == 200
    wait_until(lambda: "job_result_dropped" in trainer.log)
    assert storage.names() == []
    for path in (trainer.folder / "state").iterdir():
        assert not path.is_file() or device.device_id.encode() not in path.read_bytes()


def test_a_worker_that_cannot_be_started_is_started_later(trainer: Trainer) -> None:
    """Where no process can be made, for want of descriptors, it is tried again; nothing else ends."""
    device = ready_device(trainer)
    assert trainer.process is not None
    pid, (worker,) = trainer.process.pid, trainer.workers()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, before[1]))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "worker_not_started" in trainer.log or trainer.log.count("worker_ready") > 1)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    assert "worker_not_started" in trainer.log
    assert device.wait(post(device, b"later"), "done", "failed") == "done"


def test_further_workers_join(tmp_path: Path) -> None:
    """A `worker` beside a `serve` without workers does its jobs, and ends when told to."""
    with running(tmp_path, "--workers", "0") as trainer:
        device = ready_device(trainer)
        job_id = post(device, b"joined")
        environment = os.environ | {CONTROL: str(trainer.control)}
        with (tmp_path / "worker.log").open("wb") as log:
            worker = subprocess.Popen(trainer.command("worker"), env=environment, stderr=log)
        try:
            assert device.wait(job_id, "done", "failed") == "done"
            assert trainer.runs()[0]["pid"] == worker.pid
        finally:
            worker.terminate()
        assert worker.wait(900) == 0


def test_nothing_is_run_where_requests_are_answered(lasting: Trainer) -> None:
    """The engine runs in a worker, never in the process that answers devices."""
    device = ready_device(lasting)
    assert device.wait(post(device, b"elsewhere"), "done", "failed") == "done"
    assert lasting.process is not None
    assert lasting.runs()[-1]["pid"] in lasting.workers()
    assert lasting.runs()[-1]["pid"] != lasting.process.pid


def test_many_devices_at_once_each_get_their_own(tmp_path: Path) -> None:
    """Five devices that send at the same time to two workers each get the result of their last report."""
    failures: list[BaseException] = []
    with running(tmp_path, "--workers", "2") as trainer:

        def use(name: bytes) -> None:
            try:
                device = ready_device(trainer)
                jobs = [post(device, b"%s %d" % (name, turn)) for turn in range(3)]
                states = [device.wait(job_id, "done", "failed", "superseded") for job_id in jobs]
                assert states[-1] == "done"
                assert "failed" not in states
                assert_result(device, jobs[-1], name + b" 2")
            except BaseException as error:  # noqa: BLE001 - carried over to the test's thread
                failures.append(error)

        threads = [threading.Thread(target=use, args=(b"device %d" % n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert '"status": 5' not in trainer.log
