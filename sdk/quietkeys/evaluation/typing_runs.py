"""A simulated writer types words, autocorrect acts on them, and what the writer keeps is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.writer import Writer
from quietkeys.keyboard.touch_model import known_touches
from quietkeys.learning.recorder import Kept, Recorder
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.predictor import Predictor
from quietkeys.testing.typist import Typist
from quietkeys.text.tokens import Context, is_correctable

TELL_EVERY: Final = 50  # words

Progress = Callable[[int, int], None]  # words done, words in all


class Attempt(StrEnum):
    """How a word was typed."""

    GOOD = "good"  # as it was meant
    SLIP = "slip"  # spelled right, but a finger slipped
    MISSPELLING = "misspelling"  # spelled wrong, whether a finger slipped too or not


@dataclass(frozen=True, slots=True, repr=False)
class TypedPiece:
    """What came out when a piece was typed, and how the model judged it (None: left alone, or not yet).

    touches: where each character of what came out was touched, None where nothing was simulated.
    """

    context: Context
    intended: str
    typed: str
    touches: tuple[tuple[float, float] | None, ...] = ()
    judged: Judged | None = None

    def output(self) -> str:
        """Return what stands there when the word has ended."""
        return self.typed if self.judged is None else self.judged.output()

    def others(self) -> list[str]:
        """Return the candidates that were not meant and that a keyboard could be taught."""
        words = [] if self.judged is None else self.judged.slate.words
        return [word for word in words if word != self.intended and is_correctable(word)]


@dataclass(frozen=True, slots=True, repr=False)
class TypedWord:
    """One word as typed."""

    word: Word
    pieces: tuple[TypedPiece, ...]

    @property
    def attempt(self) -> Attempt:
        """How it was typed."""
        if self.word.misspelt:
            return Attempt.MISSPELLING
        return Attempt.GOOD if self.is_right([piece.typed for piece in self.pieces]) else Attempt.SLIP

    def is_right(self, outputs: Sequence[str]) -> bool:
        """Return whether these outputs are what was meant."""
        return all(output == piece.intended for output, piece in zip(outputs, self.pieces, strict=True))

    def judged(self, predictor: Predictor, adapter: Adapter, with_touches: bool = False) -> TypedWord:
        """Return it as a model judges it. with_touches: as in `type_words`."""
        return replace(
            self, pieces=tuple(_judged(predictor, piece, adapter, with_touches) for piece in self.pieces)
        )


def type_out(words: Iterable[Word], typist_of: Callable[[Word], Typist]) -> Iterator[TypedWord]:
    """Yield each word as it comes out of somebody's hands."""
    for word in words:
        typist = typist_of(word)
        typed: list[TypedPiece] = []
        for piece in word.pieces:
            if piece.correctable:
                came_out, points = typist.type_word_touched(word.spelling or piece.text)
                typed.append(TypedPiece(piece.context, piece.text, came_out, tuple(points)))
            else:
                typed.append(TypedPiece(piece.context, piece.text, piece.text))
        yield TypedWord(word, tuple(typed))


def type_words(
    predictor: Predictor,
    words: Sequence[Word],
    typist: Typist,
    adapter: Adapter,
    with_touches: bool = False,
) -> Iterator[TypedWord]:
    """Yield each word as typed by these hands, one after the other, and judged.

    with_touches: judge by where the keys were touched as well, on the predictor's layout.
    """
    for typed in type_out(words, lambda _: typist):
        yield typed.judged(predictor, adapter, with_touches)


@dataclass(slots=True, repr=False)
class Keyboard:
    """A keyboard that a writer uses: it judges what is typed and learns what is kept.

    session: of the word before; a word of another begins one.
    """

    predictor: Predictor
    recorder: Recorder
    adapter: Adapter
    session: int

    def keep(self, writer: Writer, typed: TypedWord) -> None:
        """Record what the writer keeps of a judged word, piece by piece."""
        if typed.word.session != self.session:
            self.session = typed.word.session
            self.recorder.begin_session()
        outputs = [piece.output() for piece in typed.pieces]
        repaired = typed.is_right(outputs) or writer.notices(typed.word)
        for place, (piece, output) in enumerate(zip(typed.pieces, outputs, strict=True)):
            honest = piece.intended if repaired else output
            kept = writer.kept(typed.word, place, honest, piece.others())
            if is_correctable(kept):
                self.recorder.record(Kept(piece.context, piece.judged, kept), f"{typed.word.number}/{place}")


def learn(
    predictor: Predictor,
    recorder: Recorder,
    words: Sequence[Word],
    writer: Writer,
    progress: Progress | None = None,
) -> Keyboard:
    """Return a keyboard without an adapter, after a writer has typed words on it and it has learnt them."""
    session = words[0].session if words else 0
    keyboard = Keyboard(predictor, recorder, predictor.scorer.no_adapter(), session)
    for done, word in enumerate(type_out(words, writer.typist)):
        keyboard.keep(writer, word.judged(keyboard.predictor, keyboard.adapter))
        if progress is not None and done % TELL_EVERY == 0:
            progress(done, len(words))
    return keyboard


def _judged(predictor: Predictor, piece: TypedPiece, adapter: Adapter, with_touches: bool) -> TypedPiece:
    if not piece.typed:
        return piece
    known = with_touches and is_correctable(piece.intended)
    points = known_touches(predictor.layout, piece.typed, list(piece.touches)) if known else None
    return replace(piece, judged=predictor.judge(piece.context, piece.typed, adapter, points))
