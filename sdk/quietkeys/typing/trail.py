"""What is remembered of the text around the cursor: what was typed here, and what was learnt of it.

The text is the host's and may change in any way. What it has in common with what it was keeps its memory; the
rest was not typed here: it came by a paste, or stood there before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from quietkeys.learning.recorder import UndoReceipt
from quietkeys.typing.edits import Edit, Surroundings

Touch = tuple[float, float]

REACH: Final = 2_000  # characters before the cursor that are remembered
AHEAD: Final = 200  # and after it
_ENOUGH: Final = 64  # characters in common by which a window of a longer text is known again


@dataclass(slots=True, eq=False)
class Lesson:
    """What became of learning a word; receipt: for un-learning it, once it was learnt."""

    receipt: UndoReceipt | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """A word that has ended: what was typed, what stands there now, and how it was learnt. Private.

    late: finds what it would have become, where that was not known when it ended; as slow as a suggestion.
    """

    typed: str = field(repr=False)
    kept: str = field(repr=False)
    touches: tuple[Touch | None, ...] = field(repr=False)
    lesson: Lesson
    late: Callable[[], str] | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided on it: it stands as typed since the keyboard was late, not learnt."""
        return self.late is not None and self.lesson.receipt is None


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one character. foreign: it was not typed here. word: the ended word that it is of."""

    touch: Touch | None = None
    foreign: bool = False
    word: Ended | None = None


class Trail:
    """The text around the cursor with a cell for each character. Private; in memory only."""

    def __init__(self) -> None:
        self._here = Surroundings("")
        self._cells: list[Cell] = []

    def follow(self, here: Surroundings) -> bool:
        """Take over the text, REACH and AHEAD at most; return whether it is as it was left."""
        known = self._here
        if here == known:
            return True
        same = here.after == known.after and is_same_end(here.before, known.before)
        old, new = known.before + known.after, here.before + here.after
        tail = 0 if not same else min(len(old), len(new))
        head = 0 if same else _common(old, new)
        if not same:
            tail = _common(old[head:][::-1], new[head:][::-1])
        missing = len(new) - head - tail
        self._cells = self._cells[:head] + [Cell(foreign=True)] * missing + self._cells[len(old) - tail :]
        self._here = here
        return same

    def around(self, before: int, after: int = 0) -> list[Cell]:
        """Return the cells of so many characters before and after the cursor."""
        cursor = len(self._here.before)
        return self._cells[max(cursor - before, 0) : cursor + after]

    def apply(self, edit: Edit, cells: Sequence[Cell]) -> None:
        """Note what an edit does; cells: of what it inserts."""
        cursor = len(self._here.before)
        self._cells[max(cursor - edit.before, 0) : cursor + edit.after] = cells
        self._here = edit.applied(self._here)

    def forget(self, word: Ended) -> None:
        """Let the characters of a word that was un-learnt be of no ended word any more."""
        self._cells = [replace(cell, word=None) if cell.word is word else cell for cell in self._cells]


def is_same_end(one: str, other: str) -> bool:
    """Return whether two windows of a text up to the same place may be of one text."""
    short, long = sorted((one, other), key=len)
    return long.endswith(short) and (len(short) == len(long) or len(short) >= _ENOUGH)


def _common(one: str, other: str) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
