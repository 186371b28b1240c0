"""Altered key files, values, letters and specifications: a typed error each, never a crash."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from quietkeys.cipher import Parameters
from quietkeys.cipher.key_file import HEAD, KEY_FILE
from quietkeys.cipher.local import LocalCipher
from quietkeys.cipher.secret_keys import packed_size
from quietkeys.vault.sealing import SEALED_MORE
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, StartOver, Untrusted
from quietkeys_protocol.plan import Plan

VECTORS: Final = Path(__file__).parents[1] / "vectors"
PLAN: Final = Plan.parse((VECTORS / "small_plan.json").read_bytes())
SPECIFICATION: Final = (VECTORS / "small_specification.json").read_bytes()
PARAMETERS: Final = Parameters.of(PLAN, SPECIFICATION)
NUMBERS: Final = (
    -1,
    0,
    1,
    2,
    3,
    7,
    63,
    64,
    65,
    449,
    450,
    1 << 20,
    1 << 31,
    1 << 70,
    0.0,
    -1.0,
    1.0,
    1e-300,
    1e300,
)
OTHERS: Final[tuple[Any, ...]] = (None, True, "native", [], {}, [[]], "\0")


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A key file without evaluation keys, as a device has that adopted its keys."""
    folder = tmp_path_factory.mktemp("altered")
    maker = LocalCipher(folder / "made", PARAMETERS, file_key=bytes(32))
    maker.generate_keys()
    taker = LocalCipher(folder / "taken", PARAMETERS, file_key=bytes(32))
    taker.adopt(bytes(32), maker.share(bytes(32)))
    assert taker.has_keys()
    file = (folder / "taken" / KEY_FILE).read_bytes()
    assert len(file) == packed_size(PARAMETERS.specification) + SEALED_MORE + HEAD.size
    return file


def altered(content: bytes, count: int, draw: random.Random) -> Iterator[bytes]:
    """The bytes with some changed, cut out, put in, swapped, or all of them others."""
    for _ in range(count):
        changed = bytearray(content)
        at, size = draw.randrange(len(content)), draw.choice((1, 2, 8, 100))
        match draw.randrange(5):
            case 0:
                changed[at] ^= 1 << draw.randrange(8)
            case 1:
                del changed[at : at + size]
            case 2:
                changed[at:at] = draw.randbytes(size)
            case 3:
                changed[at : at + size] = draw.randbytes(len(changed[at : at + size]))
            case _:
                changed = bytearray(draw.randbytes(draw.choice((0, 1, HEAD.size, len(content)))))
        if changed != content:
            yield bytes(changed)


def test_altered_key_files(content: bytes, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Damaged, or no key for the plan; never a key."""
    for changed in altered(content, sized(300, 10_000), random.Random(1)):
        (tmp_path / KEY_FILE).write_bytes(changed)
        cipher = LocalCipher(tmp_path, PARAMETERS, file_key=bytes(32))
        with pytest.raises((StartOver, Untrusted)) as refused:
            cipher.encrypt([np.zeros(field.size, np.int64) for field in PLAN.report_fields])
        assert refused.value.code in (ErrorCode.PROFILE_DAMAGED, ErrorCode.KEY_UNKNOWN)


def test_altered_values(content: bytes, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """Another frame is refused; another payload is decrypted to some integers of the plan's shape."""
    (tmp_path / KEY_FILE).write_bytes(content)
    cipher = LocalCipher(tmp_path, PARAMETERS, file_key=bytes(32))
    frames, draw = PARAMETERS.frames.update, random.Random(2)
    values = []
    for frame in frames:
        value = bytearray(draw.randbytes(frame.size))
        for literal in frame.literals:
            value[literal.offset : literal.end] = literal.content
        values.append(bytes(value))
    for changed in altered(values[0], sized(300, 10_000), draw):
        if frames[0].matches(changed):
            found = cipher.decrypt([changed, *values[1:]])
            assert [array.shape for array in found] == [(field.size,) for field in PLAN.update_fields]
            continue
        with pytest.raises(Untrusted) as refused:
            cipher.decrypt([changed, *values[1:]])
        assert refused.value.code is ErrorCode.UPDATE_UNTRUSTED


def test_altered_letters(content: bytes, tmp_path: Path, sized: Callable[[int, int], int]) -> None:
    """What another device sent is opened or refused as a whole, and the key that was there stays."""
    (tmp_path / KEY_FILE).write_bytes(content)
    cipher = LocalCipher(tmp_path, PARAMETERS, file_key=bytes(32))
    sealed = cipher.share(bytes(32))
    for changed in altered(sealed, sized(100, 10_000), random.Random(3)):
        with pytest.raises(Untrusted) as refused:
            cipher.adopt(bytes(32), changed)
        assert refused.value.code is ErrorCode.LETTER_UNTRUSTED
    assert (tmp_path / KEY_FILE).read_bytes() == content


def leaves(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree of JSON: what holds it, and the key or index."""
    places = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(places):
        yield tree, key
        yield from leaves(value)


def altered_specifications(count: int, draw: random.Random) -> Iterator[bytes]:
    """Specifications with a member replaced, removed or added, in canonical form, and altered bytes."""
    for index in range(count):
        tree = json.loads(SPECIFICATION)
        holder, key = draw.choice(list(leaves(tree)))
        match index % 5:
            case 0:
                holder[key] = draw.choice(OTHERS)
            case 1 if isinstance(holder, dict):
                holder["more"] = draw.choice(NUMBERS)
            case 2:
                del holder[key]
            case 3:
                yield next(altered(SPECIFICATION, 1, draw), b"")
                continue
            case _:
                holder[key] = draw.choice(NUMBERS)
        yield json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def test_altered_specifications(sized: Callable[[int, int], int], tmp_path: Path) -> None:
    """Refused as untrusted; the few that are safe as well are others by their hash, and encrypt or refuse."""
    for changed in altered_specifications(sized(500, 10_000), random.Random(4)):
        try:
            parameters = Parameters.of(PLAN, changed)
        except QuietkeysError as error:
            assert error.code is ErrorCode.SPECIFICATION_UNTRUSTED
            continue
        if changed == SPECIFICATION:
            continue
        assert parameters.specification_sha256 != PARAMETERS.specification_sha256
        cipher = LocalCipher(tmp_path, parameters, file_key=bytes(32))
        with pytest.raises(QuietkeysError):
            cipher.encrypt([np.zeros(field.size, np.int64) for field in PLAN.report_fields])
