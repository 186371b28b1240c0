"""Time and chance, as values that a test replaces."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Environment:
    """Time and chance: Unix seconds, sleeping, a number in 0..1 for jitter, 32 fresh hex digits."""

    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    jitter: Callable[[], float] = random.SystemRandom().random
    nonce: Callable[[], str] = lambda: secrets.token_hex(16)
