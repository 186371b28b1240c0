"""The person in the demo: text typed by simulated hands into a profile, and what is tested afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.api.typing_model import TypingModel
from quietkeys.environment import Environment
from quietkeys.evaluation.ladder import Collected, Learner
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.typing_runs import Progress, learn
from quietkeys.evaluation.writer import Writer
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.folder import DATABASE, Profile
from quietkeys.profile.memory import Memory
from quietkeys.profile.store import Store

NAME: Final = "demo"
RATE: Final = 0.08  # share of letters wrong before decoding, phones (Azenkot & Zhai 2012)


def demo_writer(seed: int) -> Writer:
    """Return who types in the demo; equal seeds give equal typing."""
    return Writer.named(NAME, seed, RATE)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the person types: a profile folder, the bundle folder, who may sign bundles."""

    profile: Path
    bundle: Path
    trusted_keys: Sequence[bytes]


def type_into(desk: Desk, model: Model, words: Sequence[Word], writer: Writer, progress: Progress) -> Learner:
    """Type words into a profile, recording them as the SDK does; return what it knows now.

    The profile is closed again; the learner goes on with a copy of it in memory. Raises as
    `Personalizer.open` and `record`.
    """
    rng = np.random.default_rng([writer.seed, 7, *NAME.encode()])  # held-out events
    environment = Environment(rng=rng)
    profile, _ = Profile.open(
        desk.profile,
        lambda store: TypingModel.load(store, desk.bundle, desk.trusted_keys, environment),
        environment.clock(),
    )
    collected, predictor = Collected(), Predictor(model, Memory())
    try:
        recorder = Recorder(predictor, profile.store, rng, collected.add)
        keyboard = learn(predictor, recorder, words, writer, progress)
    finally:
        profile.close()
    store = Store.copied(desk.profile / DATABASE, profile.vault.key)
    opened = replace(keyboard, recorder=Recorder(predictor, store, rng))
    return Learner(model, opened, store, collected)
