"""Keys in memory: what is made is tested before it is used, says nothing of itself, and stays small."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Final

import numpy as np
import pytest

from quietkeys.arrays import Int64
from quietkeys.cipher import Parameters, host, key_set
from quietkeys.cipher.host import ProcessCipher, device_cipher
from quietkeys.cipher.key_file import KEY_FILE
from quietkeys.cipher.key_set import KEY_TOLERANCE, KeySet, has_noise
from quietkeys.cipher.local import LocalCipher
from quietkeys.cipher.randomness import Stream
from quietkeys.cipher.scheme import Ring, bootstrap_bodies, deviation, row_phase
from quietkeys.cipher.secret_keys import letter, read_letter, unpack
from quietkeys_protocol.errors import ErrorCode, Outdated, Refused, TryAgain, Untrusted
from quietkeys_protocol.plan import Plan

VECTORS: Final = Path(__file__).parents[1] / "vectors"
PARAMETERS: Final = Parameters.of(
    Plan.parse((VECTORS / "small_plan.json").read_bytes()),
    (VECTORS / "small_specification.json").read_bytes(),
)
VARIANCE: Final = 2.0**-100
Noise = Callable[[Stream, int, float], Int64]
honest: Final[Noise] = Stream.noise


@pytest.fixture(scope="module")
def keys() -> KeySet:
    """Secret keys of the small plan."""
    return KeySet.generate(PARAMETERS)


def test_key_sets_are_neither_printed_nor_pickled_nor_copied(keys: KeySet) -> None:
    """A key set in memory says nothing of itself."""
    assert repr(keys) == str(keys) == "KeySet(...)"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(keys)


def test_new_keys_are_other_keys(keys: KeySet) -> None:
    """Secret keys differ each time, and two makings under one of them share neither masks nor bodies."""
    other = KeySet.generate(PARAMETERS)
    assert not any(np.array_equal(keys.secrets[name], other.secrets[name]) for name in keys.secrets)
    first, second = (b"".join(keys.new_evaluation_keys()) for _ in range(2))
    frame = PARAMETERS.frames.key_form.filled
    assert frame.matches(first)
    assert frame.matches(second)
    assert first[frame.payload_start :][:16] != second[frame.payload_start :][:16]
    one, two = (np.frombuffer(made, "<u8", 1 << 16, frame.payload_start) for made in (first, second))
    assert set(one.tolist()).isdisjoint(two.tolist())


def test_keys_are_rounded_and_not_cut_off(keys: KeySet) -> None:
    """What is left out of a bootstrap key is zero; what is left has noise of mean zero, a bit larger."""
    ((key,), form) = PARAMETERS.specification.bootstrap_keys, PARAMETERS.frames.key_form
    made = b"".join(keys.new_evaluation_keys())
    start = form.filled.payload_start
    seed, rows = made[start : start + 16], 24
    size = rows * key.polynomial_size
    bodies = np.frombuffer(made, "<u8", size, start + 16).astype(np.uint64)
    assert not (bodies & np.uint64(0xFFFF)).any()
    source = keys.secrets[key.input_id]
    ring = Ring(keys.secrets[key.output_id], key.glwe_dimension)
    noise = np.concatenate(
        [
            (row_phase(ring, seed, row, body) - key_set._row_message(key, source, ring.secret, row)).view(
                np.int64
            )
            for row, body in enumerate(bodies.reshape(rows, -1))
        ]
    ).astype(np.float64)
    expected = (deviation(key.variance) ** 2 + 2.0**32 / 12) ** 0.5
    assert abs(noise.std() / expected - 1) < 0.03
    assert abs(noise.mean()) < 6 * expected / size**0.5  # cut off, it would be 2^15


def constant(stream: Stream, count: int, deviation: float) -> Int64:
    """Noise of the right size that is always the same."""
    return np.where(np.arange(count) % 2 == 0, int(deviation), -int(deviation))


def repeated(stream: Stream, count: int, deviation: float) -> Int64:
    """Noise of the right distribution that repeats itself."""
    return np.resize(honest(stream, min(128, count // 2), deviation), count)


SPOILT: Final[dict[str, Noise]] = {
    "none": lambda stream, count, _: np.zeros(count, np.int64),
    "half as large": lambda stream, count, deviation: honest(stream, count, deviation / 2),
    "twice as large": lambda stream, count, deviation: honest(stream, count, deviation * 2),
    "one-sided": lambda stream, count, deviation: np.abs(honest(stream, count, deviation)),
    "constant": constant,
    "repeated": repeated,
}


@pytest.mark.parametrize("kind", SPOILT)
def test_encryption_without_proper_noise_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes keys encrypts first for himself, and looks."""
    monkeypatch.setattr(Stream, "noise", SPOILT[kind])
    with pytest.raises(Refused) as refused:
        KeySet.generate(PARAMETERS)
    assert refused.value.code is ErrorCode.WORKER_UNSUITABLE


@pytest.mark.parametrize("part", ["bootstrap_bodies", "keyswitch_bodies"])
@pytest.mark.parametrize("kind", [*SPOILT, "7 % too small", "7 % too large"])
def test_keys_without_proper_noise_are_never_written(
    part: str, kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In either of both parts, by 7 % already: no file is left, whole or in part."""
    factor = {"7 % too small": 0.93, "7 % too large": 1.07}.get(kind, 1.0)
    spoilt = SPOILT.get(kind, lambda stream, count, deviation: honest(stream, count, factor * deviation))
    real = getattr(key_set, part)

    def spoiling(*arguments: object) -> Iterator[object]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Stream, "noise", spoilt)
            yield np.concatenate(list(real(*arguments)))

    monkeypatch.setattr(key_set, part, spoiling)
    with pytest.raises(Refused) as refused:
        LocalCipher(tmp_path, PARAMETERS, file_key=bytes(32)).generate_keys()
    assert refused.value.code is ErrorCode.WORKER_UNSUITABLE
    assert part.partition("_")[0].removesuffix("s") in refused.value.detail.replace(" ", "")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_row_is_found_by_its_noise(keys: KeySet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies under another key, or of another order of levels, have no noise of the right size."""
    real = bootstrap_bodies

    def turned(*arguments: object) -> Iterator[object]:
        for bodies in real(*arguments):  # type: ignore[arg-type]
            yield bodies[::-1]

    monkeypatch.setattr(key_set, "bootstrap_bodies", turned)
    with pytest.raises(Refused):
        list(keys.new_evaluation_keys())


def test_noise_is_judged_as_it_should_be() -> None:
    """Honest noise passes, all but surely; 7 % more or less does not."""
    expected = deviation(VARIANCE)
    for _ in range(20):
        assert has_noise(Stream().noise(24_000, expected), VARIANCE, KEY_TOLERANCE)
        for factor in (0.93, 1.07):
            assert not has_noise(Stream().noise(24_000, expected * factor), VARIANCE, KEY_TOLERANCE)


def test_a_damaged_bundle_of_bits_is_no_key(keys: KeySet) -> None:
    """Other lengths, set bits in the padding, and what does not look drawn are told apart."""
    specification = PARAMETERS.specification
    content = letter(specification, bytes(32), keys.secrets)
    fingerprint, secrets = read_letter(specification, content)
    assert fingerprint == bytes(32)
    assert all(np.array_equal(secrets[name], keys.secrets[name]) for name in secrets)
    bits = len(content) - 64
    padded = content[64:-1] + bytes([content[-1] ^ 1])  # a bit behind the last one of a key
    for packed in (
        bytes(bits),
        b"\xff" * bits,
        padded,
        content[64:-1],
        content[64:] + b"\0",
        b"\xf0" + bytes(bits - 1),
    ):
        assert unpack(specification, packed) is None
        with pytest.raises(Untrusted) as refused:
            read_letter(specification, content[:64] + packed)
        assert refused.value.code is ErrorCode.LETTER_UNTRUSTED
    with pytest.raises(Outdated):
        read_letter(specification, b"x" * 32 + content[32:])


def test_making_keys_can_be_stopped(tmp_path: Path) -> None:
    """Also in the process of the app, and then nothing is left."""
    stop = Event()
    stop.set()
    cipher = LocalCipher(tmp_path, PARAMETERS, file_key=bytes(32), stop=stop)
    with pytest.raises(TryAgain) as failed:
        cipher.generate_keys()
    assert failed.value.code is ErrorCode.CIPHER_FAILED
    assert not cipher.has_keys()
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_inside_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that runs out is our error, without its message."""

    def fail(*_: object) -> object:
        raise MemoryError("at 0123")

    monkeypatch.setattr(KeySet, "generate", fail)
    with pytest.raises(TryAgain) as failed:
        LocalCipher(tmp_path, PARAMETERS, file_key=bytes(32)).generate_keys()
    assert failed.value.code is ErrorCode.CIPHER_FAILED
    assert "0123" not in str(failed.value)


def test_a_system_without_processes_encrypts_in_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same interface, the same file: what one made the other reads."""
    with_processes = device_cipher(tmp_path, PARAMETERS, file_key=bytes(32))
    assert isinstance(with_processes, ProcessCipher)
    for platform in ("ios", "android", "emscripten", "wasi"):
        monkeypatch.setattr(sys, "platform", platform)
        assert isinstance(device_cipher(tmp_path, PARAMETERS, file_key=bytes(32)), LocalCipher)
    monkeypatch.undo()
    monkeypatch.setattr(host, "has_processes", lambda: False)
    local = device_cipher(tmp_path, PARAMETERS, file_key=bytes(32))
    local.generate_keys()
    local.close()
    assert with_processes.has_keys()
    assert with_processes.fingerprint() == local.fingerprint()
    with_processes.close()
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.skipif(sys.platform != "linux", reason="reads its peak from the kernel")
@pytest.mark.skipif("QUIETKEYS_EMULATOR" in os.environ, reason="an emulator's memory would count as its own")
def test_keys_are_made_in_little_memory(tmp_path: Path) -> None:
    """A process that makes keys, reads them again and encrypts never holds more than 90 MB."""
    program = """
import pathlib, sys
import numpy as np
from quietkeys.cipher import Parameters
from quietkeys.cipher.local import LocalCipher
from quietkeys_protocol.plan import Plan
plan, specification, folder = sys.stdin.buffer.read().split(b"\\n")
parameters = Parameters.of(Plan.parse(plan), specification)
cipher = LocalCipher(pathlib.Path(folder.decode()), parameters, file_key=bytes(32))
cipher.generate_keys()
cipher.close()
assert cipher.has_keys()
cipher.encrypt([np.zeros(field.size, np.int64) for field in parameters.plan.report_fields])
cipher.write_evaluation_keys(pathlib.Path(folder.decode()) / "sent")
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(peak[0].split()[1])
"""
    lines = (PARAMETERS.plan.canonical, PARAMETERS.specification.canonical, str(tmp_path).encode())
    result = subprocess.run(
        [sys.executable, "-c", program], input=b"\n".join(lines), check=True, capture_output=True
    )
    assert int(result.stdout) < 90_000
