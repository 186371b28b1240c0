"""What every cipher does, the real one and the one that hides nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quietkeys.cipher import Cipher, ProcessCipher
from quietkeys.cipher.local import LocalCipher
from quietkeys.testing.fakes import NoopCipher
from quietkeys_protocol.cut_keys import KEYS_MAGIC
from quietkeys_protocol.errors import ErrorCode, Refused, StartOver, Untrusted
from tests.fhe_fixtures import FILE_KEY, SMALL_PLAN, Compiled

KINDS = [
    pytest.param("noop"),
    pytest.param("process", marks=pytest.mark.fhe),
    pytest.param("local", marks=pytest.mark.fhe),
]


def made(kind: str, folder: Path, request: pytest.FixtureRequest) -> Cipher:
    """A cipher of a kind with its keys, if any, in a folder."""
    if kind == "noop":
        return NoopCipher(folder, SMALL_PLAN)
    kind_of = ProcessCipher if kind == "process" else LocalCipher
    return kind_of(folder, request.getfixturevalue("compiled").parameters, file_key=FILE_KEY)


@pytest.fixture(params=KINDS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cipher]:
    """A cipher without keys."""
    cipher = made(request.param, tmp_path / "new", request)
    yield cipher
    cipher.close()


@pytest.fixture(params=KINDS)
def keyed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cipher]:
    """A cipher with keys; the real one's are the run's."""
    folder = tmp_path if request.param == "noop" else request.getfixturevalue("key_folder")
    cipher = made(request.param, folder, request)
    if request.param == "noop":
        cipher.generate_keys()
    yield cipher
    cipher.close()


def zeros() -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """A report of nothing."""
    return [np.zeros(field.size, dtype=np.int64) for field in SMALL_PLAN.report_fields]


def test_without_keys_it_says_so(fresh: Cipher, tmp_path: Path) -> None:
    """No key is not an empty key: asking for what needs one is `StartOver`."""
    assert not fresh.has_keys()
    with pytest.raises(StartOver) as refused:
        fresh.fingerprint()
    assert refused.value.code is ErrorCode.KEY_UNKNOWN
    with pytest.raises(StartOver):
        fresh.write_evaluation_keys(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


def test_keys_have_a_name(keyed: Cipher, compiled: Compiled, tmp_path: Path) -> None:
    """The fingerprint is the hash of the evaluation keys, before they are cut, and stays."""
    assert keyed.has_keys()
    path = tmp_path / "keys"
    assert keyed.write_evaluation_keys(path) == keyed.fingerprint()
    keys = path.read_bytes()
    if keys.startswith(KEYS_MAGIC):
        keys = b"".join(compiled.parameters.frames.key_form.fill([keys]))
    assert hashlib.sha256(keys).hexdigest() == keyed.fingerprint()
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_goes_on_after_closing(keyed: Cipher) -> None:
    """Closing ends what holds the key in memory, not the key."""
    fingerprint = keyed.fingerprint()
    keyed.close()
    keyed.close()
    assert keyed.has_keys()
    assert keyed.fingerprint() == fingerprint
    assert len(keyed.encrypt(zeros())) == len(SMALL_PLAN.report_fields)


def test_a_report_has_one_size(keyed: Cipher) -> None:
    """What is sent is as long for a busy report as for an empty one."""
    full = [np.full(field.size, field.high, dtype=np.int64) for field in SMALL_PLAN.report_fields]
    assert [len(value) for value in keyed.encrypt(zeros())] == [len(value) for value in keyed.encrypt(full)]


@pytest.mark.parametrize("index", range(len(SMALL_PLAN.report_fields)))
def test_one_beyond_a_field_is_refused(keyed: Cipher, index: int) -> None:
    """Both ends of every field are the last that are encrypted; errors say the field, not the value."""
    field = SMALL_PLAN.report_fields[index]
    for value in (field.low - 1, field.high + 1):
        arrays = zeros()
        arrays[index][-1] = value
        with pytest.raises(Refused) as refused:
            keyed.encrypt(arrays)
        assert refused.value.code is ErrorCode.VALUE_OUT_OF_RANGE
        assert str(value) not in str(refused.value)


@pytest.mark.parametrize("values", [[], [b""], [b"", b""], [b"x" * 1000] * 2, [b""] * 9])
def test_what_is_no_update_is_untrusted(keyed: Cipher, values: list[bytes]) -> None:
    """Strange values are refused by number and frame."""
    with pytest.raises(Untrusted) as refused:
        keyed.decrypt(values)
    assert refused.value.code is ErrorCode.UPDATE_UNTRUSTED


def test_it_does_not_show_itself(keyed: Cipher) -> None:
    """A repr in a log says nothing of the key."""
    assert len(repr(keyed)) < 100


def test_keys_are_handed_on_to_another_device(
    keyed: Cipher, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was shared is the same key over there: it decrypts there what was encrypted here, and back."""
    kind = {NoopCipher: "noop", ProcessCipher: "process"}.get(type(keyed), "local")
    other, key = made(kind, tmp_path / "other", request), bytes(range(32))
    sealed = keyed.share(key)
    assert len(sealed) < 1024
    assert other.adopt(key, sealed) == other.fingerprint() == keyed.fingerprint()
    assert other.has_keys()
    assert [len(value) for value in other.encrypt(zeros())] == [
        len(value) for value in keyed.encrypt(zeros())
    ]
    assert other.share(key) != sealed
    with pytest.raises(StartOver):  # the device that made the key set has them
        other.write_evaluation_keys(tmp_path / "evaluation.keys")
    third = made(kind, tmp_path / "third", request)
    assert third.adopt(key, other.share(key)) == keyed.fingerprint()
    for cipher in (other, third):
        cipher.close()


@pytest.mark.parametrize("spoilt", ["key", "content", "nothing"])
def test_only_what_was_shared_is_adopted(keyed: Cipher, spoilt: str) -> None:
    """Another key, a changed byte or nothing at all is refused, and the key that was there stays."""
    key, fingerprint = bytes(range(32)), keyed.fingerprint()
    sealed = keyed.share(key)
    wrong = {
        "key": (bytes(32), sealed),
        "content": (key, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        "nothing": (key, b""),
    }
    with pytest.raises(Untrusted) as refused:
        keyed.adopt(*wrong[spoilt])
    assert refused.value.code is ErrorCode.LETTER_UNTRUSTED
    assert keyed.fingerprint() == fingerprint
