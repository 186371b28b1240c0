"""Rows of typing mistakes: what was typed, what was meant, and the text around it.

A file is UTF-8, plain or `.gz`: a header `typo, correct, context`, then a row a line, columns split by
tabs. In the context the typo stands in double braces; the context may be empty, and one without that slot
counts as empty. A side may be empty where a word was left out or is too many; such rows are not tried.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

COLUMNS: Final = ("typo", "correct", "context")
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'"})
_PLAIN: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


class RowsUnreadable(ValueError):  # noqa: N818 - what happened
    """A file of rows has another form. Says which file and line, and holds none of its text."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        """line: from 1; 0 for the file as a whole."""
        self.line = line
        place = f"{path.name}, line {line}" if line else path.name
        super().__init__(f"{place}: {problem}")


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


def corpus_name(path: Path) -> str:
    """Return the name of a file without `.tsv` or `.tsv.gz`."""
    return path.name.removesuffix(".gz").removesuffix(".tsv")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, in its order. Raises OSError; RowsUnreadable for another form."""
    lines = _content(path).split(b"\n")
    if tuple(_text(path, 1, lines[0]).split("\t")) != COLUMNS:
        raise RowsUnreadable(path, 1, "the header is not the columns typo, correct, context, split by tabs")
    rows = [
        _row(path, number, _text(path, number, line))
        for number, line in enumerate(lines[1:], 2)
        if line.strip()
    ]
    if not rows:
        raise RowsUnreadable(path, 0, "there is no row under the header")
    return rows


def sample(rows: Sequence[Row], count: int, seed: int) -> Sample:
    """Return at most `count` scored rows and at most `count` of any kind; the same for equal arguments."""
    shuffled = [int(place) for place in np.random.default_rng(seed).permutation(len(rows))]
    order = [place for place in shuffled if rows[place].is_tried]
    scored = [place for place in order if rows[place].is_scored]
    return Sample(tuple(scored[:count]), tuple(order[:count]))


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise RowsUnreadable(path, 0, "it is not a whole gzip file") from error


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise RowsUnreadable(path, number, "it is not UTF-8") from error


def _row(path: Path, number: int, line: str) -> Row:
    columns = line.split("\t")
    if len(columns) not in (2, 3):
        raise RowsUnreadable(path, number, f"{len(columns)} columns where three belong")
    typo, correct = columns[0].strip(), columns[1].strip()
    context = columns[2] if len(columns) == 3 else ""
    before, slot, after = context.partition("{{" + columns[0] + "}}")
    return Row(typo, correct, before if slot else "", after)
