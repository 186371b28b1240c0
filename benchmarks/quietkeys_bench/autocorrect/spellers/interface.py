"""What corrects a word: the interface that our keyboard and its peers share in the bench of autocorrect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

STRIP = 3  # suggestions that count


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What a speller makes of one word.

    text: what stands there after the space. strip: what is offered, best first; the first three count.
    Private.
    """

    text: str
    strip: tuple[str, ...]


class Speller(Protocol):
    """An engine under measurement."""

    @property
    def name(self) -> str:
        """The engine's name in the figures."""
        ...

    def approach(self, before: str, typed: str) -> None:
        """Do what happens before the last key of `typed` is hit; not timed."""
        ...

    def correct(self, before: str, typed: str, after: str) -> Answer:
        """Return what becomes of `typed`; an engine for typing must not look at what is after it."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """A speller's name and version, how it was asked, and what it may see."""

    name: str
    version: str
    how: str

    def tree(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"name": self.name, "version": self.version, "how": self.how}


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer that could not be measured, and why."""

    name: str
    reason: str

    def tree(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"name": self.name, "reason": self.reason}


class PeerBroken(Exception):  # noqa: N818 - what happened
    """A peer is installed and lacks something it needs; the text says what."""


def first_or(suggested: Sequence[str], typed: str) -> Answer:
    """Return the answer of an engine that puts its first suggestion in place, or leaves what was typed."""
    return Answer(suggested[0] if suggested else typed, tuple(suggested[:STRIP]) or (typed,))
