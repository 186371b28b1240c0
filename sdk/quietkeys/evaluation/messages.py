"""Reads text as a person would type it: one message a line, words with the context they are typed in."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quietkeys.text.tokens import (
    BLANK,
    Context,
    context_after,
    context_after_piece,
    is_correctable,
    normalize,
    parts_of,
)

MESSAGES_PER_SESSION: Final = 20  # a session ends after idle minutes; text has none, so messages are counted


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A run of letters inside a word; context: the pieces of the message before it, oldest first."""

    context: Context
    text: str
    correctable: bool


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """One normalized word of a message; session: the number of its session.

    pieces: they join to `text`; of what is no word at all, as "@anna", a single one that begins with BLANK.
    """

    text: str
    pieces: tuple[Piece, ...]
    session: int = 0


def read_messages(path: Path) -> list[str]:
    """Return the lines of a UTF-8 text, plain or `.gz`. Raises OSError if it cannot be read."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        return [line for line in stream.read().split("\n") if line.strip()]


def typed_words(messages: Sequence[str]) -> list[Word]:
    """Return the words of all messages in order, each with its context within its message."""
    words: list[Word] = []
    for number, message in enumerate(messages):
        context: Context = ()
        for token in message.split():
            word = normalize(token)
            if word:
                words.append(Word(word, _pieces(context, token, word), number // MESSAGES_PER_SESSION))
            context = context_after(context, token)
    return words


def _pieces(context: Context, token: str, word: str) -> tuple[Piece, ...]:
    # Of a token and its normalized word, as a keyboard takes them: of "e.g." or "@anna" it corrects nothing.
    parts = parts_of(token)
    if "".join(parts) != word:
        return (Piece(context, BLANK + word, False),)
    found: list[Piece] = []
    for part in parts:
        found.append(Piece(context, part, is_correctable(part)))
        context = context_after_piece(context, part)
    return tuple(found)
