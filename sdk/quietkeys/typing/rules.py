"""Rules of a text alone: which word the cursor is at, what ends it, and where a space is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wcwidth import grapheme_boundary_before

from quietkeys.text.starts import APOSTROPHES, OPENING, is_emoji

CLOSING: Final = frozenset(')]}"”»')  # may stand behind a word
ENDING: Final = frozenset(",;!?…") | CLOSING  # no word goes on behind these
TIGHT: Final = frozenset(".,;:!?…)]}”»")  # stand right behind a word
SPACED: Final = frozenset(",;!?")  # want a space behind them, if a letter follows
TAIL: Final = ENDING | APOSTROPHES | frozenset(".:-/@")  # may stand behind a word without being of it
LONGEST: Final = 100  # characters of a token that may hold a word


@dataclass(frozen=True, slots=True)
class Unit:
    """The word that the cursor is in, before or behind, without what stands around it. Private.

    start: how many characters before the cursor it begins. end: how many after the cursor it ends. tail: what
    stands between it and a cursor behind it.
    """

    start: int
    end: int
    word: str = field(repr=False)
    tail: str = field(repr=False)

    @property
    def text(self) -> str:
        """The word and its tail: what ends if the next key is a space."""
        return self.word + self.tail


def unit_at(before: str, after: str) -> Unit | None:
    """Return the word at the cursor; None if there is none, as after a space, or in a very long token."""
    left, right = before[run_start(before) :], after[: run_end(after)]
    left = left[max((place + 1 for place, one in enumerate(left) if is_emoji(one)), default=0) :]
    right = right[: next((place for place, one in enumerate(right) if is_emoji(one)), len(right))]
    token = left + right
    if len(token) > LONGEST:
        return None
    lead = 0
    while lead < len(left) and token[lead] in OPENING:
        lead += 1
    end = len(token)
    while end > lead and token[end - 1] in TAIL:
        end -= 1
    if end == lead:
        return None
    behind = max(len(left) - end, 0)
    ahead = max(end - len(left), 0)
    return Unit(len(left) - lead, ahead, token[lead:end], left[len(left) - behind :])


def is_plain(word: str) -> bool:
    """Return whether a word is of letters, apostrophes and hyphens, and so no address that grows."""
    return all(character.isalpha() or character in "'’-" for character in word)


def ends_word(character: str) -> bool:
    """Return whether no word goes on behind this: a comma ends one, a full stop or an apostrophe may not."""
    return character[0] in ENDING or is_emoji(character[0])


def is_open(before: str) -> bool:
    """Return whether a straight double quote stands open in the last line."""
    return before.rpartition("\n")[2].count('"') % 2 == 1


def lacks_space(before: str, character: str) -> bool:
    """Return whether a space seems to have been left out before a letter, or before a quote that opens.

    Behind punctuation that ends a word, or a closing quote; behind a full stop only before a capital, as
    else it may be an address, and not within an abbreviation.
    """
    last, token = before[-1:], before[run_start(before) :]
    word = token.strip("".join(TAIL | OPENING)).replace("'", "").replace("’", "")
    if not word.isalpha() or len(character) != 1:
        return False
    closes = last in "”»" or (last == '"' and not is_open(before))
    if character in '"“„«':
        return (closes or last in SPACED) and not is_open(before)
    if not character.isalpha():
        return False
    if last == ".":
        return character.isupper() and not word.isupper()
    return closes or last in SPACED


def word_range(text: str, cursor: int) -> tuple[int, int]:
    """Return where the word at a place begins and ends, without brackets and stops; empty for none."""
    start = end = cursor
    while start and not _divides(text[start - 1]):
        start -= 1
    while end < len(text) and not _divides(text[end]):
        end += 1
    while end > start and text[end - 1] in TAIL:
        end -= 1
    while start < end and text[start] in TAIL - APOSTROPHES:
        start += 1
    return (start, end) if start < end else (cursor, cursor)


def cluster_start(before: str) -> int:
    """Return where the last character begins as its reader sees it: an emoji or an accented letter is one."""
    return grapheme_boundary_before(before, len(before)) if before else 0


def _divides(character: str) -> bool:
    return character.isspace() or character in ENDING | OPENING or is_emoji(character)


def run_start(before: str) -> int:
    """Return where the last run of characters without white space begins."""
    start = len(before)
    while start and not before[start - 1].isspace():
        start -= 1
    return start


def run_end(after: str) -> int:
    """Return where the first run of characters without white space ends."""
    end = 0
    while end < len(after) and not after[end].isspace():
        end += 1
    return end
