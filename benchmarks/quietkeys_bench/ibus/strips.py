"""What is offered while a person types, by quietkeys and by ibus-typing-booster, after the same typing.

A word is taken for one key, its space included, as soon as it is on offer; else it costs its letters and
the space.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Final, Protocol

from quietkeys import Personalizer
from quietkeys.evaluation.messages import MESSAGES_PER_SESSION, Word
from quietkeys.evaluation.writer import Writer
from quietkeys.text.tokens import MAX_WORD, is_correctable, normalize
from quietkeys_bench.common.texts import Person
from quietkeys_bench.ibus.desktop import HERE

LEARNT: Final = 0.7  # of a person's words, in time order; the rest is tested
_TOKEN: Final = re.compile(r"\S+")
_SYSTEM_PYTHON: Final = "/usr/bin/python3"  # has what ibus-typing-booster imports


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """A word as it was meant and as fingers typed it, after the text of its message before it. Private."""

    context: str
    meant: str
    typed: str
    session: int


class Strip(Protocol):
    """A keyboard that offers words and learns them."""

    def offered(self, test: Prompt, typed: str) -> Sequence[str]:
        """Return the words on offer, best first; typed "": before the first letter."""
        ...

    def put(self, test: Prompt) -> str:
        """Return what stands there after the space."""
        ...

    def keep(self, test: Prompt) -> None:
        """Learn a word as it was meant."""
        ...


@dataclass(slots=True)
class OurStrip:
    """Three on offer, what was typed among them."""

    keyboard: Personalizer
    session: int = 0

    def offered(self, test: Prompt, typed: str) -> Sequence[str]:
        """Return what stands in the strip besides what was typed."""
        return [word for word in self.keyboard.suggest(test.context, typed).strip if word != typed]

    def put(self, test: Prompt) -> str:
        """Return the correction, or what was typed."""
        return self.keyboard.suggest(test.context, test.typed).correction or test.typed

    def keep(self, test: Prompt) -> None:
        """Record it."""
        if test.session != self.session:
            self.session = test.session
            self.keyboard._model.recorder.begin_session()
        self.keyboard.record(test.context, test.meant, test.meant)


@dataclass(slots=True)
class BoosterStrip:
    """As many on offer as are shown."""

    questions: IO[str] = field(repr=False)
    answers: IO[str] = field(repr=False)
    shown: int

    def offered(self, test: Prompt, typed: str) -> Sequence[str]:
        """Return its first candidates."""
        found: list[str] = self._ask({"typed": typed, "before": _two(test)})
        return found[: self.shown]

    def put(self, test: Prompt) -> str:
        """Return what was typed: it changes no word by itself."""
        return test.typed

    def keep(self, test: Prompt) -> None:
        """Count it."""
        self._ask({"kept": test.meant, "before": _two(test)})

    def _ask(self, question: dict[str, object]) -> list[str]:
        print(json.dumps(question), file=self.questions, flush=True)
        found: list[str] = json.loads(self.answers.readline())
        return found


@contextmanager
def booster(folder: Path, shown: int) -> Iterator[BoosterStrip]:
    """Start its suggestions with an empty database. Raises OSError; ValueError where it is not installed."""
    command = [_SYSTEM_PYTHON, str(HERE / "booster.py"), str(folder / f"booster-{shown}.db")]
    environment = {"HOME": str(folder), "LANG": "C.UTF-8"}
    with Popen(command, stdin=PIPE, stdout=PIPE, env=environment, text=True) as process:
        if process.stdin is not None and process.stdout is not None:
            yield BoosterStrip(process.stdin, process.stdout, shown)
            process.stdin.close()


def _two(test: Prompt) -> list[str]:
    return [*map(normalize, reversed(test.context.split()[-2:])), "", ""][:2]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over tested words. wrong: those that fingers got wrong; altered: of the right ones."""

    words: int = 0
    pressed: int = 0
    unaided: int = 0
    wrong: int = 0
    put_right: int = 0
    first: int = 0
    offered: int = 0
    altered: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return the counts of both."""
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    def figures(self) -> dict[str, object]:
        """Return the JSON form."""
        wrong, right = max(self.wrong, 1), max(self.words - self.wrong, 1)
        return {
            "words": self.words,
            "keystrokes_saved": 1.0 - self.pressed / self.unaided if self.unaided else 0.0,
            "mistyped": self.wrong,
            "put_right": self.put_right / wrong,
            "first": self.first / wrong,
            "offered": self.offered / wrong,
            "good_altered": self.altered / right,
        }


def prompts_of(person: Person, seed: int, rate: float, words: int) -> list[Prompt]:
    """Return the first words of a person, as simulated hands type them. Raises OSError.

    rate: share of letters wrong. What is no word, such as a number, is left out, but for the context.
    """
    writer, found = Writer.named(person.name, seed, rate), list[Prompt]()
    for number, message in enumerate(person.messages()):
        for token in _TOKEN.finditer(message):
            meant = normalize(token.group())
            if is_correctable(meant) and len(meant) <= MAX_WORD:
                session = number // MESSAGES_PER_SESSION
                typed = writer.typist(Word(meant, (), session, len(found))).type_word(meant)
                found.append(Prompt(message[: token.start()], meant, normalize(typed) or meant, session))
    return found[:words]


def try_strip(strip: Strip, tests: Sequence[Prompt]) -> Tally:
    """Teach a keyboard the first words, and return how it does on the others, which it learns as well."""
    total, learnt = Tally(), int(LEARNT * len(tests))
    for place, test in enumerate(tests):
        if place >= learnt:
            total = total.plus(_tried(strip, test))
        strip.keep(test)
    return total


def _tried(strip: Strip, test: Prompt) -> Tally:
    unaided = len(test.meant) + 1
    pressed = next(
        (n + 1 for n in range(len(test.meant)) if test.meant in _folded(strip.offered(test, test.meant[:n]))),
        unaided,
    )
    put = normalize(strip.put(test))
    if test.typed == test.meant:
        return Tally(1, pressed, unaided, altered=put != test.meant)
    offered = _folded(strip.offered(test, test.typed))
    return Tally(
        1, pressed, unaided, 1, put == test.meant, offered[:1] == [test.meant], test.meant in offered
    )


def _folded(words: Sequence[str]) -> list[str]:
    return [normalize(word) for word in words]
