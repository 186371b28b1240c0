"""Capitals: where one is due, what shift does to a letter, and recasing a word."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from quietkeys.text.tokens import SENTENCE_END
from quietkeys.typing.rules import APOSTROPHES, CLOSING, OPENING, is_emoji

_BULLET: Final = re.compile(r"\s*(?:[-*+•‣▪◦–—·]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))\s+")
_DOTTED: Final = re.compile(r"[^\W\d_]\.(?:[^\W\d_]\.)+")  # "e.g.", "U.S."


class Shift(StrEnum):
    """What letters come out as."""

    OFF = "off"
    ON = "on"  # for one letter
    LOCK = "lock"

    def applied(self, text: str) -> str:
        """Return a letter or a word as this shift makes it."""
        if self is Shift.LOCK:
            return text.upper()
        return text[:1].upper() + text[1:] if self is Shift.ON else text


def capital_due(before: str) -> bool:
    """Return whether a sentence begins behind this text, so that a keyboard puts its shift on.

    At the beginning of a text, of a line and of a point of a list; after a sentence has ended and a space,
    also where quotes, brackets or emoji stand between. An abbreviation with dots inside ends no sentence.
    """
    line = before.rpartition("\n")[2]
    text = line.rstrip("".join(OPENING | APOSTROPHES))
    bullet = _BULLET.match(text)
    if not text.strip() or (bullet is not None and bullet.end() == len(text)):
        return True
    if not text[-1].isspace():
        return False
    return _has_ended(text.rstrip())


def _has_ended(text: str) -> bool:
    while text and (text[-1] in CLOSING | APOSTROPHES or is_emoji(text[-1]) or text[-1].isspace()):
        text = text[:-1]
    if not text:  # nothing but emoji in this line so far
        return True
    last = text.split()[-1].lstrip("".join(OPENING))
    return text[-1] in SENTENCE_END and not _DOTTED.fullmatch(last)


def recased(text: str, original: str) -> str:
    """Return a text in its next case: small, with a capital at its start, all capitals, as it was first.

    original: as it was before it was first recased.
    """
    small = original.lower()
    forms = list(dict.fromkeys([original, small, small[:1].upper() + small[1:], original.upper()]))
    return forms[(forms.index(text) + 1) % len(forms)] if text in forms else small
