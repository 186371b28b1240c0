r"""Rows of manners: what was kept before, the text before, what is typed, and what Space may leave there.

The columns of a file are `kind, kept, context, typed, expected`. `kept` is `word*times/sessions`, several
split by spaces, or empty. In the context a line break is written `\n`. `expected` is `=` where what was typed
is to stay, `!x` for anything but x, else the text; `a|b` is either. Capitals count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys_bench.common.rows import RowsUnreadable, read_table

COLUMNS: Final = ("kind", "kept", "context", "typed", "expected")
SAME: Final = "="
NOT: Final = "!"
EITHER: Final = "|"
MOST_KEPT: Final = 1000  # times
_KEPT: Final = re.compile(r"(?P<word>\S*[^\s*])\*(?P<times>\d{1,4})/(?P<sessions>\d{1,4})")


@dataclass(frozen=True, slots=True, repr=False)
class Habit:
    """A word that the user kept as it is so many times, spread over so many sessions. Private."""

    word: str
    times: int
    sessions: int


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One case. habits: what was kept before, on an empty profile. Private, but for the kind."""

    kind: str
    habits: tuple[Habit, ...]
    context: str
    typed: str
    expected: str

    def allows(self, text: str) -> bool:
        """Return whether a text may stand there after a space."""
        refuses = self.expected.startswith(NOT)
        listed = self.expected.removeprefix(NOT).split(EITHER)
        return (text in {self.typed if one == SAME else one for one in listed}) != refuses


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, in its order. Raises OSError; RowsUnreadable for another form."""
    return [_row(path, number, columns) for number, columns in read_table(path, COLUMNS, least=len(COLUMNS))]


def _row(path: Path, number: int, columns: Sequence[str]) -> Row:
    kind, kept, context, typed, expected = columns
    for name, column in (("kind", kind), ("typed", typed), ("expected", expected.removeprefix(NOT))):
        if not column.strip():
            raise RowsUnreadable(path, number, f"the column {name} is empty")
    habits = tuple(_habit(path, number, one) for one in kept.split())
    return Row(kind, habits, context.replace("\\n", "\n"), typed, expected)


def _habit(path: Path, number: int, kept: str) -> Habit:
    found = _KEPT.fullmatch(kept)
    habit = Habit(found["word"], int(found["times"]), int(found["sessions"])) if found else None
    if habit is None or not 1 <= habit.sessions <= habit.times <= MOST_KEPT:
        problem = f"what was kept is not word*times/sessions, at most {MOST_KEPT} times, a session or more"
        raise RowsUnreadable(path, number, problem)
    return habit
