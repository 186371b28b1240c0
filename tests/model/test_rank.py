"""The fit of the ranker's base weights: to people who are learnt, and to strangers' words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quietkeys.arrays import Float64
from quietkeys.prediction.events import FEATURES, FIRST_UNKNOWN, LITERAL_KNOWN, Choice
from tools.model_build import rank
from tools.model_build.rank import Typed, fit_base, prior

CANDIDATES = 4


def choices(seed: int, count: int, weights: Float64) -> list[Choice]:
    """Return choices of a user who keeps a candidate as likely as these weights say."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        features = rng.normal(size=(CANDIDATES, len(FEATURES)))
        chance = np.exp(features @ weights)
        kept = int(rng.choice(CANDIDATES, p=chance / chance.sum()))
        nothing = np.zeros((CANDIDATES, 0), np.int64)
        made.append(Choice(features, nothing, np.zeros(CANDIDATES, np.int64), kept, 0, LITERAL_KNOWN))
    return made


def indifferent(count: int) -> list[Choice]:
    """Return choices that say nothing: all candidates have the same features."""
    nothing = np.zeros((2, 0), np.int64)
    features, buckets = np.zeros((2, len(FEATURES))), np.zeros(2, np.int64)
    return [Choice(features, nothing, buckets, 0, 0, LITERAL_KNOWN) for _ in range(count)]


def wanted(**values: float) -> Float64:
    """Return weights of features by name, 0 for the others."""
    return np.array([values.get(name, 0.0) for name in FEATURES])


def known_prior() -> Float64:
    """Return what is added to the fit, by feature."""
    return wanted(literal_known=rank.KNOWN_PRIOR, literal_rare=rank.RARE_PRIOR)


def test_without_evidence_the_prior_stays() -> None:
    """Sensible weights, and the odds of a known word that make up for mistakes among the strangers' words."""
    people = [Typed("one", tuple(indifferent(5)))]
    for strangers in ([], indifferent(7)):
        fitted = fit_base(people, strangers)
        assert np.allclose(fitted.weights, prior().weights + known_prior(), atol=1e-3)
        assert np.allclose(fitted.literal_odds, prior().literal_odds, atol=1e-3)


def test_weights_are_found_again() -> None:
    """People and strangers who choose by some weights lead the fit to these, up to rounding and chance."""
    weights = wanted(language=1.5, channel=0.7, literal_known=-1.0, short=0.5)
    people = [Typed(str(seed), tuple(choices(seed, 800, weights))) for seed in range(3)]
    fitted = fit_base(people, choices(9, 800, weights)).weights - known_prior()
    fitted[FEATURES.index("literal_new")] = 0.0
    assert np.abs(fitted - weights).max() < 0.25


def test_everybody_weighs_alike_however_much_they_typed() -> None:
    """Choices of one person, or the strangers', said twice change nothing."""
    one, other = choices(1, 60, wanted(language=2.0)), choices(2, 60, wanted(channel=2.0))
    strangers = choices(3, 60, wanted(recent=2.0))
    once = fit_base([Typed("one", tuple(one)), Typed("other", tuple(other))], strangers).weights
    people = [Typed("one", tuple(one * 3)), Typed("other", tuple(other))]
    assert np.allclose(fit_base(people, strangers * 2).weights, once, atol=5e-3)


def test_strangers_weigh_more_than_all_people_together() -> None:
    """Who chooses by what is heard: the fit lies on the strangers' side, however few they are."""
    people = [Typed(str(seed), tuple(choices(seed, 400, wanted(language=1.5)))) for seed in range(2)]
    strangers = choices(9, 800, wanted(channel=1.5))
    fitted = fit_base(people, strangers).weights
    assert fitted[FEATURES.index("channel")] > fitted[FEATURES.index("language")] + 0.5
    few = fit_base(people, strangers[:200]).weights
    assert few[FEATURES.index("channel")] > few[FEATURES.index("language")] + 0.5
    alone = fit_base(people, []).weights
    assert alone[FEATURES.index("language")] > 1.2
    assert abs(alone[FEATURES.index("channel")]) < 0.25


def test_unknown_words_have_odds_of_their_own() -> None:
    """A kind of literal that is kept more often than not is held to be meant; one that is not, is not."""
    often, seldom = FIRST_UNKNOWN + 3, FIRST_UNKNOWN + 7
    (like, *_) = indifferent(1)
    strangers = [
        replace(like, kept=int(number >= times), literal_event=event)
        for event, times in ((often, 90), (seldom, 20))
        for number in range(100)
    ]
    base = fit_base([Typed("one", tuple(indifferent(5)))], strangers)
    assert base.literal_odds[often] == pytest.approx(np.log(9), abs=0.05)
    assert base.literal_odds[seldom] == pytest.approx(-np.log(4), abs=0.05)
    assert base.weights[FEATURES.index("literal_new")] == 1.0
