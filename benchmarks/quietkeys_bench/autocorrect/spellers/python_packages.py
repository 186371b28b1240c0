"""Peers that are Python packages without context: symspellpy, pyspellchecker, autocorrect.

They are imported when they are asked for: whoever compares installs them, nobody else has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module, resources
from typing import Any, Final

from quietkeys.text.tokens import span
from quietkeys_bench.autocorrect.rows import folded
from quietkeys_bench.autocorrect.spellers.interface import STRIP, Answer, first_or

EDITS: Final = 2  # letters that may be wrong; the packages' own default
_SYMSPELL_WORDS: Final = "frequency_dictionary_en_82_765.txt"


class PeerBroken(Exception):  # noqa: N818 - what happened
    """A peer is installed and lacks something it needs; the text says what."""


class _WithoutContext:
    """A speller that sees the word alone, without the punctuation around it; what is no word is left."""

    def approach(self, before: str, typed: str) -> None:
        """Do nothing: it keeps nothing from one call to the next."""

    def correct(self, before: str, typed: str, after: str) -> Answer:
        """Return its suggestions for the word, best first; the first is what it puts in place."""
        start, end = span(typed)
        word = folded(typed[start:end])
        suggested = self._suggested(word) if word.replace("'", "").isalpha() else ()
        return first_or([typed[:start] + one + typed[end:] for one in suggested[:STRIP]], typed)

    def _suggested(self, word: str) -> Sequence[str]:
        raise NotImplementedError


class SymSpell(_WithoutContext):
    """symspellpy with its own dictionary: every word within two edits, nearest and then commonest first."""

    name = "symspellpy"

    def __init__(self) -> None:
        """Raises PeerBroken if the dictionary is missing."""
        package = import_module("symspellpy")
        self._all = package.Verbosity.ALL
        self._speller: Any = package.SymSpell(max_dictionary_edit_distance=EDITS, prefix_length=7)
        with resources.as_file(resources.files("symspellpy") / _SYMSPELL_WORDS) as path:
            if not self._speller.load_dictionary(str(path), term_index=0, count_index=1):
                raise PeerBroken("symspellpy lacks its English dictionary")

    def _suggested(self, word: str) -> Sequence[str]:
        # A word that it knows is its own first one.
        return [found.term for found in self._speller.lookup(word, self._all, EDITS)]


class PySpellChecker(_WithoutContext):
    """pyspellchecker: candidates within two edits by frequency, the word itself where it is known."""

    name = "pyspellchecker"

    def __init__(self) -> None:
        self._speller: Any = import_module("spellchecker").SpellChecker(distance=EDITS)

    def _suggested(self, word: str) -> Sequence[str]:
        # A word that it knows is its only candidate.
        usage = self._speller.word_usage_frequency
        return sorted(self._speller.candidates(word) or (), key=lambda one: (-usage(one), one))


class Autocorrect(_WithoutContext):
    """The package `autocorrect`: its own choice, and its candidates by frequency."""

    name = "autocorrect"

    def __init__(self) -> None:
        """Raises PeerBroken if its English word list did not come with it: it would be downloaded."""
        package = resources.files("autocorrect")
        if not (package / "data" / "en.tar.gz").is_file():
            raise PeerBroken("autocorrect lacks data/en.tar.gz, which it would download")
        self._speller: Any = import_module("autocorrect").Speller(lang="en")

    def _suggested(self, word: str) -> Sequence[str]:
        ranked: Sequence[tuple[int, str]] = sorted(self._speller.get_candidates(word), reverse=True)
        return tuple(dict.fromkeys([self._speller(word), *(one for _, one in ranked)]))
