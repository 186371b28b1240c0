"""Words of a line of text, as every part of quietkeys counts them.

A word is a white-space token with at least one letter, outer punctuation stripped, case folded. Inside a
word, autocorrect works on its *pieces*: runs of letters and inner apostrophes. So "thnk...so" is two
pieces, as it is on a keyboard that corrects when punctuation follows.
"""

from __future__ import annotations

import re
from typing import Final

SENTENCE_END: Final = frozenset(".!?…")
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_OUTER: Final = re.compile(r"^[\W_]+|[\W_]+$")
_CORRECTABLE: Final = re.compile(r"[a-z]+(?:'[a-z]+)*")
_PIECES: Final = re.compile(r"[a-z]+(?:'[a-z]+)*|[^a-z]+")
_LEFT_ALONE: Final = re.compile(r"\d|[@#_\\~^<>=$%&*|{}\[\]]|://|www\.|\w\.\w+/|[^\x00-\x7f]")


def normalize(token: str) -> str:
    """Return the word inside a token, or "" if it holds no letter.

    Typographic apostrophes become "'"; outer punctuation goes; case is folded.
    """
    word = _OUTER.sub("", straightened(token)).lower()
    return word if any(character.isalpha() for character in word) else ""


def straightened(text: str) -> str:
    """Return a text of the same length with typographic apostrophes as "'"."""
    return text.translate(_APOSTROPHES)


def span(token: str) -> tuple[int, int]:
    """Return where the word inside a token begins and ends: what `normalize` keeps of it."""
    straight = straightened(token)
    core = _OUTER.sub("", straight)
    start = straight.find(core)
    return start, start + len(core)


def words(text: str) -> list[str]:
    """Return the words of `text` in order."""
    return [word for word in map(normalize, text.split()) if word]


def pieces(word: str) -> list[str]:
    """Return the pieces of a normalized word with what stands between them; joined they are the word.

    A word with digits, addresses, code or letters beyond a-z is a single piece that is left alone.
    """
    return [word] if _LEFT_ALONE.search(word) else _PIECES.findall(word)


def ends_sentence(token: str) -> bool:
    """Return whether the context of the next word starts anew after this token."""
    return bool(token) and token.rstrip("\"')]»”’")[-1:] in SENTENCE_END


def is_correctable(word: str) -> bool:
    """Return whether a piece is made of letters and inner apostrophes only.

    Anything else (numbers, addresses, code) is left exactly as typed and never counted.
    """
    return _CORRECTABLE.fullmatch(word) is not None
