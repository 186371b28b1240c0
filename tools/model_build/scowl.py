"""SCOWL, the spell checkers' word lists: its words, how it writes them, how common it thinks they are.

A folder of files `REGION-KIND.SIZE` (Debian package `scowl`: /usr/share/dict/scowl), one word a line. The
size of a word is that of the smallest list it is in: 10 for the commonest, 95 for what hardly anybody knows.
Accents are left out, as most people leave them out where they type.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from quietkeys.text.tokens import is_correctable

LARGEST: Final = 80  # size; beyond it are words that hide misspellings rather than being written
LONGEST: Final = 24  # characters; what autocorrect aligns at most
VARIANT: Final = 10  # added to the size of a spelling that its own region thinks second-rate
_REGIONS: Final = {
    "english": 0, "american": 0, "british": 0, "british_z": 0, "canadian": 0, "australian": 0, "special": 10,
    "variant_1": VARIANT, "british_variant_1": VARIANT, "canadian_variant_1": VARIANT,
}  # fmt: skip
_NAME: Final = re.compile(r"(\w+)-([a-z-]+)\.(\d+)")


class ScowlError(Exception):
    """The folder of word lists holds none."""


class Kind(StrEnum):
    """What a list holds; `value` is how its files are called."""

    WORDS = "words"
    CONTRACTIONS = "contractions"
    UPPER = "upper"
    NAMES = "proper-names"
    ABBREVIATIONS = "abbreviations"
    HACKER = "hacker"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the lists say of one word in lower case.

    size: of the smallest list that has it. forms: as it is written, with the smallest size of each.
    kinds: of the lists that have it.
    """

    size: int
    forms: Mapping[str, int]
    kinds: frozenset[Kind]

    def written_small(self) -> bool:
        """Return whether a list has the word without any capital."""
        return any(form == form.lower() for form in self.forms)


def read_scowl(folder: Path, largest: int = LARGEST) -> dict[str, Listed]:
    """Return the words of letters and inner apostrophes in lists up to size `largest`, by lower case.

    Raises ScowlError if the folder has no such list.
    """
    forms: dict[str, dict[str, int]] = {}
    kinds: dict[str, set[Kind]] = {}
    for path in sorted(folder.glob("*-*.*")):
        found = _NAME.fullmatch(path.name)
        if found is None or found[1] not in _REGIONS or found[2] not in set(Kind):
            continue
        kind, size = Kind(found[2]), int(found[3]) + _REGIONS[found[1]]
        if size > largest:
            continue
        for form in map(_unaccented, path.read_text(encoding="utf-8").split()):
            word = form.lower()
            if len(word) > LONGEST or not is_correctable(word):
                continue
            sizes = forms.setdefault(word, {})
            sizes[form] = min(size, sizes.get(form, size))
            kinds.setdefault(word, set()).add(kind)
    if not forms:
        raise ScowlError(f"no word list in {folder}; Debian has them in the package scowl")
    return {word: Listed(min(sizes.values()), sizes, frozenset(kinds[word])) for word, sizes in forms.items()}


def _unaccented(form: str) -> str:
    """Return a word as it is typed without its accents: "café" -> "cafe"."""
    return "".join(
        letter for letter in unicodedata.normalize("NFD", form) if not unicodedata.combining(letter)
    )
