"""The keys of the on-screen keyboard: rows by page, what a touch is for, and the layout for the SDK.

Places are in letter keys, from the left and top of the keyboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quietkeys import Layout

ACCENTS: Final = {  # offered while a key is held, the most frequent first
    "a": "àáâäæãåā",
    "c": "çćč",
    "e": "éèêëēę",
    "i": "íîïìī",
    "l": "ł",
    "n": "ñńň",
    "o": "óöôòœøõō",
    "s": "ßśš",
    "u": "üúûùū",
    "y": "ÿý",
    "z": "žźż",
    ".": "…·",
    "-": "–—",
    "?": "¿",
    "!": "¡",
    "'": "‘’",
    '"': "“”„«»",
    "$": "€£¥¢",
}
ROW_KEYS: Final = 10.0  # widths of a letter key in a row


class Kind(StrEnum):
    """What a key does."""

    CHARACTER = "character"
    SHIFT = "shift"
    BACKSPACE = "backspace"
    SPACE = "space"
    ENTER = "enter"
    PAGE = "page"
    SEARCH = "search"


class Page(StrEnum):
    """What the keyboard shows."""

    LETTERS = "letters"
    SYMBOLS = "symbols"
    MORE = "more symbols"
    EMOJI = "emoji"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. label: what it types or does. width: in letter keys. page: where a PAGE key leads."""

    label: str
    kind: Kind = Kind.CHARACTER
    width: float = 1.0
    page: Page = Page.LETTERS


@dataclass(frozen=True, slots=True)
class Placed:
    """A key and where it is: left edge and row, in letter keys; rows count from the top."""

    key: Key
    left: float
    row: int

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.key.width


def _characters(text: str) -> list[Key]:
    return [Key(character) for character in text]


def _last_row(page: Page, label: str) -> list[Key]:
    return [
        Key(label, Kind.PAGE, 1.5, page),
        Key("emoji", Kind.PAGE, 1.0, Page.EMOJI),
        Key(","),
        Key("space", Kind.SPACE, 4.0),
        Key("."),
        Key("enter", Kind.ENTER, 1.5),
    ]


_ROWS: Final[dict[Page, list[list[Key]]]] = {
    Page.LETTERS: [
        _characters("qwertyuiop"),
        _characters("asdfghjkl"),
        [Key("shift", Kind.SHIFT, 1.5), *_characters("zxcvbnm"), Key("backspace", Kind.BACKSPACE, 1.5)],
        _last_row(Page.SYMBOLS, "?123"),
    ],
    Page.SYMBOLS: [
        _characters("1234567890"),
        _characters("@#$_&-+()/"),
        [
            Key("=\\<", Kind.PAGE, 1.5, Page.MORE),
            *_characters("*\"':;!?"),
            Key("backspace", Kind.BACKSPACE, 1.5),
        ],
        _last_row(Page.LETTERS, "ABC"),
    ],
    Page.MORE: [
        _characters("~`|•√π÷×¶∆"),
        _characters("£¢€¥^°={}\\"),
        [
            Key("?123", Kind.PAGE, 1.5, Page.SYMBOLS),
            *_characters("%©®™[]¡"),
            Key("backspace", Kind.BACKSPACE, 1.5),
        ],
        _last_row(Page.LETTERS, "ABC"),
    ],
    Page.EMOJI: [
        [
            Key("ABC", Kind.PAGE, 1.5, Page.LETTERS),
            Key("search", Kind.SEARCH, 1.5),
            Key("space", Kind.SPACE, 4.0),
            Key("backspace", Kind.BACKSPACE, 1.5),
            Key("enter", Kind.ENTER, 1.5),
        ],
    ],
}


def placed_keys(page: Page) -> list[Placed]:
    """Return the keys of a page; rows that are narrower than the keyboard stand in the middle."""
    found = []
    for row, keys in enumerate(_ROWS[page]):
        left = (ROW_KEYS - sum(key.width for key in keys)) / 2
        for key in keys:
            found.append(Placed(key, left, row))
            left += key.width
    return found


def rows_of(page: Page) -> int:
    """Return how many rows of keys a page has; the emoji page has its sheet above them."""
    return len(_ROWS[page])


def key_at(keys: Sequence[Placed], x: float, y: float) -> Placed:
    """Return the key that a touch is for: the nearest in its row. x, y: letter keys from the left and top."""
    last = max(one.row for one in keys)
    row = min(max(int(y), 0), last)
    return min((one for one in keys if one.row == row), key=lambda one: max(one.left - x, x - one.right))


def phone_layout() -> Layout:
    """Return this keyboard's letters for the SDK, which learns where they are touched."""
    return Layout.from_keys(
        "quietkeys-demo",
        {
            one.key.label: (one.left + one.key.width / 2, one.row + 0.5)
            for one in placed_keys(Page.LETTERS)
            if one.key.kind is Kind.CHARACTER and one.key.label.isalpha()
        },
    )
