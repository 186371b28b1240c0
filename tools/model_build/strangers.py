"""Words that no lexicon has against slips of words that it has: `quietkeys.prediction.levels` weighs them.

Two trials on held-out lines. Short ones: words of at most FEW_LETTERS that are rare, judged as if the lexicon
lacked them, against slips of other words that come out so short. Names: rare ones of the lexicon, hidden as
well, at the start of a sentence, against slips and misspellings of the words that sentences start with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from quietkeys.bundle.lexicon import PHRASE, RESERVED, UNKNOWN, Lexicon
from quietkeys.prediction.events import EVIDENCE, FEATURES, log_sum_exp, softmax
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.levels import CERTAINTY, FEW_LETTERS, Level, decided, meant, rivals, surely
from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import Context, is_correctable

from . import corpora
from .misspellings import INFLECTIONS, misspell
from .noised import ALONE, SHORTEST, held_out_pieces, share, slipped

RARE: Final = -10.5  # nats; log-frequency below which a word is one that another lexicon may lack
RARE_NAME: Final = -11.5
LONGEST_NAME: Final = 12  # letters
EACH: Final = 4  # times that one word is among those that are hidden
SEED: Final = 0  # of the hands that slip
_NEW: Final = EVIDENCE.index("literal_new")
_KNOWN: Final = EVIDENCE.index("literal_known")
_RARE: Final = EVIDENCE.index("literal_rare")
_LANGUAGE: Final = FEATURES.index("language")


@dataclass(frozen=True, slots=True, repr=False)
class Trial:
    """What a word, meant or a slip, looks like beside the best candidate for it.

    probability: of the literal and of the best candidate. right: whether that is the word that was meant.
    """

    is_slip: bool
    probability: tuple[float, float]
    right: bool
    spelling: float
    frequency: float
    letters: int

    def is_put_right(self, certainty: float, warily: bool) -> bool:
        """Return whether the best candidate is put in place."""
        probability = np.array([*self.probability, 1.0 - sum(self.probability)])
        if decided(probability, 0, certainty) != 1:
            return False
        mine, others = meant(self.spelling, self.letters), rivals(self.frequency)
        return not warily or surely(probability, 0, 1, certainty, mine, others)


@dataclass(frozen=True, slots=True)
class StrangerRow:
    """Of one trial, weighed as known words are or warily: shares of slips put right and of words altered."""

    name: str
    warily: bool
    put_right: float
    altered: float
    slips: int
    words: int


def stranger_table(predictor: Predictor, text: Path, count: int, seed: int) -> list[StrangerRow]:
    """Return what about `count` words of each trial come to at the normal level, and at starts before it.

    Raises TrainingTextError or OSError if a text is missing.
    """
    rng = np.random.default_rng([seed, 11])
    channel = predictor.model.search.channel.shipped
    rows = []
    for name, trials in (
        ("short", list(_short(predictor, text, count, rng))),
        ("names at starts", list(_names(predictor, text, channel, count, rng))),
    ):
        for warily in (False, True):
            put = [trial.is_put_right(CERTAINTY[Level.NORMAL], warily) for trial in trials]
            slips = [done and one.right for done, one in zip(put, trials, strict=True) if one.is_slip]
            words = [done for done, one in zip(put, trials, strict=True) if not one.is_slip]
            rows.append(StrangerRow(name, warily, share(slips), share(words), len(slips), len(words)))
    return rows


def _short(predictor: Predictor, text: Path, count: int, rng: Generator) -> Iterator[Trial]:
    lexicon = predictor.model.search.lexicon
    for corpus in corpora.CORPORA:
        pieces = held_out_pieces(text, corpus)
        wanted = round(count * corpus.target / 2)
        meant_so = [one for one in pieces if len(one.text) <= FEW_LETTERS and _is_rare(lexicon, one.text)]
        for place in rng.permutation(len(meant_so))[:wanted]:
            piece = meant_so[int(place)]
            yield _trial(predictor, _context(piece.context, rng), piece.text, piece.text)
        near = [one for one in pieces if 2 <= len(one.text) <= FEW_LETTERS + 1 and one.text in lexicon.index]
        for place in rng.permutation(len(near))[:wanted]:
            piece = near[int(place)]
            typed = slipped(piece.text, f"{corpus.name}-{place}", SEED)
            if len(typed) <= FEW_LETTERS and _is_new(lexicon, typed):
                yield _trial(predictor, _context(piece.context, rng), piece.text, typed)


def _names(
    predictor: Predictor, text: Path, channel: NDArray[Any], count: int, rng: Generator
) -> Iterator[Trial]:
    lexicon = predictor.model.search.lexicon
    names = [
        word
        for position, word in enumerate(lexicon.display)
        if position >= RESERVED
        and word.istitle()
        and word.isalpha()
        and FEW_LETTERS < len(word) <= LONGEST_NAME
        and lexicon.tables.log_frequency[position] < RARE_NAME
    ]
    for place in rng.choice(len(names), min(count // 2, len(names)), replace=False):
        name = names[int(place)].lower()
        yield _trial(predictor, (), name, name)
    for corpus in corpora.CORPORA:
        pieces = held_out_pieces(text, corpus)
        firsts = [piece.text for piece in pieces if not piece.context or not piece.context[-1]]
        for place in rng.permutation(len(firsts))[: round(count * corpus.target / 2)]:
            word = firsts[int(place)]
            if len(word) >= SHORTEST and rng.random() < 0.5:
                typed = misspell(word, rng, channel)
            else:
                typed = slipped(word, f"{corpus.name}-{place}", SEED)
            if len(typed) > FEW_LETTERS and _is_new(lexicon, typed):
                yield _trial(predictor, (), word, typed)


def hidden(predictor: Predictor, text: Path, count: int, seed: int) -> Iterator[tuple[Judged, str]]:
    """Yield about `count` rare words and names of the held-out lines, judged as if the lexicon lacked them.

    Each was typed as it was meant, a word EACH times at most. Raises TrainingTextError or OSError.
    """
    rng = np.random.default_rng([seed, 13])
    lexicon = predictor.model.search.lexicon
    for corpus in corpora.CORPORA:
        taken: Counter[str] = Counter()
        pieces = held_out_pieces(text, corpus)
        owned = [one for one in pieces if len(one.text) > 1 and _could_be_own(lexicon, one.text)]
        for piece in (owned[int(place)] for place in rng.permutation(len(owned))):
            if taken[piece.text] < EACH and taken.total() < count * corpus.target:
                taken[piece.text] += 1
                yield _as_if_unknown(predictor, _context(piece.context, rng), piece.text), piece.text


def _could_be_own(lexicon: Lexicon, word: str) -> bool:
    # A rare word or name; one whose inflections are known is close to them, as own words are not.
    rare = _is_rare(lexicon, word) or lexicon.can_be_name(word)
    if word not in lexicon.index or "'" in word or not rare:
        return False
    longer = (word + ending for ending in INFLECTIONS)
    shorter = (word[: -len(ending)] for ending in INFLECTIONS if word.endswith(ending))
    return not any(other in lexicon.index for other in (*longer, *shorter))


def _as_if_unknown(predictor: Predictor, context: Context, typed: str) -> Judged:
    # Judges what was typed as if the lexicon lacked it.
    lexicon = predictor.model.search.lexicon
    slate = predictor.slate(context, typed)
    literal = slate.literal
    ids, language, evidence = slate.ids.copy(), slate.language.copy(), slate.evidence.copy()
    chances = predictor.model.language.after(context).log_probability
    ids[literal], language[literal] = UNKNOWN, lexicon.log_unknown(chances, typed)
    evidence[literal, [_KNOWN, _NEW, _RARE]] = 0.0, 1.0, 0.0
    slate = replace(slate, ids=ids, language=language, evidence=evidence)
    scores = predictor.scorer.score(slate.inputs(), predictor.scorer.no_adapter())
    return Judged(
        slate=slate,
        probability=softmax(scores.score),
        features=scores.features,
        settled=False,
        log_mass=log_sum_exp(scores.score),
        literal_event=scores.literal_event,
        lexicon=lexicon,
    )


def _trial(predictor: Predictor, context: Context, word: str, typed: str) -> Trial:
    judged = _as_if_unknown(predictor, context, typed)
    lexicon, slate, probability, literal = (
        judged.lexicon,
        judged.slate,
        judged.probability,
        judged.slate.literal,
    )
    others = probability.copy()
    others[literal] = -1.0
    best = int(others.argmax())
    known = slate.ids[best] >= RESERVED or slate.ids[best] == PHRASE
    return Trial(
        is_slip=word != typed,
        probability=(float(probability[literal]), float(probability[best]) if best != literal else 0.0),
        right=slate.words[best] == word,
        spelling=float(judged.features[literal, _LANGUAGE] - slate.language[literal]),
        frequency=lexicon.log_frequency(slate.words[best]) if known else -np.inf,
        letters=len(typed),
    )


def _context(context: Context, rng: Generator) -> Context:
    return () if rng.random() < ALONE else context


def _is_new(lexicon: Lexicon, typed: str) -> bool:
    return is_correctable(typed) and typed not in lexicon.index


def _is_rare(lexicon: Lexicon, word: str) -> bool:
    position = lexicon.index.get(word)
    return position is None or float(lexicon.tables.log_frequency[position]) < RARE
