"""The rows of `quietkeys bench peer`: the same task trained in the clear, by quietkeys, by Concrete ML."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
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
from quietkeys_bench.common.processes import ChildFailed, ask
from quietkeys_bench.common.training import Reports
from quietkeys_bench.concrete_ml.task import PARAMETERS_RANGE, SAMPLES, Task, agreement
from quietkeys_protocol.program import reference
from quietkeys_protocol.specification import canonical_specification

OURS: Final = "quietkeys"
_CLEAR_TIMES: Final = 5  # the fastest counts, as a millisecond is easily disturbed
_CIRCUIT: Final = "state/circuits/*/1/program_info.concrete.params.json"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Times:
    """Of a training: on the clock, which a busy machine stretches, and of the processor."""

    seconds: float
    cpu_seconds: float


def train_in_the_clear(task: Task) -> tuple[Float64, Row]:
    """Return the optimum's z [M], and the row of finding it as one device could, were it alone.

    All of Newton's method counts as one step, to the optimum.
    """
    times = []
    for _ in range(_CLEAR_TIMES):
        start, cpu_start = time.perf_counter(), time.process_time()
        adapter = on_counts(task.plan, {task.block.name: task.masses})
        times.append(Times(time.perf_counter() - start, time.process_time() - cpu_start))
    z: Float64 = task.A.astype(np.float64) @ adapter.weights[task.block.name].astype(np.float64)
    row = _row(
        "in the clear",
        p_error=0.0,
        steps=1,
        samples_per_step=SAMPLES,
        times=min(times, key=lambda t: t.cpu_seconds),
    )
    return z, row | _learnt(task, z, z, z)


def train_ours(task: Task, optimum: Float64) -> Row:
    """Train one report through a trainer that is started for it; return our row.

    Seconds are those of the circuit as the trainer's log has them: reading keys and report and coding the
    strengths included, and in processor time also the start of the process.
    """
    with (
        tempfile.TemporaryDirectory(prefix="quietkeys-bench-") as private,
        trainer_process(Path(private) / "trainer", task.plan, None) as trainer,
    ):
        url = trainer.wait_until_ready()
        (circuit,) = trainer.folder.glob(_CIRCUIT)
        parameters = Parameters.of(task.plan, canonical_specification(circuit.read_bytes()))
        report = encode(task.block, task.masses)
        with ProcessCipher(Path(private) / "keys", parameters) as cipher:
            cipher.generate_keys()
            keys = Path(private) / "evaluation-keys"
            key_id = cipher.write_evaluation_keys(keys)
            client = TrainerClient(Identity.generate(), RequestsTransport(url))
            client.enrol()
            upload_keys(client, keys, key_id)
            reports = Reports(task.plan, cipher, client, key_id)
            weights = reports.train({task.block.name: report})[task.block.name]
        times = _logged(trainer.folder / "log")
    expected, _ = reference(task.block, report.strength, report.gradient)
    z, z_expected = (task.A @ u * task.block.z_unit for u in (weights, expected))
    row = _row(OURS, task.plan.p_error, task.block.steps, SAMPLES, times)
    frames = parameters.frames
    return (
        row
        | {
            "bootstraps_per_step": task.plan.look_ups / task.block.steps,
            "key_bytes": frames.keys.size,
            "upload_bytes": sum(frame.size for frame in frames.report),
            "download_bytes": sum(frame.size for frame in frames.update),
        }
        | _learnt(task, z, z_expected, optimum)
    )


@dataclass(frozen=True, slots=True)
class Request:
    """One training by Concrete ML. p_error: None for its default. limit_s: for all of it, compiling too."""

    seed: int
    steps: int
    p_error: float | None = None
    limit_s: float | None = None
    execute: bool = True

    def tree(self, task: Task) -> dict[str, object]:
        """Return what the child is asked."""
        return {
            "X": task.A[task.types].tolist(),
            "y": task.labels.tolist(),
            "seed": self.seed,
            "steps": self.steps,
            "p_error": self.p_error,
            "parameters_range": PARAMETERS_RANGE,
            "execute": self.execute,
        }


def answer_to(request: Request, task: Task) -> dict[str, Any]:
    """Ask Concrete ML's process; return what it answers. Raises ChildFailed."""
    asked = json.dumps(request.tree(task))
    answer: dict[str, Any] = ask(["-m", "quietkeys_bench.concrete_ml.child"], asked, request.limit_s)
    return answer


def estimate(task: Task, request: Request, default: Row) -> Row:
    """Return a row that was not run: what the compiler expects a step to cost, over the default's."""
    answer = answer_to(replace(request, execute=False, limit_s=None), task)
    more = answer["complexity"] / default["complexity"]
    keys = answer["uncompressed_key_bytes"] / 1e9
    why = (
        f"not run: the compiler expects a step to cost {more:.1f} times one at the default error probability"
    )
    why += f", and {keys:.1f} GB of keys before compression"
    return _missing("Concrete ML, 2^-40", answer["p_error"], request.steps, why)


def train_theirs(task: Task, optimum: Float64, request: Request) -> Row:
    """Return a row of Concrete ML, or why there is none."""
    name = "Concrete ML, default" if request.p_error is None else "Concrete ML, 2^-40"
    try:
        answer = answer_to(request, task)
    except ChildFailed as error:
        why = (
            f"not done within {request.limit_s:.0f} s"
            if error.status is None
            else f"its process ended with status {error.status}"
        )
        return _missing(name, request.p_error, request.steps, why)
    z, z_clear = (task.A @ np.array(answer[kind]) for kind in ("encrypted", "clear"))
    times = Times(answer["seconds"], answer["cpu_seconds"])
    row = _row(name, answer["p_error"], request.steps, answer["batch"], times)
    sent = {kind: answer[kind] for kind in ("key_bytes", "upload_bytes", "download_bytes")}
    steps = {"bootstraps_per_step": answer["bootstraps"], "complexity": answer["complexity"]}
    return row | sent | steps | _learnt(task, z, z_clear, optimum)


def _row(name: str, p_error: float, steps: int, samples_per_step: int, times: Times) -> Row:
    return {
        "name": name,
        "not_measured": None,
        "p_error": p_error,
        "steps": steps,
        "samples_per_step": samples_per_step,
        "seconds": times.seconds,
        "cpu_seconds": times.cpu_seconds,
        "cpu_seconds_per_step": times.cpu_seconds / steps,
        "cpu_seconds_per_sample_seen": times.cpu_seconds / (steps * samples_per_step),
        "bootstraps_per_step": 0,
        "complexity": None,
        "key_bytes": 0,
        "upload_bytes": 0,
        "download_bytes": 0,
    }


def _missing(name: str, p_error: float | None, steps: int, why: str) -> Row:
    return {"name": name, "not_measured": why, "p_error": p_error, "steps": steps}


def _logged(log: Path) -> Times:
    # Of the one circuit that the trainer ran.
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and said.get("event") == "circuit_done":
                return Times(float(said["seconds"]), float(said["cpu_seconds"]))
    raise DemoFailed("The trainer's log does not mention a circuit.", "Run the bench again.")


def _learnt(task: Task, z: Float64, z_clear: Float64, optimum: Float64) -> dict[str, object]:
    # How good it is, how close to the same steps in the clear, and how close to where training leads.
    return {
        "log_loss": round(task.log_loss(z), 4),
        "against_clear_run": agreement(z, z_clear),
        "against_optimum": agreement(z, optimum),
    }
