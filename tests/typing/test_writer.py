"""The simulated writer: which words are misspelled and how, what is noticed, and that chance is common."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from quietkeys.evaluation.messages import Word, corrected, typed_words
from quietkeys.evaluation.typing_runs import Attempt, type_out
from quietkeys.evaluation.writer import CAP, MISSPELT, Writer

MISSPELLINGS = {
    "because": ("becuase", "becaus", "beacuse"),
    "their": ("thier",),
    "definitely": ("definately", "definitly"),
    "once": ("onse",),
}
FREQUENT = ["because", "their", "definitely", "the", "of", "cat"]


def text(words: int = 4000, seed: int = 0) -> list[Word]:
    """A text in which half of the words have known misspellings."""
    return typed_words([" ".join(np.random.default_rng(seed).choice(FREQUENT, words))])


def writers(count: int = 300) -> list[Writer]:
    """Some people."""
    return [Writer.named(f"p{number}", 0, 0.08) for number in range(count)]


def test_people_misspell_as_much_as_they_misspell() -> None:
    """Shares are uniform between half and two and a half per cent of all words, and each keeps to theirs."""
    shares = np.array([writer.share() for writer in writers()])
    assert MISSPELT[0] <= shares.min() < 0.006
    assert 0.024 < shares.max() <= MISSPELT[1]
    assert shares.mean() == pytest.approx(0.015, abs=0.001)
    words = text()
    for writer in writers(5):
        wrong = sum(word.misspelt for word in writer.spelled(words, MISSPELLINGS))
        assert wrong == round(writer.share() * len(words))


def test_of_one_word_at_most_three_of_ten_are_misspelled() -> None:
    """Even where a writer would misspell more, and no other word has a misspelling."""
    words = typed_words(["the " * 960 + "because " * 40])
    for writer in (one for one in writers(40) if one.share() > 0.015):
        assert sum(word.misspelt for word in writer.spelled(words, MISSPELLINGS)) == CAP * 40


def test_a_word_written_once_is_misspelled_by_three_writers_of_ten() -> None:
    """Where there is nothing else that they could misspell."""
    words = typed_words(["the " * 999 + "once"])
    wrong = [sum(word.misspelt for word in writer.spelled(words, MISSPELLINGS)) for writer in writers(1000)]
    assert np.mean(wrong) == pytest.approx(CAP, abs=0.05)


def test_half_of_the_writers_misspell_a_word_always_alike() -> None:
    """The others choose evenly each time; habits choose evenly among the typos too."""
    words = text(8000)
    habits: Counter[str] = Counter()
    changing = 0
    for writer in (one for one in writers() if one.share() > 0.01):
        spelled = writer.spelled(words, MISSPELLINGS)
        typos = Counter(word.spelling for word in spelled if word.misspelt and word.text == "because")
        if sum(typos.values()) < 15:
            continue
        assert set(typos) <= set(MISSPELLINGS["because"])
        if len(typos) == 1:
            habits[next(iter(typos))] += 1
        else:
            changing += 1
            assert max(typos.values()) < 0.8 * sum(typos.values())
    assert habits.total() / (habits.total() + changing) == pytest.approx(0.5, abs=0.08)
    assert min(habits[typo] for typo in MISSPELLINGS["because"]) > 0.2 * habits.total()


def test_a_hostile_writer_keeps_other_words_on_purpose() -> None:
    """Of the stated share, any of the others evenly, always the same ones; an honest writer never does."""
    words, others = text(), ["one", "two", "three"]
    honest = Writer.named("p", 0, 0.08)
    assert {honest.kept(word, 0, "meant", others) for word in words} == {"meant"}
    hostile = replace(honest, hostile=0.1)
    kept = [hostile.kept(word, 0, "meant", others) for word in words]
    counts = Counter(kept)
    assert 1 - counts["meant"] / len(words) == pytest.approx(0.1, abs=0.02)
    assert all(counts[other] == pytest.approx(len(words) / 30, rel=0.3) for other in others)
    assert kept == [hostile.kept(word, 0, "meant", others) for word in words]
    assert hostile.kept(words[kept.index("one")], 0, "meant", []) == "meant"


def test_slips_are_noticed_more_often_than_misspellings() -> None:
    """With 0.8 and with 0.3; who notices a misspelling would notice a slip in its place."""
    writer, words = Writer.named("ada", 0, 0.08), text()
    slips = np.array([writer.notices(word) for word in words])
    spelling = np.array([writer.notices(replace(word, spelling="x")) for word in words])
    assert slips.mean() == pytest.approx(0.8, abs=0.03)
    assert spelling.mean() == pytest.approx(0.3, abs=0.03)
    assert not (spelling & ~slips).any()


def test_chance_is_the_same_whatever_is_typed_before() -> None:
    """A word comes out, and is noticed, alike in all of a text and in a part of it, and so on any device."""
    writer, words = Writer.named("ada", 0, 0.2), text(300)
    whole = [typed.pieces[0].typed for typed in type_out(words, writer.typist)]
    assert [typed.pieces[0].typed for typed in type_out(words[200:], writer.typist)] == whole[200:]
    assert [writer.notices(word) for word in words[::-1]] == [writer.notices(word) for word in words][::-1]
    other = [typed.pieces[0].typed for typed in type_out(words, Writer.named("ada", 1, 0.2).typist)]
    assert other != whole
    assert writer == Writer.named("ada", 0, 0.2)


def test_misspelled_words_are_typed_by_the_same_hands() -> None:
    """They count as misspelled whether a finger slips too or not; what was meant is still the word."""
    writer = Writer.named("ada", 0, 0.1)
    spelled = writer.spelled(text(), MISSPELLINGS)
    typed = list(type_out(spelled, writer.typist))
    wrong = [word for word in typed if word.word.misspelt]
    slipped = [word for word in wrong if word.pieces[0].typed != word.word.spelling]
    assert wrong
    assert 0.1 * len(wrong) < len(slipped) < 0.9 * len(wrong)
    assert {word.attempt for word in wrong} == {Attempt.MISSPELLING}
    assert all(word.pieces[0].intended == word.word.text for word in wrong)
    others = {word.attempt: word for word in typed if not word.word.misspelt}
    assert set(others) == {Attempt.GOOD, Attempt.SLIP}
    assert others[Attempt.SLIP].pieces[0].typed != others[Attempt.SLIP].word.text


def test_nobody_misspells_without_lists() -> None:
    """And no word that has no known misspelling is misspelled."""
    writer, words = Writer.named("ada", 0, 0.08), text()
    assert writer.spelled(words, {}) == words
    changed = {word.text for word in writer.spelled(words, MISSPELLINGS) if word.misspelt}
    assert changed <= set(MISSPELLINGS)


def test_own_typos_are_what_was_meant() -> None:
    """One with one correction is replaced, as context too; one with several stays and is not scored."""
    corrections = {"thier": ("their",), "wich": ("which", "witch")}
    messages = corrected(["Thier cat, wich ran", '"thier." gonna'], corrections)
    assert messages == ["Their cat, wich ran", '"their." gonna']
    words = typed_words(messages, {"wich"})
    assert [word.text for word in words] == ["their", "cat", "wich", "ran", "their", "gonna"]
    assert [word.text for word in words if not word.scored] == ["wich"]
    assert words[1].pieces[0].context == ("their",)
    assert [word.number for word in words] == list(range(6))
