"""Local memory: counts, decay, forgetting."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.profile.memory import ADDED, ADDED_ENTRY, FORM, HALF_LIFE, Memory
from tests.typing.places import place_in

WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=30)


@given(WORDS)
def test_probabilities_of_known_words_sum_to_at_most_one(typed: list[str]) -> None:
    """In any context what memory adds is a sub-distribution over the user's words."""
    memory = Memory()
    for before, word in zip(["", *typed], typed, strict=False):
        memory.learn("", before, word)
    for context in ("a", "b", "never"):
        total = place_in(memory, "", context).personal(list(memory.words())).sum()
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
    there, here = (place_in(one, "", "").personal(["the"]) for one in (again, memory))
    assert float(there[0]) == pytest.approx(float(here[0])) != 0.0


def test_old_words_weigh_less() -> None:
    """A count halves after HALF_LIFE words."""
    memory = Memory()
    memory.learn("", "", "once")
    memory.tick += HALF_LIFE
    assert memory.count(("once",)) == pytest.approx(0.5)


def written(word: str, forms: list[str], *, known: bool = True, added: str | None = None) -> str | None:
    """Return how a word is written after it was kept in these forms; "" is as the lexicon has it."""
    memory = Memory(lexicon={word} if known else ())
    for form in forms:
        memory.learn("", "", word, (FORM, word, form) if form else (FORM, word))
    memory.add(word, added)
    again = Memory(lexicon=memory.lexicon)
    again.load(list(memory.entries()), memory.tick)
    assert again.form(word) == memory.form(word)
    return memory.form(word)


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        ([], None),
        (["fyi"], None),
        (["fyi", "fyi"], "fyi"),
        (["", "fyi", "fyi"], "fyi"),
        (["", "", "fyi", "fyi"], None),
        (["fyi", "Fyi"], None),
        (["fyi", "fyi", "", "", "", ""], None),
    ],
)
def test_a_form_that_is_clearly_ahead_is_the_users(forms: list[str], expected: str | None) -> None:
    """Kept twice, and twice as often as all others; else the lexicon decides."""
    assert written("fyi", forms) == expected


@pytest.mark.parametrize(
    ("forms", "expected"),
    [(["Aoife"], "Aoife"), (["Aoife", ""], None), (["Aoife", "", "Aoife"], "Aoife"), ([""], None)],
)
def test_a_word_of_ones_own_is_written_as_it_mostly_was(forms: list[str], expected: str | None) -> None:
    """No lexicon has a say."""
    assert written("aoife", forms, known=False) == expected


def test_an_added_word_is_written_as_it_was_added() -> None:
    """Until the user clearly writes it otherwise, and for a word of the lexicon too."""
    assert written("openbsd", [], known=False, added="OpenBSD") == "OpenBSD"
    assert written("openbsd", [""], known=False, added="OpenBSD") == "OpenBSD"
    assert written("openbsd", ["", ""], known=False, added="OpenBSD") is None
    assert written("march", [""], added="March") == "March"


def test_an_added_word_stays_however_long_ago_it_was_added() -> None:
    """It is not forgotten when its count means nothing any more; others are."""
    memory = Memory()
    entries = [((ADDED, "openbsd", "OpenBSD"), *ADDED_ENTRY), (("openbsd",), 1.0, 0), (("zorb",), 1.0, 0)]
    memory.load(entries, 20 * HALF_LIFE)
    assert list(memory.own_words) == ["openbsd"]


def test_forgetting_takes_forms_with_it() -> None:
    """Those of the word, and no others."""
    memory = Memory(lexicon={"see"})
    memory.learn("", "", "see", (FORM, "see", "SEE"))
    memory.learn("", "see", "zorb", (FORM, "zorb", "ZORB"))
    memory.add("zorb", "Zorb")
    removed = memory.forget("zorb")
    assert {(FORM, "zorb", "ZORB"), (ADDED, "zorb", "Zorb")} <= set(removed)
    assert list(memory.forms) == [(FORM, "see", "SEE")]
    assert (memory.form("zorb"), memory.added) == (None, {})


def test_spellings_of_either_side_are_counted() -> None:
    """Words held in a British and in an American spelling, until they are taken back."""
    memory = Memory(lexicon={"colour", "color"}, side={"colour": 1, "color": -1}.get)  # type: ignore[arg-type]
    traces = [memory.learn("", "", word) for word in ("colour", "colour", "color")]
    assert (round(memory.spelled(1)), round(memory.spelled(-1))) == (2, 1)
    for trace in traces:
        memory.unlearn(trace)
    assert (memory.spelled(1), memory.spelled(-1), memory.sided) == (0.0, 0.0, {})
