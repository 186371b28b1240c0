"""Any text up to a million characters: what is searched and learnt at once is bounded, and all is learnt."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import Personalizer, QuietkeysError
from quietkeys.prediction import redaction
from quietkeys.prediction.redaction import AHEAD, MAX_TEXT, STRETCH_RUNS, stretches
from quietkeys.text.tokens import MAX_TOKEN, REACH, words_of
from quietkeys_protocol.errors import ErrorCode

REPEATED = (
    "@", "a", "a.", "a/", "a(at)", "aa:", "aA", ".", "'", "-", " ", "\n", "1 ", "4111111111111111 ", "one ",
    "code ", "code A1B2 is ", "AAA-", "AAA is my ", "password is ", "password:", "x at y dot ", "x@ ", "http://",
    "www.", "\u0301", "e\u0301\u0327", "😀", "a, ", "[at]a.", "x @ y . ",
)  # fmt: skip


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """The shipped bundle, knowing nobody."""
    with Personalizer.open(tmp_path_factory.mktemp("long") / "profile") as one:
        yield one


def seconds(pattern: object, text: str) -> float:
    """Return the least processor time of three searches."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        list(pattern.finditer(text))  # type: ignore[attr-defined]
        times.append(time.process_time() - begun)
    return min(times)


@pytest.mark.parametrize("unit", REPEATED)
def test_every_pattern_takes_time_in_proportion(unit: str) -> None:
    """Sixteen times the text takes far less than 256 times the time."""
    short, long = (unit * (size // len(unit)) for size in (2_000, 32_000))
    for pattern in (*redaction._PATTERNS, redaction._CARD, redaction._TOKEN, redaction._LETTERS):
        assert seconds(pattern, long) < 80 * seconds(pattern, short) + 0.02


@pytest.mark.parametrize("unit", REPEATED)
def test_what_is_searched_does_not_grow_with_the_text(
    keyboard: Personalizer, monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    """However long the text before, and what is typed."""
    searched = []
    whole = redaction._blanked

    def counted(text: str, spans: list[tuple[int, int]]) -> str:
        searched.append(len(text))
        return whole(text, spans)

    monkeypatch.setattr(redaction, "_blanked", counted)
    text = unit * (MAX_TEXT // len(unit))
    for context, typed in ((text, "teh"), ("", text), (text, "")):
        keyboard.suggest(context, typed)
    assert max(searched, default=0) <= 2 * REACH + MAX_TOKEN + 1


@given(
    st.text(alphabet="ab \n", max_size=20),
    st.lists(st.sampled_from(["teh", "a,b", "don't", "12", "😀", "x" * 250, "a.b", "\n", "  "]), max_size=40),
)
def test_stretches_are_the_text(context: str, tokens: list[str]) -> None:
    """In order, a few words each, with what was typed for it, the text before and some behind."""
    kept = " ".join(tokens)
    found = list(stretches(context, kept, kept, np.arange(2.0 * len(kept)).reshape(-1, 2)))
    learnt = [token for one in found for token in one.kept.split()]
    assert [token for token in learnt if len(token) <= MAX_TOKEN] == [
        token for token in kept.split() if len(token) <= MAX_TOKEN
    ]
    for one in found:
        assert one.typed.split() == one.kept.split()
        assert one.touches is not None
        assert len(one.touches) == len(one.typed)
        assert len(one.ahead) <= AHEAD
        assert len(one.context) < 2 * REACH
        assert len(words_of("", one.kept)) <= 2 * STRETCH_RUNS
        assert len(one.touches) == 0 or kept[int(one.touches[0, 0]) // 2] == one.typed[0]


def test_pieces_have_the_context_they_have_in_the_whole_text() -> None:
    """A word of any stretch is learnt as it would be if all was learnt at once."""
    kept = "I will see you there. We can talk then, or not\nfine by me " * 3
    one_by_one = [piece for one in stretches("ok", kept, kept) for piece in words_of(one.context, one.kept)]
    assert [(piece.context, piece.text) for piece in one_by_one] == [
        (piece.context, piece.text) for piece in words_of("ok", kept)
    ]


def test_another_number_of_tokens_is_judged_by_none() -> None:
    """What a long text was typed as is unknown where its tokens are more or fewer."""
    kept = "I will see you there and then we can talk about it"
    assert {one.typed for one in stretches("", "what", kept)} == {""}
    assert [one.typed for one in stretches("", "alot", "a lot")] == ["alot"]


def test_others_get_their_turn_while_a_long_text_is_learnt(tmp_path: Path) -> None:
    """No hold of the typing lock learns more than a few words, and the whole text is learnt."""
    with Personalizer.open(tmp_path / "profile") as keyboard:
        text = "see you there at the house " * 12
        inner, holds = keyboard._typing, []

        class Watched:
            def __enter__(self) -> None:
                inner.acquire()
                self.before = keyboard._model.recorder.words

            def __exit__(self, *_: object) -> None:
                holds.append(keyboard._model.recorder.words - self.before)
                inner.release()

        keyboard._typing = Watched()  # type: ignore[assignment]
        receipt = keyboard.record("", text, text)
        assert sum(holds) == 72
        assert max(holds) <= STRETCH_RUNS
        keyboard._typing = inner
        keyboard.undo(receipt)
        assert keyboard.status().words_recorded == 0


def test_a_text_that_is_too_long_to_take_back_has_no_receipt(tmp_path: Path) -> None:
    """Never is a part of it taken back."""
    with Personalizer.open(tmp_path / "profile") as keyboard:
        text = "see you " * 150
        receipt = keyboard.record("", text, text)
        assert keyboard.status().words_recorded == 300
        with pytest.raises(QuietkeysError) as caught:
            keyboard.undo(receipt)
        assert caught.value.code is ErrorCode.RECEIPT_UNKNOWN


def test_forgetting_ends_a_record_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the rest of the text is learnt after it."""
    with Personalizer.open(tmp_path / "profile") as keyboard:
        turns = iter([None, keyboard.forget])

        def forgetting(_: float) -> None:
            turn = next(turns, None)
            if turn is not None:
                thread = threading.Thread(target=turn)
                thread.start()
                thread.join()

        monkeypatch.setattr(time, "sleep", forgetting)
        text = "see you there at the house " * 4
        keyboard.record("", text, text)
        monkeypatch.undo()
        assert keyboard.status().words_recorded == 0


@pytest.mark.parametrize("kept", ["zorbly.com", "hi-zqf", "zqf:", "zorbin@", "goin'"])
def test_parts_of_something_else_are_not_learnt(keyboard: Personalizer, kept: str) -> None:
    """However often they are kept."""
    model = keyboard._model
    for _ in range(4):
        keyboard.record("the", kept, kept)
        model.recorder.begin_session()
    assert not model.predictor.memory.own_words


def test_secrets_across_stretches_are_not_learnt(keyboard: Personalizer) -> None:
    """What is behind a stretch tells what it is, as what is before it does."""
    text = "one two three and so we wrote zqfoo zqbar at zqmail dot zqorg and it was good" * 2
    before = dict(keyboard._model.predictor.memory.counts)
    keyboard.record("", text, text)
    new = {word for key in set(keyboard._model.predictor.memory.counts) - set(before) for word in key}
    assert not {word for word in new if word.startswith("zq")}
