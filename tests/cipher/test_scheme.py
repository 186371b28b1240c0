"""The mathematics against Concrete's known answers, and against arithmetic written out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.arrays import Int64, UInt64
from quietkeys.cipher.frames import value_bytes, value_words
from quietkeys.cipher.randomness import Stream
from quietkeys.cipher.scheme import (
    Ring,
    bootstrap_bodies,
    deviation,
    encrypt,
    keyswitch_bodies,
    mask_words,
    messages,
    phases,
    row_phase,
    units,
    whole,
)
from quietkeys.cipher.secret_keys import unpack
from quietkeys.files import write_whole
from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.specification import BootstrapKey, KeyswitchKey, Value, parse_specification
from quietkeys_protocol.templates import frames_of

FOLDER: Final = Path(__file__).parents[1] / "vectors"
VECTORS: Final[dict[str, Any]] = json.loads((FOLDER / "encryption.json").read_text())
KNOWN: Final = VECTORS["without_noise"]
SEED: Final = bytes.fromhex(KNOWN["seed"])
PLAN: Final = Plan.parse((FOLDER / "small_plan.json").read_bytes())
SPECIFICATION: Final = parse_specification((FOLDER / "small_specification.json").read_bytes())
EDGES: Final = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2**31, 2**64 - 1)
SHAPE: Final = Value(
    shape=(1,), width=9, signed=True, seeded=True, key_id=0, dimension=64, variance=2.0**-100
)


def sha256(words: UInt64) -> str:
    """What known answers are compared by."""
    return hashlib.sha256(words.astype("<u8").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def known_secrets() -> dict[str, UInt64]:
    """The secret keys of the known answers, drawn in their order."""
    stream = Stream(bytes(range(32)))
    return {name: stream.bits(n) for name, n in (("in", 12), ("ring", 2048), ("big", 2048), ("small", 771))}


def test_a_mask_is_concretes() -> None:
    """The first word, all words of one ciphertext, and any run of them on its own."""
    known = KNOWN["seeded_lwe"]
    words = mask_words(SEED, 0, known["dimension"])
    assert f"{int(words[0]):016x}" == known["mask_first_word"]
    assert sha256(words) == known["mask_sha256"]
    for start, count in ((1, 1), (2, 3), (1001, 999)):
        assert np.array_equal(mask_words(SEED, start, count), words[start : start + count])


def test_a_bootstrap_key_is_concretes(known_secrets: dict[str, UInt64]) -> None:
    """Without noise every body is that of Concrete's own function, two levels deep."""
    known = KNOWN["bootstrap_key"]
    key = BootstrapKey(
        *(0, 1, 0, known["levels"], known["base_log"], known["glwe_dimension"], known["polynomial_size"]),
        input_dimension=known["input_dimension"],
        variance=0.0,
    )
    ring = Ring(known_secrets["ring"], 1)
    bodies = list(bootstrap_bodies(key, SEED, known_secrets["in"], ring, Stream()))
    assert len(bodies) > 1  # it was made in pieces
    assert sha256(np.concatenate(bodies)) == known["bodies_sha256"]


def test_a_key_switching_key_is_concretes(known_secrets: dict[str, UInt64]) -> None:
    """The same at the shipped size."""
    known = KNOWN["keyswitch_key"]
    key = KeyswitchKey(
        *(0, 0, 1, known["levels"], known["base_log"], known["input_dimension"], known["output_dimension"]),
        variance=0.0,
    )
    bodies = keyswitch_bodies(key, SEED, known_secrets["big"], known_secrets["small"], Stream())
    assert sha256(np.concatenate(list(bodies))) == known["bodies_sha256"]


def test_concretes_values_are_read_and_written() -> None:
    """What its client encrypted is decrypted, and goes back into the same bytes; its key frame is ours."""
    made = VECTORS["small_plan"]
    secrets = unpack(SPECIFICATION, bytes.fromhex(made["secret_keys"]))
    assert secrets is not None
    frames, circuit = frames_of(SPECIFICATION, PLAN), SPECIFICATION.ordered(PLAN)[0]
    for vector, frame, shape in zip(made["values"], frames.report, circuit.inputs, strict=False):
        value = bytes.fromhex(vector["serialized"])
        words = value_words(frame, value)
        assert frame.matches(value)
        assert frame.payload_start == vector["payload_at"]
        assert value_bytes(frame, words) == value
        ciphertexts = whole(words.reshape(-1, 3), shape.dimension)
        found = messages(ciphertexts, secrets[shape.key_id], shape.width)
        assert (found % (1 << shape.width)).tolist() == [n % (1 << shape.width) for n in vector["numbers"]]
    literals = [[literal.offset, literal.content.hex()] for literal in frames.key_form.filled.literals]
    assert {"size": frames.key_form.filled.size, "literals": literals} == made["evaluation_keys"]


def long_product(mask: list[int], polynomial: list[int]) -> list[int]:
    """A product modulo X^N + 1 and 2^64, written out."""
    size = len(mask)
    out = [0] * size
    for i, a in enumerate(mask):
        for j, s in enumerate(polynomial):
            sign = 1 if i + j < size else -1
            out[(i + j) % size] += sign * a * s
    return [value % 2**64 for value in out]


@given(st.data(), st.sampled_from([(1, 8), (2, 4), (3, 16)]))
def test_products_are_exact(data: st.DataObject, shape: tuple[int, int]) -> None:
    """For masks at every edge of a half, keys of ones included, both ways to multiply are the long one."""
    k, size = shape
    word = st.sampled_from(EDGES) | st.integers(0, 2**64 - 1)
    masks = data.draw(st.lists(word, min_size=k * size, max_size=k * size))
    secret = data.draw(st.lists(st.integers(0, 1), min_size=k * size, max_size=k * size))
    ring = Ring(np.array(secret, dtype=np.uint64), k)
    rows = np.array(masks, dtype=np.uint64).reshape(1, k, size)
    parts = [long_product(masks[at : at + size], secret[at : at + size]) for at in range(0, k * size, size)]
    expected = [sum(column) % 2**64 for column in zip(*parts, strict=True)]
    assert ring.product(rows)[0].tolist() == expected


def test_products_are_exact_at_the_shipped_size() -> None:
    """The largest masks and a key of ones leave rounding far from its limit; both ways agree."""
    seed, ones = bytes(16), np.ones(2048, np.uint64)
    for secret in (ones, Stream(bytes(32)).bits(2048)):
        ring = Ring(secret, 1)
        masks = mask_words(seed, 0, 2048).reshape(1, 1, 2048)
        product = ring.product(masks)[0]
        assert np.array_equal(np.uint64(0) - row_phase(ring, seed, 0, np.zeros(2048, np.uint64)), product)
        for edge in EDGES:
            out = ring.product(np.full((1, 1, 2048), edge, np.uint64))[0]
            assert int(out[-1]) == edge * int(secret.sum()) % 2**64


def test_a_product_that_is_no_integer_is_refused() -> None:
    """A transform that lost its precision is noticed, not rounded."""
    ring = Ring(Stream().bits(64), 1)
    ring._transform = ring._transform * (1 + 1e-9)
    with pytest.raises(Refused) as refused:
        ring.product(mask_words(bytes(16), 0, 640).reshape(10, 1, 64))
    assert refused.value.code is ErrorCode.WORKER_UNSUITABLE


@pytest.mark.parametrize(("k", "levels"), [(1, 1), (1, 2), (2, 3)])
def test_every_row_of_a_bootstrap_key_decrypts(k: int, levels: int) -> None:
    """Row r below k is minus the bit times S_r, row k the bit, in units of the level, the finest first."""
    key = BootstrapKey(0, 1, 0, levels, 7, k, 32, 5, 2.0**-100)
    source, secret = Stream().bits(5), Stream().bits(32 * k)
    ring, seed = Ring(secret, k), Stream().take(16)
    bodies = np.concatenate(list(bootstrap_bodies(key, seed, source, ring, Stream())))
    assert bodies.shape == (5 * levels * (k + 1), 32)
    for row, body in enumerate(bodies):
        bit, level, r = row // (levels * (k + 1)), row // (k + 1) % levels, row % (k + 1)
        unit = int(source[bit]) << (64 - 7 * (levels - level))
        one = np.eye(1, 32, dtype=np.uint64)[0]
        plain = one * np.uint64(unit) if r == k else np.uint64(0) - ring.secret[r] * np.uint64(unit)
        noise = (row_phase(ring, seed, row, body) - plain).view(np.int64)
        assert np.abs(noise).max() < 10 * deviation(key.variance)


@given(st.lists(st.integers(-256, 255), min_size=1, max_size=8), st.integers(0, 1))
def test_what_is_encrypted_is_decrypted(numbers: list[int], signed: int) -> None:
    """Signed and unsigned numbers of a width, both ends included."""
    array = np.array(numbers, dtype=np.int64) + (0 if signed else 256)
    shape = replace(SHAPE, shape=(len(numbers),), signed=bool(signed))
    secret = Stream().bits(64)
    words = encrypt(shape, array, Stream().take(16 * len(numbers)), secret, Stream())
    assert words.shape == (len(numbers), 3)
    found = messages(whole(words, 64), secret, 9)
    assert np.array_equal(found % 512, array % 512)


@pytest.mark.parametrize(("signed", "number"), [(True, -257), (True, 256), (False, -1), (False, 512)])
def test_a_number_that_would_wrap_is_refused(signed: bool, number: int) -> None:
    """-1 in an unsigned field is not 511; the error does not say the number."""
    shape = replace(SHAPE, signed=signed)
    with pytest.raises(Refused) as refused:
        encrypt(shape, np.array([number]), bytes(16), np.zeros(64, np.uint64), Stream())
    assert refused.value.code is ErrorCode.VALUE_OUT_OF_RANGE
    assert str(number) not in str(refused.value)


def test_masks_hide_messages() -> None:
    """Equal numbers have bodies that have nothing in common, and the wrong key decrypts to nothing."""
    shape = replace(SHAPE, shape=(500,), width=4, dimension=512)
    words = encrypt(shape, np.zeros(500, np.int64), Stream().take(8000), Stream().bits(512), Stream())
    assert len(np.unique(words[:, 2])) == 500
    assert abs(words[:, 2].astype(float).mean() / 2.0**63 - 1) < 0.2
    wrong = phases(whole(words, 512), Stream().bits(512)).astype(float)
    assert np.abs(wrong).mean() > 2.0**61


def made_noise(kind: str, count: int) -> tuple[Int64, float]:
    """So many samples of the noise inside keys and values, at least, and what their deviation should be."""
    samples: list[Int64] = []
    secret = Stream().bits(512)
    key = KeyswitchKey(0, 0, 1, 2, 8, 512, 512, 2.0**-40)
    ring_key = BootstrapKey(0, 1, 0, 1, 15, 1, 512, 64, 2.0**-100)
    shape = replace(SHAPE, shape=(1000,), dimension=512, variance=2.0**-90)
    while sum(part.size for part in samples) < count:
        if kind == "key switch":
            source, seed = Stream().bits(512), Stream().take(16)
            bodies = np.concatenate(list(keyswitch_bodies(key, seed, source, secret, Stream())))
            plain = (source[:, None] * units(2, 8)).ravel() + mask_words(seed, 0, 512 * 1024).reshape(
                -1, 512
            ) @ secret
            samples.append((bodies - plain).view(np.int64))
        elif kind == "bootstrap":
            ring, seed = Ring(secret, 1), Stream().take(16)
            bodies = np.concatenate(
                list(bootstrap_bodies(ring_key, seed, np.zeros(64, np.uint64), ring, Stream()))
            )
            samples.append(
                (bodies - ring.product(mask_words(seed, 0, bodies.size).reshape(-1, 1, 512)))
                .view(np.int64)
                .ravel()
            )
        else:
            words = encrypt(shape, np.zeros(1000, np.int64), Stream().take(16_000), secret, Stream())
            samples.append(phases(whole(words, 512), secret))
    variance = {"key switch": key.variance, "bootstrap": ring_key.variance}.get(kind, shape.variance)
    return np.concatenate(samples), deviation(variance)


def figures_of(noise: Int64, expected: float) -> dict[str, Any]:
    """Its deviation over the expected one, its mean, and how many lie beyond 2, 3, 4 and 5 of them."""
    real = noise.astype(np.float64) / expected
    tails = {
        str(beyond): {"found": int(np.count_nonzero(np.abs(real) > beyond)), "due": share * len(real)}
        for beyond, share in ((2, 4.55003e-2), (3, 2.6998e-3), (4, 6.3342e-5), (5, 5.733e-7))
    }
    largest = float(np.abs(real).max())
    return {
        "samples": len(real),
        "deviation": float(real.std()),
        "mean": float(real.mean()),
        "largest": largest,
        "tails": tails,
    }


@pytest.mark.parametrize("kind", ["key switch", "bootstrap", "input"])
def test_noise_is_what_the_parameters_say(
    kind: str, sized: Callable[[int, int], int], results_folder: Path
) -> None:
    """Its deviation within 1 %, and as many beyond 2, 3, 4 and 5 deviations as a normal distribution has."""
    found = figures_of(*made_noise(kind, sized(60_000, 10_000_000)))
    if sized(0, 1):
        out = results_folder / "noise.json"
        kept = json.loads(out.read_text()) if out.exists() else {}
        write_whole(out, (json.dumps(kept | {kind: found}, indent=1, sort_keys=True) + "\n").encode())
    assert abs(found["deviation"] - 1.0) < 0.01
    assert abs(found["mean"]) < 6.0 / found["samples"] ** 0.5
    for tail in found["tails"].values():
        assert abs(tail["found"] - tail["due"]) <= 6.0 * tail["due"] ** 0.5 + 3.0
    assert found["largest"] < 9.5
