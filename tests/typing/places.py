"""Places of a text for tests of local memory: a base model of few words, and states of three numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from quietkeys.arrays import Float32, Float64, Int64
from quietkeys.profile.memory import Memory, Trace
from quietkeys.profile.mixture import BUCKETS, BaseModel, Place

WORDS: Final = ("a", "b", "c", "dd")  # of the lexicon, by id
OUTSIDE: Final = 0.2  # probability of words outside the lexicon
EXPECTED: Final = np.array([0.4, 0.2, 0.15, 0.05], np.float32)


def known(prior: float = 0.1) -> Memory:
    """Return an empty memory of a lexicon of WORDS."""
    memory, ids = Memory(), {word: place for place, word in enumerate(WORDS)}
    memory.use(ids, lambda _: 0, BaseModel(lambda word: ids.get(word, -1), EXPECTED, (prior,) * BUCKETS))
    return memory


def chances_at(seed: int) -> Float64:
    """Return what the base model makes of WORDS at a place; with OUTSIDE they sum to one."""
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(WORDS)))
    result: Float64 = shares * (1.0 - OUTSIDE)
    return result


def direction_at(seed: int) -> Float32:
    """Return the direction of the network's state at a place."""
    vector = np.random.default_rng([seed, 1]).normal(size=3) + 1.0
    result: Float32 = (vector / np.linalg.norm(vector)).astype(np.float32)
    return result


def place_in(memory: Memory, before: str, previous: str, seed: int = 0) -> Place:
    """Return what memory says after two words, where the base model and the network are as `seed` says."""

    def chances(ids: Int64) -> Float64:
        found: Float64 = chances_at(seed)[ids]
        return found

    return memory.place(before, previous, direction_at(seed), chances)


def type_word(memory: Memory, before: str, previous: str, word: str, seed: int = 0) -> Trace:
    """Learn a word that was typed there, with how it was foretold."""
    base = chances_at(seed)[WORDS.index(word)] if word in WORDS else OUTSIDE / 26.0
    evidence = place_in(memory, before, previous, seed).evidence(word, float(np.log(base)))
    return memory.learn(before, previous, word, None, evidence, direction_at(seed))


def type_text(memory: Memory, text: list[str], first: int = 0) -> list[Trace]:
    """Learn the words of a text in order; `first` numbers its places."""
    framed = ["", "", *text]
    return [
        type_word(memory, framed[place], framed[place + 1], word, first + place)
        for place, word in enumerate(text)
    ]
