"""What the bench of the input method counts; that it runs on a desktop is for the soak of `tests/ibus`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quietkeys.demo.failing import DemoFailed
from quietkeys_bench.common.texts import Person, ordinary
from quietkeys_bench.ibus.bench import FIRST_KEYS, SLIP_EVERY, figures, text_of
from quietkeys_bench.ibus.strips import LEARNT, Prompt, prompts_of, try_strip


@dataclass
class Known:
    """Offers the words that it has learnt, and puts the first of them in place of others."""

    kept: list[str] = field(default_factory=list)

    def offered(self, test: Prompt, typed: str) -> Sequence[str]:
        """Return up to three of them."""
        return [word for word in dict.fromkeys(self.kept) if word[:1] == typed[:1]][:3]

    def put(self, test: Prompt) -> str:
        """Return one with the same letters."""
        return next((word for word in self.kept if sorted(word) == sorted(test.typed)), test.typed)

    def keep(self, test: Prompt) -> None:
        """Learn it."""
        self.kept.append(test.meant)


def test_a_key_counts_until_something_of_it_is_shown() -> None:
    """A strip counts for the key before it; one that was shown too late is told apart."""
    pressed = [float(n) for n in range(FIRST_KEYS + 4)]
    arrived = [*(time + 0.002 for time in pressed[:-1]), None]
    shown = [FIRST_KEYS + 0.010, FIRST_KEYS + 0.500, FIRST_KEYS + 1.020]
    found = figures("one", "3", [{"pressed": pressed, "arrived": arrived, "shown": shown}])
    assert (found["keys"], found["not_shown"], found["strips"]) == (3, 1, 2)
    assert found["p95_ms"] == pytest.approx(2.0)
    assert found["strip_p50_ms"] == pytest.approx(15.0)


def test_nothing_typed_is_an_error() -> None:
    """And not a figure."""
    with pytest.raises(DemoFailed):
        figures("one", "3", [{"pressed": [], "arrived": [], "shown": []}])


def test_the_typed_text_has_mistakes() -> None:
    """In lower case, without punctuation; at most a word in five."""
    words, meant = text_of(60).split(), [one.word for one in ordinary(60)]
    assert all(word.islower() for word in words)
    wrong = [typed for typed, right in zip(words, meant, strict=True) if typed != right]
    assert 0 < len(wrong) <= 60 / SLIP_EVERY


def test_words_are_learnt_first_and_tested_then() -> None:
    """A word on offer costs one key and the letters before it, another all of it; mistakes count apart."""
    learnt = [Prompt("", "tomorrow", "tomorrow", 0)] * 7
    tested = [
        Prompt("", "tomorrow", "tomorrow", 0),
        Prompt("", "tomorrow", "tomororw", 0),
        Prompt("", "unseen", "unseen", 0),
    ]
    assert int(LEARNT * 10) == len(learnt)
    total = try_strip(Known(), [*learnt, *tested])
    assert total.words == 3
    assert total.pressed == 2 + 2 + len("unseen ")
    assert total.unaided == 9 + 9 + 7
    assert (total.wrong, total.put_right, total.first, total.offered, total.altered) == (1, 1, 1, 1, 0)


def test_a_persons_words_are_typed_by_hands_that_slip(tmp_path: Path) -> None:
    """The same for equal seeds; the context is what was meant, numbers included."""
    path = tmp_path / "chat_01.txt"
    path.write_text("please bring 20 chairs tomorrow\n" * 50)
    found = prompts_of(Person("chat_01", path), 0, 0.08, 100)
    assert len(found) == 100
    assert [test.meant for test in found[:4]] == ["please", "bring", "chairs", "tomorrow"]
    assert found[2].context == "please bring 20 "
    assert 0 < sum(test.typed != test.meant for test in found) < 60
    assert found == prompts_of(Person("chat_01", path), 0, 0.08, 100)
