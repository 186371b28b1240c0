"""What the bench of a service sends: a plan, key sets, and reports that were really encrypted under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.bundle.bundle import Bundle
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.synthetic_plan import Shape, synthetic_plan, synthetic_report
from quietkeys_protocol.containers import Report, decode_update, encode_report
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference
from quietkeys_protocol.specification import Specification, parse_specification
from quietkeys_trainer.engine.local import compile_engine

# Some 64 look-ups a job; as much noise adds up in its ranker-like matrix as in the shipped plan's, since
# that is what the compiler sizes keys by.
LOAD: Final = Shape(
    events=16, weights=4, z_bits=13, strength_max=255, stability=1.6, steps=4, planes=1, reach=2
)
ALIKE: Final = 0.01  # keys' dimensions and sizes may differ by so much from the shipped plan's
TRIED: Final = 8  # made-up people for each report that is made
REPORTS: Final = 4  # of each key set; devices that share a key set send these in turn

_FILE_KEY: Final = bytes(32)  # keys of a bench hide nobody's typing


@dataclass(frozen=True, slots=True)
class Sent:
    """A key set, and report containers encrypted under it, with what their weights must become."""

    keys: Path
    key_id: str
    reports: tuple[Path, ...]
    expected: tuple[tuple[Int64, ...], ...]

    def tree(self) -> dict[str, Any]:
        """Return what a child is told."""
        return {
            "keys": str(self.keys),
            "key_id": self.key_id,
            "reports": [str(path) for path in self.reports],
        }


@dataclass(slots=True)
class Load:
    """A plan with its parameters, and the key sets made for it in `folder`."""

    parameters: Parameters
    folder: Path
    sets: list[Sent]

    def relative_error(self, updates: Mapping[str, bytes]) -> float:
        """Return the largest error of decrypted updates against the reference, in relative L2 over z.

        updates: containers by "number of the key set/number of the report".
        """
        errors = []
        for name, container in updates.items():
            which, report = map(int, name.split("/"))
            with ProcessCipher(self.folder / f"secret{which}", self.parameters, file_key=_FILE_KEY) as cipher:
                found = cipher.decrypt(decode_update(container).ciphertexts)
            expected = self.sets[which].expected[report]
            for block, weights, right in zip(self.parameters.plan.blocks, found, expected, strict=True):
                z, z_right = block.A @ weights, block.A @ right
                errors.append(float(np.linalg.norm(z - z_right) / max(1.0, float(np.linalg.norm(z_right)))))
        return max(errors)


def load_parameters(bundle: Bundle, folder: Path) -> Parameters:
    """Return the parameters of the small plan, compiled in `folder`.

    Raises DemoFailed unless its keys are as those of the shipped plan: the same ring and levels, and within
    ALIKE the same size.
    """
    plan = synthetic_plan(LOAD, bundle="load", sources=1)
    engine = compile_engine(plan, folder)
    shipped = parse_specification(bundle["client_specification.json"])
    if not _alike(engine.specification, shipped):
        raise DemoFailed("The small plan's keys are not like the shipped plan's.", "Use --plan shipped.")
    return Parameters.of(plan, engine.specification.canonical)


def shipped_parameters(bundle: Bundle) -> Parameters:
    """Return the parameters of the shipped plan."""
    return Parameters.of(Plan.parse(bundle["plan.json"]), bundle["client_specification.json"])


def make_load(parameters: Parameters, key_sets: int, folder: Path) -> Load:
    """Generate key sets and encrypt reports of made-up people under each."""
    load = Load(parameters, folder, [])
    for which in range(key_sets):
        with ProcessCipher(folder / f"secret{which}", parameters, file_key=_FILE_KEY) as cipher:
            cipher.generate_keys()
            keys = folder / f"keys{which}"
            key_id = cipher.write_evaluation_keys(keys)
            paths, expected = [], []
            for number in range(REPORTS):
                arrays, right = _person(parameters.plan, REPORTS * which + number)
                container = encode_report(
                    Report(
                        plan_hash=bytes.fromhex(cipher.plan_hash()),
                        key_id=bytes.fromhex(key_id),
                        source=0,
                        sources=1,
                        sequence=1,
                        ciphertexts=tuple(cipher.encrypt(arrays)),
                    )
                )
                path = folder / f"report{which}-{number}"
                path.write_bytes(container)
                paths.append(path)
                expected.append(right)
            load.sets.append(Sent(keys, key_id, tuple(paths), tuple(expected)))
    return load


def _person(plan: Plan, number: int) -> tuple[list[Int64], tuple[Int64, ...]]:
    """Return the arrays of a made-up person's report, and the weights that training makes of them.

    Of each block those of the one among TRIED whose z is largest: beside small weights rounding is large, and
    would be taken for an update of somebody else.
    """
    arrays: list[Int64] = []
    right = []
    for block in plan.blocks:
        tried = []
        for seed in range(TRIED * number, TRIED * (number + 1)):
            whole = [array[0] for array in synthetic_report(block, seed)]
            weights, _ = reference(block, *whole)
            tried.append((float(np.abs(block.A @ weights).max()), whole, weights))
        _, whole, weights = max(tried, key=lambda one: one[0])
        arrays += whole
        right.append(weights)
    return arrays, tuple(right)


def _alike(one: Specification, other: Specification) -> bool:
    """Return whether evaluation keys of two specifications cost about the same to send, keep and use."""
    ((ours,), (theirs,)) = one.bootstrap_keys, other.bootstrap_keys
    ring = (ours.levels, ours.base_log, ours.glwe_dimension, ours.polynomial_size)
    if ring != (theirs.levels, theirs.base_log, theirs.glwe_dimension, theirs.polynomial_size):
        return False
    return abs(ours.input_dimension / theirs.input_dimension - 1.0) <= ALIKE
