"""The texts that benches type: people's messages, prose that every Python ships, texts to train peers on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.evaluation.messages import Word, corrected, read_messages, typed_words
from quietkeys.evaluation.writer import Writer
from quietkeys.text.tokens import is_correctable, normalize
from quietkeys_bench.common.misspellings import NOTHING, Misspellings
from quietkeys_bench.common.prose import prose_of_python

SUFFIXES: Final = (".txt", ".txt.gz")
FEWEST_WORDS: Final = 100  # of a person; with fewer there is nothing to measure
HELD_BACK: Final = "wikitext"  # texts for perplexity alone, by the beginning of their names
CONTEXT_WORDS: Final = 20
LONG: Final = 12  # letters of the words whose last key is in the budget
ORDINARY: Final = 300  # words of any length


def kind_of(name: str) -> str:
    """Return what kind of typing a person of this name does."""
    return name.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Person:
    """A person's file, a message a line; the kind is what stands before the first underscore of the name."""

    name: str
    path: Path

    @property
    def kind(self) -> str:
        """What kind of typing this is."""
        return kind_of(self.name)

    def chance(self, *uses: int) -> Generator:
        """Return the chance that this person has for a seed and a use, the same in every run."""
        return np.random.default_rng([*uses, *self.name.encode()])

    def messages(self, misspellings: Misspellings = NOTHING) -> list[str]:
        """Return the messages as they were meant, as far as lists of misspellings tell. Raises OSError."""
        return corrected(read_messages(self.path), misspellings.corrections)

    def words(self, misspellings: Misspellings = NOTHING) -> list[Word]:
        """Return all words in time order, as meant. Raises OSError, ValueError if there are too few.

        A word of which a list knows several corrections is not scored.
        """
        words = _words(self, misspellings)
        if len(words) < FEWEST_WORDS:
            raise ValueError(f"{self.name} has {len(words)} words; at least {FEWEST_WORDS} are needed")
        return list(words)


@lru_cache(maxsize=1)  # seeds and rates of a person come one after the other
def _words(person: Person, misspellings: Misspellings) -> tuple[Word, ...]:
    return tuple(typed_words(person.messages(misspellings), misspellings.corrections))


@dataclass(frozen=True, slots=True)
class Hand:
    """How people type. rate: share of letters wrong. misspellings: what they misspell."""

    seed: int
    rate: float
    misspellings: Misspellings = NOTHING

    def writes(self, person: Person) -> tuple[Writer, list[Word]]:
        """Return a person as a simulated writer, and the person's words with what is misspelled in them.

        Raises as `Person.words`.
        """
        writer = Writer.named(person.name, self.seed, self.rate)
        return writer, writer.spelled(person.words(self.misspellings), self.misspellings.typos)


def find_people(folder: Path) -> list[Person]:
    """Return everybody in a folder, by name. Raises OSError; ValueError if there is nobody."""
    people = [Person(path.name.removesuffix(".gz").removesuffix(".txt"), path) for path in _texts(folder)]
    if not people:
        raise ValueError("there is no .txt or .txt.gz file in the folder")
    return people


def spread(people: Sequence[Person], limit: int) -> list[Person]:
    """Return the first `limit` people, taken from every kind in turn (0: everybody), by name."""
    by_kind = sorted(people, key=lambda person: (person.kind, person.name))
    rows = zip_longest(*(list(group) for _, group in groupby(by_kind, key=lambda person: person.kind)))
    in_turn = [person for row in rows for person in row if person is not None]
    return sorted(in_turn[: limit or None], key=lambda person: person.name)


def training_texts(folder: Path) -> list[Path]:
    """Return the texts of a folder that a peer may be trained on, by name.

    Raises OSError; ValueError if there is none.
    """
    paths = [path for path in _texts(folder) if not path.name.startswith(HELD_BACK)]
    if not paths:
        raise ValueError("there is no .txt or .txt.gz file to train on")
    return paths


def _texts(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name.endswith(SUFFIXES) and path.is_file()]


@dataclass(frozen=True, slots=True)
class Typing:
    """A word and the CONTEXT_WORDS words before it."""

    context: str
    word: str

    def line(self) -> str:
        """Return it as a line: context, tab, word."""
        return f"{self.context}\t{self.word}"


def ordinary(most: int = ORDINARY) -> list[Typing]:
    """Return words in the order of the text, of any length up to LONG."""
    return [one for one in _typings() if len(one.word) <= LONG][:most]


def long_words() -> list[Typing]:
    """Return every word of LONG letters once as it is and once with its sixth and seventh letters swapped."""
    found = {one.word: one for one in _typings() if len(one.word) == LONG}
    return [typing for one in found.values() for typing in (one, Typing(one.context, slipped(one.word)))]


def slipped(word: str) -> str:
    """Return a word with two neighbouring letters in its middle swapped."""
    middle = len(word) // 2
    return word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]


def _typings() -> list[Typing]:
    tokens = [token for sentence in prose_of_python() for token in sentence.split()]
    return [
        Typing(" ".join(tokens[place - CONTEXT_WORDS : place]) + " ", word)
        for place in range(CONTEXT_WORDS, len(tokens))
        if is_correctable(word := normalize(tokens[place]))
    ]
