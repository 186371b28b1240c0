"""An app's device with Concrete in it, in a process of its own: `python -m tests.sgd_side VERB FOLDER ...`.

Native code stays out of the process of the tests. The examples are made up: two crowds, opposite each other,
so that whichever of them a device draws, and keeps aside, a round leads to weights that tell them apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from quietkeys import Trainer
from quietkeys.remote.http import Transport
from quietkeys.sgd import Examples, Learner, SgdParameters
from quietkeys.sgd.judging import arrays_of
from quietkeys.vault.protection import CallerKey
from quietkeys_protocol.specification import parse_specification
from tests.patience import HANGS_S
from tests.sgd_plans import SMALL_SGD, SPECIFICATION


def ask(verb: str, folder: Path, *more: str) -> Any:
    """What the process answers."""
    command = [sys.executable, "-m", "tests.sgd_side", verb, str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parameters() -> SgdParameters:
    """Those of the small plan."""
    content = SPECIFICATION.read_bytes()
    return SgdParameters.of(SMALL_SGD.canonical, content, parse_specification(content).hash)


def learner(folder: Path, url: str = "http://127.0.0.1:9", transport: Transport | None = None) -> Learner:
    """A device whose vault every process of the tests can open."""
    return Learner.open(folder, parameters(), Trainer(url), CallerKey(bytes(32)), transport)


def examples() -> Examples:
    """120 of them within their ranges, every other one of either crowd."""
    labels = np.arange(120) % 2
    around = np.where(labels[:, None] == 1, (0.8, 1.2), (0.2, -1.2))
    spread = np.random.default_rng(0).uniform(-1.0, 1.0, (len(labels), 2)) * (0.15, 0.6)
    return Examples(around + spread, labels.astype(np.int64))


def batches(seed: int) -> list[Any]:
    """The arrays of a report of two batches, from zero weights."""
    draw = np.random.default_rng(seed)
    chosen = [examples().at(draw.choice(120, SMALL_SGD.batch, replace=False)) for _ in range(2)]
    return arrays_of(SMALL_SGD, chosen, np.zeros(SMALL_SGD.width, dtype=np.int64))


def main(verb: str, folder: Path, more: list[str]) -> object:
    """Do what is asked; return the answer."""
    with learner(folder, *more[:1] if verb == "train" else ()) as device:
        keys = device._keys
        if verb == "keys":
            return keys.ensure()
        if verb == "encrypt":
            return [value.hex() for value in keys.encrypt(batches(int(more[0])))]
        if verb == "decrypt":
            return keys.decrypt([bytes.fromhex(more[0])]).tolist()
        if verb == "train":
            device.agree("Encrypted examples may go to a trainer of this test.")
            trained = asdict(device.train(examples()))
            device.forget()
            return trained | {"gone": not folder.exists()}
        raise ValueError(verb)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])))
