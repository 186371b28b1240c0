"""The engine of the recipe sgd, with real keys in real children: what every engine promises."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietkeys.demo.trainer_process import trainer_process
from quietkeys.sgd.judging import check_against_reference, expected
from quietkeys_protocol.specification import parse_specification
from quietkeys_trainer.engine.children import Limits
from quietkeys_trainer.engine.circuit_cache import compiled
from quietkeys_trainer.engine.interface import EngineFailed
from quietkeys_trainer.engine.sgd import SgdEngine, load_sgd_engine
from tests.patience import HANGS_S
from tests.sgd_plans import SMALL_SGD, SPECIFICATION
from tests.sgd_side import ask, batches

pytestmark = pytest.mark.fhe
Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="module")
def engine(made_once: Once) -> SgdEngine:
    """The small plan's engine."""
    folder = made_once("sgd-circuits", lambda folder: load_sgd_engine(SMALL_SGD, folder))
    return load_sgd_engine(SMALL_SGD, folder)


@pytest.fixture(scope="module")
def device(made_once: Once) -> Path:
    """The folder of a device that has keys, which tests do not change."""
    return made_once("sgd-device", lambda folder: ask("keys", folder))


@pytest.fixture(scope="module")
def evaluation_keys(device: Path) -> bytes:
    """What it uploads once."""
    return (device / "keys" / "evaluation-keys").read_bytes()


@pytest.fixture(scope="module")
def report(device: Path) -> list[bytes]:
    """What it sends of two batches."""
    return [bytes.fromhex(value) for value in ask("encrypt", device, "1")]


def test_the_specification_is_what_devices_pin(engine: SgdEngine) -> None:
    """Compiling again, elsewhere, gives the same client specification, and 128 bits read from it."""
    assert engine.client_specification == SPECIFICATION.read_bytes()
    assert engine.client_specification_sha256 == parse_specification(SPECIFICATION.read_bytes()).hash
    assert engine.security_bits >= 128


def test_batches_train_to_the_reference(
    engine: SgdEngine, device: Path, evaluation_keys: bytes, report: list[bytes]
) -> None:
    """A run gives what the device computes by itself; a kept child does the next job without a start."""
    done: list[int] = []
    with engine.keyed(evaluation_keys, 1) as keyed:
        first = keyed.measure([report], done.append)
        keyed.rest()
        second = keyed.measure([report])
    (weights,) = first.ciphertexts
    found = np.array(ask("decrypt", device, weights.hex()))
    check_against_reference(SMALL_SGD, batches(1), found)
    assert np.abs(found - expected(SMALL_SGD, batches(1))).max() <= 4  # units of which the range has 16
    assert found.any()
    assert done == [1]
    assert (second.start_seconds, second.keys_seconds) == (0.0, 0.0)
    assert 0.0 < second.cpu_seconds < first.cpu_seconds
    assert engine.memory_bytes >= first.peak_rss_bytes + 2 * len(evaluation_keys)


def test_frames_are_compared_before_anything_runs(
    engine: SgdEngine, evaluation_keys: bytes, report: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changed framing, missing values, more reports than one: no child is started."""
    monkeypatch.setattr("quietkeys_trainer.engine.children.CHILD", "nothing.there")
    flipped = bytearray(report[0])
    flipped[8] ^= 1
    for keys, reports in (
        (evaluation_keys, [[bytes(flipped), *report[1:]]]),
        (evaluation_keys, [report[:-1]]),
        (evaluation_keys, [report[::-1]]),
        (evaluation_keys, []),
        (evaluation_keys, [report] * 2),
        (evaluation_keys[:-8], [report]),
        (b"\0" * 8 + evaluation_keys[8:], [report]),
    ):
        with pytest.raises(EngineFailed, match=r"frame|reports"):
            engine.run_block(0, keys, reports)


def test_time_is_limited(engine: SgdEngine, evaluation_keys: bytes, report: list[bytes]) -> None:
    """A run that takes longer than it may is ended."""
    hurried = replace(engine, limits=Limits(wall_s=0.2, cpu_s=60, memory_bytes=8 << 30))
    with pytest.raises(EngineFailed):
        hurried.run_block(0, evaluation_keys, [report])


def test_a_damaged_circuit_is_not_run(
    engine: SgdEngine, evaluation_keys: bytes, report: list[bytes], tmp_path: Path
) -> None:
    """Circuits whose description is not what was checked are noticed before anything runs."""
    place = compiled(SMALL_SGD, 1, engine.folder)
    other = tmp_path / place.parent.name / "1"
    shutil.copytree(place, other)
    described = other / "program_info.concrete.params.json"
    described.write_bytes(described.read_bytes().replace(b'"isSigned":true', b'"isSigned":false', 1))
    with pytest.raises(EngineFailed, match="other keys"):
        replace(engine, folder=tmp_path).run_block(0, evaluation_keys, [report])


def test_the_service_process_loads_nothing_native(engine: SgdEngine) -> None:
    """Loading an engine imports neither Concrete nor torch into the process that serves."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom quietkeys_protocol.recipes import parse_plan\n"
        "from quietkeys_trainer.engine.recipes import load\n"
        "load(parse_plan(sys.stdin.buffer.read()), Path(sys.argv[1]), [])\n"
        "assert not {'concrete', 'torch', 'mlir'} & {name.split('.')[0] for name in sys.modules}\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(engine.folder)],
        input=SMALL_SGD.canonical,
        check=True,
        timeout=HANGS_S,
    )


def test_a_round_through_a_trainer(engine: SgdEngine, device: Path, tmp_path: Path) -> None:
    """Keys, report, queue, child, update, gate: an app's device gets better, and the trainer deletes it."""
    shutil.copytree(device, tmp_path / "device")
    trainer_folder = tmp_path / "trainer"
    place = compiled(SMALL_SGD, 1, engine.folder).parent
    shutil.copytree(place, trainer_folder / "state" / "circuits" / place.name)
    (trainer_folder / "state" / "circuits").chmod(0o700)
    pin = engine.client_specification_sha256
    with trainer_process(trainer_folder, SMALL_SGD, pin) as trainer:
        trained = ask("train", tmp_path / "device", trainer.wait_until_ready(HANGS_S))
    assert trained["applied"], trained
    assert trained["before"] == 0.5
    assert trained["after"] > 0.75
    assert trained["gone"]
    assert trained["bytes_sent"]["evaluation_keys"] == engine.frames.keys.size
    assert trained["bytes_sent"]["report"] < 3_000
    assert trained["bytes_received"]["update"] < 100_000
