"""A user with habits: keeps words as they are over sessions, then types one more and hits Space."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from quietkeys import Personalizer
from quietkeys.learning.recorder import IDLE_SECONDS
from quietkeys_bench.manners.rows import Habit, Row

# What stands before a word that is kept: within a sentence, so that no capital is due.
CONTEXTS: Final = (
    "i think it was ",
    "so we said ",
    "you know about ",
    "and then there was ",
    "did you see ",
    "we talked about ",
    "they wrote ",
)
MORNING: Final = 1_750_000_000.0  # Unix seconds

Clock = Callable[[], float]  # seconds


@dataclass(slots=True)
class Day:
    """The time of a user whose sessions are told apart by a pause."""

    now: float = MORNING

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now

    def pause(self) -> None:
        """Let so much time go by that a new session begins."""
        self.now += 2 * IDLE_SECONDS


@dataclass(slots=True)
class Longest:
    """The longest calls of one kind. wall, processor: seconds, each of the call that had most of it."""

    wall: float = 0.0
    processor: float = 0.0
    clock: Clock = time.perf_counter
    processor_clock: Clock = time.process_time

    @contextmanager
    def call(self) -> Iterator[None]:
        """Time the block."""
        wall, processor = self.clock(), self.processor_clock()
        yield
        self.wall = max(self.wall, self.clock() - wall)
        self.processor = max(self.processor, self.processor_clock() - processor)

    def figures(self) -> dict[str, float]:
        """Return milliseconds."""
        return {"wall_ms": 1000.0 * self.wall, "processor_ms": 1000.0 * self.processor}


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What became of a row. text: what stands there after Space. not_in_strip: nor was it shown. Private."""

    row: Row
    text: str
    not_in_strip: bool

    @property
    def right(self) -> bool:
        """Whether it is what the row expects."""
        return self.row.allows(self.text)


@dataclass(slots=True)
class User:
    """Somebody at a fresh keyboard, which tells the time by `day`."""

    keyboard: Personalizer
    day: Day
    suggest: Longest = field(default_factory=Longest)
    record: Longest = field(default_factory=Longest)

    def keep(self, habits: Iterable[Habit]) -> None:
        """Keep words as often, and over as many sessions, as their habits say; a pause follows the last."""
        places = 0
        for habit in habits:
            for count in spread(habit.times, habit.sessions):
                for _ in range(count):
                    context = CONTEXTS[places % len(CONTEXTS)]
                    places += 1
                    with self.record.call():
                        self.keyboard.record(context, habit.word, habit.word)
                self.day.pause()

    def try_row(self, row: Row) -> Outcome:
        """Return what Space leaves of what is typed; nothing is learnt."""
        context = row.context if not row.context or row.context[-1].isspace() else row.context + " "
        with self.suggest.call():
            shown = self.keyboard.suggest(context, row.typed)
        if shown.merged is not None:  # the word before would go as well
            return Outcome(row, shown.merged, False)
        not_in_strip = shown.correction is not None and shown.correction not in shown.strip
        return Outcome(row, row.typed if shown.correction is None else shown.correction, not_in_strip)


def spread(times: int, sessions: int) -> Sequence[int]:
    """Return how many of so many times fall into each session, evenly, the rest into the first ones."""
    every, rest = divmod(times, sessions)
    return [every + (number < rest) for number in range(sessions)]
