"""What a round of quietkeys and a batch of Concrete ML cost: run encrypted, each in its own processes."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys.demo.failing import DemoFailed
from quietkeys.demo.trainer_process import trainer_process
from quietkeys.evaluation.oracles import on_counts
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys.sync.keys.upload import upload_keys
from quietkeys.updates.report import encode
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.training import Reports
from quietkeys_bench.concrete_ml.task import Task, agreement, make_task
from quietkeys_bench.concrete_ml.theirs import Answer, Request, answer_to
from quietkeys_protocol.program import reference
from quietkeys_protocol.specification import canonical_specification

OURS: Final = "quietkeys"
DEFAULT: Final = "Concrete ML, as shipped"
STRICT: Final = "Concrete ML, 2^-40"
STRICT_P_ERROR: Final = 2.0**-40  # what our plans have
MEASURED: Final = "measured"
_CLEAR_TIMES: Final = 5  # the fastest counts, as a millisecond is easily disturbed
_CIRCUIT: Final = "state/circuits/*/1/program_info.concrete.params.json"


def solved(task: Task) -> tuple[Float64, float]:
    """Return z [M] of the optimum in floating point, and the processor's seconds for it, all in one place."""
    times = []
    for _ in range(_CLEAR_TIMES):
        begun = time.process_time()
        adapter = on_counts(task.plan, {task.block.name: task.masses()})
        times.append(time.process_time() - begun)
    z: Float64 = task.A.astype(np.float64) @ adapter.weights[task.block.name].astype(np.float64)
    return z, min(times)


def of_ours(seed: int) -> Figures:
    """Train one report through a trainer that is started for it; return the price of a round.

    Seconds are those of the circuit as the trainer's log has them: reading keys and report and coding the
    strengths included, and in processor time also the start of the process.
    """
    task = make_task(seed)
    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as private,
        trainer_process(Path(private) / "trainer", task.plan, None) as trainer,
    ):
        url = trainer.wait_until_ready()
        (circuit,) = trainer.folder.glob(_CIRCUIT)
        parameters = Parameters.of(task.plan, canonical_specification(circuit.read_bytes()))
        report = encode(task.block, task.masses())
        with ProcessCipher(Path(private) / "keys", parameters) as cipher:
            cipher.generate_keys()
            keys = Path(private) / "evaluation-keys"
            key_id = cipher.write_evaluation_keys(keys)
            client = TrainerClient(Identity.generate(), RequestsTransport(url))
            client.enrol()
            upload_keys(client, keys, key_id)
            reports = Reports(task.plan, cipher, client, key_id)
            weights = reports.train({task.block.name: report})[task.block.name]
        logged = _logged(trainer.folder / "log")
    expected, _ = reference(task.block, report.strength, report.gradient)
    frames = parameters.frames
    return {
        "name": OURS,
        "how": MEASURED,
        "p_error": task.plan.p_error,
        "unit": "round",
        "measured": 1,
        "samples": len(task.trained.types),
        "seconds": float(logged["seconds"]),
        "cpu_seconds": float(logged["cpu_seconds"]),
        "bootstraps": task.plan.look_ups,
        "complexity": None,
        "key_bytes": frames.keys.size,
        "upload_bytes": sum(frame.size for frame in frames.report),
        "download_bytes": sum(frame.size for frame in frames.update),
        "peak_rss_bytes": int(logged["peak_rss_bytes"]),
        "against_clear": agreement(*(task.A @ u * task.block.z_unit for u in (weights, expected))),
    }


def of_theirs(seed: int, batches: int, p_error: float | None = None) -> Figures:
    """Run batches encrypted; return the price of one, their mean. p_error: None for the library's own.

    Upload is of a batch; the weights to start from are sent once besides and cost as little. Memory is the
    most of a process that compiled, made the keys and ran the batches. Raises ChildFailed.
    """
    answer = answer_to(Request([seed], batches, p_error, execute=True))
    task = make_task(seed)
    return _priced(DEFAULT if p_error is None else STRICT, MEASURED, answer) | {
        "measured": batches,
        "seconds": answer["seconds"] / batches,
        "cpu_seconds": answer["cpu_seconds"] / batches,
        "key_bytes": answer["key_bytes"],
        "upload_bytes": answer["upload_bytes"] // batches,
        "download_bytes": answer["download_bytes"],
        "peak_rss_bytes": answer["peak_rss_bytes"],
        "against_clear": agreement(*(task.A @ np.array(answer[kind]) for kind in ("encrypted", "clear"))),
    }


def estimated(seed: int, default: Figures, why: str = "") -> Figures:
    """Return the price of a batch at 2^-40 that was not run: what the compiler expects, over the default's.

    why: there is no measurement, if one was tried. Raises ChildFailed.
    """
    answer = answer_to(Request([seed], 0, STRICT_P_ERROR))
    more = answer["complexity"] / default["complexity"]
    keys = answer["uncompressed_key_bytes"] / 1e9
    how = f"{why}; " if why else ""
    how += f"not run: the compiler expects {more:.1f} times a batch as shipped, and {keys:.1f} GB of keys"
    return _priced(STRICT, f"{how} before compression", answer) | {
        "measured": 0,
        "seconds": None,
        "cpu_seconds": more * default["cpu_seconds"],
        "key_bytes": None,
        "upload_bytes": None,
        "download_bytes": None,
        "peak_rss_bytes": None,
        "against_clear": None,
    }


def _priced(name: str, how: str, answer: Answer) -> Figures:
    return {
        "name": name,
        "how": how,
        "p_error": answer["p_error"],
        "unit": "batch",
        "samples": answer["batch"],
        "bootstraps": answer["bootstraps"],
        "complexity": answer["complexity"],
    }


def _logged(log: Path) -> dict[str, Any]:
    # Of the one circuit that the trainer ran.
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and said.get("event") == "circuit_done":
                return said
    raise DemoFailed("The trainer's log does not mention a circuit.", "Run the bench again.")
