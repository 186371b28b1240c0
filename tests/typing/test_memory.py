"""Local memory: counts, decay, forgetting."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.profile.memory import HALF_LIFE, Memory

WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=30)


@given(WORDS)
def test_probabilities_of_known_words_sum_to_at_most_one(typed: list[str]) -> None:
    """In any context the personal model is a sub-distribution over the user's words."""
    memory = Memory()
    for before, word in zip(["", *typed], typed, strict=False):
        memory.learn("", before, word)
    for context in ("a", "b", "never"):
        total = sum(memory.probability("", context, word) for word in memory.words())
        assert 0.0 <= total <= 1.0 + 1e-9


@given(WORDS, WORDS)
def test_unlearning_leaves_what_was_before(first: list[str], second: list[str]) -> None:
    """Learning words and taking them back in any order restores every count, but for decay."""
    memory = Memory()
    for word in first:
        memory.learn("", "", word)
    before = dict(memory.words())
    decay = math.exp(-math.log(2.0) / HALF_LIFE * len(second))
    for trace in [memory.learn("", "", word) for word in second]:
        memory.unlearn(trace)
    after = dict(memory.words())
    assert after.keys() == before.keys()
    for word, value in before.items():
        assert after[word] == pytest.approx(value * decay, abs=0.03)


def test_a_forgotten_word_leaves_no_trace() -> None:
    """Forgetting removes the word, its pairs and its triples, wherever it stood."""
    memory = Memory(lexicon={"see", "you"})
    for _ in range(3):
        memory.learn("see", "you", "boonlay")
        memory.learn("you", "boonlay", "see")
    memory.forget("boonlay")
    assert not any("boonlay" in key for key in memory.counts)
    assert not any("boonlay" in key and memory.histories[key][0] > 0.1 for key in memory.histories)
    assert "boonlay" not in memory.own_words
    assert memory.count(("see",)) > 2.9


def test_what_is_stored_loads_again() -> None:
    """Counts, own words and ages survive a round trip."""
    memory = Memory(lexicon={"the"})
    for word in ("the", "zorg", "the", "zorg", "the"):
        memory.learn("", "", word)
    again = Memory(lexicon={"the"})
    again.load(list(memory.entries()), memory.tick)
    assert list(again.own_words) == ["zorg"]
    assert again.age("zorg") == memory.age("zorg") == 1
    assert again.probability("", "", "the") == pytest.approx(memory.probability("", "", "the"))


def test_old_words_weigh_less() -> None:
    """A count halves after HALF_LIFE words."""
    memory = Memory()
    memory.learn("", "", "once")
    memory.tick += HALF_LIFE
    assert memory.count(("once",)) == pytest.approx(0.5)
