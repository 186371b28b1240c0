"""For tests of apps: a no-op cipher, a trainer in memory, a simulated typist. Never used by the product."""

from __future__ import annotations

from quietkeys.testing.fakes import NoopCipher
from quietkeys.testing.trainer import InMemoryTrainer
from quietkeys.testing.typist import Typist, typist_for

__all__ = ["InMemoryTrainer", "NoopCipher", "Typist", "typist_for"]
