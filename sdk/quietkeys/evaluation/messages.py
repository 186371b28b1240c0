"""Reads text as a person would type it: one message a line, words with the context they are typed in."""

from __future__ import annotations

import gzip
import re
from collections.abc import Container, Mapping, Sequence
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
    span,
)

_TOKEN: Final = re.compile(r"\S+")
MESSAGES_PER_SESSION: Final = 20  # a session ends after idle minutes; text has none, so messages are counted


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A run of letters inside a word; context: the pieces of the message before it, oldest first."""

    context: Context
    text: str
    correctable: bool


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """One normalized word of a message, as pieces that join to `text`.

    Of what is no word at all, as "@anna", a single piece that begins with BLANK. session: the number of its
    session. number: its place among all words of the writer. spelling: what the writer means to type, where
    that is not `text`; the word is then one piece. scored: whether it is known what is right.
    """

    text: str
    pieces: tuple[Piece, ...]
    session: int = 0
    number: int = 0
    spelling: str = ""
    scored: bool = True

    @property
    def misspelt(self) -> bool:
        """Whether the writer spells it wrong."""
        return bool(self.spelling)


def read_messages(path: Path) -> list[str]:
    """Return the lines of a UTF-8 text, plain or `.gz`. Raises OSError if it cannot be read."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
        return [line for line in stream.read().split("\n") if line.strip()]


def corrected(messages: Sequence[str], corrections: Mapping[str, Sequence[str]]) -> list[str]:
    """Return messages in which what was meant stands in place of each misspelling with one correction."""

    def meant(token: re.Match[str]) -> str:
        text = token.group()
        known = corrections.get(normalize(text), ())
        if len(known) != 1:
            return text
        begin, end = span(text)
        word = known[0].capitalize() if text[begin].isupper() else known[0]
        return text[:begin] + word + text[end:]

    return [_TOKEN.sub(meant, message) for message in messages]


def typed_words(messages: Sequence[str], unsure: Container[str] = ()) -> list[Word]:
    """Return the words of all messages in order, each with its context within its message.

    unsure: words of which nobody knows what was meant by them; they are not scored.
    """
    words: list[Word] = []
    for number, message in enumerate(messages):
        context: Context = ()
        for token in message.split():
            word = normalize(token)
            if word:
                session = number // MESSAGES_PER_SESSION
                parts = _pieces(context, token, word)
                words.append(Word(word, parts, session, len(words), scored=word not in unsure))
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
