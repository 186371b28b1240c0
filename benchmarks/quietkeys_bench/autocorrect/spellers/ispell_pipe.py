"""Peers that are programs with ispell's pipe protocol: aspell and hunspell.

A line goes in, a line comes out for every word of it and then an empty one: `*`, `+`, `-` for a good word,
`& word count place: suggestions` or `? ...`, and `# word place` where there is none.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, cast

from quietkeys_bench.autocorrect.rows import folded
from quietkeys_bench.autocorrect.spellers.interface import Answer, first_or
from quietkeys_bench.autocorrect.spellers.python_packages import PeerBroken

COMMANDS: Final = {
    "aspell": ("aspell", "-a", "--lang=en_US", "--encoding=utf-8", "--sug-mode=normal"),
    "hunspell": ("hunspell", "-a", "-d", "en_US", "-i", "utf-8"),
}
_MISSED: Final = re.compile(r"[&?] (\S+) \d+ (\d+): (.*)")


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
    """Give the speller of a program, which ends with it. Raises PeerBroken if it does not start; OSError."""
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
