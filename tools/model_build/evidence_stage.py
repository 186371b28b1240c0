"""The evidence stage: public choices that a device adds to its own counts and judges updates by.

Words come from the held-out lines of every text. *People* type them: made-up people with words of their own
(`typists`), simulated hands, and MISSPELT of their words misspelled, learnt as they type; what counts is what
they meant. *Mistakes* are single words misspelled, typed by nobody known. How words are misspelled is the
channel's, which was learnt from the mistakes in the texts (`misspellings`), flattened for the mistakes, which
are to be as odd as those that end up in lists. No list of real mistakes has a part in it.

Takes a few minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from quietkeys.evaluation.messages import Piece, typed_words
from quietkeys.prediction.counting import Lean, come_first, scores
from quietkeys.prediction.events import Choice, compact, is_contested
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.public_choices import Part, parse_public_choices, to_bytes
from quietkeys.profile.memory import Memory
from quietkeys.testing.typist import Typist, typist_for
from quietkeys.text.tokens import is_correctable

from . import corpora, misspellings, noised, typists
from .misspellings import misspell
from .typists import Person

SEED: Final = 3
RATE: Final = 0.08  # share of letters that hands hit wrong
MISSPELT: Final = 0.015  # share of the made-up people's words
PEOPLE: Final = 12
WORDS_EACH: Final = 900
MISTAKES: Final = 2_600  # drawn
JUDGING_SHARE: Final = 0.4  # of the mistakes
# Judgement: the mistakes of lists are odder than those that a channel draws, in rarer words, and stand alone.
RARER: Final = 0.3  # power of a word's count that it is drawn by
FLATTENED: Final = 0.5  # of the channel's log-probabilities
TWICE: Final = 0.3  # of the mistakes in long words are followed by another
IN_CONTEXT: Final = 0.4


def public_choices(
    model: Model, text: Path, channel: NDArray[Any], report: Callable[[str], None] = print
) -> bytes:
    """Return the file of public choices for a model with its plan.

    channel: [EDIT_COUNT] log-probabilities of edits. Raises TrainingTextError.
    """
    events = model.events
    parts: dict[Part, list[Choice]] = {part: [] for part in Part}
    words = 0
    for person in people(text):
        typed, choices = type_person(model, person, channel)
        words += typed
        parts[Part.TEXT] += choices
    rng = np.random.default_rng([SEED, 1])
    for choice in mistakes(model, text, channel):
        parts[Part.JUDGING if rng.random() < JUDGING_SHARE else Part.MISTAKES].append(choice)
    content = to_bytes(events, parts, words)
    judging = parse_public_choices(content, events).judging
    right = float(come_first(judging, scores(judging, Lean.none(events))).mean()) if len(judging) else 0.0
    report(
        f"{len(parts[Part.TEXT]):,} contested of {words:,} words, {len(parts[Part.MISTAKES]):,} mistakes,"
        f" {len(parts[Part.JUDGING]):,} to judge by, {right:.1%} of these put right; {len(content):,} bytes"
    )
    return content


def people(text: Path) -> list[Person]:
    """Return made-up people, evenly from all texts."""
    made = list(typists.training_people(text, SEED))
    picked = np.unique(np.linspace(0, len(made) - 1, min(PEOPLE, len(made))).round().astype(int))
    return [made[number] for number in picked]


def type_person(model: Model, person: Person, channel: NDArray[Any]) -> tuple[int, list[Choice]]:
    """Return how many words a person typed, and those of them that were in doubt."""
    predictor = Predictor(model, Memory())
    adapter = predictor.scorer.no_adapter()
    hands = typist_for(person.name, SEED, RATE)
    rng = np.random.default_rng([SEED, 2, *person.name.encode()])
    choices: list[Choice] = []
    words = typed_words(person.messages)[:WORDS_EACH]
    for piece in (piece for word in words for piece in word.pieces):
        if piece.correctable and len(piece.text) <= noised.LONGEST:
            came_out = _typed(piece, hands, rng, channel)
            judged = predictor.judge(piece.context, came_out, adapter) if came_out else None
            choice = None if judged is None else _decisive(predictor, judged, piece.text)
            if choice is not None and is_contested(model.events, choice):
                choices.append(compact(model.events, choice))
        if is_correctable(piece.text):
            predictor.learn(piece.context, piece.text)
    return len(words), choices


def mistakes(model: Model, text: Path, channel: NDArray[Any]) -> Iterator[Choice]:
    """Yield misspelled words of the held-out lines whose word is among the candidates."""
    predictor, known = Predictor(model), model.search.lexicon.index
    adapter = predictor.scorer.no_adapter()
    rng = np.random.default_rng([SEED, 4])
    for corpus in corpora.CORPORA:
        pieces = [
            piece
            for piece in noised.held_out_pieces(text, corpus)
            if len(piece.text) >= noised.SHORTEST and piece.text in known
        ]
        if not pieces:
            continue
        counts = Counter(piece.text for piece in pieces)
        chance = np.array([counts[piece.text] ** (RARER - 1.0) for piece in pieces])
        wanted = min(round(MISTAKES * corpus.target), len(pieces))
        for place in rng.choice(len(pieces), wanted, replace=False, p=chance / chance.sum()):
            piece = pieces[int(place)]
            spelled = misspell(piece.text, rng, channel * FLATTENED)
            if len(piece.text) >= misspellings.LONG and rng.random() < TWICE:
                spelled = misspell(spelled, rng, channel * FLATTENED)
            context = piece.context if rng.random() < IN_CONTEXT else ()
            judged = None if spelled in known else predictor.judge(context, spelled, adapter)
            choice = None if judged is None else _decisive(predictor, judged, piece.text)
            if choice is not None:
                yield compact(model.events, choice)


def _decisive(predictor: Predictor, judged: Judged, word: str) -> Choice | None:
    choice = predictor.choice(judged, word)
    return None if choice is None else judged.decisive(predictor.events, choice)


def _typed(piece: Piece, hands: Typist, rng: Generator, channel: NDArray[Any]) -> str:
    spelled = piece.text
    if len(spelled) >= noised.SHORTEST and rng.random() < MISSPELT * 2.0:  # half of all words are that long
        spelled = misspell(spelled, rng, channel)
    return hands.type_word(spelled)
