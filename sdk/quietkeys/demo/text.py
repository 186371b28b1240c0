"""The text that the demo types: any UTF-8 file, or prose that every Python ships.

The standard library's `pydoc_data.topics` is the language reference as plain text. Of its sentences we keep
those made of words alone: no code, no names with underscores, no tables. Each is one message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from pydoc_data import topics
from typing import Final

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.messages import Word, read_messages, typed_words

SHORTEST: Final = 5  # words of a sentence; shorter ones are captions
LONGEST: Final = 60  # words; longer ones are lists that lost their bullets
LEAST_WORDS: Final = 300  # with fewer there is nothing to learn from and nothing to judge by

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


def words_to_type(text: Path | None, most: int | None) -> list[Word]:
    """Return the words of a file, or of Python's prose, at most so many of them (None: all).

    Raises DemoFailed for a file that cannot be read or holds too little to learn from.
    """
    if text is None:
        words = typed_words(prose_of_python())
    else:
        try:
            words = typed_words(read_messages(text))
        except (OSError, EOFError) as error:
            raise DemoFailed(
                "The text cannot be read.", "Give --text a UTF-8 file with one message a line; .gz is fine."
            ) from error
    words = words[:most]
    if len(words) < LEAST_WORDS:
        raise DemoFailed(
            f"{len(words)} words are too few to learn from and to judge by.",
            f"Give at least {LEAST_WORDS}, better thousands: a longer --text, a larger --words.",
        )
    return words


def _sentences(topic: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", topic):
        if _CODE_BLOCK.search(paragraph):
            continue
        line = " ".join(paragraph.replace("*", "").split())
        for sentence in _SENTENCE_END.split(line):
            if SHORTEST <= len(sentence.split()) <= LONGEST and _WORDS_ALONE.match(sentence):
                yield sentence
