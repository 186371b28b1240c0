"""What the latency bench types: words of the prose that every Python ships, with the words before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quietkeys.demo.text import prose_of_python
from quietkeys.text.tokens import is_correctable, normalize

CONTEXT_WORDS: Final = 20
LONG: Final = 12  # letters of the words whose last key is in the budget
ORDINARY: Final = 300  # words of any length


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
    return [one for one in _all(prose_of_python()) if len(one.word) <= LONG][:most]


def long_words() -> list[Typing]:
    """Return every word of LONG letters once as it is and once with its sixth and seventh letters swapped."""
    found = {one.word: one for one in _all(prose_of_python()) if len(one.word) == LONG}
    return [typing for one in found.values() for typing in (one, Typing(one.context, slipped(one.word)))]


def slipped(word: str) -> str:
    """Return a word with two neighbouring letters in its middle swapped."""
    middle = len(word) // 2
    return word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]


def _all(sentences: Sequence[str]) -> list[Typing]:
    tokens = [token for sentence in sentences for token in sentence.split()]
    return [
        Typing(" ".join(tokens[place - CONTEXT_WORDS : place]) + " ", word)
        for place in range(CONTEXT_WORDS, len(tokens))
        if is_correctable(word := normalize(tokens[place]))
    ]
