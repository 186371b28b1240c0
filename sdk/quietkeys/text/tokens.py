"""Text as the model reads it: tokens, the pieces in them, and the context that each piece stands in.

A word is a white-space token with at least one letter, outer punctuation stripped, case folded. Inside a
word, autocorrect works on its *pieces*: runs of letters and inner apostrophes. So "thnk...so" is two
pieces, as it is on a keyboard that corrects when punctuation follows. What is no word (numbers, addresses,
handles, code, names of files and hosts) is never a piece, and as context it is a blank: it must not be
remembered even as the neighbour of a word.

A dot between letters makes the name of a file or a host, unless a capital begins a sentence behind it; a
single letter at a dot or a slash makes an abbreviation. Which lexicon there is has no say in it, so that a
token means the same to everybody who reads it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Final

import numpy as np

from quietkeys.arrays import Float64

MAX_WORD: Final = 24  # longest piece, in characters; longer ones are left alone
BLANK: Final = "#"  # stands for what is no word in a context; no word contains it
MAX_TOKEN: Final = 200  # characters; what is longer is not typed as words, and is left alone
MAX_PIECES: Final = 8  # of one token; likewise
REACH: Final = 1200  # characters of context that can matter
SMALL: Final = 3  # letters of a part of a compound ("hi-fi", "km/h") or of a label ("re:") that is left alone
LINE_BREAKS: Final = "\n\r\v\f\x85\u2028\u2029"
SENTENCE_END: Final = frozenset(".!?…")
DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")  # "sooo"
_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_ACCENTS: Final = frozenset(map(chr, range(0x300, 0x370)))  # combining marks, as decomposed text has them
_DECOMPOSED: Final = re.compile(r"[^\W\d_][\u0300-\u036f]{1,4}")  # four are more than any language has
_CORRECTABLE: Final = re.compile(r"[a-z]+(?:'[a-z]+)*")
_ADDABLE: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_PIECES: Final = re.compile(r"[a-z]+(?:'[a-z]+)*|[^a-z]+")
_LEFT_ALONE: Final = re.compile(r"\d|[@#_\\~^<>=$%&*|{}\[\]]|://|www\.|\w\.\w+/|[^\x00-\x7f]")
_MARKED: Final = re.compile(r"[@#/\\~$]\S")  # handles, tags, paths, variables, prices
_NEW_SENTENCE: Final = re.compile(r"(?<=[a-z]{2})\.(?=[AI](?![A-Za-z])|[A-Z][a-z])")  # "home.I", "ok.Thanks"
_NAMED: Final = re.compile(r"[^\W_]\.[^\W\d_]")  # "readme.md", "youtu.be", "e.g"
_LETTER_AT_SLASH: Final = re.compile(r"(?<![^\W_'])[a-z]/[a-z]|[a-z]/[a-z](?![^\W_'])")  # "w/o", "n/a"
_ADDRESS: Final = re.compile(r":/|www\.", re.IGNORECASE)
_GOES_ON: Final = frozenset("@\\_~^<=%&|$/#")  # right behind letters, a sign that the token is no word
_ABBREVIATION: Final = re.compile(r"\W*(?:(?:[a-z]\.){2,}|(?:mrs?|ms|dr|prof|st)\.)", re.IGNORECASE)
_CLOSING: Final = frozenset(("Pe", "Pf", "So", "Mn", "Me", "Cf"))  # categories; they may follow the end
_CLOSING_ASCII: Final = frozenset("\"'*_~")
_SHOWN_END: Final = 40  # characters that may follow the end of a sentence within its token
_AFTER_IT: Final = frozenset(("is", "was", "were", "will", "would", "isn't", "wasn't", "weren't", "won't"))
_SPEAKS: Final = re.compile(r"[^\W_]")

# Pieces of a message so far, oldest first; "" where a sentence ends, BLANK for no word.
Context = tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A lower-case run of letters with its context, and where it starts in the text it is from. Private.

    fixed: it is left as it is typed, being a small part of something else, and learnt only if the lexicon has
    it. after_number: so it may be a unit. apostrophes: whether one stands right before it, and right behind.
    """

    context: Context
    text: str
    start: int = 0
    fixed: bool = False
    after_number: bool = False
    apostrophes: tuple[bool, bool] = (False, False)

    def touches(self, all_touches: Float64 | None) -> Float64 | None:
        """Return those of this piece [T, 2], from those of all characters of the text it is from [N, 2]."""
        return None if all_touches is None else all_touches[self.start : self.start + len(self.text)]


def normalize(token: str) -> str:
    """Return the word inside a token, or "" if it holds no letter.

    Typographic apostrophes become "'"; outer punctuation goes; case is folded.
    """
    start, stop = span(token)
    word = straightened(token[start:stop]).lower()
    return word if any(character.isalpha() for character in word) else ""


def composed(text: str) -> str:
    """Return a text with every letter and its combining marks as one character, where there is such a one."""
    return _DECOMPOSED.sub(lambda found: unicodedata.normalize("NFC", found.group()), text)


def composed_touches(text: str, touches: Float64) -> Float64:
    """Return the touches of `composed(text)` [M, 2] from those of a text [N, 2]: a letter has its own."""
    kept = np.ones(len(text), dtype=np.bool_)
    for found in _DECOMPOSED.finditer(text):
        kept[found.start() + len(unicodedata.normalize("NFC", found.group())) : found.end()] = False
    return touches[kept]


def straightened(text: str) -> str:
    """Return a text of the same length with typographic apostrophes as "'"."""
    return text.translate(_APOSTROPHES)


def span(token: str) -> tuple[int, int]:
    """Return where the word inside a token begins and ends: what `normalize` keeps of it."""
    token = straightened(token)
    start, stop = 0, len(token)
    while start < stop and not token[start].isalnum():
        start += 1
    if start == stop:
        return 0, 0
    while not token[stop - 1].isalnum():
        stop -= 1
    while token[stop : stop + 1] in _ACCENTS:
        stop += 1
    return start, stop


def words(text: str) -> list[str]:
    """Return the words of `text` in order."""
    return [word for word in map(normalize, text.split()) if word]


def pieces(word: str) -> list[str]:
    """Return the pieces of a normalized word with what stands between them; joined they are the word.

    A word with digits, addresses, code or letters beyond a-z is a single piece that is left alone.
    """
    return [word] if _LEFT_ALONE.search(word) else _PIECES.findall(word)


def ends_sentence(token: str) -> bool:
    """Return whether the context of the next word starts anew after this token.

    Closing quotes and brackets and emoji may follow the mark. "e.g." and "Dr." end none.
    """
    for place in range(len(token) - 1, max(-1, len(token) - 1 - _SHOWN_END), -1):
        character = token[place]
        if character in SENTENCE_END:
            return character != "." or _ABBREVIATION.fullmatch(token[: place + 1]) is None
        if character not in _CLOSING_ASCII and not is_closing(character):
            return False
    return False


def is_closing(character: str) -> bool:
    """Return whether a character closes something, or is an emoji or a part of one."""
    category = unicodedata.category(character)
    return category in _CLOSING or (category == "Sk" and not character.isascii())


def is_number(token: str) -> bool:
    """Return whether a token is a number that goes on: "5", "1/2", "~10", "$3", not "5," and not "5th"."""
    token = token[-MAX_TOKEN:]
    goes_on = token[-1:] not in SENTENCE_END and token[-1:] not in ",;:"
    return goes_on and any(map(str.isnumeric, token)) and not any(map(str.isalpha, token))


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
    """Return all pieces of `text`, with what was before it as their context.

    Takes time and memory that grow with the square of a line's length: long texts come in stretches.
    """
    found, before, at = [], context_of(context), 0
    last = context[-MAX_TOKEN:].split()[-1:]
    for raw in text.split():
        place = text.index(raw, at)
        if _breaks(text[at:place]):
            before = ()
        found += pieces_of(before, raw, place, after_number=bool(last) and is_number(last[0]))
        before, at, last = context_after(before, raw), place + len(raw), [raw]
    return found


def last_line(text: str) -> str:
    """Return what can matter of a text: its last line, of a long one the end, from REACH characters on."""
    return reaching(text, max(text.rfind(mark) for mark in LINE_BREAKS) + 1, len(text))


def reaching(text: str, begin: int, stop: int) -> str:
    """Return what can matter before a place of a text, in a line that begins at `begin`.

    Where that begins moves by REACH, so that what is remembered after it can be used again. It begins with a
    whole token.
    """
    spare = stop - begin - REACH
    if spare < REACH:
        return text[begin:stop]
    cut = text[begin + spare - spare % REACH : stop]
    place = next((place for place, character in enumerate(cut) if character.isspace()), len(cut))
    return cut[place:].lstrip()


def context_of(text: str) -> Context:
    """Return the context that a text leaves: the pieces of the line that it ends in."""
    context: Context = ()
    for raw in last_line(text).split():
        context = context_after(context, raw)
    return context


def pieces_of(context: Context, raw: str, at: int = 0, *, after_number: bool = False) -> list[Piece]:
    """Return the pieces of one token. at: where it starts in the text it is from."""
    found: list[Piece] = []
    start = span(raw)[0]
    straight = straightened(raw)
    for text in parts_of(raw):
        stop = start + len(text)
        if _is_piece(text):
            around = straight[max(start - 1, 0) : start] == "'", straight[stop : stop + 1] == "'"
            fixed = _is_fixed(straight, start, stop)
            found.append(Piece(context, text, at + start, fixed, after_number, around))
        context = context_after_piece(context, text)
        start = stop
    return found


def context_after(context: Context, raw: str) -> Context:
    """Return the context after one more token."""
    for text in parts_of(raw):
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
    return not starts and not (shouts(written) and shouts("".join(before.split()[-1:])))


def shouts(text: str) -> bool:
    """Return whether a text is in capitals, more than one."""
    letters = [character for character in text if character.isalpha()]
    return len(letters) > 1 and all(map(str.isupper, letters))


def is_elided(piece: Piece, is_common: Callable[[str], bool]) -> bool:
    """Return whether an apostrophe around a piece stands for letters that were left out, and quotes nothing.

    is_common: whether a lower-case word is a common one. "'em", "'bout", "goin'", "ol'", "'tis": with a few
    letters more it is a common word, or it is what may follow "it".
    """
    before, behind = piece.apostrophes
    text = piece.text
    if before == behind:
        return False
    if behind:
        return any(is_common(text + letter) for letter in ascii_lowercase)
    return (
        (text[0] == "t" and text[1:] in _AFTER_IT)
        or any(is_common(letter + text) for letter in ascii_lowercase)
        or any(is_common(first + second + text) for first in ascii_lowercase for second in ascii_lowercase)
    )


def parts_of(raw: str) -> list[str]:
    """Return the parts of a token, pieces and what stands between: its normalized word, or one that is none.

    What is an address, a name of a file or a host, or marked ("@anna") is a single part that is no piece.
    """
    if len(raw) > MAX_TOKEN or _MARKED.match(raw) or _ADDRESS.search(raw):
        return [BLANK + "x"]
    word = normalize(raw)
    if not word:
        return [raw]
    if _NAMED.search(_NEW_SENTENCE.sub("!", raw)) or _LETTER_AT_SLASH.search(word):
        return [word]
    parts = pieces(word)
    return parts if sum(map(_is_piece, parts)) <= MAX_PIECES else [word]


def _is_fixed(raw: str, start: int, stop: int) -> bool:
    # Whether what stands around a piece says that it is no word of its own, or not yet.
    before, after, letters = raw[max(start - 1, 0) : start], raw[stop : stop + 1], stop - start
    if after in _GOES_ON and after != before:
        return True
    if letters == 1 and raw[start] not in "iI" and {before, after} & {".", "'"}:
        return True
    if letters > SMALL:
        return False
    return after in ("-", ":") or (before in ("-", "/") and raw[start - 2 : start - 1].isalnum())


def _breaks(gap: str) -> bool:
    return any(mark in gap for mark in LINE_BREAKS)


def _is_piece(text: str) -> bool:
    return is_correctable(text) and len(text) <= MAX_WORD
