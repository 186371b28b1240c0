"""The symbols of the language model, and how it reads and classes words outside its vocabulary.

One id space for input and output: SENTENCE (a sentence starts), BLANK (something that is no word: a number,
an address), then a class for every kind of word outside the vocabulary, then the vocabulary.

Read: the hashed character n-grams of the word (Bojanowski et al. 2017), so that a name or a slip still says
something about what follows. Predicted: as one of a few classes by ending, so that "-ing" and "-ly" words
that are too rare for an entry of their own still come where they fit.
"""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 4096  # of hashed n-grams
MAX_NGRAMS: Final = 32  # per word that are read
_SIZES: Final = (3, 4)  # characters, the word's boundaries included
_OFFSET, _PRIME = 2166136261, 16777619  # FNV-1a, 32 bits (Fowler, Noll and Vo)

CLASSES: Final = (
    "short", "'s", "ing", "ed", "ly", "er", "est", "tion", "ment", "ness", "ity", "able", "ous", "al", "ic",
    "ive", "ies", "es", "s", "other",
)  # fmt: skip
_ENDINGS: Final = {
    "'s": 1, "ing": 2, "in'": 2, "ed": 3, "ly": 4, "er": 5, "or": 5, "est": 6, "ist": 5, "tion": 7, "sion": 7,
    "ance": 7, "ence": 7, "ment": 8, "ism": 8, "ness": 9, "ship": 9, "ity": 10, "able": 11, "ible": 11,
    "ful": 11, "less": 11, "ous": 12, "al": 13, "ic": 14, "ive": 15, "ies": 16, "es": 17, "s": 18,
}  # fmt: skip
_SHORT: Final = 3  # characters

SENTENCE: Final = 0
BLANK: Final = 1
FIRST_CLASS: Final = 2
FIRST_WORD: Final = FIRST_CLASS + len(CLASSES)


def word_class(word: str) -> int:
    """Return the index in CLASSES of a lower-case word."""
    if len(word) <= _SHORT:
        return 0
    for size in (4, 3, 2, 1):
        found = _ENDINGS.get(word[-size:])
        if found is not None and len(word) > size + 1:
            return found
    return len(CLASSES) - 1


def character_ngrams(word: str) -> list[int]:
    """Return the buckets (0..BUCKETS-1) of a lower-case word's n-grams, at most MAX_NGRAMS."""
    framed = f"<{word}>"
    found = [
        _hashed(framed[start : start + size]) for size in _SIZES for start in range(len(framed) - size + 1)
    ]
    return found[:MAX_NGRAMS]


def _hashed(text: str) -> int:
    value = _OFFSET
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return value % BUCKETS
