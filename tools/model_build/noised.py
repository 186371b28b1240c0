"""Words of the held-out lines with mistakes added: what the ranker is fitted to and the levels are tuned on.

Fingers slip as the simulated typists' do, spelling goes wrong as the channel says, and some words are typed
as they are meant; some stand in their context and some alone. Nothing comes from lists of real mistakes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from quietkeys.evaluation.messages import Piece, typed_words
from quietkeys.prediction.events import Choice
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.predictor import Predictor
from quietkeys.testing.typist import typist_for
from quietkeys.text.tokens import Context, is_correctable

from . import corpora, typists
from .misspellings import misspell

ALONE: Final = 0.35  # of the words stand without a context
LONGEST: Final = 20  # letters of a word that is drawn
RATE: Final = 0.12  # share of letters that a slipping typist hits wrong
TRIES: Final = 8  # times a word is typed until a slip comes out
SHORTEST: Final = 4  # letters of a word that is misspelled
CERTAINTIES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99)


class Kind(StrEnum):
    """How a word came out."""

    RIGHT = "right"
    SLIP = "slip"
    SPELLING = "spelling"


KINDS: Final = {Kind.RIGHT: 0.4, Kind.SLIP: 0.3, Kind.SPELLING: 0.3}


@dataclass(frozen=True, slots=True, repr=False)
class Sample:
    """A word, what was typed for it, and the pieces before it."""

    context: Context
    word: str
    typed: str
    kind: Kind


def samples(text: Path, channel: NDArray[Any], count: int, seed: int, power: float = 1.0) -> Iterator[Sample]:
    """Yield about `count` words of the held-out lines of every text, as they were typed.

    channel: [EDIT_COUNT] log-probabilities. power: a word is drawn in proportion to its count among the lines
    to this power; 1 draws it as often as it is written, less draws rare words more often.
    """
    rng = np.random.default_rng([seed, 7])
    for corpus in corpora.CORPORA:
        pieces = held_out_pieces(text, corpus)
        counts = Counter(piece.text for piece in pieces)
        chance = np.array([counts[piece.text] ** (power - 1.0) for piece in pieces])
        wanted = min(round(count * corpus.target), len(pieces))
        for place in rng.choice(len(pieces), wanted, replace=False, p=chance / chance.sum()):
            sample = _typed(pieces[int(place)], channel, rng, f"{corpus.name}-{place}", seed)
            if sample is not None:
                yield sample


def learnt_samples(text: Path, misspelt: Sequence[tuple[str, str]], seed: int) -> Iterator[Sample]:
    """Yield misspellings that the texts hold, as they were typed.

    misspelt: (typed, meant). Each comes in the place of a held-out line's word that was meant, if there is
    one; else, and ALONE of the others, without a context. Raises TrainingTextError.
    """
    rng = np.random.default_rng([seed, 17])
    meant = {word for _, word in misspelt}
    places: dict[str, list[Context]] = {}
    for corpus in corpora.CORPORA:
        for piece in held_out_pieces(text, corpus):
            if piece.text in meant:
                places.setdefault(piece.text, []).append(piece.context)
    for typed, word in misspelt:
        found = places.get(word, [()])
        context = found[int(rng.integers(len(found)))]
        yield Sample(() if rng.random() < ALONE else context, word, typed, Kind.SPELLING)


def held_out_pieces(text: Path, corpus: corpora.Corpus) -> list[Piece]:
    """Return the pieces of a corpus's held-out lines that autocorrect works on, in order."""
    files = corpora.corpus_files(text, corpus)
    words = typed_words([line for path in files for line in typists.held_out_lines(path, corpus)])
    return [
        piece for word in words for piece in word.pieces if piece.correctable and len(piece.text) <= LONGEST
    ]


def _typed(piece: Piece, channel: NDArray[Any], rng: Generator, name: str, seed: int) -> Sample | None:
    context = () if rng.random() < ALONE else piece.context
    kind = list(KINDS)[int(rng.choice(len(KINDS), p=list(KINDS.values())))]
    typed = piece.text
    if kind is Kind.SPELLING:
        typed = misspell(piece.text, rng, channel) if len(piece.text) >= SHORTEST else ""
    if kind is Kind.SLIP:
        typed = slipped(piece.text, name, seed)
    return Sample(context, piece.text, typed, kind) if is_correctable(typed) else None


def slipped(word: str, name: str, seed: int) -> str:
    """Return what slipping hands make of a word, "" if they hit it right TRIES times. name: whose hands."""
    hands = typist_for(name, seed, RATE)
    made = (hands.type_word(word) for _ in range(TRIES))
    return next((one for one in made if one and one != word), "")


def judgements(predictor: Predictor, drawn: Iterable[Sample]) -> Iterator[tuple[Sample, Judged]]:
    """Yield every sample with what a keyboard that knows nobody makes of it."""
    adapter = predictor.scorer.no_adapter()
    for sample in drawn:
        judged = predictor.judge(sample.context, sample.typed, adapter)
        if judged is not None:
            yield sample, judged


def choices(predictor: Predictor, drawn: Iterable[Sample]) -> list[Choice]:
    """Return the samples as numbers, those left out whose word the keyboard does not think of or know."""
    known = predictor.model.search.lexicon.index
    made = [
        predictor.choice(judged, sample.word)
        for sample, judged in judgements(predictor, drawn)
        if sample.word in known
    ]
    return [choice for choice in made if choice is not None]


@dataclass(frozen=True, slots=True)
class LevelRow:
    """What a certainty does to words in context or alone, as shares of them.

    corrected: of mistakes. harm: of known good words, altered.
    """

    in_context: bool
    certainty: float
    corrected: float
    harm: float
    count: int


def level_table(predictor: Predictor, drawn: Iterable[Sample]) -> list[LevelRow]:
    """Return what every certainty of CERTAINTIES would do to the samples."""
    known = predictor.model.search.lexicon.index
    found = [one for one in judgements(predictor, drawn) if one[0].word in known]
    rows = []
    for in_context in (True, False):
        there = [one for one in found if bool(one[0].context) == in_context]
        good = [one for one in there if one[0].kind is Kind.RIGHT]
        mistakes = [one for one in there if one[0].kind is not Kind.RIGHT]
        for certainty in CERTAINTIES:
            corrected = [_put(judged, certainty) == sample.word for sample, judged in mistakes]
            harmed = [_put(judged, certainty) != sample.typed for sample, judged in good]
            rows.append(LevelRow(in_context, certainty, share(corrected), share(harmed), len(there)))
    return rows


def _put(judged: Judged, certainty: float) -> str:
    return judged.slate.words[judged.decided(judged.probability, certainty)]


def share(flags: Sequence[bool]) -> float:
    """Return the share that is true, 0 of nothing."""
    return sum(flags) / max(len(flags), 1)
