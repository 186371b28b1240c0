"""What comes next: whole words after a space, and the rest of the word that is being typed.

The language model and the user's own counts, mixed as they are for corrections; the adapter's lexicon block
moves a word by the weight of its bucket.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.bundle.lexicon import RESERVED, UNKNOWN
from quietkeys.bundle.networks import FIRST_WORD, Adapter
from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import Context

MODELLED: Final = 40  # words of the language model that are weighed
OWN: Final = 60  # words of local memory that are weighed
_NO_OWN_MODEL: Final = -1e3  # nats, of a word that the lexicon lacks: own counts alone speak for it


@dataclass(frozen=True, slots=True, repr=False)
class Continuation:
    """A lower-case word that may come next, and its probability."""

    word: str
    probability: float


def next_words(
    predictor: Predictor, context: Context, adapter: Adapter, count: int, hidden: Collection[str] = ()
) -> list[Continuation]:
    """Return the `count` likeliest words after a context but for the hidden ones, likeliest first."""
    lexicon = predictor.model.search.lexicon
    chances = predictor.model.language.after(context).log_probability
    best = np.argpartition(-chances[FIRST_WORD:], MODELLED)[:MODELLED] + FIRST_WORD
    ids = predictor.model.word_of_symbol[best]
    ids = ids[ids >= RESERVED]
    found = _weighed(predictor, context, ids[~lexicon.tables.offensive[ids]], "", adapter)
    offered = (one for one in found if one.word not in hidden and predictor.offers(one.word))
    return list(islice(offered, count))


def completions(
    predictor: Predictor,
    context: Context,
    prefix: str,
    adapter: Adapter,
    count: int,
    hidden: Collection[str] = (),
) -> list[Continuation]:
    """Return the `count` likeliest words that begin with `prefix` and are longer, likeliest first.

    hidden: words to leave out. Probabilities are of the word given the context, whatever it begins with.
    """
    ids = predictor.model.search.lexicon.completions(prefix)
    found = _weighed(predictor, context, ids, prefix, adapter)
    longer = (one for one in found if one.word != prefix and one.word not in hidden)
    return list(islice((one for one in longer if predictor.offers(one.word)), count))


def _weighed(
    predictor: Predictor, context: Context, ids: Int64, prefix: str, adapter: Adapter
) -> list[Continuation]:
    lexicon = predictor.model.search.lexicon
    known = [lexicon.words[position] for position in ids]
    inside = set(known)
    place = predictor.place(context)
    own = [
        word for word in place.likely(prefix, OWN) if word not in inside and not lexicon.is_offensive(word)
    ]
    words = [*known, *own]
    if not words:
        return []
    every = np.concatenate([ids, [lexicon.index.get(word, UNKNOWN) for word in own]]).astype(np.int64)
    state = predictor.model.language.after(context)
    modelled = predictor.log_language(state, words, every, not context)
    modelled = predictor.spelled_as_usual(state, words, modelled, not context)
    modelled[every == UNKNOWN] = _NO_OWN_MODEL
    score = np.log(place.base_share(words) * np.exp(modelled) + place.personal(words) + 1e-12)
    score += _lexicon_block(predictor, every, adapter)
    order = np.argsort(-score, kind="stable")
    return [Continuation(words[position], float(np.exp(score[position]))) for position in order]


def _lexicon_block(predictor: Predictor, ids: Int64, adapter: Adapter) -> Float64:
    weights = adapter.weights.get("lexicon")
    block = next((block for block in predictor.plan.blocks if block.name == "lexicon"), None)
    if weights is None or block is None or not np.any(weights):
        return np.zeros(len(ids))
    values = np.append(block.A @ weights.astype(np.float64), 0.0)
    result: Float64 = values[predictor.events.bucket(ids)]
    return result
