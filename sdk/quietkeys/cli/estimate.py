"""What syncing will cost, before anything runs: bytes exactly, seconds and memory by a look at this machine.

Bytes follow from the plan and the pinned client specification. Seconds scale with how fast this machine does
a Fourier transform of the plan's polynomial size, which is most of what encryption does; the factors below
were measured by `quietkeys bench sync` (benchmarks/results/sync.json). A trainer is taken to be a machine
like this one with a stated number of cores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.cipher.interface import Parameters
from quietkeys_protocol.containers import REPORT_OVERHEAD, UPDATE_OVERHEAD, VALUE_OVERHEAD

LOOK_UP: Final = 1.05  # core seconds of a look-up over those of its transforms: 0.92 and 1.19 on two machines
KEYS_PER_BYTE: Final = 0.004  # core seconds of making keys, per byte of them, over one Fourier transform
KEYS_START: Final = 0.3  # seconds until the encryption process has begun
JOB_START: Final = 2.0  # seconds until a trainer's process has loaded library, keys and report
JOB_KEYS: Final = 1.8  # bytes of a trainer's process per byte of keys, besides what it has anyway
DEVICE_BYTES: Final = 60_000_000  # the encryption process, which makes keys in pieces
TRAINER_BASE_BYTES: Final = 300_000_000  # two threads, and keys kept for the next job; a job alone takes half
_BATCH: Final = 64  # transforms at once
_SECONDS: Final = 0.3  # to look at the machine
_BITS: Final = 8


@dataclass(frozen=True, slots=True)
class Network:
    """Bits per second up and down."""

    up: float = 5e6
    down: float = 20e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sync costs. Bytes are of bodies, each way once; keys go up with the first sync and each new key.

    first_seconds: of the steps of the first sync, by name; later_seconds: of any other, on this network.
    trainer_seconds: of the trainer's work within them. device_memory: peak of the encryption process, bytes,
    which ends with the sync; the app's own process does not grow. trainer_memory: of one job.
    """

    keys_bytes: int
    report_bytes: int
    update_bytes: int
    look_ups: int
    first_seconds: dict[str, float]
    later_seconds: dict[str, float]
    trainer_seconds: float
    device_memory: int
    trainer_memory: int


def transform_seconds(polynomial_size: int, seconds: float = _SECONDS) -> float:
    """Return how long a Fourier transform of a polynomial takes here: the best of what fits in `seconds`."""
    values = np.random.default_rng(0).random((_BATCH, polynomial_size // 2)).astype(np.complex128)
    best, end = float("inf"), time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        np.fft.fft(values)
        best = min(best, time.perf_counter() - begin)
    return best / _BATCH


def estimate(
    parameters: Parameters,
    network: Network,
    trainer_cores: int,
    transform_s: float | None = None,
) -> Estimate:
    """Return what syncs under these parameters cost.

    transform_s: of one transform, measured now if None.
    """
    (bootstrap,) = parameters.specification.bootstrap_keys
    took = transform_seconds(bootstrap.polynomial_size) if transform_s is None else transform_s
    keys, made = parameters.frames.keys.size, parameters.frames.key_form.filled.size
    report = REPORT_OVERHEAD + sum(VALUE_OVERHEAD + frame.size for frame in parameters.frames.report)
    update = UPDATE_OVERHEAD + sum(VALUE_OVERHEAD + frame.size for frame in parameters.frames.update)
    look_ups = parameters.plan.look_ups
    polynomials = bootstrap.glwe_dimension + 1
    transforms = bootstrap.input_dimension * polynomials * (bootstrap.levels + 1)
    trainer_s = JOB_START + LOOK_UP * look_ups * transforms * took / trainer_cores
    later = {
        "encrypt": KEYS_START,
        "send": report * _BITS / network.up,
        "train": trainer_s,
        "fetch": update * _BITS / network.down,
    }
    first = {
        "generate keys": KEYS_START + KEYS_PER_BYTE * made * took,
        "upload keys": keys * _BITS / network.up,
        **later,
        "encrypt": 0.0,
    }
    return Estimate(
        keys_bytes=keys,
        report_bytes=report,
        update_bytes=update,
        look_ups=look_ups,
        first_seconds=first,
        later_seconds=later,
        trainer_seconds=trainer_s,
        device_memory=DEVICE_BYTES,
        trainer_memory=int(TRAINER_BASE_BYTES + JOB_KEYS * made),
    )
