"""What an update changes of a user's own words: the last ones as they were typed, before and after.

They lie sealed on the device, each with the words right before it and in no order, so that an update can be
looked at after the application was closed. A word that the keyboard has not learnt is not among them, nor
what is never learnt; all of them go with a wipe.
"""

from __future__ import annotations

import random
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from rapidfuzz.distance import OSA

from quietkeys import Personalizer, QuietkeysError, Verdict
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.base import left_by

KEPT: Final = 200  # words that are looked at again
SHOWN: Final = 5
BEFORE: Final = 3  # words before a word that are kept with it
SLIP: Final = 3  # edits at most between what was typed and what was meant; else it may be another text
_DIGITS: Final = 2  # of a touch, behind the point
_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Change:
    """A word that comes out otherwise. before, after: what Space leaves of it without and with the update."""

    word: KeptWord = field(repr=False)
    before: str = field(repr=False)
    after: str = field(repr=False)

    @property
    def is_better(self) -> bool:
        """Whether it comes out as the user wrote it in the end."""
        return self.after == self.word.kept


def bare(word: KeptWord) -> KeptWord | None:
    """Return a word with no more than BEFORE words before it; None where it may be another text."""
    if not word.typed.strip() or OSA.distance(word.typed.lower(), word.kept.lower()) > SLIP:
        return None
    before = "".join(f"{one} " for one in word.before.split()[-BEFORE:])
    return KeptWord(before, word.typed, word.kept, word.touches)


def learnt(keyboard: Personalizer, word: KeptWord) -> KeptWord | None:
    """Return a word as `bare` if it is learnt, and words before it back to one that is not."""
    if bare(word) is None:
        return None
    line = word.before + word.kept
    try:
        left_out = keyboard.left_out(line)
    except QuietkeysError:
        return None
    near: list[str] = []
    for place in reversed([*_WORD.finditer(line)][-BEFORE - 1 :]):
        out = any(place.start() < one.end and one.start < place.end() for one in left_out)
        if out or not _is_known(keyboard, place.group()):
            break
        near.insert(0, place.group())
    if not near:
        return None
    return KeptWord("".join(f"{one} " for one in near[:-1]), word.typed, word.kept, word.touches)


def _is_known(keyboard: Personalizer, text: str) -> bool:
    # Punctuation is no word; of words, those that are no longer or not yet pending.
    try:
        return keyboard.vocabulary.pending(text) is None
    except QuietkeysError:
        return not any(character.isalnum() for character in text)


@dataclass(slots=True)
class Words:
    """The last words, newest last, each at most once before the same text. kept: what is kept of a word."""

    kept: Callable[[KeptWord], KeptWord | None] = bare
    _by_place: OrderedDict[str, KeptWord] = field(default_factory=OrderedDict, repr=False)

    def told(self, word: KeptWord) -> None:
        """Keep a word that was learnt, as it stands now; what stood there before goes."""
        self._by_place.pop(word.before, None)
        kept = self.kept(word)
        if kept is not None:
            self._by_place[word.before] = kept
        while len(self._by_place) > KEPT:
            self._by_place.popitem(last=False)

    def forget(self) -> None:
        """Keep none of them."""
        self._by_place.clear()

    def drop(self, word: str) -> None:
        """Keep none in which a word is, which its user has forgotten."""
        word = word.lower()
        for place, one in list(self._by_place.items()):
            if word in f"{one.before} {one.typed} {one.kept}".lower():
                del self._by_place[place]

    def all(self) -> list[KeptWord]:
        """Return them, oldest first."""
        return list(self._by_place.values())

    def to_rows(self) -> list[Any]:
        """Return what `recall` reads, without their order."""
        rows = [[one.before, one.typed, one.kept, [_rounded(at) for at in one.touches]] for one in self.all()]
        random.SystemRandom().shuffle(rows)
        return rows

    def recall(self, rows: list[Any]) -> None:
        """Keep words that were kept before. Raises ValueError, TypeError for what is no such thing."""
        for place, (before, typed, kept, touches) in enumerate(rows):
            points = tuple(None if at is None else (float(at[0]), float(at[1])) for at in touches)
            self._by_place[f"recalled {place}"] = KeptWord(str(before), str(typed), str(kept), points)


def _rounded(touch: tuple[float, float] | None) -> Any:
    return None if touch is None else [round(at, _DIGITS) for at in touch]


def left_of(keyboard: Personalizer, words: list[KeptWord]) -> list[str]:
    """Return what Space leaves of each word as the keyboard is now."""
    return [left_by(keyboard, word) for word in words]


def changes(words: list[KeptWord], before: list[str], after: list[str]) -> list[Change]:
    """Return the words that come out otherwise, those that come out as meant first, at most SHOWN."""
    all_ = [Change(*one) for one in zip(words, before, after, strict=True) if one[1] != one[2]]
    distinct = list({(one.word.typed, one.before, one.after): one for one in all_}.values())
    return sorted(distinct, key=lambda one: not one.is_better)[:SHOWN]


def moved(verdict: Verdict, looked_at: int) -> str:
    """Return what an applied update moved, where no word comes out otherwise, in a sentence of its figures.

    How much likelier is not said: the gate measures P(kept)^q, of which no percentage of P can be told.
    """
    return (
        f"None of your last {looked_at} words comes out otherwise. Of the {verdict.events} words kept aside,"
        f" {verdict.fixed} come out right that did not, {verdict.broken} the other way; all together, the"
        " words you meant became likelier."
    )
