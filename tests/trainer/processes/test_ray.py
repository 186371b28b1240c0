"""Jobs on a Ray cluster of several nodes: the same results, whatever dies, and sooner on more nodes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from quietkeys.cipher import ProcessCipher
from quietkeys_bench.common.cluster import Cluster, cluster, free_port
from quietkeys_bench.common.processes import lives
from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.containers import decode_update
from quietkeys_protocol.errors import Refused
from quietkeys_protocol.program import reference
from quietkeys_trainer.engine.circuit_cache import CIRCUITS, circuits_folder
from quietkeys_trainer.engine.interface import StoredKeys
from quietkeys_trainer.engine.ray_executor import UNUSED_S, KeyObjects, may_be_the_jobs_doing
from quietkeys_trainer.engine.ray_tasks import OddNodeError, run_block
from quietkeys_trainer.service.founding import found_trainer
from quietkeys_trainer.service.settings import Settings
from quietkeys_trainer.storage.blobs import BlobDamagedError
from tests.fhe_fixtures import SMALL_PLAN, Compiled
from tests.trainer.device import Device
from tests.trainer.fake_engine import CONTROL, PLAN, FakeEngine, load_fake, result, wrap
from tests.trainer.running import Trainer, fake_keys, fake_values, wait_until

pytest.importorskip("ray")

BLOCKS: Final = tuple(replace(PLAN.blocks[0], name=name) for name in ("one", "two", "three"))
WIDE: Final = replace(PLAN, blocks=BLOCKS)
KEYS: Final = fake_keys(b"one")


def values(*payloads: bytes) -> tuple[bytes, ...]:
    """A report: a payload for every block, or one for all of them."""
    every = payloads * (len(BLOCKS) // len(payloads))
    frames = FakeEngine(WIDE).frames.report
    return tuple(wrap(frame, every[place // 3]) for place, frame in enumerate(frames))


def post(device: Device, *payloads: bytes) -> str:
    """The job of a report."""
    answer = device.post(device.report(WIDE.hash, KEYS, values(*payloads)))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def ready_device(trainer: Trainer) -> Device:
    """An enrolled device with stored keys."""
    device = trainer.device()
    assert device.put_keys(KEYS).json()["state"] == "stored"
    return device


def assert_result(device: Device, job_id: str, payload: bytes) -> None:
    """The job's update is what the engine computes from this one report."""
    update = decode_update(device.update(job_id).content)
    assert list(update.ciphertexts) == result(KEYS, [values(payload)], WIDE)


@pytest.fixture(scope="module")
def rayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trainer, Cluster]]:
    """A trainer whose one worker uses a cluster with one node of one processor."""
    trainer = Trainer(tmp_path_factory.mktemp("ray"), plan=WIDE)
    trainer.control.mkdir()
    circuits = tmp_path_factory.mktemp("circuits")
    with cluster({CONTROL: str(trainer.control), CIRCUITS: str(circuits)}) as made:
        made.add(1)
        trainer.start("--executor", "ray", "--address", made.address)
        wait_until(lambda: "worker_ready" in trainer.log)
        yield trainer, made
        assert trainer.stop() == 0


def test_blocks_of_a_job_come_together_again(rayed: tuple[Trainer, Cluster]) -> None:
    """A job of three blocks has the result of the three, each run in a process of a node."""
    trainer, made = rayed
    device = ready_device(trainer)
    job_id = post(device, b"once")
    assert device.wait(job_id, "done", "failed") == "done"
    assert_result(device, job_id, b"once")
    assert len(trainer.runs()) == 3
    assert {run["pid"] for run in trainer.runs()} <= set(made.nodes[1].processes())


def test_what_a_report_does_to_a_node_harms_no_other(rayed: tuple[Trainer, Cluster]) -> None:
    """A block that fails is one failed job, as is one that kills every process it is run in."""
    trainer, _ = rayed
    device = ready_device(trainer)
    for payload in (b"<fail>", b"<die>"):
        job_id = post(device, b"fine", payload, b"fine")
        assert device.wait(job_id, "done", "failed") == "failed"
    good = post(device, b"good")
    assert device.wait(good, "done", "failed") == "done"
    assert_result(device, good, b"good")


@pytest.mark.soak  # it asserts on time
def test_two_nodes_finish_a_queue_sooner_than_one(rayed: tuple[Trainer, Cluster]) -> None:
    """At least 1.6 times as soon. The nodes have a processor each in name; a block sleeps 0.8 s."""
    trainer, made = rayed
    devices = [ready_device(trainer) for _ in range(6)]

    def seconds() -> float:
        start = time.monotonic()
        jobs = [(device, post(device, b"<sleep>")) for device in devices]
        for device, job_id in jobs:
            assert device.wait(job_id, "done", "failed") == "done"
        return time.monotonic() - start

    seconds()  # processes start, keys travel
    one = seconds()
    made.add(1)
    seconds()
    two = seconds()
    print(f"one node {one:.1f} s, two nodes {two:.1f} s: {one / two:.2f} times as fast")
    assert one >= 1.6 * two


def test_a_job_survives_the_death_of_a_node(rayed: tuple[Trainer, Cluster]) -> None:
    """After kill -9 of everything on a node in the middle of its job the other node has the one result."""
    trainer, made = rayed
    while len(made.nodes) < 3:
        made.add(1)
    device = ready_device(trainer)
    done = len(trainer.runs())
    with trainer.held():
        job_id = post(device, b"survives")
        wait_until(lambda: len(trainer.runs()) == done + 2)  # a block on each node
        dying = next(node for node in made.nodes[1:] if trainer.runs()[done]["pid"] in node.processes())
        dying.kill()
        made.nodes.remove(dying)
        assert device.state(job_id) == "running"
    assert device.wait(job_id, "done", "failed") == "done"
    assert_result(device, job_id, b"survives")


def test_a_second_signal_gives_jobs_on_the_cluster_back(rayed: tuple[Trainer, Cluster]) -> None:
    """SIGTERM twice ends the trainer in the middle of a job; started again, it has the job done."""
    trainer, made = rayed
    device = ready_device(trainer)
    done = len(trainer.runs())
    with trainer.held():
        job_id = post(device, b"again")
        wait_until(lambda: len(trainer.runs()) > done)
        assert trainer.process is not None
        trainer.process.terminate()
        wait_until(lambda: trainer.log.count("draining") == 1)
        trainer.process.terminate()
        assert trainer.process.wait(900) == 0
        assert trainer.log.count("job_given_back") == 1
    trainer.start("--executor", "ray", "--address", made.address)
    device.url = trainer.url
    assert device.wait(job_id, "done", "failed") == "done"
    assert_result(device, job_id, b"again")


def test_a_job_survives_the_death_of_the_worker_that_has_it(rayed: tuple[Trainer, Cluster]) -> None:
    """After kill -9 of the process that gave the job to the cluster another one does, for one result."""
    trainer, _ = rayed
    device = ready_device(trainer)
    done = len(trainer.runs())
    with trainer.held():
        job_id = post(device, b"orphan")
        wait_until(lambda: len(trainer.runs()) > done)
        (worker,) = trainer.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not lives(worker))
    assert device.wait(job_id, "done", "failed") == "done"
    assert_result(device, job_id, b"orphan")


@pytest.mark.fhe
def test_real_circuits_run_on_a_cluster(
    rayed: tuple[Trainer, Cluster], compiled: Compiled, cipher: ProcessCipher, tmp_path: Path
) -> None:
    """A node compiles the plan and runs its blocks; the device decrypts what the reference says."""
    cipher.write_evaluation_keys(tmp_path / "keys")
    evaluation_keys = (tmp_path / "keys").read_bytes()
    arrays = small_report()
    pin = compiled.parameters.specification_sha256.hex()
    trainer = Trainer(tmp_path, module="quietkeys_trainer", plan=SMALL_PLAN, pin=pin)
    trainer.has_circuits(compiled.engine.folder)  # where the trainer is, not where the node is
    trainer.start("--executor", "ray", "--address", rayed[1].address)
    try:
        device = trainer.device()
        device.form = compiled.parameters.frames.key_form
        assert device.put_keys(evaluation_keys).json()["state"] == "stored"
        report = device.report(SMALL_PLAN.hash, evaluation_keys, cipher.encrypt(arrays))
        job_id = device.post(report).json()["job_id"]
        assert device.wait(job_id, "done", "failed") == "done"
        weights = cipher.decrypt(decode_update(device.update(job_id).content).ciphertexts)
    finally:
        assert trainer.stop() == 0
    for index, (block, found) in enumerate(zip(SMALL_PLAN.blocks, weights, strict=True)):
        expected, _ = reference(block, *arrays[2 * index : 2 * index + 2])
        assert np.abs(found - expected).max() <= 90  # see tests/engine/test_engine.py


def small_report() -> list[Int64]:
    """Random arrays of a report of the small plan, inside its fields."""
    draw = np.random.default_rng(1)
    arrays: list[Int64] = []
    for block in SMALL_PLAN.blocks:
        arrays.append(draw.integers(0, block.strength_max + 1, len(block.events)))
        arrays.append(draw.integers(-60, 61, block.width))
    return arrays


def test_nothing_is_reported_to_rays_makers() -> None:
    """With the environment that the executor sets, Ray's usage statistics are off."""
    code = (
        "import os\n"
        "os.environ.pop('RAY_USAGE_STATS_ENABLED', None)\n"
        "from quietkeys_trainer.engine.ray_executor import QUIET\n"
        "os.environ |= QUIET\n"
        "from ray._common.usage import usage_lib\n"
        "print(usage_lib.usage_stats_enabled())\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_only_what_a_job_may_have_done_counts_as_a_try() -> None:
    """A job that failed, or whose process died, is tried three times; for a cluster that is ill it waits."""
    errors: Any = importlib.import_module("ray.exceptions")  # it has few annotations
    assert may_be_the_jobs_doing(errors.RayTaskError("run_block", "traceback", MemoryError()))
    assert may_be_the_jobs_doing(errors.WorkerCrashedError())
    assert may_be_the_jobs_doing(errors.OutOfMemoryError("memory"))
    lost = errors.ObjectLostError("00", "", "")
    assert not may_be_the_jobs_doing(errors.RayTaskError("run_block", "traceback", lost))
    assert not may_be_the_jobs_doing(errors.NodeDiedError("unreachable"))
    assert not may_be_the_jobs_doing(errors.LocalRayletDiedError())
    assert not may_be_the_jobs_doing(errors.ObjectFetchTimedOutError("00", "", ""))
    assert not may_be_the_jobs_doing(errors.RaySystemError("system"))


def test_a_machine_outside_any_cluster_says_so(tmp_path: Path) -> None:
    """A worker that finds no cluster ends with one line of advice."""
    trainer = Trainer(tmp_path)
    found_trainer(Settings(state=tmp_path / "state"), time.time())
    command = trainer.command("worker", "--executor", "ray", "--address", f"127.0.0.1:{free_port()}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 2
    assert "ray start" in done.stderr.splitlines()[-1]


@dataclass(slots=True)
class Store:
    """A store of keys, and a clock."""

    puts: list[bytes] = field(default_factory=list)
    now: float = 0.0

    def put(self, content: bytes) -> int:
        """A number that stands for the content."""
        self.puts.append(content)
        return len(self.puts)


def keys(name: str, size: int = 10) -> StoredKeys:
    """Keys of a size."""
    return StoredKeys(name, lambda: name.encode().ljust(size))


def test_keys_are_put_into_the_store_once() -> None:
    """The second job under the same keys finds them there."""
    store = Store()
    kept = KeyObjects(store.put, 100)
    assert [kept.of(keys("a")), kept.of(keys("b")), kept.of(keys("a"))] == [1, 2, 1]


def test_keys_stay_within_their_budget() -> None:
    """The least recently used make room; keys larger than the budget are there alone."""
    store = Store()
    kept = KeyObjects(store.put, 25)
    for name in ("a", "b", "a", "c"):
        kept.of(keys(name))
        assert kept.held_bytes <= 25
    assert kept.of(keys("a")) == 1
    assert kept.of(keys("b")) == 4
    kept.of(keys("huge", 100))
    assert kept.held_bytes == 100


def test_keys_that_nobody_uses_are_dropped() -> None:
    """After a while without a job under them they are gone, as their device may be."""
    store = Store()
    kept = KeyObjects(store.put, 100, lambda: store.now)
    kept.of(keys("a"))
    store.now += UNUSED_S + 1
    kept.of(keys("b"))
    assert kept.held_bytes == 10


def test_keys_that_cannot_be_fetched_are_not_there() -> None:
    """What fetching raises is the caller's to know, and nothing is kept."""

    def fetch() -> bytes:
        raise BlobDamagedError

    kept = KeyObjects(Store().put, 100)
    with pytest.raises(BlobDamagedError):
        kept.of(StoredKeys("a", fetch))
    assert kept.held_bytes == 0


def test_circuits_are_not_taken_from_a_folder_that_others_can_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are code; a folder that is open to others is refused, a new one is closed."""
    monkeypatch.setenv(CIRCUITS, str(tmp_path / "mine"))
    assert circuits_folder().stat().st_mode & 0o077 == 0
    (tmp_path / "mine").chmod(0o777)
    with pytest.raises(Refused):
        circuits_folder()


def test_a_node_that_compiles_something_else_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node of another version is no reason to call a report's bytes bad: the task raises."""
    monkeypatch.setenv(CIRCUITS, str(tmp_path / "circuits"))
    evaluation_keys = np.frombuffer(fake_keys(b"k"), np.uint8)
    arguments = (0, evaluation_keys, [list(fake_values(b"x"))])
    pin = FakeEngine().client_specification_sha256
    assert run_block(load_fake, PLAN.canonical, pin, *arguments) == result(
        fake_keys(b"k"), [fake_values(b"x")]
    )
    assert (
        run_block(load_fake, PLAN.canonical, pin, 0, evaluation_keys, [list(fake_values(b"<fail>"))]) is None
    )
    with pytest.raises(OddNodeError):
        run_block(load_fake, PLAN.canonical, "0" * 64, *arguments)
