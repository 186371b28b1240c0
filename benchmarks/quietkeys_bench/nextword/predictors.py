"""What predicts the next word: our keyboard and the trigram peer, knowing nobody or one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quietkeys import Personalizer
from quietkeys.text.pieces import Piece, context_of, words_of
from quietkeys_bench.nextword.prompts import Prompt
from quietkeys_bench.nextword.strip_user import SHOWN
from quietkeys_bench.nextword.trigram import Trigram

OURS: Final = "quietkeys"
PEER: Final = "trigram"
BASE: Final = "base"  # knows nobody
LOCAL: Final = "local"  # has learnt what the person wrote first


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
