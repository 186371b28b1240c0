"""The person in the demo: text typed by simulated hands into a profile, and what is tested afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys.api.typing_model import TypingModel
from quietkeys.environment import Environment
from quietkeys.evaluation.ladder import Learner
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.typing_runs import Progress, learn
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.events import Choice
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.folder import DATABASE, Profile
from quietkeys.profile.memory import Memory
from quietkeys.profile.store import Pending, Store
from quietkeys.testing.typist import Typist, typist_for

NAME: Final = "demo"
RATE: Final = 0.08  # share of letters wrong before decoding, phones (Azenkot & Zhai 2012)


def demo_typist(seed: int) -> Typist:
    """Return the hands that type in the demo; equal seeds give equal typing."""
    return typist_for(NAME, seed, RATE)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the person types: a profile folder, the bundle folder, who may sign bundles."""

    profile: Path
    bundle: Path
    trusted_keys: Sequence[bytes]


def type_into(
    desk: Desk, model: Model, words: Sequence[Word], typist: Typist, seed: int, progress: Progress
) -> Learner:
    """Type words into a profile, recording them as the SDK does; return what it knows now.

    The profile is closed again; the learner goes on reading from it. Raises as `Personalizer.open` and
    `record`.
    """
    rng = np.random.default_rng([seed, 7, *NAME.encode()])  # repairs, held-out events
    environment = Environment(rng=rng)
    profile, _ = Profile.open(
        desk.profile,
        lambda store: TypingModel.load(store, desk.bundle, desk.trusted_keys, environment),
        environment.clock(),
    )
    choices: list[Choice] = []
    try:
        predictor = Predictor(model, Memory())
        recorder = Recorder(predictor, profile.store, rng, choices.append)
        learn(predictor, recorder, words, typist, rng, progress)
    finally:
        profile.close()
    store = Store.open(desk.profile / DATABASE, profile.vault.key)
    memory = predictor.memory
    memory.kept_before = Pending(store, memory.lexicon, memory.own_words).keeps
    return Learner(model, predictor, recorder, store, choices)
