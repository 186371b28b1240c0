"""Where a sentence begins: where a keyboard writes a capital itself, and where one says nothing of a word."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from quietkeys.text.tokens import MAX_TOKEN, ends_sentence, is_closing, last_line

OPENING: Final = frozenset('([{"“„«¿¡')  # may stand before a word
APOSTROPHES: Final = frozenset("'’")
SAYS: Final = re.compile(r"[^\W_]")
_OPENS: Final = "".join(OPENING | APOSTROPHES)
_POINT: Final = re.compile(r"\s*(?:[-*+•‣▪◦–—·]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))\s+")  # of a list
_LIST_MARK: Final = re.compile(r"\W*(?:\d{1,3}|[A-Za-z])[.)]+\s+")  # likewise, "b." too
_FACE: Final = re.compile(r"[:;=8xX]['^o-]?[()\[\]{}DdPpOo3/\\|*]+|<3+|\^[_.-]*\^")  # ":)", "xD", "<3"
_OPENING: Final = frozenset(("Ps", "Pi"))  # categories
_OPENING_OTHERS: Final = frozenset("\"'`*_¿¡")
_FIRST_EMOJI: Final = "\u2300"
_JOINERS: Final = frozenset("\u200d\ufe0f\u20e3")  # within an emoji of several code points


def capital_due(before: str) -> bool:
    """Return whether a sentence begins behind this text, so that a keyboard puts its shift on.

    At the beginning of a text, of a line and of a point of a list; after a sentence has ended and a space,
    also where quotes, brackets or emoji stand between. An abbreviation ends no sentence: "e.g.", "Dr.".
    """
    line = last_line(before)
    if not line and before and not before[-1].isspace():  # within a token longer than what is looked at
        return False
    text = line.rstrip(_OPENS)
    point = _POINT.match(text)
    if not text.strip() or (point is not None and point.end() == len(text)):
        return True
    if not text[-1].isspace():
        return False
    shown = text.split()
    while shown and all(is_emoji(one) or is_closing(one) or one in _OPENS for one in shown[-1][-MAX_TOKEN:]):
        shown.pop()
    return not shown or ends_sentence(shown[-1])  # nothing but emoji in this line so far


def may_begin(before: str) -> bool:
    """Return whether a sentence may begin after a text, so that a capital says nothing of a word there.

    Wherever one is due, right behind what ends a sentence, and at the start of a line behind any mark. And
    where people are used to end one without a mark, after an emoji or a face, or to begin one within another,
    after an opening quote or bracket.
    """
    line = last_line(before)
    if capital_due(before) or not SAYS.search(_LIST_MARK.sub("", line, count=1)):
        return True
    last = line.split()[-1][-MAX_TOKEN:]
    if ends_sentence(last) or _FACE.fullmatch(last) or _ends_in_emoji(last):
        return True
    opens = last[-1] in _OPENING_OTHERS or unicodedata.category(last[-1]) in _OPENING
    return opens and SAYS.search(last) is None


def is_emoji(character: str) -> bool:
    """Return whether a character is a picture or a part of one; "°" and "©" are not."""
    if character < _FIRST_EMOJI:
        return character in _JOINERS
    return unicodedata.category(character) == "So" or character in _JOINERS or "🏻" <= character <= "🏿"


def _ends_in_emoji(token: str) -> bool:
    # Whether a token ends in one; quotes and brackets may follow.
    for character in reversed(token):
        if is_emoji(character):
            return True
        if not is_closing(character):
            return False
    return False
