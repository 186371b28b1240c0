"""What a field says of itself, and what follows: what is learnt, shown and put right there.

IBus tells a purpose, hints, and which program it is; a program says as much as its toolkit does. What cannot
say what it is, a terminal or a game, is not learnt from, and in a terminal nothing is shown either: a
password is typed there without a word about it. Qt 5 tells IBus neither purpose nor hints nor which of its
programs it is, a terminal perhaps: there suggestions are all, until the user says so of Qt as of a program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from quietkeys import InputField


class Purpose(IntEnum):
    """IBus' InputPurpose; its numbers are those of IBus' protocol."""

    FREE_FORM = 0
    ALPHA = 1
    DIGITS = 2
    NUMBER = 3
    PHONE = 4
    URL = 5
    EMAIL = 6
    NAME = 7
    PASSWORD = 8
    PIN = 9
    TERMINAL = 10


class Hint(IntFlag):
    """Those of IBus' InputHints that matter here."""

    NO_SPELLCHECK = 1 << 1
    LOWERCASE = 1 << 3
    PRIVATE = 1 << 11


@dataclass(frozen=True, slots=True)
class Field:
    """What is done in a field. silent: keys are not looked at. corrects: words are put right.

    untold: its program tells of no field what it is for, so that the user may have to.
    """

    kind: InputField
    silent: bool = False
    corrects: bool = True
    untold: bool = False


SILENT: Final = Field(InputField.PASSWORD, silent=True, corrects=False)
_KINDS: Final = {
    Purpose.FREE_FORM: InputField.TEXT,
    Purpose.ALPHA: InputField.TEXT,
    Purpose.NAME: InputField.NO_LEARNING,  # of people, spelled as they are
    Purpose.DIGITS: InputField.NUMBER,
    Purpose.NUMBER: InputField.NUMBER,
    Purpose.PHONE: InputField.NUMBER,
    Purpose.URL: InputField.URL,
    Purpose.EMAIL: InputField.EMAIL,
}
_TERMINALS: Final = re.compile(
    r"term|konsole|kitty|tilix|guake|yakuake|tilda|kgx|ptyxis|console|ssh|^xim$|^fake$", re.IGNORECASE
)


_UNTOLD: Final = frozenset(("QIBusInputContext",))  # what Qt 5 calls all its programs


def program_of(client: str) -> str:
    """Return the program's name in what IBus calls a client: "gedit" of "gtk3-im:gedit"."""
    return client.rpartition(":")[2].rpartition("/")[2]


def field_of(purpose: int, hints: int, client: str, *, reports: bool) -> Field:
    """Return what is done in a field. reports: whether it tells the text around its cursor."""
    try:
        known = Purpose(purpose)
    except ValueError:  # of a newer IBus: what it is for is not known
        return SILENT
    if known in {Purpose.PASSWORD, Purpose.PIN, Purpose.TERMINAL} or _TERMINALS.search(program_of(client)):
        return SILENT
    if program_of(client) in _UNTOLD:
        return Field(InputField.NO_LEARNING, corrects=False, untold=True)
    kind = _KINDS[known]
    if kind is InputField.TEXT and (hints & Hint.PRIVATE or not reports):
        kind = InputField.NO_LEARNING
    corrects = reports and known is not Purpose.NAME and not hints & (Hint.NO_SPELLCHECK | Hint.LOWERCASE)
    return Field(kind, corrects=corrects)
