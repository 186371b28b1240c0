"""What is learned of touches: a habit, kept between runs, taken back, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietkeys import Personalizer, TryAgain, UndoReceipt
from quietkeys.arrays import Float64
from quietkeys.evaluation.messages import typed_words
from quietkeys.evaluation.typing_runs import type_words
from quietkeys.keyboard.layout import QWERTY
from quietkeys.keyboard.touch_model import EPOCH, EPOCHS_KEPT, MOMENTS, TouchModel, known_touches
from quietkeys.layouts import AZERTY
from quietkeys.learning.recorder import Kept, Recorder
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.settings import TICK
from quietkeys.profile.store import Store
from quietkeys.testing.typist import Hands, Typist
from tests.sdk import small
from tests.sdk.conftest import Rig

HABIT: Final = Hands((0.42, -0.1), (0.22, 0.18))  # half a key right of most people's
Entries = Mapping[int, list[list[float]]]


def sums_of(touch: TouchModel) -> Entries:
    """Return everything that a touch model holds, to compare."""
    return {epoch: moments.tolist() for epoch, moments in touch.entries()}


def learned_by(keyboard: Personalizer) -> Entries:
    """Return what a profile has learned of touches."""
    return sums_of(keyboard._model.predictor.touch)


def stored_names(keyboard: Personalizer) -> list[str]:
    """Return the names of the stored touch sums."""
    return sorted(f"touch/{name}" for name in keyboard._profile.store.arrays("touch/"))


def right_share(model: Model, touch: TouchModel, seed: int) -> float:
    """Return the share of words whose best candidate is what was meant, with these touches and no memory."""
    predictor = Predictor(model)
    predictor.touch.load(dict(touch.entries()), 0)
    typist = Typist(HABIT, 0.08, np.random.default_rng(seed))
    meant = np.random.default_rng(seed).choice(small.WORDS, 700)
    words = typed_words(meant.tolist())
    typed = list(type_words(predictor, words, typist, predictor.scorer.no_adapter(), with_touches=True))
    return float(np.mean([is_best(word.pieces[0].judged, word.pieces[0].intended) for word in typed]))


def is_best(judged: Judged | None, meant: str) -> bool:
    """Return whether the likeliest candidate is the one that was meant."""
    return judged is not None and judged.ranked()[0][0] == meant


def test_a_habit_is_learned(models: dict[str, Model]) -> None:
    """Whose fingers land aside gets a fifth fewer wrong words once 500 words have shown it."""
    model = models["qwerty"]
    predictor, store = Predictor(model), Store.in_memory()
    recorder = Recorder(predictor, store, np.random.default_rng(0))
    typist = Typist(HABIT, 0.08, np.random.default_rng(1))
    words = typed_words(np.random.default_rng(1).choice(small.WORDS, 500).tolist())
    none = predictor.scorer.no_adapter()
    for number, word in enumerate(type_words(predictor, words, typist, none, with_touches=True)):
        piece = word.pieces[0]
        recorder.record(Kept(piece.context, piece.judged, piece.intended), f"{number:032x}")
    stranger, known = (
        np.mean([right_share(model, touch, seed) for seed in (2, 3)])
        for touch in (TouchModel(), predictor.touch)
    )
    assert 1.0 - known < 0.8 * (1.0 - stranger)


def test_simulated_touches_are_passed_on_when_asked(models: dict[str, Model]) -> None:
    """The same words come out either way; only one way are they judged by their touches."""
    words = typed_words(small.WORDS[:60])
    typed: list[list[Any]] = []
    for asked in (False, True):
        predictor = Predictor(models["qwerty"])
        typist = Typist(HABIT, 0.08, np.random.default_rng(4))
        none = predictor.scorer.no_adapter()
        typed.append([word.pieces[0] for word in type_words(predictor, words, typist, none, asked)])
    without, with_touches = typed
    assert [piece.typed for piece in without] == [piece.typed for piece in with_touches]
    for plain, touched in zip(without, with_touches, strict=True):
        if touched.judged is not None:
            assert np.isnan(plain.judged.slate.touches).all()
            assert not np.isnan(touched.judged.slate.touches).any()


ACTIONS = st.lists(st.integers(-5, 4), max_size=20)
WORDS = [("hae", "has"), ("sentemce", "sentence"), ("abuzo", "abuzo"), ("the", "the"), ("fo", "of")]


@given(actions=ACTIONS, seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_what_is_taken_back_leaves_nothing(models: dict[str, Model], actions: list[int], seed: int) -> None:
    """After any records and undos, sums in memory and in the store are those of what was not taken back."""
    predictor, store, rng = Predictor(models["qwerty"]), Store.in_memory(), Random(seed)
    recorder = Recorder(predictor, store, np.random.default_rng(0))
    store.set_setting(TICK, EPOCH - 8)  # so that some lists go into a new epoch
    recorder.reload()
    live: list[tuple[UndoReceipt, TouchModel]] = []
    for number, action in enumerate(actions):
        if action >= 0:
            typed, kept = WORDS[action]
            steps = [(rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4)) for _ in typed]
            points = known_touches(QWERTY, typed, small.aimed_at(QWERTY, typed, steps))
            judged = predictor.judge((), typed, predictor.scorer.no_adapter(), points)
            assert judged is not None
            receipt = recorder.record(Kept((), judged, kept), f"{number:032x}")
            alone = TouchModel()
            alone.learn(judged.slate.operations[judged.slate.position(kept)], points, recorder.tick)
            live.append((receipt, alone))
        elif live:
            recorder.undo(live.pop(max(len(live) + action, 0))[0])
    expected: dict[int, Float64] = {}
    for _, alone in live:
        for epoch, moments in alone.entries():
            expected[epoch] = expected.get(epoch, np.zeros_like(moments)) + moments
    listed = {epoch: moments.tolist() for epoch, moments in expected.items()}
    assert sums_of(predictor.touch) == listed
    again = Predictor(models["qwerty"])
    Recorder(again, store, np.random.default_rng(0))
    assert sums_of(again.touch) == listed


def test_touches_survive_closing(rig: Rig) -> None:
    """The same sums and the same suggestions after opening again."""
    touches = small.aimed_at(QWERTY, "sentemce", [(0.3, -0.1)] * 8)
    with rig.open() as keyboard:
        for _ in range(30):
            keyboard.record("such a", "sentemce", "sentence", touches)
        sums = learned_by(keyboard)
        shown = keyboard._model.predictor.touch.habit().mean
        assert np.array(sums[0])[:, 0].sum() == 30 * len("sentemce")
    with rig.open() as keyboard:
        assert learned_by(keyboard) == sums
        np.testing.assert_array_equal(keyboard._model.predictor.touch.habit().mean, shown)


def test_forgetting_forgets_touches(rig: Rig) -> None:
    """Nothing is left in memory or in the store."""
    with rig.open() as keyboard:
        keyboard.record("such a", "sentemce", "sentence", small.aimed_at(QWERTY, "sentemce"))
        assert stored_names(keyboard)
        keyboard.forget()
        assert learned_by(keyboard) == {}
        assert stored_names(keyboard) == []
    with rig.open() as keyboard:
        assert learned_by(keyboard) == {}


def test_touches_outlive_another_plan(rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path) -> None:
    """They are counts of no event."""
    from quietkeys_protocol.plan import Plan

    with rig.open() as keyboard:
        keyboard.record("such a", "sentemce", "sentence", small.aimed_at(QWERTY, "sentemce"))
        sums = learned_by(keyboard)
    other = bundle_files | {"plan.json": replace(Plan.parse(bundle_files["plan.json"]), sources=2).canonical}
    with rig.open(bundle=small.write(tmp_path / "other" / "en", other, version=2)) as keyboard:
        assert learned_by(keyboard) == sums != {}


def test_old_touches_are_dropped(rig: Rig) -> None:
    """An epoch that no longer counts is gone from memory and, whatever its layout, from the store."""
    with rig.open(layout=AZERTY) as keyboard:
        keyboard.record("", "the", "the", small.aimed_at(AZERTY, "the"))
    with rig.open() as keyboard:
        keyboard.record("", "the", "the", small.aimed_at(QWERTY, "the"))
        assert len(stored_names(keyboard)) == 2
        keyboard._model.predictor.memory.tick = EPOCH * EPOCHS_KEPT - 1
        keyboard.record("", "the", "the", small.aimed_at(QWERTY, "the"))
        assert stored_names(keyboard) == [f"touch/qwerty/{EPOCHS_KEPT:012d}"]
        assert list(learned_by(keyboard)) == [EPOCHS_KEPT]


def test_a_full_disk_teaches_nothing(rig: Rig) -> None:
    """A record or an undo that fails leaves the sums as they were, in memory and in the store."""
    with rig.open() as keyboard:
        receipt = keyboard.record("", "the", "the", small.aimed_at(QWERTY, "the"))
        before = learned_by(keyboard)
        database = keyboard._profile.store.database
        ((pages,),) = database.rows("PRAGMA page_count")
        database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(TryAgain):
            for number in range(5000):
                word = f"{small.WORDS[number % 200]}{'abcdefgh'[number // 200]}q"
                before = learned_by(keyboard)
                keyboard.record("my own", word, word, small.aimed_at(QWERTY, word))
        assert learned_by(keyboard) == before
        database.rows("PRAGMA query_only = ON")
        with pytest.raises(TryAgain):
            keyboard.undo(receipt)
        assert learned_by(keyboard) == before
        database.rows("PRAGMA query_only = OFF")
    with rig.open() as keyboard:
        assert learned_by(keyboard) == before


@pytest.mark.parametrize("damage", ["shape", "size", "name"])
def test_damaged_touches_are_noticed(rig: Rig, damage: str) -> None:
    """Sums that cannot be are a damaged profile, not a crash and not a habit."""
    with rig.open() as keyboard:
        keyboard.record("", "the", "the", small.aimed_at(QWERTY, "the"))
        store, name = keyboard._profile.store, stored_names(keyboard)[0]
        if damage == "shape":
            store.write_array(name, np.ones((3, MOMENTS)))
        elif damage == "size":
            store.write_array(name, np.full((28, MOMENTS), 1e200))
        else:
            store.write_array("touch/qwerty/x", np.ones((28, MOMENTS)))
    with rig.open() as keyboard:
        assert [problem.message for problem in keyboard.status().problems] != []
        assert learned_by(keyboard) == {}
