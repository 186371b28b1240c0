"""Health records that stay at home: `python examples/clinic.py`, with the extras sgd and trainer.

A small practice has 60 records of four measurements and whether a tumour was malignant (scikit-learn's breast
cancer data). A trainer, which is started here, learns from them and cannot read them.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

from quietkeys import Trainer
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.sgd import Examples, Feature, Learner, SgdParameters, SgdPlan

RANGES = {"worst radius": (8.0, 28.0), "worst texture": (12.0, 42.0)}  # public: what such measurements may be
RANGES |= {"worst smoothness": (0.08, 0.19), "worst concave points": (0.0, 0.26)}
PLAN = SgdPlan(
    bundle="clinic",
    features=tuple(Feature(name.replace(" ", "_"), a, b) for name, (a, b) in RANGES.items()),
    batch=4,
    batches=6,
    weight_limit=2.0,
    learning_rate=2.0,
    bits=4,
    rounding_bits=4,
)
STATEMENT = "60 encrypted records go to a trainer that cannot read them."


def published(folder: Path) -> SgdParameters:
    """Compile the plan, as its owner does once; return what the practice's app ships."""
    (folder / "plan").write_bytes(PLAN.canonical)
    command = [sys.executable, "-m", "quietkeys_trainer", "plan", "publish", str(folder / "plan")]
    command += ["--plans", str(folder / "plans"), "--client", str(folder / "client")]
    circuits = {"QUIETKEYS_TRAINER_CIRCUITS": str(folder / "trainer" / "state" / "circuits")}
    done = subprocess.run(command, env=os.environ | circuits, check=True, capture_output=True, text=True)
    return SgdParameters.of(PLAN.canonical, (folder / "client").read_bytes(), done.stdout.split()[1])


def main(folder: Path, seed: int) -> None:
    """Print what one round is worth."""
    data = load_breast_cancer()
    columns = [list(data.feature_names).index(name) for name in RANGES]
    order = np.random.default_rng(seed).permutation(len(data.target))
    records = Examples(data.data[order][:, columns], (data.target[order] == 0).astype(np.int64))
    mine, others = records.at(np.arange(60)), records.at(np.arange(60, len(records)))
    print("compiling the plan ...")
    parameters = published(folder)
    with (
        trainer_process(folder / "trainer", PLAN, parameters.specification.hash) as trainer,
        Learner.open(folder / "device", parameters, Trainer(trainer.wait_until_ready())) as learner,
    ):
        before = np.mean((learner.predict(others.values) > 0.5) == others.labels)
        learner.agree(STATEMENT)
        trained = learner.train(mine, lambda step: print(f"{step} ..."))
        after = np.mean((learner.predict(others.values) > 0.5) == others.labels)
        learner.forget()
    print(trained.reason)
    print(f"{len(others)} records of others: {before:.1%} right before, {after:.1%} after")
    for kind, size in trained.bytes_sent.items():
        print(f"sent: {size:,} bytes of {kind}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else 0)
