"""What the model makes of one typed word, and what is put in its place when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.bundle.lexicon import UNKNOWN, Lexicon
from quietkeys.bundle.phrases import loses_negation
from quietkeys.prediction.events import FEATURES, Choice, EventMap
from quietkeys.prediction.levels import CERTAINTY, COMMON, FEW_LETTERS, Level, decided, meant, rivals, surely

if TYPE_CHECKING:
    from quietkeys.prediction.predictor import Slate

_LANGUAGE: Final = FEATURES.index("language")
_LITERAL_NEW: Final = FEATURES.index("literal_new")


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """The candidates of one piece with their probabilities [K] under the adapter in use.

    settled: what was typed is left alone whatever the probabilities (an own word, an offensive one, what
    belongs to a known word).
    log_mass: log of the sum of the candidates' odds before they were made to sum to one, nats.
    literal_event: what the literal is.
    lexicon: the bundle's.
    """

    slate: Slate
    probability: Float64
    features: Float64
    settled: bool
    log_mass: float
    literal_event: int
    lexicon: Lexicon

    def output(self, level: Level = Level.NORMAL) -> str:
        """Return what stands there after the word has ended."""
        return self.slate.words[self.decided(self.probability, CERTAINTY[level])]

    def wary_output(self, level: Level) -> str:
        """Return what stands there if it looks as if what was typed may be a word that no lexicon has."""
        return self.slate.words[self._decided(self.probability, CERTAINTY[level], self._common)]

    def decided(self, probability: Float64, certainty: float = CERTAINTY[Level.NORMAL]) -> int:
        """Return the candidate that is put in place under these probabilities [K], for this certainty."""
        return self._decided(probability, certainty, self._common_here if self._is_short else None)

    def decisive(self, events: EventMap, choice: Choice) -> Choice | None:
        """Return a choice among these candidates as it is decided, None if no score decides it.

        What the rule for short words adds to an unknown literal is in no score. A choice without it says that
        such literals are meant oftener than the model holds; an update would then say so a second time.
        """
        if self.settled:
            return None
        if not self._is_short or self.slate.ids[self.slate.literal] != UNKNOWN or len(self.slate.words) < 2:
            return choice
        others = self.probability.copy()
        others[self.slate.literal] = -1.0
        added = math.log(self._meant() / rivals(self._common_here(int(others.argmax()))))
        features = choice.features.copy()
        features[choice.literal, _LITERAL_NEW] += added / events.base_weights[_LITERAL_NEW]
        return replace(choice, features=features)

    @property
    def _is_short(self) -> bool:
        return 1 < len(self.slate.typed) <= FEW_LETTERS

    def _meant(self) -> float:
        literal = self.slate.literal
        log_spelling = float(self.features[literal, _LANGUAGE] - self.slate.language[literal])
        return meant(log_spelling, len(self.slate.typed))

    def _decided(self, probability: Float64, certainty: float, common: Callable[[int], float] | None) -> int:
        # common: how common a candidate is, nats, where what was typed may be a word that no lexicon has.
        slate, literal = self.slate, self.slate.literal
        best = decided(probability, literal, certainty)
        if self.settled or best == literal or loses_negation(self.lexicon, slate.typed, slate.words[best]):
            return literal
        if common is None or slate.ids[literal] != UNKNOWN:
            return best
        others = rivals(common(best))
        sure = surely(probability, literal, best, certainty, self._meant(), others)
        return best if sure else literal

    def _common(self, place: int) -> float:
        # Words of the user's own are common with this user.
        own = self.slate.ids[place] == UNKNOWN
        return COMMON if own else self.lexicon.log_frequency(self.slate.words[place])

    def _common_here(self, place: int) -> float:
        # A word that is rare elsewhere may be what everybody writes after the words before.
        return max(self._common(place), float(self.slate.language[place]))

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
