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
from quietkeys.prediction.events import FEATURES, FIRST_UNKNOWN, Choice, log_sum_exp
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
    "literal_new": 0.5,
    "literal_own": 2.0,
    "own_word": -0.5,
    "recent": 0.3,
    "extra_edits": -0.3,
    "first_letter": -0.3,
    "short": -0.5,
    "literal_rare": 0.0,
}
PRIOR_PRECISION: Final = 1.0
STRANGERS: Final = 20.0  # weight of all words that nobody known typed, against all people
# Nats; odds that a word of the lexicon is meant, beyond the fit: most typing is right.
KNOWN_PRIOR: Final = 1.0
# Nats; the same for a rare word of the lexicon, beyond that. It is not fitted: the made-up mistakes hit rare
# words far more often than people mean them there, and the network, which saw few of them, underrates them.
RARE_PRIOR: Final = 2.5
# Own words and mistakes weigh as so many words in the fit of the literal odds; ODDS_PRECISION leans those of
# an event to the level of all, as if that many more words had been seen.
OWN_WEIGHT: Final = 1000.0
MISTAKES_WEIGHT: Final = 3000.0
ODDS_PRECISION: Final = 10.0
LEFT: Final = 0.0015  # share of the mistakes that is given for own words; MODEL.md has what it buys


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
    """Return what the fit starts from and leans to; all unknown literals are one to it."""
    return Base(np.array([PRIOR_WEIGHTS[name] for name in FEATURES]), even_odds(1.0))


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


def fit_base_weights(people: Sequence[Typed], strangers: Sequence[Choice]) -> Float64:
    """Return the weights [F] under which the intended candidates are likeliest, people weighing alike.

    All must have been typed under `prior`, with the same odds for every unknown literal. Half of the
    strangers' words are mistakes, which is more than people make; KNOWN_PRIOR makes up for it.
    """
    made = [*(choice for person in people for choice in person.choices), *strangers]
    tables = [choice.features for choice in made]
    kept = [choice.kept for choice in made]
    each = [1000.0 / len(person.choices) for person in people for _ in person.choices]
    weight = np.array(each + [STRANGERS * 1000.0 * len(people) / max(len(strangers), 1)] * len(strangers))
    ends = np.cumsum([len(table) for table in tables])
    begins = np.concatenate([[0], ends[:-1]])
    features = np.concatenate(tables)
    features[:, FEATURES.index("literal_rare")] = 0.0
    chosen = begins + np.array(kept)
    row_weight = np.repeat(weight, ends - begins)
    middle = prior().weights

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
    fitted: Float64 = best.x.copy()
    fitted[FEATURES.index("literal_known")] += KNOWN_PRIOR
    fitted[FEATURES.index("literal_rare")] += RARE_PRIOR
    rounded: Float64 = np.round(fitted, 4)
    return rounded


def with_literal_odds(weights: Float64, mistakes: Sequence[Choice], own: Sequence[Choice]) -> Base:
    """Return a base of these weights [F] that tells own words from mistakes.

    mistakes, own: unknown literals that were not meant and that were. A logistic regression of which it was
    on the event, beside what the weights say of the literal against all others; the odds of the events lean
    to a common level. That level is then as high as leaves LEFT of the mistakes that could be put right.
    """
    scored = weights.copy()
    scored[FEATURES.index("literal_new")] = 0.0
    lost, kept = ([one for one in found if _is_doubted(one)] for found in (mistakes, own))
    every = [*lost, *kept]
    meant = np.arange(len(every)) >= len(lost)
    event = np.array([one.literal_event for one in every])
    ahead = np.array([_ahead(one, scored) for one in every])  # nats, of the literal against all others
    share = np.where(meant, OWN_WEIGHT / max(meant.sum(), 1), MISTAKES_WEIGHT / max(len(lost), 1))
    sign = np.where(meant, 1.0, -1.0)

    def loss(odds: Float64) -> tuple[float, Float64]:  # [L]; the first is the level, the others come on top
        margin = sign * (ahead + odds[0] + odds[event])
        slope = -share * sign * np.exp(-np.logaddexp(0.0, margin))
        by_event = np.bincount(event, slope, len(odds))
        by_event[0] = slope.sum()
        apart = np.append(0.0, odds[1:])
        value = float(share @ np.logaddexp(0.0, -margin)) + 0.5 * ODDS_PRECISION * float(apart @ apart)
        return value, by_event + ODDS_PRECISION * apart

    found = minimize(loss, np.zeros(len(literal_events())), jac=True, method="L-BFGS-B").x
    odds = np.append(np.zeros(FIRST_UNKNOWN), found[FIRST_UNKNOWN:])
    gaps = [gap - odds[one.literal_event] for one in lost if (gap := _behind(one, scored)) is not None]
    level = float(np.sort(gaps)[int(LEFT * len(lost))])
    odds[FIRST_UNKNOWN:] += level
    final = weights.copy()
    final[FEATURES.index("literal_new")] = 1.0
    return Base(final, np.round(odds, 4))


def _is_doubted(choice: Choice) -> bool:
    # Whether the literal is unknown, and something else may have been meant.
    return choice.literal_event >= FIRST_UNKNOWN and len(choice.features) > 1


def _ahead(choice: Choice, weights: Float64) -> float:
    # By how much the literal is likelier than all other candidates together, nats.
    score = choice.features @ weights
    return float(score[choice.literal]) - log_sum_exp(np.delete(score, choice.literal))


def _behind(choice: Choice, weights: Float64) -> float | None:
    # By how much the literal is less likely than what was meant, nats; None where that is not the likeliest.
    score = choice.features @ weights
    others = score.copy()
    others[choice.literal] = -np.inf
    best = int(others.argmax())
    return float(score[best] - score[choice.literal]) if best == choice.kept else None
