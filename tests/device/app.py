"""An app on a device, with the SDK alone: `python app.py FOLDER WORDS SEED [URL]`.

What the shipped model says of a few contexts, then half a year's first words typed by simulated hands, then,
with the address of a trainer, a whole sync: keys, a report, an update and what the gate made of it. A JSON
goes to standard output. Needs nothing that a base install does not bring.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys import Personalizer, Trainer
from quietkeys.bundle.bundle import SHIPPED, shipped_bundle
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.demo.person import Desk, demo_writer, type_into
from quietkeys.demo.text import words_to_type
from quietkeys.prediction.model import Model, load_model
from quietkeys.sync.schedule import Policy
from quietkeys.testing import open_profile
from quietkeys.text.tokens import Context

WAIT_S: Final = 3600.0  # for the trainer
LIBRARIES: Final = ("numpy", "onnxruntime", "cryptography", "rapidfuzz")
CONTEXTS: Final[tuple[Context, ...]] = (
    (),
    ("how", "are"),
    ("", "thank"),
    ("see", "you", "at", "#", "", "i", "am"),
    ("zyzzo",),
)
TYPED: Final = (("see you ", "tomorow"), ("i ", "dont"), ("thank ", "yuo"), ("", "helo"), ("what ", "tiem"))
STATEMENT: Final = "Encrypted counts of made-up typing go to a trainer on this machine."


def versions() -> dict[str, str | None]:
    """The version of each library, None for one that is not there."""
    found: dict[str, str | None] = dict.fromkeys(LIBRARIES)
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def said_of_contexts(model: Model) -> dict[str, Any]:
    """What the language model says: every tenth log-probability, and the hash of all."""
    chances = [model.language.after(context).log_probability for context in CONTEXTS]
    return {
        "sha256": hashlib.sha256(b"".join(array.tobytes() for array in chances)).hexdigest(),
        "log_probabilities": [round(float(x), 6) for array in chances for x in array[::997]],
    }


def suggested(keyboard: Personalizer) -> list[list[str]]:
    """What the strip shows for words that are typed wrong."""
    return [list(keyboard.suggest(context, typed).strip) for context, typed in TYPED]


def synced(keyboard: Personalizer) -> dict[str, Any]:
    """How one whole sync ended, and what it cost on the wire."""
    keyboard.consent.give(STATEMENT)
    began = time.monotonic()
    result = keyboard.sync(None, WAIT_S)
    return {
        "outcome": result.outcome.value,
        "reason": result.reason,
        "seconds": round(time.monotonic() - began, 1),
        "sent": dict(result.bytes_sent),
        "received": dict(result.bytes_received),
        "adapter_version": keyboard.status().adapter_version,
    }


def main(folder: Path, words: int, seed: int, url: str | None) -> None:
    """Type, sync, and say how it went."""
    model = load_model(shipped_bundle())
    answer: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions(),
        "model": said_of_contexts(model),
    }
    desk = Desk(folder / "profile", SHIPPED / "en", TRUSTED_KEYS)
    began = time.process_time()
    type_into(desk, model, words_to_type(None, words), demo_writer(seed), lambda *_: None).store.close()
    answer["typing_seconds"] = round(time.process_time() - began, 3)  # of the processor
    trainer = None if url is None else Trainer(url)
    with open_profile(desk.profile, trainer=trainer, policy=Policy(minimum_events=0)) as keyboard:
        answer["suggested"] = suggested(keyboard)
        if url is not None:
            answer["sync"] = synced(keyboard)
    answer["heavy_modules"] = sorted(
        {"concrete", "torch", "scipy"} & {name.partition(".")[0] for name in sys.modules}
    )
    assert np.isfinite(answer["model"]["log_probabilities"]).all()
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
