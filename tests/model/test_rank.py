"""The fit of the ranker's base weights: to people who are learnt, and to strangers' words."""

from __future__ import annotations

import numpy as np
import pytest

from quietkeys.arrays import Float64
from quietkeys.prediction.events import FEATURES, FIRST_UNKNOWN, LITERAL_KNOWN, Choice
from tools.model_build import rank
from tools.model_build.rank import Typed, fit_base_weights, prior, with_literal_odds

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
        fitted = fit_base_weights(people, strangers)
        assert np.allclose(fitted, prior().weights + known_prior(), atol=1e-3)


def test_weights_are_found_again() -> None:
    """People and strangers who choose by some weights lead the fit to these, up to rounding and chance."""
    weights = wanted(language=1.5, channel=0.7, literal_known=-1.0, short=0.5)
    people = [Typed(str(seed), tuple(choices(seed, 800, weights))) for seed in range(3)]
    fitted = fit_base_weights(people, choices(9, 800, weights)) - known_prior()
    assert np.abs(fitted - weights).max() < 0.25


def test_everybody_weighs_alike_however_much_they_typed() -> None:
    """Choices of one person, or the strangers', said twice change nothing."""
    one, other = choices(1, 60, wanted(language=2.0)), choices(2, 60, wanted(channel=2.0))
    strangers = choices(3, 60, wanted(recent=2.0))
    once = fit_base_weights([Typed("one", tuple(one)), Typed("other", tuple(other))], strangers)
    people = [Typed("one", tuple(one * 3)), Typed("other", tuple(other))]
    assert np.allclose(fit_base_weights(people, strangers * 2), once, atol=5e-3)


def test_strangers_weigh_more_than_all_people_together() -> None:
    """Who chooses by what is heard: the fit lies on the strangers' side, however few they are."""
    people = [Typed(str(seed), tuple(choices(seed, 400, wanted(language=1.5)))) for seed in range(2)]
    strangers = choices(9, 800, wanted(channel=1.5))
    fitted = fit_base_weights(people, strangers)
    assert fitted[FEATURES.index("channel")] > fitted[FEATURES.index("language")] + 0.5
    few = fit_base_weights(people, strangers[:200])
    assert few[FEATURES.index("channel")] > few[FEATURES.index("language")] + 0.5
    alone = fit_base_weights(people, [])
    assert alone[FEATURES.index("language")] > 1.2
    assert abs(alone[FEATURES.index("channel")]) < 0.25


def literals(event: int, count: int, ahead: float, kept: int) -> list[Choice]:
    """Return choices between a literal of an event, the first candidate, and one other word."""
    features = np.zeros((2, len(FEATURES)))
    features[0, FEATURES.index("language")] = ahead
    nothing = np.zeros((2, 0), np.int64)
    return [Choice(features, nothing, np.zeros(2, np.int64), kept, 0, event) for _ in range(count)]


def test_kinds_of_unknown_words_have_odds_of_their_own() -> None:
    """What is mostly meant is believed sooner than what is mostly a mistake; known literals have no part."""
    often, seldom, never_seen = FIRST_UNKNOWN + 3, FIRST_UNKNOWN + 7, FIRST_UNKNOWN + 9
    own = [*literals(often, 90, -1.0, 0), *literals(seldom, 20, -1.0, 0)]
    mistakes = [*literals(often, 10, -1.0, 1), *literals(seldom, 80, -1.0, 1)]
    known = literals(LITERAL_KNOWN, 500, -1.0, 1)
    base = with_literal_odds(wanted(language=1.0, literal_new=0.5), mistakes + known, own)
    assert base.literal_odds[often] > base.literal_odds[never_seen] + 0.5 > base.literal_odds[seldom] + 1.0
    assert not base.literal_odds[:FIRST_UNKNOWN].any()
    assert base.weights.tolist() == wanted(language=1.0, literal_new=1.0).tolist()


def test_few_mistakes_are_given_for_own_words() -> None:
    """The level is the highest that leaves LEFT of the mistakes, whatever share of words are own ones."""
    event = FIRST_UNKNOWN
    mistakes = [one for gap in range(2000) for one in literals(event, 1, -2.0 - gap / 1000, 1)]
    hopeless = literals(event, 100, 5.0, 0)
    for own in (hopeless, hopeless * 10):
        odds = with_literal_odds(wanted(language=1.0), mistakes, own).literal_odds[event]
        left = sum(odds - 2.0 - gap / 1000 > 0.0 for gap in range(2000))
        assert left == pytest.approx(rank.LEFT * len(mistakes), abs=1.0)
