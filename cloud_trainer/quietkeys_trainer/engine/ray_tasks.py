"""What a node of a Ray cluster runs: one block of one job, its strangers' bytes in a child of the task.

A task has neither database nor blob store nor their credentials: bytes come in, bytes go out. Circuits are
compiled on the node that runs them, once, and kept in a folder of the user that Ray runs as.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from quietkeys_protocol.arrays import UInt8
from quietkeys_protocol.recipes import parse_plan
from quietkeys_trainer.engine.circuit_cache import circuits_folder
from quietkeys_trainer.engine.interface import Engine, EngineFailed, EngineLoader


class OddNodeError(Exception):
    """This node compiles a plan into something else than the worker that sent the task."""


def run_block(
    load: EngineLoader,
    canonical: bytes,
    specification_sha256: str,
    position: int,
    keys: UInt8,
    values: Sequence[Sequence[bytes]],
) -> list[bytes] | None:
    """Return the encrypted new weights of one block; None where it does not run on these bytes.

    `keys` are evaluation keys as they lie in the node's object store. What is not the bytes' fault is raised.
    """
    engine = _engine(load, canonical)
    if engine.client_specification_sha256 != specification_sha256:
        raise OddNodeError
    try:
        return engine.run_block(position, keys.tobytes(), values)
    except EngineFailed:
        return None


@cache
def _engine(load: EngineLoader, canonical: bytes) -> Engine:
    folder = circuits_folder()
    return load(parse_plan(canonical), folder, [folder])
