"""Words right, of every hundred, on a fixed scale: typed, as the base corrects, with memory, with updates."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

WINDOW: Final = 100  # words of a point
LOW: Final = 0.5  # the ends of the scale, for every text and person
HIGH: Final = 1.0
MOST: Final = 200  # points that are kept


@dataclass(frozen=True, slots=True)
class Word:
    """Whether a word is right as it was typed, and as three keyboards leave it.

    base: the model that knows nobody. memory: with what was learnt here. kept: with updates as well.
    """

    typed: bool
    base: bool
    memory: bool
    kept: bool


@dataclass(slots=True)
class Line:
    """Words right so far. shares: of every WINDOW words."""

    right: int = 0
    shares: list[float] = field(default_factory=list)
    _recent: int = 0

    def add(self, right: bool, ends: bool) -> None:
        """Count a word; ends: it is the last of its hundred."""
        self.right += right
        self._recent += right
        if ends:
            self.shares.append(self._recent / WINDOW)
            self._recent = 0

    def to_tree(self) -> list[Any]:
        """Return what `of_tree` reads."""
        return [self.right, [round(share * WINDOW) for share in self.shares[-MOST:]], self._recent]

    @classmethod
    def of_tree(cls, tree: list[Any]) -> Line:
        """Return a line. Raises ValueError, TypeError."""
        right, shares, recent = tree
        return cls(int(right), [int(share) / WINDOW for share in shares], int(recent))


@dataclass(slots=True)
class Score:
    """Words so far, and a line for each of `Word`. updates: after how many words one came in use."""

    words: int = 0
    typed: Line = field(default_factory=Line)
    base: Line = field(default_factory=Line)
    memory: Line = field(default_factory=Line)
    kept: Line = field(default_factory=Line)
    updates: list[int] = field(default_factory=list)

    def add(self, word: Word) -> None:
        """Count a word."""
        self.words += 1
        ends = self.words % WINDOW == 0
        for line, right in (
            *((self.typed, word.typed), (self.base, word.base)),
            *((self.memory, word.memory), (self.kept, word.kept)),
        ):
            line.add(right, ends)

    def updated(self) -> None:
        """Mark that an update is in use from here on."""
        self.updates.append(self.words)

    @property
    def is_updated(self) -> bool:
        """Whether a word was counted with an update in use."""
        return any(at < self.words for at in self.updates)

    def to_tree(self) -> dict[str, Any]:
        """Return what `of_tree` reads: numbers alone."""
        lines = {name: getattr(self, name).to_tree() for name in ("typed", "base", "memory", "kept")}
        return {"words": self.words, "updates": self.updates[-MOST:], **lines}

    @classmethod
    def of_tree(cls, tree: Any) -> Score:
        """Return a score; an empty one where there is none in it."""
        with suppress(ValueError, TypeError, KeyError):
            lines = [Line.of_tree(tree[name]) for name in ("typed", "base", "memory", "kept")]
            if len({len(line.shares) for line in lines}) == 1:
                typed, base, memory, kept = lines
                updates = [int(one) for one in tree["updates"]]
                return cls(int(tree["words"]), typed, base, memory, kept, updates)
        return cls()


def words_right(score: Score) -> str:
    """Return how many words were right, in a sentence."""
    if not score.words:
        return "Nothing was counted yet: send messages."
    shares = [f"{one.right / score.words:.1%}" for one in (score.typed, score.base, score.memory, score.kept)]
    typed, base, memory, kept = shares
    updated = f", {kept} with updates as well" if score.is_updated else "; no update was in use"
    counted = "1 word" if score.words == 1 else f"{score.words:,} words"
    right = "is right" if score.words == 1 else "are right"
    return (
        f"Of {counted} {typed} {right} as typed, {base} as the model corrects that knows nobody, {memory}"
        f" with what was learned here{updated}."
    )


def chance(share: float) -> tuple[float, float]:
    """Return how far a share of WINDOW words may be off by chance: one standard error to each side."""
    error = math.sqrt(max(share * (1.0 - share), 0.0) / WINDOW)
    return max(share - error, LOW), min(share + error, HIGH)


def height(share: float) -> float:
    """Return where a share stands on the scale: 0 at its lower end, 1 at its upper."""
    return (min(max(share, LOW), HIGH) - LOW) / (HIGH - LOW)
