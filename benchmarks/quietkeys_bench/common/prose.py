"""Prose for benches of speed: long sentences with long words, that every Python ships.

The standard library's `pydoc_data.topics` is the language reference as plain text. Of its sentences we keep
those made of words alone: no code, no names with underscores, no tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pydoc_data import topics
from typing import Final

SHORTEST: Final = 5  # words of a sentence; shorter ones are captions
LONGEST: Final = 60  # words; longer ones are lists that lost their bullets

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_WORDS_ALONE: Final = re.compile(r"[A-Z][A-Za-z',;:\- ]*[.!?]\Z")
_CODE_BLOCK: Final = re.compile(r">>>|::=|\.\.\.\s")


def prose_of_python() -> list[str]:
    """Return the prose sentences of Python's own reference, each once, in its order."""
    found: dict[str, None] = {}
    for topic in topics.topics.values():
        for sentence in _sentences(topic):
            found.setdefault(sentence)
    return list(found)


def _sentences(topic: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", topic):
        if _CODE_BLOCK.search(paragraph):
            continue
        line = " ".join(paragraph.replace("*", "").split())
        for sentence in _SENTENCE_END.split(line):
            if SHORTEST <= len(sentence.split()) <= LONGEST and _WORDS_ALONE.match(sentence):
                yield sentence
