"""Lists of misspellings, as simulated writers misspell: which typos a word has, which corrections a typo has.

A row counts where both sides are letters and apostrophes and differ, case folded, and where the typo is
nobody's correction and no word of SCOWL up to size 60: "form" for "from" is a slip that nobody can see in a
word alone, and says nothing of spelling. Those words are in `scowl60.txt.gz`, all regions and kinds, accents
left out, made by `python -m quietkeys_bench.common.misspellings /usr/share/dict/scowl` from Debian's package
`scowl` 2020.12.07.

Lists may be halved, so that what chose a parameter is not what it is reported on. A correct word with all its
typos is in one half or the other; what is known to be a typo is known in both.
"""

from __future__ import annotations

import gzip
import sys
import unicodedata
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from quietkeys.text.tokens import is_correctable, straightened
from quietkeys_bench.common.mistakes import COLUMNS
from quietkeys_bench.common.rows import read_table

WORDS: Final = Path(__file__).with_name("scowl60.txt.gz")
LARGEST: Final = 60  # size of SCOWL's lists


class Half(StrEnum):
    """Which correct words of a list are taken."""

    ALL = "all"
    CHOOSE = "choose"
    REPORT = "report"

    def has(self, correct: str) -> bool:
        """Return whether a correct word belongs here."""
        return self is Half.ALL or (self is Half.CHOOSE) == (zlib.crc32(correct.casefold().encode()) % 2 == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Misspellings:
    """Which typos a correct word has, of the half that is used, and which corrections a typo, of all lists.

    identity: a hash of both, "" of none. Two are equal if these are.
    """

    typos: Mapping[str, Sequence[str]] = field(default_factory=dict)
    corrections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    identity: str = ""

    def __eq__(self, other: object) -> bool:
        """Return whether the other says the same."""
        return isinstance(other, Misspellings) and self.identity == other.identity

    def __hash__(self) -> int:
        """Return the hash of its identity."""
        return hash(self.identity)


NOTHING: Final = Misspellings()  # known of nobody


def read_misspellings(files: Sequence[Path], half: Half) -> Misspellings:
    """Return what files of rows `typo, correct, context` say, together; of no file: that nobody misspells.

    Raises OSError; RowsUnreadable for another form.
    """
    rows = [columns[:2] for path in files for _, columns in read_table(path, COLUMNS, least=2)]
    return misspellings_of(rows, words_up_to_60(), half) if files else NOTHING


def misspellings_of(rows: Iterable[Sequence[str]], words: Collection[str], half: Half) -> Misspellings:
    """Return what rows of (typo, correct) say. words: that no typo is, in lower case."""
    folded = {(_folded(typo), _folded(correct)) for typo, correct in rows}
    plain = sorted(pair for pair in folded if all(map(is_correctable, pair)) and pair[0] != pair[1])
    meant = {correct for _, correct in plain}
    typos: dict[str, list[str]] = {}
    corrections: dict[str, list[str]] = {}
    for typo, correct in plain:
        if typo not in words and typo not in meant:
            corrections.setdefault(typo, []).append(correct)
            if half.has(correct):
                typos.setdefault(correct, []).append(typo)
    said = f"{half} {typos} {corrections}"
    return Misspellings(typos, corrections, sha256(said.encode()).hexdigest())


@lru_cache(maxsize=1)
def words_up_to_60() -> frozenset[str]:
    """Return the words of SCOWL's lists up to size 60, in lower case."""
    return frozenset(gzip.decompress(WORDS.read_bytes()).decode("ascii").split("\n"))


def write_words(folder: Path, out: Path = WORDS) -> None:
    """Write the words of the lists in a folder, as `words_up_to_60` reads them."""
    listed = [path for path in folder.glob("*-*.*") if int(path.suffix[1:]) <= LARGEST]
    texts = [unicodedata.normalize("NFD", path.read_text(encoding="utf-8")) for path in listed]
    words = {"".join(filter(str.isascii, word)).lower() for text in texts for word in text.split()}
    lines = "\n".join(sorted(filter(is_correctable, words)))
    out.write_bytes(gzip.compress(lines.encode("ascii"), 9, mtime=0))


def _folded(text: str) -> str:
    return straightened(text.strip()).lower()


if __name__ == "__main__":
    write_words(Path(sys.argv[1]))
