"""Reads text as a person would type it: one message a line, words with the context they are typed in."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quietkeys.tokens import ends_sentence, is_correctable, normalize, pieces

MESSAGES_PER_SESSION = 20  # a session ends after idle minutes; text has none, so messages are counted


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A run of letters inside a word; context: up to two pieces before it, older first."""

    context: tuple[str, str]
    text: str
    correctable: bool


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """One normalized word of a message, as pieces that join to `text`."""

    text: str
    pieces: tuple[Piece, ...]


def read_messages(path: Path) -> list[str]:
    """Return the lines of a UTF-8 text, plain or `.gz`. Raises OSError if it cannot be read."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        return [line for line in stream.read().split("\n") if line.strip()]


def typed_words(messages: Sequence[str]) -> list[Word]:
    """Return the words of all messages in order, each with its context within its sentence."""
    words: list[Word] = []
    for message in messages:
        context = ("", "")
        for token in message.split():
            word = normalize(token)
            if word:
                parts: list[Piece] = []
                for piece in pieces(word):
                    parts.append(Piece(context, piece, is_correctable(piece)))
                    if re.search(r"[^\W_]", piece):
                        context = (context[1], piece)
                words.append(Word(word, tuple(parts)))
            if ends_sentence(token):
                context = ("", "")
    return words
