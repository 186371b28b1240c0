"""What a node of a Ray cluster runs: one block of one job, its strangers' bytes in a child of the task.

A task has neither database nor blob store nor their credentials: bytes come in, bytes go out. Circuits are
compiled on the node that runs them, once, and kept in a folder of the user that Ray runs as.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys_protocol.errors import QuietkeysError
from quietkeys_protocol.plan import Plan
from quietkeys_trainer.circuit import Engine, EngineFailed, EngineLoader

CIRCUITS: Final = "QUIETKEYS_TRAINER_CIRCUITS"  # the variable that names another folder than the usual


def run_block(
    load: EngineLoader,
    canonical: bytes,
    position: int,
    keys: NDArray[np.uint8],
    values: Sequence[Sequence[bytes]],
) -> list[bytes] | None:
    """The encrypted new weights of one block; None where it does not run on these bytes.

    `keys` are evaluation keys as they lie in the node's object store.
    """
    try:
        return _engine(load, canonical).run_block(position, keys.tobytes(), values)
    except (EngineFailed, QuietkeysError):
        return None


@cache
def _engine(load: EngineLoader, canonical: bytes) -> Engine:
    return load(Plan.parse(canonical), circuits_folder())


def circuits_folder() -> Path:
    """Where this node keeps circuits, which are code: a folder that nobody else can write to."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get(CIRCUITS) or cache_home / "quietkeys-trainer" / "circuits")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
        raise EngineFailed("others can write to the folder of circuits")
    return folder
