"""Rows of typing mistakes: what was typed, what was meant, and the text around it.

The columns of a file are `typo, correct, context`. In the context the typo stands in double braces; the
context may be empty, and one without that slot counts as empty. A side may be empty where a word was left out
or is too many; such rows are not tried.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from quietkeys_bench.common.rows import read_table

COLUMNS: Final = ("typo", "correct", "context")
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})
_PLAIN: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One mistake; before, after: the text around the slot. Private."""

    typo: str
    correct: str
    before: str
    after: str

    @property
    def is_tried(self) -> bool:
        """Whether there is something to type on both sides."""
        return bool(self.typo and self.correct)

    @property
    def is_scored(self) -> bool:
        """Whether both sides are letters and inner apostrophes, and differ after case folding."""
        both = (self.typo, self.correct)
        plain = all(_PLAIN.fullmatch(word.translate(_APOSTROPHES)) for word in both)
        return plain and folded(self.typo) != folded(self.correct)


@dataclass(frozen=True, slots=True)
class Sample:
    """Places of rows that are tried: the first scored ones and the first of any kind, in one random order."""

    scored: tuple[int, ...]
    every: tuple[int, ...]

    def tried(self) -> tuple[int, ...]:
        """Return every place once."""
        return tuple(dict.fromkeys((*self.scored, *self.every)))


def folded(text: str) -> str:
    """Return a text as it is compared: case folded, apostrophes alike."""
    return text.translate(_APOSTROPHES).casefold()


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, in its order. Raises OSError; RowsUnreadable for another form."""
    return [_row(*columns) for _, columns in read_table(path, COLUMNS, least=2)]


def sample(rows: Sequence[Row], count: int, seed: int) -> Sample:
    """Return at most `count` scored rows and at most `count` of any kind; the same for equal arguments."""
    shuffled = [int(place) for place in np.random.default_rng(seed).permutation(len(rows))]
    order = [place for place in shuffled if rows[place].is_tried]
    scored = [place for place in order if rows[place].is_scored]
    return Sample(tuple(scored[:count]), tuple(order[:count]))


def _row(typo: str, correct: str, context: str) -> Row:
    before, slot, after = context.partition("{{" + typo + "}}")
    return Row(typo.strip(), correct.strip(), before if slot else "", after)
