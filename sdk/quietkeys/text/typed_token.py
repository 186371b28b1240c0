"""The token that is typed: which part of it is a word, and the case of what takes that word's place.

Case is kept as it was typed, and restored where the word has one of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from quietkeys.text.starts import SAYS, may_begin
from quietkeys.text.tokens import (
    Piece,
    context_of,
    ends_sentence,
    is_number,
    normalize,
    pieces_of,
    shouts,
    span,
    straightened,
)

_CODE_LIKE: Final = re.compile(r"[a-z][A-Z]|[A-Z]{2,}[a-z]{2,}")  # "fooBar", "HTTPServer"
_ACRONYMS: Final = re.compile(r"[A-Z]{2,}s")  # "IDs"
_CAPITAL: Final = frozenset(("I", "A"))  # capitals that say nothing
_ACRONYM: Final = 5  # letters of an acronym at most; longer words in capitals are words


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token that is typed, around the last of its pieces; piece: None where it is left alone. Private.

    preceding: the text before the token.
    """

    preceding: str
    before: str
    spelled: str
    after: str
    piece: Piece | None = field(repr=False)

    @property
    def literal(self) -> str:
        """The token as it was typed."""
        return self.before + self.spelled + self.after

    @property
    def opening(self) -> str:
        """The text before the word, for `is_name_like`: parts of the token itself count as no words."""
        gap = "" if self.preceding[-1:].isspace() else " "
        counts = not SAYS.search(self.before) or ends_sentence(self.before)
        return self.preceding + gap + (self.before if counts else "")

    @property
    def awaits(self) -> str:
        """What a word goes on with, in small letters, whose beginning was typed so far: "don'" of "don't"."""
        opened, closed = (False, False) if self.piece is None else self.piece.apostrophes
        return normalize(self.spelled) + ("'" if closed and not opened else "")

    def with_word(self, shown: str) -> str:
        """Return the token with a word, as it is written, in place of its piece, in the case of the piece.

        An apostrophe behind the piece is the word's own if it has one: "don'" becomes "don't".
        """
        own = self.awaits.endswith("'") and "'" in straightened(shown)
        return self.before + spelled_like(self.spelled, shown) + self.after[own:]

    def replaced(self, text: str) -> str:
        """Return the token with a text of the user's in place of its piece."""
        return self.before + replaced_like(self.spelled, text) + self.after


def token_of(context: str, typed: str) -> Token:
    """Return the token that ends `typed`, after all the text before it."""
    earlier, raw = split_last(typed)
    before = f"{context} {earlier}" if earlier else context
    at = len(typed.rstrip()) - len(raw)
    _, previous = split_last(before)
    found = pieces_of(context_of(before), raw, at, after_number=is_number(previous))
    end = span(raw)[1]
    start = end - len(found[-1].text) if found else end
    if not found or found[-1].start != at + start or is_code_like(raw):
        return Token(before, "", raw, "", None)
    return Token(before, raw[:start], raw[start:end], raw[end:], found[-1])


def split_last(text: str) -> tuple[str, str]:
    """Return the text before the last token, and the token, "" if there is none."""
    parts = text.rsplit(maxsplit=1)
    return ("", parts[-1] if parts else "") if len(parts) < 2 else (parts[0], parts[1])


def is_code_like(raw: str) -> bool:
    """Return whether the capitals inside a token say that it is no word: it is left alone."""
    return _CODE_LIKE.search(raw) is not None


def is_name_like(before: str, spelled: str) -> bool:
    """Return whether the capitals of a word say that it is a name or an acronym.

    before: the text before it, opening quotes and brackets included. A capital counts where none is due:
    within a sentence, in a text that is not all capitals.
    """
    if _ACRONYMS.fullmatch(spelled):
        return True
    if may_begin(before) or split_last(before)[1].isupper():
        return False
    if shouts(spelled):
        return sum(map(str.isalpha, spelled)) <= _ACRONYM
    return shows_capital(spelled)


def shows_capital(spelled: str) -> bool:
    """Return whether a word begins with a capital that says something; that of "I" and "A" does not."""
    return spelled[:1].isupper() and spelled not in _CAPITAL


def replaced_like(spelled: str, text: str) -> str:
    """Return a text to put in the place of a word: with capitals of its own as it is, else cased like it."""
    return text if text != text.lower() else spelled_like(spelled, text)


def spelled_like(spelled: str, shown: str) -> str:
    """Return a word in the case, and with the kind of apostrophe, of what was typed.

    shown: as the lexicon writes it ("Monday", "I'm", "the"). ALL CAPITALS stay so, a capital at the start
    stays; what was typed in small letters takes the word's own capitals; the very word that was typed keeps
    the capitals that were typed.
    """
    if normalize(spelled) == shown.lower() and any(map(str.isupper, spelled)):
        return spelled
    if shouts(spelled):
        shown = shown.upper()
    elif spelled[:1].isupper():
        shown = shown[:1].upper() + shown[1:]
    return shown.replace("'", "\u2019") if "\u2019" in spelled else shown
