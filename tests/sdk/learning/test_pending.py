"""A word that the lexicon lacks is learnt when it was kept three times over two sessions, not before."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import ErrorCode, Refused, UndoReceipt, Untrusted
from quietkeys.bundle.bundle import open_bundle
from quietkeys.learning.recorder import IDLE_SECONDS, Kept, Recorder
from quietkeys.prediction.events import FEATURES
from quietkeys.prediction.model import Model, load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.store import Store
from quietkeys.text.tokens import BLANK
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import everything_in

WORD = "quokkaberry"
# 0: keep WORD. 1: a new session. Negative: take back the keep so many places before the last.
ACTIONS = st.lists(st.integers(-4, 1), max_size=30)


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    """The small bundle's model."""
    return load_model(open_bundle(bundle, trusted_keys=small.TRUSTED))


class Typing:
    """A recorder, its store, and a clock that a test turns."""

    def __init__(self, model: Model) -> None:
        self.store, self.predictor, self.now = Store.in_memory(), Predictor(model), 0.0
        self.recorder = self.opened()
        self._made = 0

    def opened(self) -> Recorder:
        """The recorder of the profile opened anew."""
        return Recorder(self.predictor, self.store, np.random.default_rng(0), clock=lambda: self.now)

    def keep(self, word: str = WORD, context: tuple[str, ...] = ()) -> UndoReceipt:
        """Record a word that was typed as it was meant."""
        self._made += 1
        judged = self.predictor.judge(context, word, self.predictor.scorer.no_adapter())
        return self.recorder.record(Kept(context, judged, word), f"{self._made:032x}")

    def knows(self, word: str = WORD) -> bool:
        """Whether memory or the store names the word."""
        stored = any(word in key for key, _, _ in self.store.memory())
        held = any(word in key for key in self.predictor.memory.counts)
        assert stored == held
        return held


@given(actions=ACTIONS)
def test_a_word_is_known_while_it_was_kept_often_enough(model: Model, actions: list[int]) -> None:
    """After any keeps, sessions and undos: just if those that stand are three over two sessions."""
    typing, session = Typing(model), 0
    live: list[tuple[UndoReceipt, int]] = []
    for action in actions:
        if action == 0:
            live.append((typing.keep(), session))
        elif action == 1:
            typing.recorder.begin_session()
            session += 1
        elif live:
            receipt, kept = live[max(len(live) + action, 0)]
            try:
                typing.recorder.undo(receipt)
            except Refused:  # the word was forgotten with an earlier undo, and all receipts with it
                continue
            live.remove((receipt, kept))
        standing = [kept for _, kept in live]
        if len(standing) <= 8:  # a mark counts no more
            assert typing.knows() == (len(standing) >= 3 and len(set(standing)) >= 2)


@pytest.mark.parametrize("keeps", [3, 12])
def test_one_session_is_not_enough(model: Model, keeps: int) -> None:
    """However often the word was kept in it."""
    typing = Typing(model)
    for _ in range(keeps):
        typing.keep()
    assert not typing.knows()
    typing.recorder.begin_session()
    typing.keep()
    assert typing.knows()


def test_a_session_ends_when_nobody_types(model: Model) -> None:
    """Half an hour without a record begins another; a record before that goes on with it."""
    typing = Typing(model)
    for _ in range(5):
        typing.keep()
        typing.now += IDLE_SECONDS - 1.0
    assert not typing.knows()
    typing.now += 1.0
    typing.keep()
    assert typing.knows()


def test_a_session_ends_with_the_profile(model: Model) -> None:
    """Opening it again begins another; keeps are remembered."""
    typing = Typing(model)
    typing.keep()
    typing.keep()
    typing.recorder = typing.opened()
    assert not typing.knows()
    typing.keep()
    assert typing.knows()


def test_what_was_kept_once_is_left_alone(model: Model) -> None:
    """Typed as it was kept it is no new word any more; it is offered for nothing else, and undo ends that."""
    typing = Typing(model)

    def new_and_own() -> list[float]:
        judged = typing.predictor.judge((), WORD, typing.predictor.scorer.no_adapter())
        assert judged is not None
        features = judged.features[judged.slate.literal]
        return [float(features[FEATURES.index(name)]) for name in ("literal_new", "literal_own")]

    assert new_and_own() == [1.0, 0.0]
    receipts = [typing.keep(), typing.keep()]
    assert new_and_own() == [0.0, pytest.approx(math.log(3.0) / 3.0)]
    slip = typing.predictor.judge((), WORD[1:], typing.predictor.scorer.no_adapter())
    assert slip is not None
    assert slip.slate.position(WORD) == -1
    for receipt in receipts:
        typing.recorder.undo(receipt)
    assert new_and_own() == [1.0, 0.0]


def test_an_unknown_neighbour_is_a_blank(model: Model) -> None:
    """A word beside one that is not known yet is learnt without it; with it once it is known."""
    typing = Typing(model)
    typing.keep("you", ("see", WORD))
    assert not typing.knows()
    assert (("see", BLANK, "you")) in typing.predictor.memory.counts
    typing.recorder.add_word(WORD)
    typing.keep("you", ("see", WORD))
    assert (("see", WORD, "you")) in typing.predictor.memory.counts


def test_a_neighbour_is_forgotten_with_the_keep_that_made_the_word_known(model: Model) -> None:
    """Undo of the third keep leaves no pair of the word with those typed after it."""
    typing = Typing(model)
    typing.keep()
    typing.keep()
    typing.recorder.begin_session()
    third = typing.keep()
    after = typing.keep("you", (WORD,))
    assert typing.knows()
    typing.recorder.undo(third)
    assert not typing.knows()
    assert typing.predictor.memory.count(("you",)) > 0.9
    with pytest.raises(Refused) as caught:
        typing.recorder.undo(after)
    assert caught.value.code is ErrorCode.RECEIPT_UNKNOWN


def test_a_word_that_was_put_there_stays(model: Model) -> None:
    """It is known at once, no undo of keeps takes it away, and adding it again changes nothing."""
    typing = Typing(model)
    first = typing.keep()
    typing.recorder.add_word(WORD)
    assert typing.knows()
    assert typing.store.marks("pending") == []
    counts = dict(typing.predictor.memory.counts)
    typing.recorder.add_word(WORD)
    assert typing.predictor.memory.counts == counts
    typing.recorder.undo(first)
    assert typing.knows()
    for broken in ("two words", "", "x" * 30):
        with pytest.raises(ValueError, match="letters"):
            typing.recorder.add_word(broken)


@pytest.mark.parametrize("word", [WORD, "people"])
def test_a_forgotten_word_is_never_learnt(model: Model, word: str) -> None:
    """Neither one's own nor one of the lexicon, nor as a neighbour, until it is added."""
    typing = Typing(model)
    typing.recorder.add_word(word)
    typing.keep(word)
    typing.recorder.forget_word(word)
    words = typing.recorder.words
    for _ in range(2):
        typing.recorder = typing.opened()
        for _ in range(3):
            typing.recorder.undo(typing.keep(word))
            typing.keep(word)
            typing.keep("you", ("see", word))
    assert not typing.knows(word)
    assert typing.store.marks("pending") == []
    assert typing.recorder.words == words + 6
    typing.recorder.add_word(word)
    typing.keep(word)
    assert typing.knows(word)


def test_a_word_is_forgotten_for_good(rig: Rig) -> None:
    """The word is gone from suggestions, its letters from every file, and it is not learnt again."""
    for _ in range(2):
        with rig.open() as keyboard:
            for _ in range(2):
                keyboard.record("my dear", "brokling", "brokling")
                keyboard.record("my brokling", "said", "said")
            learnt = keyboard.status().own_words
    assert learnt == 1
    assert b"brokling" in everything_in(rig.folder / "profile")
    with rig.open() as keyboard:
        keyboard.vocabulary.forget("Brokling")
        for _ in range(4):
            keyboard.record("my dear", "brokling", "brokling")
            keyboard.record("my brokling", "said", "said")
        assert keyboard.status().own_words == 0
        assert keyboard.suggest("my", "brkling").correction != "brokling"
        assert b"brokling" not in everything_in(rig.folder / "profile")
        assert keyboard.status().words_known > 0
    with rig.open() as keyboard:
        assert keyboard.status().own_words == 0


def test_a_pending_word_leaves_no_letters(rig: Rig) -> None:
    """Kept twice, it is in no file of the profile; kept once more in another session, it is."""
    with rig.open() as keyboard:
        for _ in range(2):
            keyboard.record("my", "brokling", "brokling")
            keyboard.record("my brokling", "said", "said")
    assert b"brokling" not in everything_in(rig.folder / "profile")
    with rig.open() as keyboard:
        keyboard.record("my", "brokling", "brokling")
    assert b"brokling" in everything_in(rig.folder / "profile")


def test_a_full_disk_changes_no_mark(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """When storing fails, neither keeps nor what was forgotten has changed."""
    typing = Typing(model)
    typing.keep()

    def fail(*_: object) -> None:
        raise OSError

    attempts: list[Callable[[], object]] = [
        typing.keep,
        lambda: typing.recorder.add_word(WORD),
        lambda: typing.recorder.undo(UndoReceipt(f"{1:032x}")),
    ]
    marks = typing.store.marks("pending")
    tick = typing.recorder.tick
    for attempt in attempts:
        with monkeypatch.context() as patched:
            patched.setattr(typing.store, "write_array", fail)
            with pytest.raises(Exception):  # noqa: B017 - whatever the store raises
                attempt()
        assert typing.store.marks("pending") == marks
        assert typing.recorder.tick == tick
        assert not typing.knows()


def test_a_damaged_mark_is_noticed(model: Model) -> None:
    """A mark of a length that none has is refused."""
    typing = Typing(model)
    typing.store.set_mark("pending", WORD, b"\x01")
    with pytest.raises(Untrusted) as caught:
        typing.keep()
    assert caught.value.code is ErrorCode.PROFILE_DAMAGED


@pytest.mark.parametrize("word", ["sentances", "thinkum", "abouto"])
def test_a_word_kept_once_is_left_alone(model: Model, word: str) -> None:
    """Whoever kept it as it was typed meant it: however often its rival is kept by mistake afterwards."""
    typing = Typing(model)
    nothing = typing.predictor.scorer.no_adapter()
    before = typing.predictor.judge((), word, nothing)
    assert before is not None
    rival = before.slate.words[1]
    typing.keep(rival)
    typing.keep(word)
    for _ in range(20):
        typing.keep(rival)
    judged = typing.predictor.judge((), word, nothing)
    assert judged is not None
    assert judged.output() == word


def test_a_slip_kept_once_is_put_right_again(model: Model) -> None:
    """What is far likelier a slip of a common word than a word was overlooked, not meant."""
    typing = Typing(model)
    nothing = typing.predictor.scorer.no_adapter()
    before = typing.predictor.judge((), "sentemce", nothing)
    assert before is not None
    assert before.output() == "sentence"
    typing.keep("sentemce")
    judged = typing.predictor.judge((), "sentemce", nothing)
    assert judged is not None
    assert judged.output() == "sentence"
