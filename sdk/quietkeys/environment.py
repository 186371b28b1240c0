"""Time and chance, as values that a test replaces."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.random import Generator

_NONCE: Final = partial(secrets.token_hex, 16)  # bytes


@dataclass(frozen=True, slots=True)
class Environment:
    """Time and chance: what a device takes from its surroundings.

    clock: Unix seconds. monotonic: seconds of a clock that never goes back. sleep: waits so many seconds.
    jitter: a number in 0..1 for pauses between tries. nonce: 32 fresh hex digits. rng: draws what is kept
    aside to judge updates by, and rounds a report's shares; no secret comes from it.
    """

    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = random.SystemRandom().random
    nonce: Callable[[], str] = _NONCE
    rng: Generator = field(default_factory=np.random.default_rng)
