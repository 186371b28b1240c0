"""A simulated person types words, autocorrect acts on them, and what they keep is recorded.

A wrong word that gets through is repaired by its typist with probability 0.8, else it is recorded as
accepted. No other habit is invented; the hands are those of `quietkeys.testing.typist`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from numpy.random import Generator

from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation.messages import Word
from quietkeys.keyboard.touch_model import known_touches
from quietkeys.learning.recorder import Kept, Recorder
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.predictor import Predictor
from quietkeys.testing.typist import Typist
from quietkeys.text.tokens import Context, is_correctable

REPAIR: Final = 0.8  # probability that the typist repairs a wrong word that got through

Progress = Callable[[int, int], None]  # words done, words in all


@dataclass(frozen=True, slots=True, repr=False)
class TypedPiece:
    """What came out when a piece was typed, and how the model judged it (None: left alone)."""

    context: Context
    intended: str
    typed: str
    judged: Judged | None


@dataclass(frozen=True, slots=True, repr=False)
class TypedWord:
    """One word as typed."""

    pieces: tuple[TypedPiece, ...]

    def is_right(self, outputs: Sequence[str]) -> bool:
        """Return whether these outputs are what was meant."""
        return all(output == piece.intended for output, piece in zip(outputs, self.pieces, strict=True))


def type_words(
    predictor: Predictor,
    words: Sequence[Word],
    typist: Typist,
    adapter: Adapter,
    with_touches: bool = False,
) -> Iterator[TypedWord]:
    """Yield each word as typed and judged.

    with_touches: judge by where the keys were touched as well, on the predictor's layout.
    """
    for word in words:
        typed: list[TypedPiece] = []
        for piece in word.pieces:
            came_out, touches = piece.text, None
            if piece.correctable:
                came_out, points = typist.type_word_touched(piece.text)
                touches = known_touches(predictor.layout, came_out, points) if with_touches else None
            judged = predictor.judge(piece.context, came_out, adapter, touches) if came_out else None
            typed.append(TypedPiece(piece.context, piece.text, came_out, judged))
        yield TypedWord(tuple(typed))


def learn(
    predictor: Predictor,
    recorder: Recorder,
    words: Sequence[Word],
    typist: Typist,
    rng: Generator,
    progress: Progress | None = None,
) -> None:
    """Type words and record what is kept, piece by piece, in the sessions of the words.

    rng: draws repairs and receipts; independent of the typist's hands.
    """
    adapter = predictor.scorer.no_adapter()
    session = words[0].session if words else 0
    for done, word in enumerate(type_words(predictor, words, typist, adapter)):
        if words[done].session != session:
            session = words[done].session
            recorder.begin_session()
        outputs = [piece.typed if piece.judged is None else piece.judged.output() for piece in word.pieces]
        right = word.is_right(outputs)
        repaired = right or bool(rng.random() < REPAIR)
        for piece, output in zip(word.pieces, outputs, strict=True):
            kept = piece.intended if repaired else output
            if is_correctable(kept):
                recorder.record(Kept(piece.context, piece.judged, kept), rng.bytes(16).hex())
        if progress is not None and done % 50 == 0:
            progress(done, len(words))
