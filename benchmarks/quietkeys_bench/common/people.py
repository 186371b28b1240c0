"""The people whose text is typed: files of one message a line, in time order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Final

from quietkeys.evaluation.messages import Word, read_messages, typed_words

_SUFFIXES: Final = (".txt", ".txt.gz")
FEWEST_WORDS: Final = 100  # with fewer there is nothing to measure


@dataclass(frozen=True, slots=True)
class Person:
    """A person's file; the kind is what stands before the first underscore of the name."""

    name: str
    path: Path

    @property
    def kind(self) -> str:
        """What kind of typing this is."""
        return self.name.partition("_")[0]

    def words(self) -> list[Word]:
        """Return all words in time order. Raises OSError, ValueError if there are too few."""
        words = typed_words(read_messages(self.path))
        if len(words) < FEWEST_WORDS:
            raise ValueError(f"{self.name} has {len(words)} words; at least {FEWEST_WORDS} are needed")
        return words


def find_people(folder: Path) -> list[Person]:
    """Return everybody in a folder, by name. Raises OSError; ValueError if there is nobody."""
    people = []
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), None)
        if suffix and path.is_file():
            people.append(Person(path.name.removesuffix(suffix), path))
    if not people:
        raise ValueError("there is no .txt or .txt.gz file in the folder")
    return people


def spread(people: Sequence[Person], limit: int) -> list[Person]:
    """Return the first `limit` people, taken from every kind in turn (0: everybody), by name."""
    by_kind = sorted(people, key=lambda person: (person.kind, person.name))
    rows = zip_longest(*(list(group) for _, group in groupby(by_kind, key=lambda person: person.kind)))
    in_turn = [person for row in rows for person in row if person is not None]
    return sorted(in_turn[: limit or None], key=lambda person: person.name)
