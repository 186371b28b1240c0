"""Text as an app has it, and the pieces that the model works on.

An app knows the text before the cursor and the token that is typed; the model knows lower-case pieces with
up to two pieces before them. What is no word (numbers, addresses, handles, code) is never a piece, and as
context it is a blank: it must not be remembered even as the neighbour of a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from quietkeys.alignment import MAX_WORD
from quietkeys.tokens import ends_sentence, is_correctable, normalize, pieces, span

BLANK: Final = "#"  # stands for what is no word; no word contains it
_MARKED: Final = re.compile(r"[@#/\\~$]\S")  # handles, tags, paths, variables, prices
_SPEAKS: Final = re.compile(r"[^\W_]")
_REACH: Final = 400  # characters of context that can matter

Context = tuple[str, str]  # up to two pieces, older first; "" where a sentence starts


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A lower-case run of letters with its context. Private."""

    context: Context
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token that is typed, around the last of its pieces; piece: None where it is left alone. Private."""

    before: str
    spelled: str
    after: str
    piece: Piece | None = field(repr=False)

    def with_word(self, word: str) -> str:
        """Return the token with a lower-case word in place of its piece, spelled as the piece is."""
        return self.before + spelled_like(self.spelled, word) + self.after


def token_of(context: str, typed: str) -> Token:
    """Return the token that ends `typed`, after all the text before it."""
    earlier, raw = _split_last(typed)
    found = pieces_of(_context_after(context, earlier), raw)
    start, end = span(raw)
    if not found or len(raw.lower()) != len(raw):
        return Token("", raw, "", None)
    start = end - len(found[-1].text)
    return Token(raw[:start], raw[start:end], raw[end:], found[-1])


def words_of(context: str, text: str) -> list[Piece]:
    """Return all pieces of `text`, with what was before it as their context."""
    found, before = [], context_of(context)
    for raw in text.split():
        found += pieces_of(before, raw)
        before = _after(before, raw)
    return found


def context_of(text: str) -> Context:
    """Return the context that a text leaves: its last two pieces in the sentence and line that it ends in."""
    line = text[-_REACH:].rpartition("\n")[2]
    tokens = line.split()
    if len(text) > _REACH and len(line) == _REACH:
        tokens = tokens[1:]  # the first may be cut
    context = ("", "")
    for raw in tokens:
        context = _after(context, raw)
    return context


def pieces_of(context: Context, raw: str) -> list[Piece]:
    """Return the pieces of one token."""
    found: list[Piece] = []
    for text in _parts(raw):
        if _is_piece(text):
            found.append(Piece(context, text))
        context = _moved(context, text)
    return found


def spelled_like(spelled: str, word: str) -> str:
    """Return a lower-case word in the case, and with the kind of apostrophe, of what was typed."""
    if normalize(spelled) == word:
        return spelled
    letters = [character for character in spelled if character.isalpha()]
    if len(letters) > 1 and all(map(str.isupper, letters)):
        word = word.upper()
    elif spelled[:1].isupper():
        word = word[:1].upper() + word[1:]
    return word.replace("'", "’") if "’" in spelled else word


def _context_after(context: str, earlier: str) -> Context:
    return context_of(f"{context} {earlier}" if earlier else context)


def _after(context: Context, raw: str) -> Context:
    for text in _parts(raw):
        context = _moved(context, text)
    return ("", "") if ends_sentence(raw) else context


def _parts(raw: str) -> list[str]:
    # Of a normalized token; a marked one is a single part that is no piece.
    if _MARKED.match(raw):
        return [BLANK + "x"]
    word = normalize(raw)
    return pieces(word) if word else [raw]


def _moved(context: Context, text: str) -> Context:
    if not _SPEAKS.search(text):
        return context
    return (context[1], text if _is_piece(text) else BLANK)


def _is_piece(text: str) -> bool:
    return is_correctable(text) and len(text) <= MAX_WORD


def _split_last(typed: str) -> tuple[str, str]:
    parts = typed.rsplit(maxsplit=1)
    return ("", parts[-1] if parts else "") if len(parts) < 2 else (parts[0], parts[1])
