"""A user who writes with a strip of suggestions above the keys, and how often it had the word.

Nothing is mistyped. The user takes a word from the strip as soon as it is there; taking it is one key and
types the space as well. Without suggestions a word costs its letters and the space.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np

from quietkeys.text.tokens import normalize
from quietkeys_bench.nextword.prompts import Prompt

SHOWN: Final = 3  # suggestions in a strip


class Strip(Protocol):
    """What a keyboard shows."""

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return at most three whole words for the one that is typed after a text; typed "": the next one."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over tested words. pressed, unaided: keys of the `typed` ones, with suggestions and without."""

    words: int = 0
    top1: int = 0
    top3: int = 0
    typed: int = 0
    pressed: int = 0
    unaided: int = 0

    def plus(self, other: Tally) -> Self:
        """Return the counts of both."""
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    def figures(self) -> dict[str, object]:
        """Return the JSON form: shares of all words, out of vocabulary or not."""
        return {
            "words": self.words,
            "top1": self.top1 / max(self.words, 1),
            "top3": self.top3 / max(self.words, 1),
            "keystroke_words": self.typed,
            "keystrokes_saved": 1.0 - self.pressed / self.unaided if self.unaided else 0.0,
        }


def try_strip(strip: Strip, tested: Sequence[Prompt], typed: Iterable[int]) -> Tally:
    """Return how a strip does on tested words; those at the places in `typed` are also written with it."""
    top1 = top3 = 0
    for prompt in tested:
        offered = [normalize(word) for word in strip.shown(prompt.context, "")[:SHOWN]]
        top1 += offered[:1] == [prompt.word]
        top3 += prompt.word in offered
    written = [tested[place] for place in typed]
    return Tally(
        len(tested),
        top1,
        top3,
        len(written),
        sum(keys_pressed(strip, prompt) for prompt in written),
        sum(len(prompt.word) + 1 for prompt in written),
    )


def keys_pressed(strip: Strip, prompt: Prompt) -> int:
    """Return the keys that a word and its space cost with a strip."""
    for letters in range(len(prompt.word)):
        offered = strip.shown(prompt.context, prompt.word[:letters])[:SHOWN]
        if prompt.word in map(normalize, offered):
            return letters + 1
    return len(prompt.word) + 1


def chosen_places(count: int, most: int, seed: int) -> list[int]:
    """Return at most `most` places below `count`, at random but in order; the same for equal arguments."""
    places = np.random.default_rng(seed).permutation(count)[:most]
    return sorted(int(place) for place in places)
