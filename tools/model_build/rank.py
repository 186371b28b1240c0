"""Fits the base weights of the ranker, and collects what the public event types are made from.

Multinomial logistic regression of the intended candidate on the features, over the made-up people of
`typists`, who are learnt as they type, and over single words with mistakes (`noised`), which are typed by
nobody known; with a Gaussian prior around sensible weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from quietkeys.arrays import Float64
from quietkeys.evaluation.messages import typed_words
from quietkeys.evaluation.typing_runs import type_words
from quietkeys.prediction.events import FEATURES, FIRST_UNKNOWN, Choice
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.memory import Memory
from quietkeys.testing.typist import typist_for
from quietkeys.text.tokens import is_correctable

from .literals import even_odds, literal_events
from .typists import Person

RATE: Final = 0.08  # share of letters that go wrong
PRIOR_WEIGHTS: Final = {
    "language": 0.8,
    "channel": 1.0,
    "personal": 1.0,
    "literal_known": 0.5,
    "literal_new": 1.0,
    "literal_own": 2.0,
    "own_word": -0.5,
    "recent": 0.3,
    "extra_edits": -0.3,
    "first_letter": -0.3,
    "short": -0.5,
    "literal_rare": 0.0,
}
PRIOR_ODDS: Final = 0.5  # nats; literal odds of an unknown word, whatever its event
PRIOR_PRECISION: Final = 1.0
STRANGERS: Final = 20.0  # weight of all words that nobody known typed, against all people
# Nats; odds that a word of the lexicon is meant, beyond the fit: most typing is right.
KNOWN_PRIOR: Final = 1.0
# Nats; the same for a rare word of the lexicon, beyond that. It is not fitted: the made-up mistakes hit rare
# words far more often than people mean them there, and the network, which saw few of them, underrates them.
RARE_PRIOR: Final = 2.5


@dataclass(frozen=True, slots=True)
class Typed:
    """What one made-up person typed: a choice per corrected piece, the kept candidate being the intended."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """What a zero adapter scores by: weights [F] in the order of FEATURES, literal_odds [L] of `EventMap`."""

    weights: Float64
    literal_odds: Float64


def prior() -> Base:
    """Return what the fit starts from and leans to."""
    return Base(np.array([PRIOR_WEIGHTS[name] for name in FEATURES]), even_odds(PRIOR_ODDS))


def type_person(model: Model, person: Person, seed: int) -> Typed:
    """Return what a person types, learning their words locally as they go."""
    predictor = Predictor(model, Memory())
    adapter = predictor.scorer.no_adapter()
    choices: list[Choice] = []
    words = typed_words(person.messages)
    for word in type_words(predictor, words, typist_for(person.name, seed, RATE), adapter):
        for piece in word.pieces:
            choice = predictor.choice(piece.judged, piece.intended) if piece.judged is not None else None
            if choice is not None:
                choices.append(choice)
            if is_correctable(piece.intended):
                predictor.learn(piece.context, piece.intended)
    return Typed(person.name, tuple(choices))


def fit_base(people: Sequence[Typed], strangers: Sequence[Choice]) -> Base:
    """Return the base under which the intended candidates are likeliest, people weighing alike.

    Half of the strangers' words are mistakes, which is more than people make; KNOWN_PRIOR makes up for it.
    """
    made = [*(choice for person in people for choice in person.choices), *strangers]
    each = [1000.0 / len(person.choices) for person in people for _ in person.choices]
    weight = np.array(each + [STRANGERS * 1000.0 * len(people) / max(len(strangers), 1)] * len(strangers))
    ends = np.cumsum([len(choice.features) for choice in made])
    begins = np.concatenate([[0], ends[:-1]])
    features = np.concatenate([_columns(choice) for choice in made])
    chosen = begins + np.array([choice.kept for choice in made])
    row_weight = np.repeat(weight, ends - begins)
    start = prior()
    middle = np.concatenate([start.weights, start.literal_odds])

    def loss(w: Float64) -> tuple[float, Float64]:
        score = features @ w
        top = np.repeat(np.maximum.reduceat(score, begins), ends - begins)
        mass = np.exp(score - top)
        probability = mass / np.repeat(np.add.reduceat(mass, begins), ends - begins)
        residual = probability.copy()
        residual[chosen] -= 1.0
        value = -float(weight @ np.log(probability[chosen] + 1e-12))
        lean = w - middle
        return (
            value + 0.5 * PRIOR_PRECISION * float(lean @ lean),
            (residual * row_weight) @ features + PRIOR_PRECISION * lean,
        )

    best = minimize(loss, middle, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    weights, odds = best.x[: len(FEATURES)].copy(), best.x[len(FEATURES) :]
    weights[FEATURES.index("literal_known")] += KNOWN_PRIOR
    weights[FEATURES.index("literal_rare")] += RARE_PRIOR
    return Base(np.round(weights, 4), np.round(odds, 4))


def _columns(choice: Choice) -> Float64:
    # [K, F + L] what the weights of a base are multiplied by; nothing in the columns that are not fitted.
    events = np.zeros((len(choice.features), len(literal_events())))
    found: Float64 = np.concatenate([choice.features, events], axis=1)
    found[:, [FEATURES.index("literal_rare"), FEATURES.index("literal_new")]] = 0.0
    if choice.literal_event >= FIRST_UNKNOWN:
        found[choice.literal, len(FEATURES) + choice.literal_event] = 1.0
    return found
