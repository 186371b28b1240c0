"""A simulated typist: touch noise on the keys with person-to-person differences.

Sources: touch offset and spread per person from Zhu et al. (CHI 2018); the shares of substitution,
omission, insertion and transposition from Dhakal et al. (2018, 136M keystrokes): 42, 36, 17, 5 %.
Each person has a mean touch offset ~ N((-0.10, +0.15), 0.08) and a spread uniform in
0.20..0.27 x 0.17..0.20, in key widths and heights. One global scale on all touch deviations makes the
share of letters that go wrong (all four kinds together) equal the stated rate over the population.
No other personal habit is invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Float64
from quietkeys.keyboard.layout import CHARACTERS, LETTERS, QWERTY, Layout
from quietkeys.keyboard.touch_statistics import MEAN_OFFSET as MEAN_OFFSET
from quietkeys.keyboard.touch_statistics import OFFSET_DEVIATION as OFFSET_DEVIATION
from quietkeys.keyboard.touch_statistics import SPREAD_X as SPREAD_X
from quietkeys.keyboard.touch_statistics import SPREAD_Y as SPREAD_Y

SUBSTITUTION_SHARE: Final = 0.42
OMISSION_SHARE: Final = 0.36
INSERTION_SHARE: Final = 0.17
TRANSPOSITION_SHARE: Final = 0.05
# Relative letter frequencies of English (per mille, a..z), to average over keys.
_ENGLISH: Final = np.array(
    [82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1],
    dtype=np.float64,
)
_OUTPUT: Final = (*CHARACTERS, ".")  # by character class
_Hit = tuple[str, tuple[float, float] | None]  # a character and where it was touched


@dataclass(frozen=True, slots=True)
class Hands:
    """One person's touches: offset and spread as (x, y) in key widths and heights."""

    offset: tuple[float, float]
    spread: tuple[float, float]


def draw_hands(rng: Generator) -> Hands:
    """Return the hands of a random person."""
    offset = np.array(MEAN_OFFSET) + OFFSET_DEVIATION * rng.standard_normal(2)
    spread_x, spread_y = rng.uniform(*SPREAD_X), rng.uniform(*SPREAD_Y)
    return Hands((float(offset[0]), float(offset[1])), (float(spread_x), float(spread_y)))


@lru_cache(maxsize=8)
def touch_scale(rate: float, touches: int = 60_000, layout: Layout = QWERTY) -> float:
    """Return the scale on touch deviations at which `rate` of all letters go wrong.

    rate: share of letters wrong, 0..0.3, all kinds together, averaged over the population and over
    English letters. Found by bisection on a fixed sample of touches (seed 0), on one layout.
    Raises ValueError outside that range.
    """
    if not 0.0 <= rate <= 0.3:
        raise ValueError(f"the share of wrong letters must lie in 0..0.3, not {rate}")
    rng = np.random.default_rng(0)
    letters = rng.choice(26, size=touches, p=_ENGLISH / _ENGLISH.sum())
    offsets = np.array(MEAN_OFFSET) + OFFSET_DEVIATION * rng.standard_normal((touches, 2))
    spreads = np.stack([rng.uniform(*SPREAD_X, touches), rng.uniform(*SPREAD_Y, touches)], axis=1)
    deviations = offsets + spreads * rng.standard_normal((touches, 2))
    target = SUBSTITUTION_SHARE * rate
    low, high = 0.0, 4.0
    for _ in range(24):
        middle = (low + high) / 2
        hits = layout.nearest_key(layout.centres[letters] + middle * deviations) == letters
        low, high = (middle, high) if 1.0 - hits.mean() < target else (low, middle)
    return (low + high) / 2


@dataclass(slots=True)
class Typist:
    """Types words with errors. `rate`: share of letters wrong over the population, 0..0.3."""

    hands: Hands
    rate: float
    rng: Generator
    layout: Layout = QWERTY

    def type_word(self, word: str) -> str:
        """Return what comes out when this person means to type `word`.

        Only letters a-z go wrong; everything else is typed as is. Case is kept where a letter is hit.
        """
        return self.type_word_touched(word)[0]

    def type_word_touched(self, word: str) -> tuple[str, list[tuple[float, float] | None]]:
        """Return what comes out, as `type_word`, and where each of its characters was touched.

        (x, y) on the layout, key widths and heights; None where nothing was simulated.
        """
        omission = OMISSION_SHARE * self.rate
        insertion = INSERTION_SHARE * self.rate
        transposition = TRANSPOSITION_SHARE * self.rate
        typed: list[_Hit] = []
        position = 0
        while position < len(word):
            letter = word[position]
            following = word[position + 1 : position + 2]
            if letter.lower() not in LETTERS:
                typed.append((letter, None))
                position += 1
                continue
            draw = self.rng.random()
            if draw < omission:
                position += 1
                continue
            swaps = omission <= draw < omission + transposition
            if swaps and following and following.lower() in LETTERS:
                typed += [self._touch(following), self._touch(letter)]
                position += 2
                continue
            typed.append(self._touch(letter))
            if omission + transposition <= draw < omission + transposition + insertion:
                typed.append(self._touch(letter))
            position += 1
        return "".join(character for character, _ in typed), [touch for _, touch in typed]

    def type_words(self, words: Sequence[str]) -> list[str]:
        """Return `type_word` of each word in order."""
        return [self.type_word(word) for word in words]

    def _touch(self, letter: str) -> _Hit:
        index = LETTERS.index(letter.lower())
        deviation = np.array(self.hands.offset) + np.array(self.hands.spread) * self.rng.standard_normal(2)
        scale = (
            touch_scale(self.rate) if self.layout is QWERTY else touch_scale(self.rate, layout=self.layout)
        )
        point: Float64 = self.layout.centres[index] + scale * deviation
        hit = _OUTPUT[int(self.layout.nearest_key(point))]
        return hit.upper() if letter.isupper() else hit, (float(point[0]), float(point[1]))


def typist_for(name: str, seed: int, rate: float) -> Typist:
    """Return the typist of a named person: equal arguments give equal hands and equal errors."""
    rng = np.random.default_rng([seed, *name.encode()])
    return Typist(draw_hands(rng), rate, rng)
