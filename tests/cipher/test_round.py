"""Real keys, encryption, training and decryption at shipped parameters, on one small plan."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quietkeys.arrays import Int64
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.cipher.key_file import HEAD, KEY_FILE, KeyFile
from quietkeys.cipher.secret_keys import Secrets
from quietkeys_protocol.capnp import byte_spans
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, Refused, StartOver, Untrusted
from quietkeys_protocol.framing import frame_of
from quietkeys_protocol.program import reference
from tests.fhe_fixtures import FILE_KEY, SMALL_PLAN, Compiled

pytestmark = pytest.mark.fhe
Arrays = list[Int64]


def report(seed: int = 0) -> Arrays:
    """Random arrays of a report that stay inside the plan's fields."""
    draw = np.random.default_rng(seed)
    arrays: Arrays = []
    for block in SMALL_PLAN.blocks:
        arrays.append(draw.integers(0, block.strength_max + 1, len(block.events)))
        arrays.append(draw.integers(-60, 61, block.width))
    return arrays


def trained(compiled: Compiled, evaluation_keys: bytes, values: list[bytes]) -> list[bytes]:
    """What a trainer makes of a report."""
    return compiled.engine.run(evaluation_keys, [values])


@pytest.fixture(scope="module")
def evaluation_keys(cipher: ProcessCipher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of evaluation keys, as a sync writes it."""
    path = tmp_path_factory.mktemp("sending") / "keys"
    cipher.write_evaluation_keys(path)
    return path


def test_a_report_trains_to_the_reference(
    cipher: ProcessCipher, compiled: Compiled, evaluation_keys: Path
) -> None:
    """The decrypted update is the integer program's, within what approximate rounding explains."""
    arrays = report()
    values = cipher.encrypt(arrays)
    results = trained(compiled, evaluation_keys.read_bytes(), values)
    for index, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, cipher.decrypt(results), strict=True)):
        expected, reach = reference(block, *arrays[2 * index : 2 * index + 2])
        assert reach.inside(block).all()
        assert np.abs(weights - expected).max() <= 90  # three steps of the table


def test_another_device_decrypts_with_the_same_secret_keys(
    cipher: ProcessCipher, compiled: Compiled, evaluation_keys: Path, tmp_path: Path
) -> None:
    """A report that a second device encrypts under shared keys trains, and both decrypt the same update."""
    with ProcessCipher(tmp_path, compiled.parameters) as other:
        other.adopt(bytes(32), cipher.share(bytes(32)))
        results = trained(compiled, evaluation_keys.read_bytes(), other.encrypt(report(1)))
        here, there = cipher.decrypt(results), other.decrypt(results)
    assert all(np.array_equal(one, two) for one, two in zip(here, there, strict=True))
    for index, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, here, strict=True)):
        expected, _ = reference(block, *report(1)[2 * index : 2 * index + 2])
        assert np.abs(weights - expected).max() <= 90


def secret_keys(key_folder: Path, compiled: Compiled) -> Secrets:
    """The run's secret keys."""
    return KeyFile(key_folder / KEY_FILE, compiled.parameters, FILE_KEY).secrets()


def test_no_secret_key_is_in_what_is_sent(
    cipher: ProcessCipher, compiled: Compiled, key_folder: Path, evaluation_keys: Path
) -> None:
    """Neither the words of a secret key nor its bits, nor any run of them, stand in what is sent."""
    secrets = secret_keys(key_folder, compiled)
    assert len(secrets) == 2
    sent = evaluation_keys.read_bytes() + b"".join(cipher.encrypt(report()))
    for words in secrets.values():
        assert set(np.unique(words)) == {0, 1}
        assert sent.find(words.tobytes()[: 16 * 8]) == -1
        assert sent.find(np.packbits(words.astype(np.uint8)).tobytes()[:16]) == -1


def test_a_key_file_is_no_evaluation_keys(key_folder: Path, compiled: Compiled) -> None:
    """Sent in their place it is refused, for its size; what precedes its secrets is what may be sent."""
    content = (key_folder / KEY_FILE).read_bytes()
    frame = compiled.parameters.frames.keys
    assert not frame.matches(content)
    assert not frame.matches_file(key_folder / KEY_FILE)
    assert frame.matches(content[: frame.size])


def test_frames_are_those_of_real_messages(
    cipher: ProcessCipher, compiled: Compiled, evaluation_keys: Path
) -> None:
    """What is written from the specification is what Concrete writes, byte for byte."""
    frames, values = compiled.parameters.frames, cipher.encrypt(report())
    keys = evaluation_keys.read_bytes()
    assert frames.keys.matches(keys)
    assert frame_of(b"".join(frames.key_form.fill([keys]))) == frames.key_form.filled
    assert tuple(frame_of(value) for value in values) == frames.report
    results = trained(compiled, keys, values)
    assert all(frame.matches(value) for frame, value in zip(frames.update, results, strict=True))


def test_encryption_is_fresh_every_time(cipher: ProcessCipher) -> None:
    """The same report twice: other seeds and other bodies throughout."""
    first, second = (cipher.encrypt(report()) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        (span,) = byte_spans(one)
        words = [
            set(np.frombuffer(value, "<u8", span.size // 8, span.start).tolist()) for value in (one, other)
        ]
        assert words[0].isdisjoint(words[1])
    assert len(set(first + second)) == len(first) * 2


def test_the_key_file_is_private_and_complete(cipher: ProcessCipher, key_folder: Path) -> None:
    """Mode 0600, no draft beside it, its fingerprint the hash of the evaluation keys before they are cut."""
    assert [path.name for path in key_folder.iterdir()] == [KEY_FILE]
    assert (key_folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert cipher.has_keys()
    assert len(cipher.fingerprint()) == 64


def test_the_key_file_is_sealed(key_folder: Path, compiled: Compiled) -> None:
    """Nothing of a secret key stands in it, and with another key of the vault it does not open."""
    content = (key_folder / KEY_FILE).read_bytes()
    for words in secret_keys(key_folder, compiled).values():
        packed = np.packbits(words.astype(np.uint8)).tobytes()
        assert all(packed[at : at + 8] not in content for at in range(0, len(packed) - 8, 8))
    with ProcessCipher(key_folder, compiled.parameters) as other, pytest.raises(Untrusted):
        other.has_keys()


def test_the_fingerprint_names_what_is_sent(
    cipher: ProcessCipher, compiled: Compiled, evaluation_keys: Path
) -> None:
    """After a reload the same evaluation keys are written again; what they are filled up to has that hash."""
    cipher.close()
    assert cipher.write_evaluation_keys(evaluation_keys) == cipher.fingerprint()
    form = compiled.parameters.frames.key_form
    filled = b"".join(form.fill([evaluation_keys.read_bytes()]))
    assert hashlib.sha256(filled).hexdigest() == cipher.fingerprint()


@pytest.mark.parametrize("change", [lambda v: v[:-1], lambda v: v + v[:1], lambda v: [b"", *v[1:]]])
def test_another_number_or_frame_is_untrusted(
    cipher: ProcessCipher, compiled: Compiled, change: object
) -> None:
    """Nothing is decrypted that is not shaped like the plan's update."""
    assert callable(change)
    values = [bytes(frame.size) for frame in compiled.parameters.frames.update]
    with pytest.raises(Untrusted) as refused:
        cipher.decrypt(change(values))
    assert refused.value.code is ErrorCode.UPDATE_UNTRUSTED


@pytest.mark.parametrize(("index", "value"), [(0, -1), (0, 16), (1, 2001), (2, -2001), (2, 1 << 40)])
def test_values_out_of_range_are_refused(cipher: ProcessCipher, index: int, value: int) -> None:
    """A number that would wrap into another is never encrypted."""
    arrays = report()
    arrays[index][0] = value
    with pytest.raises(Refused) as refused:
        cipher.encrypt(arrays)
    assert refused.value.code is ErrorCode.VALUE_OUT_OF_RANGE
    with pytest.raises(Refused):
        cipher.encrypt(report()[:-1])
    with pytest.raises(Refused):
        cipher.encrypt([array[:-1] for array in report()])
    with pytest.raises(Refused):
        cipher.encrypt([array.astype(float) for array in report()])


def test_a_damaged_key_file_is_found_out(key_folder: Path, compiled: Compiled, tmp_path: Path) -> None:
    """One changed byte in the evaluation keys or the secrets, a cut or garbage: a typed error."""
    content = (key_folder / KEY_FILE).read_bytes()
    changed = [bytearray(content), bytearray(content)]
    changed[0][1000] ^= 1
    changed[1][-HEAD.size - 100] ^= 1
    cut = (content[:1000], content[1000:], content[:-1], b"QKK4", b"garbage", b"")
    for damaged in (*map(bytes, changed), *cut):
        (tmp_path / KEY_FILE).write_bytes(damaged)
        with (
            ProcessCipher(tmp_path, compiled.parameters, file_key=FILE_KEY) as cipher,
            pytest.raises(Untrusted) as refused,
        ):
            cipher.has_keys()
        assert refused.value.code is ErrorCode.PROFILE_DAMAGED


def test_a_key_of_another_specification_does_not_count(
    key_folder: Path, compiled: Compiled, tmp_path: Path
) -> None:
    """A new bundle needs a new key; asking for the old one says so."""
    content = bytearray((key_folder / KEY_FILE).read_bytes())
    content[-HEAD.size + 4] ^= 1  # the hash of the specification
    (tmp_path / KEY_FILE).write_bytes(bytes(content))
    with ProcessCipher(tmp_path, compiled.parameters, file_key=FILE_KEY) as cipher:
        assert not cipher.has_keys()
        for call in (cipher.fingerprint, lambda: cipher.encrypt(report())):
            with pytest.raises(StartOver) as refused:
                call()
            assert refused.value.code is ErrorCode.KEY_UNKNOWN


def test_the_host_never_loads_what_knows_secret_keys(key_folder: Path, compiled: Compiled) -> None:
    """Encrypting leaves neither Concrete nor our own mathematics in the process that asked for it."""
    program = """
import sys, pathlib, numpy as np
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys_protocol.plan import Plan
plan, specification, folder = sys.stdin.buffer.read().split(b"\\n")
parameters = Parameters.of(Plan.parse(plan), specification)
with ProcessCipher(pathlib.Path(folder.decode()), parameters, file_key=bytes(32)) as cipher:
    arrays = [np.zeros(field.size, dtype=np.int64) for field in parameters.plan.report_fields]
    assert len(cipher.encrypt(arrays)) == len(arrays)
assert not {"concrete", "quietkeys.cipher.key_set", "quietkeys.cipher.scheme"} & set(sys.modules)
"""
    parameters = compiled.parameters
    lines = (parameters.plan.canonical, parameters.specification.canonical, str(key_folder).encode())
    subprocess.run([sys.executable, "-c", program], input=b"\n".join(lines), check=True, timeout=900)


def test_parameters_say_their_security(compiled: Compiled) -> None:
    """Read from what was compiled."""
    assert compiled.parameters.security_bits >= 128
    with pytest.raises(QuietkeysError):
        Parameters.of(SMALL_PLAN, compiled.parameters.specification.canonical.replace(b'"seed"', b'"none"'))
