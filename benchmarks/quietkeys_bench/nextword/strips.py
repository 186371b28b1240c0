"""The words of a person as a keyboard meets them, what is offered for each, and a user who takes it.

A strip of suggestions is that of our keyboard or of the trigram peer. Nothing is mistyped. The user takes a
word from the strip as soon as it is there; taking it is one key and types the space as well. Without
suggestions a word costs its letters and the space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np

from quietkeys import Personalizer
from quietkeys.evaluation.ladder import split
from quietkeys.evaluation.messages import MESSAGES_PER_SESSION, read_messages
from quietkeys.text.tokens import Piece, context_of, normalize, words_of
from quietkeys_bench.common.texts import Person
from quietkeys_bench.nextword.trigram import Trigram

OURS: Final = "quietkeys"
PEER: Final = "trigram"
BASE: Final = "base"  # knows nobody
LOCAL: Final = "local"  # has learnt what the person wrote first
SHOWN: Final = 3  # suggestions in a strip
_TOKEN: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """A normalized word and the text of the message before it, as written; its session. Private."""

    context: str
    word: str
    session: int = 0


def prompts(messages: Sequence[str]) -> list[Prompt]:
    """Return the words of messages in order: the same as `quietkeys.evaluation.messages.typed_words`."""
    return [
        Prompt(message[: token.start()], word, number // MESSAGES_PER_SESSION)
        for number, message in enumerate(messages)
        for token in _TOKEN.finditer(message)
        if (word := normalize(token.group()))
    ]


def learnt_and_tested(person: Person, limit: int) -> tuple[list[Prompt], list[Prompt]]:
    """Return the words to learn and to test, split as in the personalization bench; limit 0: all words.

    Raises OSError, ValueError if there are too few.
    """
    words = person.words()
    learnt, tested = split(words, limit or None)
    cut = len(split(words)[0])
    found = prompts(read_messages(person.path))
    return found[cut - len(learnt) : cut], found[cut : cut + len(tested)]


class Strip(Protocol):
    """What a keyboard shows."""

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return at most three whole words for the one that is typed after a text; typed "": the next one."""
        ...


@dataclass(frozen=True, slots=True)
class OurStrip:
    """The strip of an open keyboard."""

    keyboard: Personalizer

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return its strip; what was typed is always in it."""
        return self.keyboard.suggest(context, typed).strip


@dataclass(frozen=True, slots=True)
class PeerStrip:
    """The strip of a trigram model: three next words, or what was typed and two completions, as in ours."""

    model: Trigram

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return the likeliest words."""
        before = context_of(context)
        if not typed:
            return self.model.suggest(before, "", SHOWN)
        return (typed, *self.model.suggest(before, typed, SHOWN - 1))


def learn(keyboard: Personalizer, learnt: Sequence[Prompt]) -> None:
    """Record words as they were kept, typed without a mistake, in the sessions of their messages."""
    session = learnt[0].session if learnt else 0
    for prompt in learnt:
        if prompt.session != session:
            session = prompt.session
            keyboard._model.recorder.begin_session()
        keyboard.record(prompt.context, prompt.word, prompt.word)


def pieces_of(learnt: Sequence[Prompt]) -> list[Piece]:
    """Return the words as the peer counts them: the pieces that `Personalizer.record` makes of them."""
    return [piece for prompt in learnt for piece in words_of(prompt.context, prompt.word)]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over tested words. pressed, unaided: keys of the `typed` ones, with suggestions and without."""

    words: int = 0
    top1: int = 0
    top3: int = 0
    typed: int = 0
    pressed: int = 0
    unaided: int = 0

    def plus(self, other: Tally) -> Self:
        """Return the counts of both."""
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    def figures(self) -> dict[str, object]:
        """Return the JSON form: shares of all words, out of vocabulary or not."""
        return {
            "words": self.words,
            "top1": self.top1 / max(self.words, 1),
            "top3": self.top3 / max(self.words, 1),
            "keystroke_words": self.typed,
            "keystrokes_saved": 1.0 - self.pressed / self.unaided if self.unaided else 0.0,
        }


def try_strip(strip: Strip, tested: Sequence[Prompt], typed: Iterable[int]) -> Tally:
    """Return how a strip does on tested words; those at the places in `typed` are also written with it."""
    top1 = top3 = 0
    for prompt in tested:
        offered = [normalize(word) for word in strip.shown(prompt.context, "")[:SHOWN]]
        top1 += offered[:1] == [prompt.word]
        top3 += prompt.word in offered
    written = [tested[place] for place in typed]
    return Tally(
        len(tested),
        top1,
        top3,
        len(written),
        sum(keys_pressed(strip, prompt) for prompt in written),
        sum(len(prompt.word) + 1 for prompt in written),
    )


def keys_pressed(strip: Strip, prompt: Prompt) -> int:
    """Return the keys that a word and its space cost with a strip."""
    for letters in range(len(prompt.word)):
        offered = strip.shown(prompt.context, prompt.word[:letters])[:SHOWN]
        if prompt.word in map(normalize, offered):
            return letters + 1
    return len(prompt.word) + 1


def chosen_places(count: int, most: int, seed: int) -> list[int]:
    """Return at most `most` places below `count`, at random but in order; the same for equal arguments."""
    places = np.random.default_rng(seed).permutation(count)[:most]
    return sorted(int(place) for place in places)
