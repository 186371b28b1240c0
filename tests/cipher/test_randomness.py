"""Where secrets and noise come from: streams that begin fresh, and a source that is looked at."""

from __future__ import annotations

import ast
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from quietkeys.cipher import randomness
from quietkeys.cipher.randomness import Stream, fresh
from quietkeys_protocol.errors import ErrorCode, Refused

ROOM = Path(randomness.__file__).parent


def test_a_stream_is_aes_256_in_counter_mode() -> None:
    """The first block is the encryption of zero: NIST, AES-256, key and plaintext of zeros."""
    assert Stream(bytes(32)).take(16).hex() == "dc95c078a2408989ad48a21492842087"


def test_draws_follow_each_other() -> None:
    """No part of a stream is given twice, and bits begin with a new byte."""
    stream, again = Stream(bytes(32)), Stream(bytes(32))
    parts = stream.take(5) + stream.take(27)
    assert parts == again.take(32)
    assert np.packbits(stream.bits(12).astype(np.uint8)).tobytes()[0] == again.take(2)[0]
    assert stream.take(4) == again.take(4)


def test_streams_are_never_alike() -> None:
    """Each begins under a key that the system drew for it alone."""
    assert len({Stream().take(16) for _ in range(100)}) == 100


def test_a_stream_says_nothing_of_itself() -> None:
    """It can be neither printed, nor pickled, nor copied."""
    assert repr(Stream()) == str(Stream()) == "Stream(...)"
    with pytest.raises(TypeError):
        pickle.dumps(Stream())


def test_both_halves_of_the_noise_are_independent() -> None:
    """Box-Muller gives pairs; neither their values nor their squares have to do with each other."""
    first, second = Stream().noise(200_000, 2.0**20).reshape(2, -1) / 2.0**20
    for a, b in ((first, second), (first**2 - 1, second**2 - 1), (first[1:], first[:-1])):
        assert abs(float(np.mean(a * b))) < 7 * float(a.std() * b.std()) / len(a) ** 0.5
    assert len(Stream().noise(7, 2.0**20)) == 7


@pytest.mark.parametrize("drawn", [bytes, lambda n: b"\xa5" * n, lambda n: (b"abc" * n)[:n], lambda n: b""])
def test_a_source_that_repeats_itself_is_refused(monkeypatch: pytest.MonkeyPatch, drawn: object) -> None:
    """Zeros, one byte, a short cycle or nothing make no key."""
    monkeypatch.setattr(os, "urandom", drawn)
    for make in (Stream, lambda: fresh(16)):
        with pytest.raises(Refused) as refused:
            make()
        assert refused.value.code is ErrorCode.WORKER_UNSUITABLE


def test_no_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without a generator of random numbers makes no key."""
    for error in (NotImplementedError(), OSError("no device")):

        def fail(_: int, error: Exception = error) -> bytes:
            raise error

        monkeypatch.setattr(os, "urandom", fail)
        with pytest.raises(Refused) as refused:
            fresh(16)
        assert refused.value.code is ErrorCode.WORKER_UNSUITABLE


def test_the_room_has_one_source_of_randomness() -> None:
    """No module of it uses numpy's or Python's generators, and no stream begins under a given key."""
    for path in ROOM.glob("*.py"):
        source = path.read_text()
        tree = ast.parse(source)
        assert not re.search(r"np\.random|default_rng|^import random|^from random", source, re.MULTILINE), (
            path
        )
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Stream":
                assert not node.args, path
                assert not node.keywords, path
