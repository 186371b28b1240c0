"""Two words in what was typed as one: "ofthe", or "thankbyou" where a key above the space bar was hit."""

from __future__ import annotations

from typing import Final

from quietkeys.bundle.lexicon import Lexicon

MOST: Final = 4  # phrases that are weighed for one typed word
_SHORTEST: Final = 3  # letters
_SINGLE: Final = frozenset("ai")  # letters that are words
_RAREST: Final = -12.5  # nats; log-frequency of the rarer word, below which a split is hardly meant
_NEAR_SPACE: Final = frozenset("xcvbnm")  # keys above the space bar


def phrases(lexicon: Lexicon, typed: str) -> list[str]:
    """Return the likeliest pairs of words that `typed` could be, at most MOST, as "first second"."""
    if len(typed) < _SHORTEST:
        return []
    found: dict[str, float] = {}
    for cut in range(1, len(typed)):
        for second in (typed[cut:], typed[cut + 1 :] if typed[cut] in _NEAR_SPACE else ""):
            chance = _word(lexicon, typed[:cut]) + _word(lexicon, second)
            if chance > -1e9:
                found[f"{typed[:cut]} {second}"] = chance
    return sorted(found, key=found.__getitem__, reverse=True)[:MOST]


def _word(lexicon: Lexicon, word: str) -> float:
    if len(word) == 1 and word not in _SINGLE:
        return -1e10
    identity = lexicon.index.get(word)
    if identity is None or lexicon.tables.offensive[identity]:
        return -1e10
    frequency = float(lexicon.tables.log_frequency[identity])
    return frequency if frequency >= _RAREST else -1e10
