"""People made for training: held-out lines of the texts, given personal words, typed by simulated hands.

The shipped weights of the ranker and the public event types are fitted to them and to nobody else. The
texts hold few words that the lexicon lacks, while real messages hold 2-20 %, so each person replaces some
of their word types by spellings of their own (clipped, vowels dropped, last letter drawn out).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.text.tokens import is_correctable, normalize, words

from .corpora import CORPORA, HELD_OUT_EVERY, NICKNAMED, Corpus, corpus_files, read_lines

OWN_SHARES: Final = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15)  # of the words, in turn
WORDS_EACH: Final = 1_500  # about; longer texts are dealt out to several people
MOST_EACH: Final = 4  # people made from one file
COMMON: Final = 0.01  # types more frequent than this share stay as they are
_ADDRESSEE: Final = re.compile(r"^[\w\-\[\]|`^{}\\]+[:,]\s")


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up typist's messages, in order."""

    name: str
    messages: tuple[str, ...]


def training_people(text: Path, seed: int = 0) -> Iterator[Person]:
    """Yield the people made from the held-out lines of every training text."""
    rng = np.random.default_rng(seed)
    number = 0
    for corpus in CORPORA:
        for path in corpus_files(text, corpus):
            lines = held_out_lines(path, corpus)
            shares = max(1, round(sum(len(line.split()) for line in lines) / WORDS_EACH))
            for part in range(min(shares, MOST_EACH)):
                share = OWN_SHARES[number % len(OWN_SHARES)]
                messages = with_own_words(lines[part::shares], share, rng)
                yield Person(f"{path.name.split('.')[0]}-{part}", tuple(messages))
                number += 1


def held_out_lines(path: Path, corpus: Corpus) -> list[str]:
    """Return the held-out lines of one file of a corpus, chat without the name that a line begins with."""
    return said_lines(read_lines(path)[::HELD_OUT_EVERY], corpus)


def said_lines(lines: list[str], corpus: Corpus) -> list[str]:
    """Return the lines of a corpus that are not empty, chat without the name that a line begins with."""
    lines = [line for line in lines if line.strip()]
    return [_ADDRESSEE.sub("", line) for line in lines] if corpus.name == NICKNAMED else lines


def with_own_words(lines: list[str], share: float, rng: Generator) -> list[str]:
    """Return lines in which about this share of the words are spellings of the person's own."""
    counts = Counter(word for line in lines for word in words(line))
    total = sum(counts.values())
    types = [word for word in counts if len(word) > 2 and is_correctable(word)]
    own: dict[str, str] = {}
    mass = 0
    for position in rng.permutation(len(types)):
        word = types[position]
        if mass >= share * total:
            break
        if counts[word] <= COMMON * total:
            own[word] = _own_spelling(word, rng)
            mass += counts[word]
    return [" ".join(own.get(normalize(token), token) for token in line.split()) for line in lines]


def _own_spelling(word: str, rng: Generator) -> str:
    kind = int(rng.integers(3))
    if kind == 0:
        changed = word[0] + re.sub("[aeiou']", "", word[1:])
    elif kind == 1:
        changed = word[: max(2, len(word) // 2)].rstrip("'")
    else:
        changed = word + word[-1] * int(rng.integers(1, 3))
    return changed if changed != word and len(changed) > 1 else word + "z"
