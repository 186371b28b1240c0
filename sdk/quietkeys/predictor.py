"""Judges one piece of typing: its candidates, their scores, and what a kept candidate counts for.

This is the typing path: onnxruntime, numpy and rapidfuzz, and nothing that knows about encryption.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.alignment import MAX_WORD
from quietkeys.bundle import Bundle
from quietkeys.candidates import Vocabulary
from quietkeys.counting import Choice, softmax
from quietkeys.events import EventMap, Floats, parse_event_map
from quietkeys.memory import Memory
from quietkeys.scorer import Adapter, Scorer
from quietkeys.slate import LexiconSearch, Slate, SlateMaker
from quietkeys.tokens import is_correctable
from quietkeys_protocol.plan import Plan

KEPT_CANDIDATES: Final = 12  # of a slate that a choice keeps, the most probable ones


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """The candidates of one piece with their probabilities [K] under the adapter in use."""

    slate: Slate
    probability: Floats
    features: Floats

    @property
    def best(self) -> str:
        """The likeliest candidate."""
        return self.slate.words[int(self.probability.argmax())]

    def ranked(self) -> list[tuple[str, float]]:
        """Return (word, probability), likeliest first."""
        order = np.argsort(-self.probability, kind="stable")
        return [(self.slate.words[k], float(self.probability[k])) for k in order]


@dataclass(frozen=True, slots=True)
class Model:
    """What a bundle gives to the typing path; the same for everybody."""

    search: LexiconSearch
    plan: Plan
    events: EventMap
    scorer: Scorer


def load_model(bundle: Bundle) -> Model:
    """Return the model in a verified bundle; Untrusted if its parts do not fit together."""
    frequency = np.load(io.BytesIO(bundle["log_frequency.npy"]), allow_pickle=False).astype(np.float32)
    channel = np.load(io.BytesIO(bundle["channel.npy"]), allow_pickle=False).astype(np.float64)
    words = bundle["lexicon.txt"].decode("ascii").splitlines()
    vocabulary = Vocabulary.build(words, frequency)
    return Model(
        search=LexiconSearch(vocabulary, channel),
        plan=Plan.parse(bundle["plan.json"]),
        events=parse_event_map(bundle["events.json"]),
        scorer=Scorer(bundle["model.onnx"], vocabulary.index),
    )


class Predictor:
    """The bundle's model with one user's local memory."""

    def __init__(self, model: Model, memory: Memory | None = None) -> None:
        """memory: the user's, an empty one if None."""
        self.memory = Memory() if memory is None else memory
        self.memory.lexicon = model.search.vocabulary.index
        self.plan = model.plan
        self.events = model.events
        self.scorer = model.scorer
        self._maker = SlateMaker(model.search, self.memory)

    def judge(self, context: tuple[str, str], piece: str, adapter: Adapter) -> Judged | None:
        """Return the judgement of a lower-case piece, or None where it is left alone."""
        if not is_correctable(piece) or len(piece) > MAX_WORD:
            return None
        slate = self._maker.make(context, piece)
        scores = self.scorer.score(context, slate, adapter)
        return Judged(slate, softmax(scores.score), scores.features)

    def choice(self, judged: Judged, kept: str) -> Choice | None:
        """Return the kept word as numbers, or None if it was not among the candidates."""
        position = judged.slate.position(kept)
        if position < 0:
            return None
        base = judged.features @ self.events.base_weights
        base[[position, judged.slate.literal]] = np.inf  # both always stay
        rows = np.argsort(-base, kind="stable")[:KEPT_CANDIDATES]
        edit_events = self.events.event_of_edit[judged.slate.operations[rows]]
        return Choice(
            features=judged.features[rows],
            edit_events=np.where(judged.slate.operations[rows] > 0, edit_events, -1),
            buckets=self.events.bucket(judged.slate.ids[rows]),
            kept=int(np.flatnonzero(rows == position)[0]),
            literal=int(np.flatnonzero(rows == judged.slate.literal)[0]),
        )
