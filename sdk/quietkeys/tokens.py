"""Words of a line of text, as every part of quietkeys counts them.

A word is a white-space token with at least one letter, outer punctuation stripped, case folded.
"""

from __future__ import annotations

import re

SENTENCE_END = frozenset(".!?…")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_OUTER = re.compile(r"^[\W_]+|[\W_]+$")
_CORRECTABLE = re.compile(r"[a-z]+(?:'[a-z]+)*'?")


def normalize(token: str) -> str:
    """Return the word inside a token, or "" if it holds no letter.

    Typographic apostrophes become "'"; outer punctuation goes; case is folded.
    """
    word = _OUTER.sub("", token.translate(_APOSTROPHES)).lower()
    return word if any(character.isalpha() for character in word) else ""


def words(text: str) -> list[str]:
    """Return the words of `text` in order."""
    return [word for word in map(normalize, text.split()) if word]


def ends_sentence(token: str) -> bool:
    """Return whether the context of the next word starts anew after this token."""
    return bool(token) and token.rstrip("\"')]»”’")[-1:] in SENTENCE_END


def is_correctable(word: str) -> bool:
    """Return whether a normalized word is made of letters and inner apostrophes only.

    Anything else (numbers, addresses, code) is left exactly as typed and never counted.
    """
    return _CORRECTABLE.fullmatch(word) is not None
