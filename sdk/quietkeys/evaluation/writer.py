"""A simulated writer: hands that slip, words that they cannot spell, and what they notice.

Whatever is left to chance is a function of the writer, the seed and the place of the word in the writer's
text. So all keyboards that are compared see the same slips and misspellings, and the same words are noticed
on each: what differs is what the keyboards did.

Spelling: a writer has a share of words, uniform in MISSPELT, that come out misspelled. They are drawn from
the words that have known misspellings, at most CAP of the occurrences of any one (in expectation: of a word
written once, with that probability). With probability HABIT a writer misspells a word always alike, else each
time in any of its ways.

What autocorrect leaves wrong is noticed and put right with probability SEES_SPELLING if the spelling was
wrong, whether a finger slipped too or not, else with SEES_SLIP; otherwise it is kept as it stands.

A hostile writer keeps, of a share of the words, some other candidate on purpose: any of them, evenly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.evaluation.messages import Word
from quietkeys.testing.typist import Hands, Typist, draw_hands

MISSPELT: Final = (0.005, 0.025)  # of all words
CAP: Final = 0.3  # of the occurrences of one word
HABIT: Final = 0.5
SEES_SLIP: Final = 0.8
SEES_SPELLING: Final = 0.3
_HANDS, _SLIPS, _SEES, _SHARE, _WHICH, _CAPS, _TYPO, _SPOILS = range(8)  # what chance is drawn for

Misspellings = Mapping[str, Sequence[str]]  # by correct word, in lower case


@dataclass(frozen=True, slots=True)
class Writer:
    """One simulated person. rate: share of letters wrong before decoding, 0..0.3.

    hostile: share of pieces of which something else is kept on purpose.
    """

    name: str
    seed: int
    rate: float
    hands: Hands
    hostile: float = 0.0

    @classmethod
    def named(cls, name: str, seed: int, rate: float) -> Writer:
        """Return the writer of a name: equal arguments give equal hands, and equal chance."""
        return cls(name, seed, rate, draw_hands(_chance(name, seed, _HANDS)))

    def typist(self, word: Word) -> Typist:
        """Return the hands as they come to a word."""
        return Typist(self.hands, self.rate, _chance(self.name, self.seed, _SLIPS, word.number))

    def notices(self, word: Word) -> bool:
        """Return whether the writer would notice, and put right, that a word came out wrong."""
        share = SEES_SPELLING if word.misspelt else SEES_SLIP
        return bool(_chance(self.name, self.seed, _SEES, word.number).random() < share)

    def kept(self, word: Word, place: int, honest: str, others: Sequence[str]) -> str:
        """Return what the writer keeps of a word's piece at a place: what is honest, or one of the others."""
        if not self.hostile or not others:
            return honest
        chance = _chance(self.name, self.seed, _SPOILS, word.number, place)
        return others[int(chance.integers(len(others)))] if chance.random() < self.hostile else honest

    def spelled(self, words: Sequence[Word], misspellings: Misspellings) -> list[Word]:
        """Return all words of the writer as the writer spells them: some have got another `spelling`."""
        places = [place for place, word in enumerate(words) if word.text in misspellings]
        wrong = _drawn(self, words, places)
        return [
            replace(word, spelling=self._typo(word, misspellings[word.text])) if place in wrong else word
            for place, word in enumerate(words)
        ]

    def _typo(self, word: Word, typos: Sequence[str]) -> str:
        of_word = _chance(self.name, self.seed, _TYPO, *word.text.encode())
        always, habit = of_word.random() < HABIT, int(of_word.integers(len(typos)))
        once = int(_chance(self.name, self.seed, _TYPO, 0, word.number).integers(len(typos)))
        return typos[habit if always else once]

    def share(self) -> float:
        """Return the share of words that this writer cannot spell."""
        return float(_chance(self.name, self.seed, _SHARE).uniform(*MISSPELT))


def _drawn(writer: Writer, words: Sequence[Word], places: Sequence[int]) -> set[int]:
    # The places of the words that come out misspelled.
    wanted = round(writer.share() * len(words))
    times = Counter(words[place].text for place in places)
    left = {
        text: int(CAP * count + _chance(writer.name, writer.seed, _CAPS, *text.encode()).random())
        for text, count in times.items()
    }
    drawn: set[int] = set()
    order = _chance(writer.name, writer.seed, _WHICH).random(len(words))
    for place in sorted(places, key=lambda one: float(order[one])):
        text = words[place].text
        if len(drawn) == wanted:
            break
        if left[text] > 0:
            left[text] -= 1
            drawn.add(place)
    return drawn


def _chance(name: str, seed: int, use: int, *which: int) -> Generator:
    return np.random.default_rng([seed, use, len(which), *which, *name.encode()])
