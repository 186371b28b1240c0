"""Mixing local memory with the base model: formulas, the guard, undoing, forgetting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietkeys.prediction.events import EVIDENCE, evidence
from quietkeys.profile import mixture as mix
from quietkeys.profile.memory import TRACES_KEPT, Memory
from quietkeys.profile.mixture import BUCKETS, PARTS, Evidence, Mixture, Place
from tests.typing.places import (
    EXPECTED,
    OUTSIDE,
    WORDS,
    chances_at,
    direction_at,
    known,
    place_in,
    type_text,
    type_word,
)

TEXTS = st.lists(st.sampled_from([*WORDS, "own", "zorb"]), max_size=40)
CHANCES = st.floats(1e-13, 1.0)
FORETOLD = st.builds(
    Evidence,
    base=CHANCES,
    reweighted=CHANCES,
    parts=st.lists(
        st.tuples(st.integers(0, BUCKETS - 1), st.floats(0.0, 1.0)),
        max_size=5,
        unique_by=lambda part: part[0],
    ).map(tuple),
    ramp=st.floats(0.0, 0.999),
)


def state_of(memory: Memory) -> tuple[object, ...]:
    """Return everything that a later word is judged by, and everything that is stored."""
    place = place_in(memory, "a", "b", 99)
    return (
        sorted(memory.entries()),
        memory.tick,
        memory.mixture.sums().tobytes(),
        memory.histories,
        place.parts.tobytes(),
        place.ratio.tobytes(),
        place.buckets,
        (place.others, place.rest, place.trust),
    )


def total_at(place: Place, seed: int) -> float:
    """Return the sum of P(w) over the lexicon, the user's own words, and all other words as one."""
    words = [*WORDS, "own", "zorb", "never heard of"]
    base = np.append(chances_at(seed), [OUTSIDE / 26.0, OUTSIDE / 26.0, OUTSIDE * 24.0 / 26.0])
    return float((place.base_share(words) * base + place.personal(words)).sum())


@given(TEXTS)
def test_the_mixture_sums_to_one(text: list[str]) -> None:
    """Over every word there is, whatever was typed, at any place."""
    memory = known()
    type_text(memory, text)
    for seed in (0, 1):
        for history in (("", ""), ("a", "b"), ("never", "own")):
            assert total_at(place_in(memory, *history, seed), seed) == pytest.approx(1.0)


def test_nothing_typed_changes_nothing() -> None:
    """A fresh profile has the base model, to the bit."""
    place = place_in(known(), "a", "b")
    assert place.base_share(WORDS).tolist() == [1.0] * len(WORDS)
    assert place.personal(WORDS).tolist() == [0.0] * len(WORDS)


@settings(deadline=None)
@given(st.lists(FORETOLD, max_size=300))
def test_the_guard_bounds_what_memory_costs(foretold: list[Evidence]) -> None:
    """However badly it foretells, in sum no more than ln 20 nats, but for what hoping on costs."""
    mixture, lost = Mixture((0.1,) * BUCKETS), 0.0
    for one in foretold:
        chance = one.reweighted
        for bucket, said in one.parts:
            chance += mixture.weight(bucket) * (said - chance)
        trusted = one.ramp / (1.0 + math.exp(-mixture.ahead))
        lost -= math.log1p(trusted * (chance / one.base - 1.0))
        mixture.learn(one)
    assert lost <= math.log(20.0) + len(foretold) * math.exp(-mix.AHEAD_AT_MOST) + 1e-9


def test_the_guard_lets_go_and_comes_back() -> None:
    """Memory that foretells worse weighs nothing soon; one that foretells better then is heard again."""
    mixture = Mixture((0.5,) * BUCKETS)
    for _ in range(2_000):
        mixture.learn(Evidence(0.1, 0.01, (), 0.9))
    assert mixture.ahead == -mix.AHEAD_AT_MOST
    for _ in range(20):
        mixture.learn(Evidence(0.01, 0.1, (), 0.9))
    assert mixture.ahead == mix.AHEAD_AT_MOST


def test_formulas_against_a_second_implementation() -> None:
    """A place after a short text, word by word as docs/MODEL.md has it."""
    text = ["a", "b", "a", "b", "own", "a", "b", "c", "a", "b"]
    memory = known(prior=0.25)
    type_text(memory, text)
    seed = 77
    place = place_in(memory, "c", "a", seed)
    decay = 2.0 ** (-1.0 / 50_000)

    def decayed(places: list[int]) -> float:
        return math.fsum(decay ** (len(text) - 1 - at) for at in places)

    def where(*words: str) -> list[int]:
        framed, size = ["", "", *text], len(words)
        return [at for at in range(len(text)) if tuple(framed[at + 3 - size : at + 3]) == words]

    words = decayed(list(range(len(text))))
    count = {word: decayed(where(word)) for word in {*text}}
    ratio = {
        word: ((count[word] + 0.3) / (words * float(EXPECTED[WORDS.index(word)]) + 0.3)) ** 0.6
        if word in WORDS and word in count
        else 1.0
        for word in [*WORDS, "own"]
    }
    base = dict(zip(WORDS, chances_at(seed), strict=True))
    scale = 1.0 + sum(base[word] * (ratio[word] - 1.0) for word in WORDS)
    direction = direction_at(seed).astype(np.float64)
    cosine = [float(direction @ direction_at(at).astype(np.float64)) for at in range(len(text))]

    def shares(weight: list[float]) -> dict[str, float]:
        return {w: sum(weight[at] for at in where(w)) / sum(weight) for w in count}

    def discounted(*history: str) -> dict[str, float]:
        kept = {w: max(decayed(where(*history, w)) - 0.5, 0.0) for w in count}
        return {w: value / sum(kept.values()) for w, value in kept.items()}

    parts = [
        {w: count[w] / words for w in count},
        shares([2.0 ** (-(len(text) - 1 - at) / 60.0) for at in range(len(text))]),
        discounted("a"),
        shares([math.exp(20.0 * (one - 1.0)) for one in cosine]),
        discounted("c", "a"),
    ]
    pair = decayed(where("a", "b"))
    buckets = [
        (0, int(math.log2(words)), 1),  # four words in ten
        (1, int(math.log2(sum(2.0 ** (-at / 60.0) for at in range(len(text))))), 2),  # ten different moments
        (2, int(math.log2(pair)), 0),
        (3, min(int(10.0 * max(cosine)), 9), 0),
        (4, 0, 0),
    ]
    assert list(place.buckets) == [(part * 12 + level) * 3 + spread for part, level, spread in buckets]
    weights = [memory.mixture.weight(bucket) for bucket in place.buckets]
    trust = words / (words + 100.0) / (1.0 + math.exp(-memory.mixture.ahead))
    for word in ("a", "b", "c", "dd", "own"):
        before = base.get(word, OUTSIDE / 26.0)
        chance = before * ratio[word] / scale
        for weight, part in zip(weights, parts, strict=True):
            chance = (1.0 - weight) * chance + weight * part.get(word, 0.0)
        expected = trust * chance + (1.0 - trust) * before
        found = place.base_share([word])[0] * before + place.personal([word])[0]
        assert found == pytest.approx(expected, rel=1e-5)


def test_weights_are_learnt_by_expectation_maximisation() -> None:
    """Two parts in turn, by hand; a bucket that nothing was heard of keeps its prior."""
    mixture = Mixture((0.25,) * BUCKETS)
    mixture.learn(Evidence(base=0.1, reweighted=0.2, parts=((3, 0.6), (7, 0.0)), ramp=0.5))
    first = 0.75 * 0.2 + 0.25 * 0.6
    share = 0.25 * 0.6 / first
    assert [mixture.said[3], mixture.missed[3]] == pytest.approx([share, 1.0 - share])
    assert (mixture.said[7], mixture.missed[7]) == (0.0, 1.0)
    assert mixture.weight(3) == pytest.approx((20.0 * 0.25 + share) / 21.0)
    assert mixture.weight(7) == pytest.approx(5.0 / 21.0)
    assert mixture.weight(4) == 0.25
    gain = math.log(1.0 + 0.5 * (0.75 * first / 0.1 - 1.0))
    assert mixture.ahead == pytest.approx(math.log(19.0) + gain)


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_undoing_the_last_words_is_exact(first: list[str], second: list[str], third: list[str]) -> None:
    """Counts, weights, caches and the guard, to the bit; and what is learnt afterwards too."""
    memory, never = known(), known()
    for one in (memory, never):
        type_text(one, first)
    for trace in reversed(type_text(memory, second, 500)):
        memory.unlearn(trace)
    assert state_of(memory) == state_of(never)
    for one in (memory, never):
        type_text(one, third, 900)
    assert state_of(memory) == state_of(never)


def test_undoing_is_exact_after_more_words_than_can_be_taken_back() -> None:
    """What has settled stays, what has not goes."""
    memory, never = known(), known()
    text = ["a", "b", "own", "a", "c", "dd"] * (TRACES_KEPT // 4)
    for one in (memory, never):
        type_text(one, text)
    for trace in reversed(type_text(memory, ["a", "zorb"] * (TRACES_KEPT // 2), 500)):
        memory.unlearn(trace)
    assert state_of(memory) == state_of(never)


def test_nothing_of_a_word_in_the_middle_weighs_in() -> None:
    """What was foretold with its help says nothing any more, until it is learnt again."""
    memory, before = known(), known()
    for one in (memory, before):
        type_text(one, ["a", "b", "a", "c"])
    (secret,) = type_text(memory, ["zorb"], 50)
    type_text(memory, ["b", "a"], 60)
    whole = state_of(memory)
    memory.unlearn(secret)
    assert memory.mixture.sums().tobytes() == before.mixture.sums().tobytes()
    heard = place_in(memory, "", "").parts[mix.CONVERSATION]
    assert heard.tobytes() == place_in(before, "", "").parts[mix.CONVERSATION].tobytes()
    memory.relearn(secret)
    assert state_of(memory) == whole


def test_a_forgotten_word_is_in_no_part() -> None:
    """Nor is any state of the network held in which it may have stood."""
    memory = known()
    type_text(memory, ["a", "zorb", "b", "zorb", "a"] * 5)
    memory.forget("zorb")
    place = place_in(memory, "", "a")
    assert "zorb" not in place.column
    assert [place.buckets[part] for part in (mix.CONVERSATION, mix.STATE)] == [-1, -1]
    assert place.personal(["zorb"]).tolist() == [0.0]


def test_a_profile_that_is_opened_again_has_its_weights_and_no_conversation() -> None:
    """Weights and the guard are stored as sums; what was said last is not."""
    memory, again = known(), known()
    type_text(memory, ["a", "b", "own"] * 100)
    again.load(list(memory.entries()), memory.tick, memory.mixture.sums())
    assert again.mixture.sums() == pytest.approx(memory.mixture.sums())
    assert place_in(again, "a", "b").buckets[mix.STATE] == -1
    again.load([], 0, np.zeros(3))
    assert again.mixture.sums().tobytes() == known().mixture.sums().tobytes()


def test_a_part_that_foretells_well_comes_to_weigh_more() -> None:
    """Of somebody who types the same three words, the pairs know the next one."""
    memory = known()
    bucket = None
    for number in range(60):
        trace = type_word(memory, "", "b" if number % 2 else "a", "c" if number % 2 else "b", number)
        assert trace.evidence is not None
        bucket = {b // (mix.LEVELS * mix.SPREADS): b for b, _ in trace.evidence.parts}.get(mix.PAIR, bucket)
    assert bucket is not None
    assert memory.mixture.weight(bucket) > memory.mixture.prior[bucket]


@pytest.mark.parametrize(("word", "in_lexicon", "expected"), [("a", True, 0.0), ("zorb", False, 0.231)])
def test_words_of_the_lexicon_are_nobodys_own(word: str, in_lexicon: bool, expected: float) -> None:
    """`literal_own` says that a word which no lexicon has was kept before; of others, counts speak."""
    memory = known()
    type_text(memory, ["a", "zorb"])
    row = evidence(memory, [word], word, [in_lexicon], [0], 0.0)[0]
    assert float(row[EVIDENCE.index("literal_own")]) == pytest.approx(expected, abs=1e-3)


def test_every_part_has_its_buckets() -> None:
    """Rows do not overlap, whatever is known at a place."""
    found = {
        mix.bucket_of(part, 2.0**level, kinds)
        for part in range(len(PARTS))
        for level in range(30)
        for kinds in (1, 2, 2**20)
    }
    assert max(found) < BUCKETS
    assert {mix.bucket_of_likeness(value) for value in np.linspace(-1.0, 1.0, 41)} <= set(
        range(mix.STATE * 36, mix.STATE * 36 + 36)
    )
