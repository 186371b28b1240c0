"""Text as the model reads it: tokens, the pieces in them, and the context that each piece stands in.

A word is a white-space token with at least one letter, outer punctuation stripped, case folded. Inside a
word, autocorrect works on its *pieces*: runs of letters and inner apostrophes. So "thnk...so" is two
pieces, as it is on a keyboard that corrects when punctuation follows. What is no word (numbers, addresses,
handles, code) is never a piece, and as context it is a blank: it must not be remembered even as the neighbour
of a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quietkeys.arrays import Float64

MAX_WORD: Final = 24  # longest piece, in characters; longer ones are left alone
BLANK: Final = "#"  # stands for what is no word in a context; no word contains it
REACH: Final = 1200  # characters of context that can matter
SENTENCE_END: Final = frozenset(".!?…")
DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")  # "sooo"
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_OUTER: Final = re.compile(r"^[\W_]+|[\W_]+$")
_CORRECTABLE: Final = re.compile(r"[a-z]+(?:'[a-z]+)*")
_ADDABLE: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_PIECES: Final = re.compile(r"[a-z]+(?:'[a-z]+)*|[^a-z]+")
_LEFT_ALONE: Final = re.compile(r"\d|[@#_\\~^<>=$%&*|{}\[\]]|://|www\.|\w\.\w+/|[^\x00-\x7f]")
_MARKED: Final = re.compile(r"[@#/\\~$]\S")  # handles, tags, paths, variables, prices
_SPEAKS: Final = re.compile(r"[^\W_]")

# Pieces of a message so far, oldest first; "" where a sentence ends, BLANK for no word.
Context = tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A lower-case run of letters with its context, and where it starts in the text it is from. Private."""

    context: Context
    text: str
    start: int = 0

    def touches(self, all_touches: Float64 | None) -> Float64 | None:
        """Return those of this piece [T, 2], from those of all characters of the text it is from [N, 2]."""
        return None if all_touches is None else all_touches[self.start : self.start + len(self.text)]


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


def is_addable(token: str) -> bool:
    """Return whether a user may add this token: letters, digits, inner hyphens and apostrophes."""
    has_letter = any(map(str.isalpha, token))
    return len(token) <= MAX_WORD and has_letter and _ADDABLE.fullmatch(token) is not None


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


def context_after(context: Context, raw: str) -> Context:
    """Return the context after one more token."""
    for text in _parts(raw):
        context = context_after_piece(context, text)
    return (*context, "") if context and context[-1] and ends_sentence(raw) else context


def context_after_piece(context: Context, text: str) -> Context:
    """Return the context after one more piece of a normalized token."""
    if not _SPEAKS.search(text):
        return context
    return (*context, text if _is_piece(text) else BLANK)


def last_two(context: Sequence[str]) -> tuple[str, str]:
    """Return the last two words of a context's last sentence, older first, "" where it starts."""
    sentence = list(context[-2:])
    if "" in sentence:
        sentence = sentence[sentence.index("") + 1 :] if sentence[-1] else []
    padded = ["", "", *sentence]
    return padded[-2], padded[-1]


def written_in(text: str, piece: Piece) -> str:
    """Return a piece as it is spelled in the text that it is from, apostrophes straightened."""
    return straightened(text[piece.start : piece.start + len(piece.text)])


def is_case_chosen(context: Context, before: str, written: str) -> bool:
    """Return whether the case of a word is its writer's choice.

    A capital where a sentence starts is not, nor are all capitals after a word in all capitals. context:
    of the word. before: the text before it.
    """
    starts = not context or not context[-1]
    if not written[:1].isupper():
        return True
    return not starts and not (_shouts(written) and _shouts("".join(before.split()[-1:])))


def _shouts(text: str) -> bool:
    # Whether a text is in capitals, more than one.
    letters = [character for character in text if character.isalpha()]
    return len(letters) > 1 and all(map(str.isupper, letters))


def _parts(raw: str) -> list[str]:
    # Of a normalized token; a marked one is a single part that is no piece.
    if _MARKED.match(raw):
        return [BLANK + "x"]
    word = normalize(raw)
    return pieces(word) if word else [raw]


def _is_piece(text: str) -> bool:
    return is_correctable(text) and len(text) <= MAX_WORD
