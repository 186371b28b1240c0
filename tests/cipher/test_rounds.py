"""Twenty rounds of the shipped plan, half with keys and ciphertexts of each maker. `make soak` alone.

A round is a made-up report, trained and decrypted; its figure is the mean distance of the weights from the
integer program's, which rounding inside the circuit explains. Both makers get the same ten reports. If it
made no difference whose keys and ciphertexts they are, each figure of a pair could be either's: the test is
the exact sign-flip test over all 2^10 ways to exchange them, on the difference of means, two-sided.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from quietkeys.arrays import Int64
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.cipher import Parameters
from quietkeys.cipher.key_set import KeySet
from quietkeys.files import write_whole
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.program import Reach, reference
from quietkeys_trainer.engine.local import load_engine
from tests.cipher import concrete_side

pytestmark = [pytest.mark.soak, pytest.mark.fhe]
MAKERS: Final = ("ours", "Concrete's")
REPORTS: Final = 10  # of each maker
LEAST_P: Final = 0.01


def report(plan: Plan, seed: int) -> list[Int64]:
    """Random arrays of a report, as large as they can be by halves without a sum that leaves its range."""
    for largest in (200, 100, 50, 25, 12, 6, 3):
        draw = np.random.default_rng(seed)
        arrays = [
            draw.integers(max(field.low, -largest), min(field.high, largest) + 1, field.size)
            for field in plan.report_fields
        ]
        if all(reach.inside(block).all() for block, (_, reach) in expected(plan, arrays)):
            return arrays
    raise AssertionError("no report fits the plan")


def expected(plan: Plan, arrays: list[Int64]) -> list[tuple[Block, tuple[Int64, Reach]]]:
    """What the integer program makes of a report, block by block."""
    pairs = list(zip(arrays, plan.report_fields, strict=True))
    return [
        (block, reference(block, *[array for array, field in pairs if field.block == block.name]))
        for block in plan.blocks
    ]


def encrypted(
    by: str, keys: KeySet, theirs: bytes, arrays: list[Int64], parameters: Parameters
) -> list[bytes]:
    """A report's values, by either maker."""
    if by == "ours":
        return keys.encrypt(arrays)
    values: list[bytes] = []
    fields = parameters.plan.report_fields
    for block, circuit in zip(parameters.plan.blocks, parameters.circuits, strict=True):
        of_block = [array for array, field in zip(arrays, fields, strict=True) if field.block == block.name]
        values += concrete_side.encrypted(parameters.specification, theirs, circuit.name, of_block)
    return values


def distance(plan: Plan, arrays: list[Int64], found: list[Int64]) -> float:
    """The mean distance of decrypted weights from the integer program's, in units of a weight."""
    pairs = zip(expected(plan, arrays), found, strict=True)
    return float(np.concatenate([np.abs(weights - due) for (_, (due, _)), weights in pairs]).mean())


def p_value(differences: list[float]) -> float:
    """The share of all sign flips that are as far from zero, the exact two-sided test."""
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(differences))))
    means = np.abs(signs @ np.array(differences))
    return float(np.mean(means >= abs(sum(differences)) * (1 - 1e-12)))


def test_rounds_agree_with_the_reference_whoever_made_the_keys(results_folder: Path, tmp_path: Path) -> None:
    """Neither maker's updates are nearer to the integer program's; rounds that an ended soak had are kept."""
    bundle = shipped_bundle()
    parameters = Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])
    out = results_folder / "rounds.json"
    kept = json.loads(out.read_text()) if out.exists() else {}
    if kept.get("specification") != parameters.specification.hash:
        kept = {"specification": parameters.specification.hash, "mode": "execute", "distance": {}}
    engine, form = load_engine(parameters.plan, tmp_path), parameters.frames.key_form
    for by in MAKERS:
        if by == "ours":
            keys, theirs = KeySet.generate(parameters), b""
            evaluation_keys = b"".join(form.cut(keys.new_evaluation_keys()))
        else:
            theirs, made = concrete_side.new_keys(parameters.specification)
            evaluation_keys = concrete_side.as_sent(form, made)
            keys = KeySet(parameters, concrete_side.secrets_in(parameters.specification, theirs))
        for seed in range(REPORTS):
            name = f"{by} {seed}"
            if name in kept["distance"]:
                continue
            arrays = report(parameters.plan, seed)
            values = encrypted(by, keys, theirs, arrays, parameters)
            found = keys.decrypt(engine.run(evaluation_keys, [values]))
            kept["distance"][name] = distance(parameters.plan, arrays, found)
            write_whole(out, (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())
    ours, others = ([kept["distance"][f"{by} {seed}"] for seed in range(REPORTS)] for by in MAKERS)
    kept["p_value"] = p_value([one - other for one, other in zip(ours, others, strict=True)])
    write_whole(out, (json.dumps(kept, indent=1, sort_keys=True) + "\n").encode())
    assert kept["p_value"] >= LEAST_P


@pytest.mark.parametrize(("differences", "p"), [([1.0] * 10, 2 / 1024), ([1.0, -1.0] * 5, 1.0)])
def test_the_test_tells_a_difference(differences: list[float], p: float) -> None:
    """One maker who is always farther is noticed, chance is not."""
    assert p_value(differences) == pytest.approx(p)
