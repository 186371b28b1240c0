"""One side of the bench of a round: a plan, keys for it, and jobs, told a line of JSON each on its input.

It is run by its path, with the packages of the revision that is measured before all others, so it asks
nothing of them that has changed since the one that it is compared with: plan or "" for the shipped one and a
folder first, then the number of threads of each job. It answers a line of JSON to each.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.cipher import Parameters, ProcessCipher
from quietkeys_protocol.containers import REPORT_OVERHEAD, UPDATE_OVERHEAD, VALUE_OVERHEAD
from quietkeys_protocol.plan import Plan, Quantity
from quietkeys_trainer.engine.local import compile_engine


def main() -> None:
    """Measure what is asked for until the input ends."""
    told = json.loads(sys.stdin.readline())
    folder = Path(told["folder"])
    canonical = Path(told["plan"]).read_bytes() if told["plan"] else shipped_bundle()["plan.json"]
    plan = Plan.parse(canonical)
    engine = compile_engine(plan, folder / "circuits")
    parameters = Parameters.of(plan, engine.specification.canonical)
    with ProcessCipher(folder / "keys", parameters) as cipher:
        cipher.generate_keys()
        cipher.write_evaluation_keys(folder / "evaluation-keys")
        values = cipher.encrypt(list(_arrays(plan)))
    keys = (folder / "evaluation-keys").read_bytes()
    (folder / "specification.json").write_bytes(engine.specification.canonical)
    _say(
        {
            "plan": plan.hash,
            "p_error": plan.p_error,
            "look_ups": plan.look_ups,
            "keys_bytes": len(keys),
            "report_bytes": REPORT_OVERHEAD + sum(VALUE_OVERHEAD + len(value) for value in values),
            "update_bytes": UPDATE_OVERHEAD
            + sum(VALUE_OVERHEAD + frame.size for frame in parameters.frames.update),
        }
    )
    for line in sys.stdin:
        _say(_job(engine, keys, values, int(line)))


def _arrays(plan: Plan) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Yield a report of somebody whose every event is a little in doubt."""
    draw = np.random.default_rng(0)
    for field in plan.report_fields:
        if field.quantity is Quantity.STRENGTH:
            yield draw.integers(0, field.high + 1, field.size, np.int64)
        else:
            yield np.zeros(field.size, np.int64)


def _job(engine: Any, keys: bytes, values: list[bytes], threads: int) -> dict[str, object]:
    """Return what a job took that was started afresh, and one after it, where a child can do two."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # what a child of an engine that is not told otherwise has
    again = None
    begin, used = time.perf_counter(), _children_s()
    if hasattr(engine, "keyed"):
        with engine.keyed(keys, 1) as keyed:
            run = keyed.measure([values], threads=threads)
            seconds = time.perf_counter() - begin
            again = keyed.measure([values], threads=threads)
    else:
        run = engine.measure(keys, [values])
        seconds = time.perf_counter() - begin
    spent = _children_s() - used
    return {
        "seconds": seconds,
        "cpu_seconds": spent - (again.cpu_seconds if again else 0.0),
        "again_seconds": again.seconds if again else None,
        "again_cpu_seconds": again.cpu_seconds if again else None,
        "peak_rss_bytes": run.peak_rss_bytes,
    }


def _children_s() -> float:
    """Return the processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _say(tree: dict[str, object]) -> None:
    print(json.dumps(tree), flush=True)


if __name__ == "__main__":
    main()
