"""Peers that see the word alone: Python packages, and programs with ispell's pipe protocol.

symspellpy, pyspellchecker and autocorrect are imported when they are asked for: whoever compares installs
them, nobody else has to. aspell and hunspell stand behind a pipe: a line goes in, a line comes out for every
word of it and then an empty one: `*`, `+`, `-` for a good word, `& word count place: suggestions` or `? ...`,
and `# word place` where there is none.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module, resources
from typing import IO, Any, Final, cast

from quietkeys.text.tokens import span
from quietkeys_bench.autocorrect.spellers.interface import STRIP, Answer, PeerBroken, first_or
from quietkeys_bench.common.mistakes import folded

EDITS: Final = 2  # letters that may be wrong; the packages' own default
COMMANDS: Final = {
    "aspell": ("aspell", "-a", "--lang=en_US", "--encoding=utf-8", "--sug-mode=normal"),
    "hunspell": ("hunspell", "-a", "-d", "en_US", "-i", "utf-8"),
}
_SYMSPELL_WORDS: Final = "frequency_dictionary_en_82_765.txt"
_MISSED: Final = re.compile(r"[&?] (\S+) \d+ (\d+): (.*)")


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
        """Raise PeerBroken if the dictionary is missing."""
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
        """Raise PeerBroken if its English word list did not come with it: it would be downloaded."""
        package = resources.files("autocorrect")
        if not (package / "data" / "en.tar.gz").is_file():
            raise PeerBroken("autocorrect lacks data/en.tar.gz, which it would download")
        self._speller: Any = import_module("autocorrect").Speller(lang="en")

    def _suggested(self, word: str) -> Sequence[str]:
        ranked: Sequence[tuple[int, str]] = sorted(self._speller.get_candidates(word), reverse=True)
        return tuple(dict.fromkeys([self._speller(word), *(one for _, one in ranked)]))


@dataclass(frozen=True, slots=True)
class PipeSpeller:
    """A checker behind a pipe: no context; a word that it knows is left alone and gets no suggestions."""

    name: str
    into: IO[str]
    out: IO[str]

    def approach(self, before: str, typed: str) -> None:
        """Do nothing: it keeps nothing from one call to the next."""

    def correct(self, before: str, typed: str, after: str) -> Answer:
        """Return its suggestions for the word, or for the first part of it that it does not know."""
        line = " ".join(typed.split())
        self.into.write(f"^{line}\n")
        self.into.flush()
        return answer_of(line, list(iter(lambda: self.out.readline().rstrip("\n"), "")))


def answer_of(line: str, replies: Sequence[str]) -> Answer:
    """Return what a checker's replies make of a line: each wrong part replaced by its first suggestion."""
    missed = [found.groups() for reply in replies if (found := _MISSED.fullmatch(reply))]
    if not missed:
        return Answer(line, (line,))
    suggested = missed[0][2].split(", ")
    if folded(missed[0][0]) == folded(line):
        return first_or(suggested, line)
    texts = [line.replace(missed[0][0], word, 1) for word in suggested]
    for wrong, _, listed in missed[1:]:
        texts = [text.replace(wrong, listed.split(", ")[0], 1) for text in texts]
    return first_or(texts, line)


@contextmanager
def pipe_speller(name: str) -> Iterator[PipeSpeller]:
    """Yield the speller of a program, which ends with it. Raises PeerBroken if it does not start; OSError."""
    process = subprocess.Popen(
        COMMANDS[name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )
    into, out = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
    try:
        if not out.readline().startswith("@(#)"):
            raise PeerBroken(f"{name} does not start; is its American English dictionary installed?")
        yield PipeSpeller(name, into, out)
    finally:
        process.kill()
        process.communicate()
