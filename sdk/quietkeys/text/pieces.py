"""Text as an app has it, and the pieces that the model works on.

An app knows the text before the cursor and the token that is typed; the model knows lower-case pieces with
the pieces of the message before them. What is no word (numbers, addresses, handles, code) is never a piece,
and as context it is a blank: it must not be remembered even as the neighbour of a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from quietkeys.bundle.language_model import BLANK, Context
from quietkeys.keyboard.alignment import MAX_WORD
from quietkeys.keyboard.layout import Floats
from quietkeys.text.casing import is_code_like, replaced_like, spelled_like
from quietkeys.text.tokens import ends_sentence, is_correctable, normalize, pieces, span

_MARKED: Final = re.compile(r"[@#/\\~$]\S")  # handles, tags, paths, variables, prices
_SPEAKS: Final = re.compile(r"[^\W_]")
REACH: Final = 1200  # characters of context that can matter


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A lower-case run of letters with its context, and where it starts in the text it is from. Private."""

    context: Context
    text: str
    start: int = 0

    def touches(self, all_touches: Floats) -> Floats:
        """Return those of this piece [T, 2], from those of all characters of the text it is from."""
        return all_touches[self.start : self.start + len(self.text)]


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token that is typed, around the last of its pieces; piece: None where it is left alone. Private."""

    before: str
    spelled: str
    after: str
    piece: Piece | None = field(repr=False)

    def with_word(self, shown: str) -> str:
        """Return the token with a word, as it is written, in place of its piece, in the case of the piece."""
        return self.before + spelled_like(self.spelled, shown) + self.after

    def replaced(self, text: str) -> str:
        """Return the token with a text of the user's in place of its piece."""
        return self.before + replaced_like(self.spelled, text) + self.after


def token_of(context: str, typed: str) -> Token:
    """Return the token that ends `typed`, after all the text before it."""
    earlier, raw = _split_last(typed)
    at = len(typed.rstrip()) - len(raw)
    found = pieces_of(_with_earlier(context, earlier), raw, at)
    end = span(raw)[1]
    start = end - len(found[-1].text) if found else end
    if not found or found[-1].start != at + start or is_code_like(raw):
        return Token("", raw, "", None)
    return Token(raw[:start], raw[start:end], raw[end:], found[-1])


def words_of(context: str, text: str) -> list[Piece]:
    """Return all pieces of `text`, with what was before it as their context."""
    found, before, at = [], context_of(context), 0
    for raw in text.split():
        at = text.index(raw, at)
        found += pieces_of(before, raw, at)
        before, at = context_after(before, raw), at + len(raw)
    return found


def context_of(text: str) -> Context:
    """Return the context that a text leaves: the pieces of the line that it ends in."""
    line = text[-REACH:].rpartition("\n")[2]
    tokens = line.split()
    if len(text) > REACH and len(line) == REACH:
        tokens = tokens[1:]  # the first may be cut
    context: Context = ()
    for raw in tokens:
        context = context_after(context, raw)
    return context


def pieces_of(context: Context, raw: str, at: int = 0) -> list[Piece]:
    """Return the pieces of one token. at: where it starts in the text it is from."""
    found: list[Piece] = []
    at += span(raw)[0]
    for text in _parts(raw):
        if _is_piece(text):
            found.append(Piece(context, text, at))
        context = context_after_piece(context, text)
        at += len(text)
    return found


def _with_earlier(context: str, earlier: str) -> Context:
    return context_of(f"{context} {earlier}" if earlier else context)


def context_after(context: Context, raw: str) -> Context:
    """Return the context after one more token."""
    for text in _parts(raw):
        context = context_after_piece(context, text)
    return (*context, "") if context and context[-1] and ends_sentence(raw) else context


def _parts(raw: str) -> list[str]:
    # Of a normalized token; a marked one is a single part that is no piece.
    if _MARKED.match(raw):
        return [BLANK + "x"]
    word = normalize(raw)
    return pieces(word) if word else [raw]


def context_after_piece(context: Context, text: str) -> Context:
    """Return the context after one more piece of a normalized token."""
    if not _SPEAKS.search(text):
        return context
    return (*context, text if _is_piece(text) else BLANK)


def _is_piece(text: str) -> bool:
    return is_correctable(text) and len(text) <= MAX_WORD


def _split_last(typed: str) -> tuple[str, str]:
    parts = typed.rsplit(maxsplit=1)
    return ("", parts[-1] if parts else "") if len(parts) < 2 else (parts[0], parts[1])
