"""The engine with real keys: it trains what the reference trains, for one source and several."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietkeys.cipher import ProcessCipher
from quietkeys_bench.common.synthetic_plan import Shape, synthetic_plan
from quietkeys_protocol.arrays import Int64
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import dither, reference
from quietkeys_protocol.specification import circuit_name
from quietkeys_trainer.engine.child import PROGRAM_INFO
from quietkeys_trainer.engine.children import Limits
from quietkeys_trainer.engine.circuit_cache import compiled as circuits_for
from quietkeys_trainer.engine.interface import EngineFailed, ExecutorLostError
from quietkeys_trainer.engine.keyed_child import KeyedChild
from quietkeys_trainer.engine.local import CompiledEngine, load_engine
from quietkeys_trainer.engine.pressure import JOB_BYTES
from tests.fhe_fixtures import SMALL_PLAN, Compiled
from tests.trainer.running import wait_until

pytestmark = pytest.mark.fhe
Arrays = list[Int64]
# A look-up that noise carries over an edge moves a weight by a step of a table, 35 units at most here, and
# may do so in each of the three steps; at the field's edges one run in twenty has three of them. A look-up
# that wraps around moves it by 210.
TOLERANCE = 150


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> CompiledEngine:
    """The small plan's engine."""
    return load_engine(SMALL_PLAN, tmp_path_factory.mktemp("circuits"))


@pytest.fixture(scope="module")
def evaluation_keys(cipher: ProcessCipher, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a device uploads once."""
    path = tmp_path_factory.mktemp("sending") / "keys"
    cipher.write_evaluation_keys(path)
    return path.read_bytes()


def report(seed: int) -> Arrays:
    """Random arrays of a report of one of two sources, inside the plan's fields also when added."""
    draw = np.random.default_rng(seed)
    arrays: Arrays = []
    for block in SMALL_PLAN.blocks:
        arrays.append(draw.integers(0, (block.strength_max + 1) // 2, len(block.events)))
        arrays.append(draw.integers(-60, 61, block.width))
    return arrays


def check(weights: Sequence[Int64], arrays: Arrays) -> None:
    """Requires decrypted weights to be the reference's."""
    for index, (block, found) in enumerate(zip(SMALL_PLAN.blocks, weights, strict=True)):
        expected, reach = reference(block, *arrays[2 * index : 2 * index + 2])
        assert reach.inside(block).all()
        assert np.abs(found - expected).max() <= TOLERANCE


def test_one_source_trains_to_the_reference(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """A run gives the reference's weights, and says what it took."""
    arrays = report(1)
    run = engine.measure(evaluation_keys, [cipher.encrypt(arrays)])
    check(cipher.decrypt(run.ciphertexts), arrays)
    assert run.bootstraps == SMALL_PLAN.look_ups
    assert run.cpu_seconds > 0.0
    assert 50_000_000 < run.peak_rss_bytes < 3_000_000_000


def test_two_sources_add_up(engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes) -> None:
    """Two reports under one key set train to the reference of their sum; blocks are told as they are done."""
    reports = [report(2), report(3)]
    done: list[int] = []
    results = engine.run(evaluation_keys, [cipher.encrypt(arrays) for arrays in reports], done.append)
    assert done == [1, 2]
    check(cipher.decrypt(results), [a + b for a, b in zip(*reports, strict=True)])


def test_the_field_is_used_to_its_edges(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """At the extremes of z an encrypted look-up reads the outermost entries, and does not wrap around."""
    block = SMALL_PLAN.blocks[1]
    half, margin = 1 << (block.z_bits - 1), int(dither(block, 0, 0).max())
    pull = sum(table[-1] for table in block.step_tables)  # at the edge, a step
    edge = (half - 1 - margin) // 2 + pull // 4  # reached by two steps of the gradient, less one pull
    arrays = report(4)
    arrays[2:] = [np.full(2, 15), np.array([edge, -edge])]
    expected, reach = reference(block, *arrays[2:])
    assert reach.z_high - half > -200
    assert reach.z_low + half < 200
    (_, found) = cipher.decrypt(engine.run(evaluation_keys, [cipher.encrypt(arrays)]))
    wide = 2 * half  # what is delivered wraps
    assert np.abs((found - expected + half) % wide - half).max() <= TOLERANCE


def test_the_specification_is_what_devices_pin(engine: CompiledEngine, compiled: Compiled) -> None:
    """Compiling again, elsewhere, gives the same client specification, and 128 bits read from it."""
    assert engine.specification == compiled.parameters.specification
    assert engine.client_specification_sha256 == engine.specification.hash
    assert engine.security_bits >= 128


def test_a_plan_is_compiled_once(engine: CompiledEngine) -> None:
    """A second engine takes what is there; for two sources there is a second circuit with the same keys."""
    before = circuits_for(SMALL_PLAN, 1, engine.folder).stat().st_ctime_ns
    again = load_engine(SMALL_PLAN, engine.folder)
    assert again.client_specification_sha256 == engine.client_specification_sha256
    assert circuits_for(SMALL_PLAN, 1, engine.folder).stat().st_ctime_ns == before


def test_memory_is_measured(engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes) -> None:
    """A plan needs what a run of it took here, and what its child is handed; also after a restart."""
    run = engine.measure(evaluation_keys, [cipher.encrypt(report(5))])
    needs = load_engine(SMALL_PLAN, engine.folder).memory_bytes
    assert needs == engine.memory_bytes != JOB_BYTES
    assert run.peak_rss_bytes <= needs - 2 * len(evaluation_keys) < 3_000_000_000


def test_circuits_of_another_runtime_are_compiled_anew(
    engine: CompiledEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not load is made again at the start, also where temporary files lie on another disk."""
    elsewhere = Path("/dev/shm")  # noqa: S108 - the other file system
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("one file system")
    shutil.copytree(engine.folder, tmp_path, dirs_exist_ok=True)
    (library,) = circuits_for(SMALL_PLAN, 1, tmp_path).glob("*.so")
    library.write_bytes(library.read_bytes().replace(b"libConcretelangRuntime", b"libConcretelangRuntimX"))
    with tempfile.TemporaryDirectory(dir=elsewhere) as temporary:
        monkeypatch.setattr("tempfile.tempdir", temporary)
        again = load_engine(SMALL_PLAN, tmp_path)
    assert again.client_specification_sha256 == engine.client_specification_sha256
    assert b"libConcretelangRuntimX" not in library.read_bytes()


def test_every_number_of_sources_has_the_same_keys(tmp_path: Path) -> None:
    """Up to eight sources, a circuit differs from one source's in nothing but how often its inputs come."""
    plan = synthetic_plan(Shape(24, 3, reach=3, steps=2), Shape(5, 1, steps=2), Shape(7, 7, steps=2))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        alone, *more = pool.map(
            specification_of, *zip(*((plan, n, tmp_path) for n in (1, 2, 3, 8)), strict=True)
        )
    for sources, several in zip((2, 3, 8), more, strict=True):
        for circuit in alone["circuits"]:
            circuit["inputs"] = circuit["inputs"][:2] * sources
        assert several == alone


def specification_of(plan: Plan, sources: int, folder: Path) -> dict[str, Any]:
    """The client specification of the circuits for a number of sources, as the compiler writes it.

    Call it in another process, which loads the compiler once for all of them.
    """
    from quietkeys_trainer.engine.compile import compile_plan, save_module

    circuits = folder / str(sources)
    save_module(compile_plan(plan, sources), circuits)
    specification: dict[str, Any] = json.loads((circuits / PROGRAM_INFO).read_bytes())
    return specification


def test_other_plans_are_refused(tmp_path: Path) -> None:
    """What breaks a rule of `plan check` is not compiled."""
    with pytest.raises(Refused) as refused:
        load_engine(replace(SMALL_PLAN, p_error=0.01), tmp_path)
    assert refused.value.code is ErrorCode.PLAN_INVALID
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_circuit_is_not_run(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes, tmp_path: Path
) -> None:
    """Circuits whose description is another plan's, or broken, are noticed before anything runs."""
    other = Plan("other", (replace(SMALL_PLAN.blocks[0], name="other"),), sources=2)
    wrong = circuits_for(other, 1, tmp_path)
    target = wrong.parents[1] / circuits_for(SMALL_PLAN, 1, engine.folder).parent.name / "1"
    target.parent.mkdir()
    wrong.rename(target)
    misled = replace(engine, folder=tmp_path)
    with pytest.raises(EngineFailed, match="other keys"):
        misled.run(evaluation_keys, [cipher.encrypt(report(6))])


def test_frames_are_compared_before_anything_runs(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed framing, missing values, a full key set's size, too many reports: no child is started."""
    monkeypatch.setattr("quietkeys_trainer.engine.children.CHILD", "nothing.there")
    values = cipher.encrypt(report(7))
    flipped = bytearray(values[0])
    flipped[8] ^= 1
    for keys, reports in (
        (evaluation_keys, [[bytes(flipped), *values[1:]]]),
        (evaluation_keys, [values[:-1]]),
        (evaluation_keys, [values[::-1]]),
        (evaluation_keys, []),
        (evaluation_keys, [values] * 3),
        (evaluation_keys[:-8], [values]),
        (b"\0" * 8 + evaluation_keys[8:], [values]),
        (evaluation_keys + bytes(22720), [values]),
    ):
        with pytest.raises(EngineFailed, match=r"frame|reports"):
            engine.run(keys, reports)


def test_random_payload_harms_nobody(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """Keys and values of the right frame with noise for payload give a result of the right frame, or fail."""
    draw = np.random.default_rng(0)
    keys = bytearray(evaluation_keys)
    start, end = engine.frames.keys.literals[0].end, engine.frames.keys.literals[1].offset
    keys[start:end] = draw.bytes(end - start)
    values = [bytearray(value) for value in cipher.encrypt(report(8))]
    for value, frame in zip(values, engine.frames.report, strict=True):
        first = frame.literals[0].end
        value[first : first + frame.payload_bytes] = draw.bytes(frame.payload_bytes)
    try:
        results = engine.run(bytes(keys), [[bytes(value) for value in values]])
    except EngineFailed:
        return
    assert all(f.matches(v) for f, v in zip(engine.frames.update, results, strict=True))


def test_time_is_limited(engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes) -> None:
    """A run that takes longer than it may is ended."""
    hurried = replace(engine, limits=Limits(wall_s=0.2, cpu_s=60, memory_bytes=8 << 30))
    with pytest.raises(EngineFailed):
        hurried.run(evaluation_keys, [cipher.encrypt(report(9))])


def test_the_service_process_loads_nothing_native(engine: CompiledEngine) -> None:
    """Loading an engine imports neither Concrete nor torch into the process that serves."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom quietkeys_protocol.plan import Plan\n"
        "from quietkeys_trainer.engine.local import load_engine\n"
        "load_engine(Plan.parse(sys.stdin.buffer.read()), Path(sys.argv[1]))\n"
        "assert not {'concrete', 'torch', 'mlir'} & {name.split('.')[0] for name in sys.modules}\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(engine.folder)], input=SMALL_PLAN.canonical, check=True, timeout=900
    )


def test_circuits_are_named_after_blocks(engine: CompiledEngine) -> None:
    """Frames follow the plan's blocks whatever order the compiler lists circuits in."""
    names = [circuit.name for circuit in engine.specification.ordered(SMALL_PLAN)]
    assert names == [circuit_name(block) for block in SMALL_PLAN.blocks]
    sizes = [frame.payload_bytes // 24 for frame in engine.frames.report]
    assert sizes == [field.size for field in SMALL_PLAN.report_fields]


def test_a_kept_child_does_the_next_job_without_a_start(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """What was made of keys is there; between jobs nothing runs in it; each job says what it took."""
    with engine.keyed(evaluation_keys, 1) as keyed:
        arrays = report(10)
        first = keyed.measure([cipher.encrypt(arrays)])
        keyed.rest()
        wait_until(lambda: "State:\tT (stopped)" in status_of(keyed))
        assert keyed.lasts
        assert keyed.memory_bytes > engine.frames.keys.size
        again = report(11)
        second = keyed.measure([cipher.encrypt(again)])
    check(cipher.decrypt(first.ciphertexts), arrays)
    check(cipher.decrypt(second.ciphertexts), again)
    assert first.start_seconds > 0 < first.keys_seconds
    assert (second.start_seconds, second.keys_seconds) == (0.0, 0.0)
    for run in (first, second):
        assert len(run.block_seconds) == len(SMALL_PLAN.blocks)
        assert sum(run.block_seconds) <= run.cpu_seconds
    assert not keyed.lasts


def status_of(keyed: KeyedChild) -> list[str]:
    """What the kernel says of a child."""
    return Path(f"/proc/{keyed._child._process.pid}/status").read_text().splitlines()


def test_a_killed_child_lasts_no_longer(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """One that the system ended between jobs is known to be gone, and asked all the same loses its job."""
    with engine.keyed(evaluation_keys, 1) as keyed:
        keyed.measure([cipher.encrypt(report(12))])
        keyed.rest()
        os.kill(keyed._child._process.pid, signal.SIGKILL)
        with pytest.raises(ExecutorLostError):
            keyed.measure([cipher.encrypt(report(12))])
        assert not keyed.lasts


def test_a_child_is_worn_out_before_its_processor_time_is(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """Its limit is for good, so a child that has used a good part of it is asked no more."""
    with replace(engine, limits=replace(engine.limits, cpu_s=4)).keyed(evaluation_keys, 1) as keyed:
        keyed.measure([cipher.encrypt(report(13))])
        assert not keyed.lasts


def test_one_thread_or_more_give_the_same(
    engine: CompiledEngine, cipher: ProcessCipher, evaluation_keys: bytes
) -> None:
    """How many cores a job has makes no difference to its result, and may change from job to job."""
    arrays = report(14)
    with engine.keyed(evaluation_keys, 1) as keyed:
        for threads in (1, 2, 1):
            check(
                cipher.decrypt(keyed.measure([cipher.encrypt(arrays)], threads=threads).ciphertexts), arrays
            )
