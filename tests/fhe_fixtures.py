"""One small plan, compiled once per run, and one key set for it: what all tests that encrypt share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys_protocol.plan import Block, Plan
from quietkeys_trainer.engine.local import CompiledEngine, load_engine

# Two tiny blocks at the error probability, precisions and hence the parameters of a shipped plan.
_STAIRCASE: Final = (-105, -75, -45, -15, 15, 45, 75, 105)


def small_block(name: str, matrix: tuple[tuple[int, ...], ...]) -> Block:
    """A block of a few events, two planes and three steps, with a field of 12 bits."""
    table = tuple(value // 3 for value in _STAIRCASE)
    return Block(
        name=name,
        events=tuple(f"event {m}" for m in range(len(matrix))),
        matrix=matrix,
        z_bits=12,
        z_top_bits=3,
        plane_tables=tuple(tuple(s * 3 // 15 >> p & 1 for s in range(16)) for p in range(2)),
        step_tables=((0,) * 8 + table, (0,) * 8 + tuple(2 * value for value in table)),
        steps=3,
        strength_max=15,
        gradient_limit=2000,
        weight_limit=2000,
        z_unit=0.002,
    )


FILE_KEY: Final = bytes(32)  # what key files of tests are sealed under
SMALL_PLAN: Final = Plan(
    bundle="small",
    blocks=(
        small_block("first", ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0))),
        small_block("second", ((1, 0), (0, 1))),
    ),
    sources=2,
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The small plan's engine, and what a device is shipped of it.

    Everything native runs in children, here as in the product: Concrete in the process of the tests has
    brought it down in tests that had nothing to do with it.
    """

    engine: CompiledEngine
    parameters: Parameters


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def compiled(made_once: Once) -> Compiled:
    """The small plan, compiled for one source."""
    engine = load_engine(SMALL_PLAN, made_once("circuits", lambda folder: load_engine(SMALL_PLAN, folder)))
    return Compiled(engine, Parameters.of(SMALL_PLAN, engine.specification.canonical))


@pytest.fixture(scope="session")
def key_folder(made_once: Once, compiled: Compiled) -> Path:
    """A folder with the run's one key set; tests do not change it."""

    def make(folder: Path) -> None:
        with ProcessCipher(folder, compiled.parameters, file_key=FILE_KEY) as cipher:
            cipher.generate_keys()

    return made_once("keys", make)


@pytest.fixture(scope="session")
def cipher(key_folder: Path, compiled: Compiled) -> Iterator[ProcessCipher]:
    """The device's cipher, in its process, with the run's key set."""
    with ProcessCipher(key_folder, compiled.parameters, file_key=FILE_KEY) as cipher:
        yield cipher
