"""Where a job's seconds go, from what workers write to their log: starting, keys, look-ups, and idling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quietkeys_protocol.plan import Plan

Line = Mapping[str, Any]


def account_of(lines: Sequence[Line], plan: Plan, workers: int, seconds: float) -> dict[str, float] | None:
    """Return the mean processor seconds of a job by what they were for; None where no job was run here.

    lines: of a trainer's log. seconds: on the clock, for which `workers` were there and jobs to do.

    `making` is what the first block of a child's first job took beyond what its look-ups take in the others:
    what Concrete makes of keys at their first use. `idle` is the share of workers' time without a job.
    """
    jobs = [line for line in lines if line.get("event") == "circuit_done"]
    done = [line for line in lines if line.get("event") == "job_done"]
    if not jobs:
        return None
    making = [_making(job, plan) for job in jobs]
    blocks = [sum(map(float, job["block_seconds"])) for job in jobs]
    start, keys, cpu = (
        sum(float(job[name]) for job in jobs) for name in ("start_seconds", "keys_seconds", "cpu_seconds")
    )
    count = len(jobs)
    busy = sum(float(line["seconds"]) for line in done)
    return {
        "jobs": count,
        "kept": sum(not job["start_seconds"] for job in jobs),
        "threads": sum(float(job["threads"]) for job in jobs) / count,
        "start_s": start / count,
        "keys_s": keys / count,
        "making_s": sum(making) / count,
        "look_ups_s": (sum(blocks) - sum(making)) / count,
        "rest_s": (cpu - start - keys - sum(blocks)) / count,
        "cpu_s": cpu / count,
        "clock_s": sum(float(job["seconds"]) for job in jobs) / count,
        "idle": max(0.0, 1.0 - busy / (workers * seconds)),
    }


def _making(job: Line, plan: Plan) -> float:
    """Return what a job's first block took beyond its look-ups, by what those of the others took."""
    first, *others = [float(seconds) for seconds in job["block_seconds"]]
    look_ups = [block.look_ups for block in plan.blocks]
    if not job["start_seconds"] or len(others) != len(look_ups) - 1 or not others:
        return 0.0
    return max(0.0, first - sum(others) * look_ups[0] / sum(look_ups[1:]))
