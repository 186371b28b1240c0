"""Judges one piece of typing: its candidates, their scores, and what a kept candidate counts for.

This is the typing path: onnxruntime, numpy and rapidfuzz, and nothing that knows about encryption.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from quietkeys.bundle.language_model import Context
from quietkeys.keyboard.alignment import MAX_WORD
from quietkeys.keyboard.layout import Layout
from quietkeys.keyboard.touch_model import TouchModel
from quietkeys.learning.contested_mass import Choice, log_sum_exp, softmax
from quietkeys.prediction.event_map import FEATURES, EventMap, Floats
from quietkeys.prediction.levels import CERTAINTY, Level, decided
from quietkeys.prediction.model import Model
from quietkeys.prediction.scorer import Adapter, Scorer
from quietkeys.prediction.slate import UNKNOWN, Slate, SlateMaker
from quietkeys.profile.memory import Memory
from quietkeys.text.tokens import is_correctable
from quietkeys_protocol.plan import Plan

_LANGUAGE: Final = FEATURES.index("language")
_PERSONAL: Final = FEATURES.index("personal")
KEPT_CANDIDATES: Final = 12  # of a slate that a choice keeps, the most probable ones


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """The candidates of one piece with their probabilities [K] under the adapter in use.

    settled: what was typed is left alone whatever the probabilities (an own word, an offensive one, what
    belongs to a known word).
    log_mass: log of the sum of the candidates' odds before they were made to sum to one, nats.
    """

    slate: Slate
    probability: Floats
    features: Floats
    settled: bool
    log_mass: float

    def output(self, level: Level = Level.NORMAL) -> str:
        """Return what stands there after the word has ended."""
        return self.slate.words[self.decided(self.probability, CERTAINTY[level])]

    def decided(self, probability: Floats, certainty: float = CERTAINTY[Level.NORMAL]) -> int:
        """Return the candidate that is put in place under these probabilities [K], for this certainty."""
        return self.slate.literal if self.settled else decided(probability, self.slate.literal, certainty)

    def without(self, words: Collection[str]) -> Judged:
        """Return the judgement as if these words were no candidates, except for what was typed."""
        literal, known = self.slate.literal, self.slate.words
        dropped = [k for k, word in enumerate(known) if k != literal and word in words]
        if not dropped:
            return self
        probability = self.probability.copy()
        probability[dropped] = 0.0
        return replace(self, probability=probability / probability.sum())

    def ranked(self) -> list[tuple[str, float]]:
        """Return (word, probability), likeliest first."""
        order = np.argsort(-self.probability, kind="stable")
        return [(self.slate.words[k], float(self.probability[k])) for k in order]


class Predictor:
    """The bundle's model with one user's local memory and touches."""

    def __init__(self, model: Model, memory: Memory | None = None) -> None:
        """memory: the user's, an empty one if None."""
        self.memory = Memory() if memory is None else memory
        self.memory.lexicon = model.search.lexicon.index
        self.model = model
        self.touch = TouchModel(self.layout)
        self.maker = SlateMaker(model.search, model.language, self.memory, self.touch)

    @property
    def layout(self) -> Layout:
        """What is typed on."""
        return self.model.search.channel.layout

    @property
    def plan(self) -> Plan:
        """The plan that the bundle's adapter follows."""
        return self.model.plan

    @property
    def events(self) -> EventMap:
        """The public event types of the plan."""
        return self.model.events

    @property
    def scorer(self) -> Scorer:
        """The graph that scores slates."""
        return self.model.scorer

    def judge(
        self, context: Context, piece: str, adapter: Adapter, touches: Floats | None = None
    ) -> Judged | None:
        """Return the judgement of a lower-case piece, or None where it is left alone.

        touches: [T, 2] of `touch.known_touches`, None if there are none.
        """
        if not is_correctable(piece) or len(piece) > MAX_WORD:
            return None
        slate = self.maker.make(context, piece, touches)
        scores = self.scorer.score(slate, adapter)
        settled = self._is_settled(piece)
        return Judged(slate, softmax(scores.score), scores.features, settled, log_sum_exp(scores.score))

    def log_probability(self, context: Context, word: str) -> float:
        """Return log P(word | context), nats, of a lower-case piece.

        Local memory is mixed in, the adapter has no part. A word outside the lexicon counts with its
        spelling. Raises ValueError for what is no piece.
        """
        if not is_correctable(word) or len(word) > MAX_WORD:
            raise ValueError("not a lower-case run of at most MAX_WORD letters and inner apostrophes")
        scores = self.scorer.score(self.maker.alone(context, word), self.scorer.no_adapter())
        return float(scores.features[0, _LANGUAGE] + scores.features[0, _PERSONAL])

    def log_spelling(self, word: str) -> float:
        """Return log P(spelling), nats, of a piece under the bundle's character model of unknown words."""
        slate = replace(
            self.maker.alone((), word),
            ids=np.array([UNKNOWN], np.int64),
            language=np.zeros(1, np.float32),
            personal=np.zeros(1, np.float32),
            base_share=1.0,
        )
        return float(self.scorer.score(slate, self.scorer.no_adapter()).features[0, _LANGUAGE])

    def choice(self, judged: Judged, kept: str) -> Choice | None:
        """Return the kept word as numbers, or None if it was not among the candidates."""
        position = judged.slate.position(kept)
        if position < 0:
            return None
        base = judged.features @ self.events.base_weights
        base[[position, judged.slate.literal]] = np.inf  # both always stay
        rows = np.argsort(-base, kind="stable")[:KEPT_CANDIDATES]
        operations, touched = judged.slate.operations[rows], judged.slate.touch_events[rows]
        edit_events = np.where(operations > 0, self.events.event_of_edit[operations], -1)
        touch_events = np.where(touched >= 0, self.events.first_touch_event + touched, -1)
        return Choice(
            features=judged.features[rows],
            edit_events=np.concatenate([edit_events, touch_events], axis=1),
            buckets=self.events.bucket(judged.slate.ids[rows]),
            kept=int(np.flatnonzero(rows == position)[0]),
            literal=int(np.flatnonzero(rows == judged.slate.literal)[0]),
        )

    def _is_settled(self, piece: str) -> bool:
        lexicon = self.model.search.lexicon
        if piece in lexicon.index:
            return lexicon.is_offensive(piece)
        owner, mark, _ = piece.partition("'s")
        owned = mark and piece.endswith(mark) and owner in lexicon.index
        return bool(owned) or piece in self.memory.own_words
