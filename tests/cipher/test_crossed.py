"""Ours and Concrete's, crossed: whose keys, ciphertexts and decryption it is makes no difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from quietkeys.arrays import Int64
from quietkeys.cipher.frames import value_bytes, value_words
from quietkeys.cipher.key_file import KEY_FILE, KeyFile
from quietkeys.cipher.key_set import KeySet
from quietkeys.cipher.scheme import messages, whole
from quietkeys_protocol.cut_values import words_of
from quietkeys_protocol.framing import frame_of
from quietkeys_protocol.program import reference
from tests.cipher import concrete_side
from tests.fhe_fixtures import FILE_KEY, SMALL_PLAN, Compiled

pytestmark = pytest.mark.fhe
MAKERS = ["ours", "Concrete's"]


@dataclass(frozen=True, slots=True)
class Keys:
    """One set of keys, whoever made it: what a trainer gets, as ours, and as Concrete's."""

    evaluation_keys: bytes
    ours: KeySet
    theirs: bytes


@pytest.fixture(scope="module", params=MAKERS)
def keys(request: pytest.FixtureRequest, key_folder: Path, compiled: Compiled) -> Keys:
    """Keys of each maker."""
    parameters = compiled.parameters
    specification = parameters.specification
    if request.param == "ours":
        file = KeyFile(key_folder / KEY_FILE, parameters, FILE_KEY)
        secrets = file.secrets()
        whole_set = concrete_side.key_set_of(specification, secrets)
        return Keys(b"".join(file.evaluation_keys()), KeySet(parameters, secrets), whole_set)
    whole_set, evaluation_keys = concrete_side.new_keys(specification)
    secrets = concrete_side.secrets_in(specification, whole_set)
    sent = concrete_side.as_sent(parameters.frames.key_form, evaluation_keys)
    return Keys(sent, KeySet(parameters, secrets), whole_set)


def report(seed: int) -> list[Int64]:
    """Random arrays of a report that stay inside the plan's fields, extremes of signed ones included."""
    draw = np.random.default_rng(seed)
    arrays: list[Int64] = []
    for block in SMALL_PLAN.blocks:
        arrays.append(draw.integers(0, block.strength_max + 1, len(block.events)))
        arrays.append(draw.integers(-60, 61, block.width))
    return arrays


def encrypted(by: str, keys: Keys, arrays: list[Int64], compiled: Compiled) -> list[bytes]:
    """A report's values, by either maker."""
    if by == "ours":
        return keys.ours.encrypt(arrays)
    specification = compiled.parameters.specification
    return [
        value
        for index, circuit in enumerate(compiled.parameters.circuits)
        for value in concrete_side.encrypted(
            specification, keys.theirs, circuit.name, arrays[2 * index : 2 * index + 2]
        )
    ]


@pytest.mark.parametrize("by", MAKERS)
def test_a_round_is_the_same_whoever_takes_part(by: str, keys: Keys, compiled: Compiled) -> None:
    """Under either's keys, from either's ciphertexts, decrypted by both: the reference's weights."""
    arrays = report(3)
    values = encrypted(by, keys, arrays, compiled)
    results = compiled.engine.run(keys.evaluation_keys, [values])
    parameters = compiled.parameters
    for index, (block, weights) in enumerate(zip(SMALL_PLAN.blocks, keys.ours.decrypt(results), strict=True)):
        expected, _ = reference(block, *arrays[2 * index : 2 * index + 2])
        assert np.abs(weights - expected).max() <= 90
    for circuit, frame, result in zip(parameters.circuits, parameters.frames.results, results, strict=True):
        whole_again = value_bytes(frame, words_of(result))
        theirs = concrete_side.decrypted(parameters.specification, keys.theirs, circuit.name, whole_again)
        (output,) = circuit.outputs
        declared = messages(words_of(result), keys.ours.secrets[output.key_id], output.width)
        assert np.array_equal(theirs % (1 << output.width), declared % (1 << output.width))


@pytest.mark.parametrize("by", MAKERS)
def test_what_was_encrypted_is_decrypted(by: str, keys: Keys, compiled: Compiled) -> None:
    """Both ends of every field, by either maker: the frame is the plan's, and ours decrypts the numbers."""
    parameters = compiled.parameters
    for extreme in ("low", "high"):
        fields = SMALL_PLAN.report_fields
        arrays = [np.full(field.size, getattr(field, extreme), dtype=np.int64) for field in fields]
        values = encrypted(by, keys, arrays, compiled)
        inputs = [value for circuit in parameters.circuits for value in circuit.inputs]
        for value, number, frame, shape in zip(values, arrays, parameters.frames.report, inputs, strict=True):
            assert frame_of(value) == frame
            words = whole(value_words(frame, value).reshape(-1, 3), shape.dimension)
            found = messages(words, keys.ours.secrets[shape.key_id], shape.width)
            assert np.array_equal(found % (1 << shape.width), number % (1 << shape.width))
