"""For tests of apps: a no-op cipher, a trainer in memory, a simulated typist. Never used by the product.

trainer = InMemoryTrainer(Plan.parse(shipped_bundle()["plan.json"]))
keyboard = open_profile("profile", trainer=Trainer("https://t.test"), transport=trainer, cipher=NoopCipher)
"""

from __future__ import annotations

from quietkeys.environment import Environment
from quietkeys.testing.fakes import NoopCipher
from quietkeys.testing.profiles import open_profile, suggest_without_update
from quietkeys.testing.trainer import InMemoryTrainer
from quietkeys.testing.typist import Typist, typist_for

__all__ = [
    "Environment",
    "InMemoryTrainer",
    "NoopCipher",
    "Typist",
    "open_profile",
    "suggest_without_update",
    "typist_for",
]
