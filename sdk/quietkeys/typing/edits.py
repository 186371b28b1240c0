"""The values that go to and fro: what stands around the cursor, what to do there, what the strip shows."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text up to the cursor, and from it on. Private.

    As much as the host of the text gives: a line is enough, and no more than some hundred characters matter.
    Nothing is selected; what was is deleted first (`Typing.delete`).
    """

    before: str = field(repr=False)
    after: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """What to do to the text: delete so many characters before and after the cursor, then insert a text.

    Characters are code points. The cursor stands behind what was inserted. Private. corrected: where in
    `insert` a word stands that is not what was typed, for showing it (first, behind the last); None if none.
    """

    before: int = 0
    after: int = 0
    insert: str = field(default="", repr=False)
    corrected: tuple[int, int] | None = None

    def applied(self, here: Surroundings) -> Surroundings:
        """Return the text around the cursor afterwards."""
        kept = here.before[: len(here.before) - self.before] if self.before else here.before
        return Surroundings(kept + self.insert, here.after[self.after :])


@dataclass(frozen=True, slots=True)
class Choice:
    """One place of the strip. Private.

    literal: what was typed. best: what Space will leave there. comes_next: a word that may follow, where none
    is being typed. belated: what the word before would have become, had that been known when it ended.
    """

    text: str = field(repr=False)
    literal: bool = False
    best: bool = False
    comes_next: bool = False
    belated: bool = False


@dataclass(frozen=True, slots=True)
class KeptWord:
    """A word as it was learnt: the text before it, what was typed, what was kept, where. Private.

    touches: of what was typed, in letter keys; None where a character had none. For an app that shows its
    user what an update changes; it is the app's to forget.
    """

    before: str = field(repr=False)
    typed: str = field(repr=False)
    kept: str = field(repr=False)
    touches: tuple[tuple[float, float] | None, ...] = field(repr=False)
