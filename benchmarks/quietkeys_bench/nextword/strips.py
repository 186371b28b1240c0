"""The words of a person as a keyboard meets them, what is offered for each, and a user who takes it.

A strip of suggestions is that of our keyboard or of the trigram peer. Nothing is mistyped. The user takes a
word from the strip as soon as it is there; taking it is one key and types the space as well. Without
suggestions a word costs its letters and the space.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self

import numpy as np

from quietkeys import Personalizer
from quietkeys.evaluation.messages import MESSAGES_PER_SESSION
from quietkeys.text.tokens import MAX_WORD, Piece, context_of, is_correctable, normalize, words_of
from quietkeys_bench.common.misspellings import NOTHING, Misspellings
from quietkeys_bench.common.texts import Person
from quietkeys_bench.nextword.perplexity import Spelling, peer_log_probability, word_log_probability
from quietkeys_bench.nextword.trigram import Trigram

OURS: Final = "quietkeys"
PEER: Final = "trigram"
BASE: Final = "base"  # knows nobody
LOCAL: Final = "local"  # has learnt what the person wrote before each word
SHOWN: Final = 3  # suggestions in a strip
PEER_LEARNS: Final = 100  # words after which the peer counts the person's words anew
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


def first_prompts(person: Person, limit: int, misspellings: Misspellings = NOTHING) -> list[Prompt]:
    """Return the first words of a person as they were meant, at most `limit`, 0: all.

    Raises OSError, ValueError if there are too few.
    """
    person.words(misspellings)
    return prompts(person.messages(misspellings))[: limit or None]


class Strip(Protocol):
    """What a keyboard shows."""

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return at most three whole words for the one that is typed after a text; typed "": the next one."""
        ...

    def log_probability(self, piece: Piece) -> float:
        """Return log P, nats, of a piece after its context."""
        ...

    def keep(self, prompt: Prompt) -> None:
        """Learn a word that was kept, or not."""
        ...


@dataclass(slots=True)
class OurStrip:
    """The strip of an open keyboard. learns: whether words are recorded; session: of the last one."""

    keyboard: Personalizer
    learns: bool = False
    session: int = 0

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return its strip; what was typed is always in it."""
        return self.keyboard.suggest(context, typed).strip

    def log_probability(self, piece: Piece) -> float:
        """Return log P, nats."""
        return word_log_probability(self.keyboard, piece.context, piece.text)

    def keep(self, prompt: Prompt) -> None:
        """Record a word as it was kept, typed without a mistake, in the session of its message."""
        if not self.learns:
            return
        if prompt.session != self.session:
            self.session = prompt.session
            self.keyboard._model.recorder.begin_session()
        self.keyboard.record(prompt.context, prompt.word, prompt.word)


@dataclass(slots=True)
class PeerStrip:
    """The strip of a trigram model: three next words, or what was typed and two completions, as in ours.

    learns: whether it counts the person's words, every PEER_LEARNS words those so far. kept: these.
    """

    model: Trigram
    learns: bool = False
    spelling: Spelling = field(init=False)
    kept: list[Prompt] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the model of unknown words."""
        self.spelling = Spelling.of(self.model.words)

    def shown(self, context: str, typed: str) -> Sequence[str]:
        """Return the likeliest words."""
        before = context_of(context)
        if not typed:
            return self.model.suggest(before, "", SHOWN)
        return (typed, *self.model.suggest(before, typed, SHOWN - 1))

    def log_probability(self, piece: Piece) -> float:
        """Return log P, nats."""
        return peer_log_probability(self.model, self.spelling, piece.context, piece.text)

    def keep(self, prompt: Prompt) -> None:
        """Count a word, if words are counted."""
        if self.learns:
            self.kept.append(prompt)
            if len(self.kept) % PEER_LEARNS == 0:
                self.model = self.model.with_person(pieces_of(self.kept))


def pieces_of(learnt: Sequence[Prompt]) -> list[Piece]:
    """Return the words as the peer counts them: the pieces that `Personalizer.record` makes of them."""
    return [piece for prompt in learnt for piece in words_of(prompt.context, prompt.word)]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over tested words.

    pressed, unaided: keys of the `typed` ones, with suggestions and without. pieces: of all words, and the
    sum of their log-likelihoods, nats.
    """

    words: int = 0
    top1: int = 0
    top3: int = 0
    typed: int = 0
    pressed: int = 0
    unaided: int = 0
    pieces: int = 0
    log_likelihood: float = 0.0

    def plus(self, other: Tally) -> Self:
        """Return the counts of both."""
        mine, others = self.counts(), other.counts()
        return type(self)(**{name: mine[name] + others[name] for name in mine})

    def counts(self) -> dict[str, Any]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in Tally.__slots__}

    def figures(self) -> dict[str, object]:
        """Return the JSON form: shares of all words, out of vocabulary or not."""
        return {
            "words": self.words,
            "top1": self.top1 / max(self.words, 1),
            "top3": self.top3 / max(self.words, 1),
            "keystroke_words": self.typed,
            "keystrokes_saved": 1.0 - self.pressed / self.unaided if self.unaided else 0.0,
            "log_likelihood": self.log_likelihood / max(self.pieces, 1),
        }


def try_strip(strip: Strip, tested: Sequence[Prompt], typed: Container[int]) -> Tally:
    """Return how a strip does on words in order, each of which it may learn when it was kept.

    Those at the places in `typed` are also written with it.
    """
    total = Tally()
    for place, prompt in enumerate(tested):
        offered = [normalize(word) for word in strip.shown(prompt.context, "")[:SHOWN]]
        pieces = [
            piece
            for piece in pieces_of([prompt])
            if is_correctable(piece.text) and len(piece.text) <= MAX_WORD
        ]
        total = total.plus(
            Tally(
                words=1,
                top1=offered[:1] == [prompt.word],
                top3=prompt.word in offered,
                typed=place in typed,
                pressed=keys_pressed(strip, prompt) if place in typed else 0,
                unaided=len(prompt.word) + 1 if place in typed else 0,
                pieces=len(pieces),
                log_likelihood=sum(map(strip.log_probability, pieces)),
            )
        )
        strip.keep(prompt)
    return total


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
