"""Touch points: what they say about keys, what is learnt from them, and how it is taken back."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard import edits
from quietkeys.keyboard.edits import CLASSES, align, encode_words, keys_hit
from quietkeys.keyboard.layout import LETTERS, QWERTY, Layout
from quietkeys.keyboard.layout_channel import aimed_keys, layout_channel, slip_substitutions
from quietkeys.keyboard.touch_model import (
    EPOCH,
    EPOCHS_KEPT,
    MOMENTS,
    REACH,
    TouchModel,
    TouchTrace,
    known_touches,
)
from quietkeys.keyboard.touch_statistics import KEY_DEVIATION, MEAN_OFFSET, OFFSET_DEVIATION, SPREAD
from quietkeys.layouts import LAYOUTS
from quietkeys.testing.typist import Hands, Typist

from .test_slips import channel
from .touch_sums import touch_correction

WORD = st.text(alphabet="aeslnrt'", min_size=1, max_size=8)
STEP = st.floats(-0.45, 0.45)
POINT = st.tuples(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
POINTS = st.lists(POINT, min_size=4, max_size=4)
TICK = st.integers(0, 3 * EPOCH)
LEARNT = st.lists(
    st.tuples(st.sampled_from(["the", "or", "it's", "a"]), POINTS, TICK), min_size=1, max_size=8
)
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "some", "lazy", "dogs"]


def centre(layout: Layout, character: str) -> tuple[float, float]:
    """Return where a finger aims that means this key: its centre plus the population's offset."""
    x, y = layout.centres[edits.character_class(character)] + np.array(MEAN_OFFSET)
    return float(x), float(y)


def matched(word: str) -> Int64:
    """Return the operations of a word typed as meant."""
    classes, lengths = encode_words([word])
    operations: Int64 = align(channel(QWERTY), word, classes, lengths).operations(np.arange(1))
    return operations.reshape(-1)


def typed_by(hands: Hands, words: list[str], rate: float = 0.05) -> TouchModel:
    """Return the touches of one person's words, all kept as meant."""
    model = TouchModel()
    typist = Typist(hands, rate, np.random.default_rng(8))
    for tick, word in enumerate(words):
        typed, points = typist.type_word_touched(word)
        if not typed:
            continue
        classes, lengths = encode_words([word])
        operations = align(channel(QWERTY), typed, classes, lengths).operations(np.arange(1))[0]
        model.learn(operations, known_touches(QWERTY, typed, points), tick)
    return model


def touched(layout: Layout, typed: str, steps: list[tuple[float, float]]) -> Float64:
    """Return touches that lie off the aims by these steps."""
    points = [
        (x + dx, y + dy) for (x, y), (dx, dy) in zip((centre(layout, c) for c in typed), steps, strict=False)
    ]
    return known_touches(layout, typed, points)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_touch_tells_keys_apart(layout: Layout) -> None:
    """Aimed right, a key is about as likely as the channel says or more; on the border both are alike."""
    table = channel(layout)
    aimed = aimed_keys(table, layout)
    model = TouchModel(layout)
    for first in "aehmz":
        second = next(letter for letter in layout.neighbours(first) if letter in LETTERS)
        here, there = edits.character_class(first), edits.character_class(second)
        points = np.array(
            [centre(layout, first), np.mean([centre(layout, c) for c in (first, second)], axis=0)]
        )
        emission = model.emission(aimed, first * 2, points)
        match = table[edits.substitution(here, here)]
        assert match - 0.1 < emission[0, here] < 0.2
        assert emission[0, there] < table[edits.substitution(there, here)]
        assert emission[1, here] == pytest.approx(emission[1, there], abs=0.2)
        assert emission[1, here] > math.log(0.25)


@given(st.lists(st.tuples(STEP, STEP), min_size=1, max_size=6))
def test_keys_share_a_touch(steps: list[tuple[float, float]]) -> None:
    """If every key is aimed at alike, the chances of all keys add up to how often the typed one is hit."""
    aimed = np.full((CLASSES, CLASSES), 0.01 / len(LETTERS))
    np.fill_diagonal(aimed, 0.99 + 0.01 / len(LETTERS))
    typed = "sampled"[: len(steps)]
    emission = TouchModel().emission(aimed, typed, touched(QWERTY, typed, steps))[:, : len(LETTERS)]
    held = slip_substitutions(QWERTY).sum(0)[edits.character_classes(typed)]
    np.testing.assert_allclose(np.exp(emission).sum(1), held)


@pytest.mark.parametrize("letter", list("aglo"))
def test_the_mean_over_a_key_is_what_the_channel_says(letter: str) -> None:
    """Averaged over touches that hit a key, whoever meant them, a touch costs what the table does."""
    rng = np.random.default_rng(4)
    aimed = aimed_keys(channel(QWERTY), QWERTY)
    count = 20_000
    noise = np.array(MEAN_OFFSET) + np.array(SPREAD) * rng.standard_normal((len(LETTERS), count, 2))
    touches = QWERTY.points[:, None, :] + noise
    typed = edits.character_class(letter)
    hit = QWERTY.nearest_key(touches) == typed  # [26, count]
    emission = TouchModel().emission(aimed, letter * int(hit.sum()), touches[hit])
    told = aimed[:, : len(LETTERS)] @ hit.mean(1)  # [28] P(typed | intended) under the model's own noise
    told *= slip_substitutions(QWERTY)[:, typed].sum() / hit.mean(1).sum()
    np.testing.assert_allclose(np.exp(emission).mean(0), told, rtol=0.05, atol=0.003)


@given(WORD, st.lists(WORD, min_size=1, max_size=5))
def test_touches_aimed_right_rank_like_the_table(typed: str, candidates: list[str]) -> None:
    """Perfect aim makes the typed keys surer: no candidate gains on what was typed."""
    table = channel(QWERTY)
    words = [typed, *candidates]
    classes, lengths = encode_words(words)
    points = known_touches(QWERTY, typed, [centre(QWERTY, c) if c != "'" else None for c in typed])
    emission = TouchModel().emission(aimed_keys(table, QWERTY), typed, points)
    plain = align(table, typed, classes, lengths).log_probability
    aligned = align(table, typed, classes, lengths, QWERTY, emission).log_probability
    finite = np.isfinite(plain)
    assert (aligned - aligned[0] <= plain - plain[0] + 0.15)[finite].all()


@given(WORD, st.lists(WORD, min_size=1, max_size=5), st.lists(st.tuples(STEP, STEP), min_size=8, max_size=8))
@example("'aaaa", ["'"], [(0.0, 0.0)] * 8)  # four too many: more than are taken for a run of insertions
def test_the_correction_is_what_touches_add(
    typed: str, candidates: list[str], steps: list[tuple[float, float]]
) -> None:
    """Table plus correction is the touched alignment's sum; the untouched alignment's is never above it."""
    table = channel(QWERTY)
    classes, lengths = encode_words(candidates)
    emission = TouchModel().emission(aimed_keys(table, QWERTY), typed, touched(QWERTY, typed, steps))
    everything = np.arange(len(candidates))
    aligned = align(table, typed, classes, lengths, QWERTY, emission)
    possible = everything[np.isfinite(aligned.log_probability)]
    operations = aligned.operations(possible)
    total = table[operations].sum(1) + touch_correction(table, operations, emission)
    np.testing.assert_allclose(total, aligned.log_probability[possible])
    plain = align(table, typed, classes, lengths).operations(possible)
    assert (table[plain].sum(1) + touch_correction(table, plain, emission) <= total + 1e-9).all()


def test_without_touches_nothing_changes() -> None:
    """Unknown touches, and touches of characters without a key, correct nothing."""
    table = channel(QWERTY)
    classes, lengths = encode_words(["don't", "dont", "done"])
    for points in ([None] * 5, [(float("nan"), 0.0)] * 5, [(99.0, 99.0)] * 5):
        known = known_touches(QWERTY, "don't", points)
        emission = TouchModel().emission(aimed_keys(table, QWERTY), "don't", known)
        assert np.isnan(emission).all()
        aligned = align(table, "don't", classes, lengths, QWERTY, emission)
        plain = align(table, "don't", classes, lengths)
        np.testing.assert_array_equal(aligned.log_probability, plain.log_probability)
        operations = plain.operations(np.arange(3))
        np.testing.assert_array_equal(touch_correction(table, operations, emission), np.zeros(3))


def test_every_typed_character_has_its_key() -> None:
    """Omitted characters take none, inserted and swapped ones mean none."""
    classes, lengths = encode_words(["there"])
    table = channel(QWERTY)
    for typed, meant in (("there", "there"), ("tjere", "there"), ("thre", "thre"), ("tehre", "t--re")):
        operations = align(table, typed, classes, lengths).operations(np.arange(1))
        keys, hit = keys_hit(operations, len(typed))
        found = "".join(LETTERS[key] if key >= 0 else "-" for key in keys[0])
        assert found == meant
        assert ((hit > 0) == (keys >= 0)).all()


def test_touches_come_one_a_character() -> None:
    """Another number of them is the caller's mistake."""
    with pytest.raises(ValueError, match="2 touches for 3 characters"):
        known_touches(QWERTY, "abc", [(0.0, 0.0), None])
    assert known_touches(QWERTY, "", []).shape == (0, 2)
    near, far = known_touches(QWERTY, "qq", [(REACH, 0.0), (REACH + 0.01, 0.0)])
    assert np.isfinite(near).all()
    assert np.isnan(far).all()


def test_nothing_learnt_is_the_population() -> None:
    """Mean and spread are the published ones."""
    habit = TouchModel().habit()
    np.testing.assert_allclose(habit.mean, np.broadcast_to(MEAN_OFFSET, (CLASSES, 2)))
    np.testing.assert_allclose(np.sqrt(habit.variance), np.broadcast_to(SPREAD, (CLASSES, 2)))


def test_the_users_own_offset_is_found() -> None:
    """Fifty words tell a person's offset to a twentieth of a key; keys never hit follow the others."""
    hands = Hands((0.15, 0.05), (0.2, 0.17))
    model = typed_by(hands, WORDS * 6)
    habit = model.habit()
    scale = 0.79  # of touches at 5 % of letters wrong, about
    for axis in (0, 1):
        offsets = habit.mean[[edits.character_class(letter) for letter in "eohrs"], axis]
        np.testing.assert_allclose(offsets, scale * hands.offset[axis], atol=0.06)
    assert habit.mean[edits.APOSTROPHE] == pytest.approx(scale * np.array(hands.offset), abs=0.06)
    assert np.sqrt(habit.variance[4]) == pytest.approx(scale * np.array(hands.spread), abs=0.03)


def test_a_key_of_its_own_is_found_slowly() -> None:
    """One key that lies elsewhere is believed after some ten touches, and does not move the others far."""
    model = TouchModel()
    shift = 0.2
    for tick in range(100):
        x, y = QWERTY.centres[edits.character_class("e")] + np.array(MEAN_OFFSET)
        model.learn(matched("e"), np.array([(x + shift, y)]), tick)
        if tick == 1:
            early = model.habit().mean[edits.character_class("e"), 0] - MEAN_OFFSET[0]
    habit = model.habit()
    assert 0.0 < early < 0.3 * shift
    assert habit.mean[edits.character_class("e"), 0] - MEAN_OFFSET[0] > 0.9 * shift
    moved = habit.mean[edits.character_class("t"), 0] - MEAN_OFFSET[0]
    expected = shift * OFFSET_DEVIATION**2 / (OFFSET_DEVIATION**2 + KEY_DEVIATION**2)
    assert moved == pytest.approx(expected, rel=0.15)


@given(LEARNT, st.randoms(use_true_random=False))
def test_taking_back_restores_exactly(
    learnt: list[tuple[str, list[tuple[float, float]], int]], random: Random
) -> None:
    """In any order, each word taken back leaves what the others alone had left."""
    model = TouchModel()
    traces: list[TouchTrace] = []
    for word, steps, tick in learnt:
        aims = [centre(QWERTY, c) if c != "'" else (0.0, 0.0) for c in word]
        points = np.array([(x + dx, y + dy) for (x, y), (dx, dy) in zip(aims, steps, strict=False)])
        traces.append(model.learn(matched(word), points, tick))
    random.shuffle(traces)
    while traces:
        model.unlearn(traces.pop())
        alone = TouchModel()
        for trace in traces:
            alone.relearn(trace)
        assert {epoch: moments.tolist() for epoch, moments in model.entries()} == {
            epoch: moments.tolist() for epoch, moments in alone.entries()
        }
        np.testing.assert_array_equal(model.habit().mean, alone.habit().mean)
    assert not model.sums


def test_what_is_not_there_cannot_be_taken_back() -> None:
    """Neither twice nor after it was forgotten; and then nothing changes."""
    model = TouchModel()
    trace = model.learn(matched("the"), np.array([centre(QWERTY, c) for c in "the"]), 1)
    model.unlearn(trace)
    with pytest.raises(ValueError, match="not among those learnt"):
        model.unlearn(trace)
    assert not model.sums


def test_stored_touches_come_back() -> None:
    """Entries are plain numbers, never negative; loading them gives the same habit. Old ones are dropped."""
    model = typed_by(Hands((-0.3, -0.2), (0.2, 0.17)), ["these", "words", "were", "typed"] * 5)
    stored = dict(model.entries())
    assert all(moments.shape == (CLASSES, MOMENTS) and (moments >= 0.0).all() for moments in stored.values())
    again = TouchModel()
    again.load(stored, 20)
    np.testing.assert_array_equal(again.habit().mean, model.habit().mean)
    np.testing.assert_array_equal(again.stored(0), model.stored(0))
    again.load(stored, EPOCH * EPOCHS_KEPT)
    assert not again.sums
    with pytest.raises(ValueError, match="another shape"):
        again.load({0: np.zeros(3)}, 0)


def test_old_touches_weigh_less() -> None:
    """A habit that changed is followed."""
    model = TouchModel()
    at = np.array([centre(QWERTY, "e")])
    for epoch, step in ((0, 0.3), (12, -0.3)):
        for _ in range(200):
            model.learn(matched("e"), at + np.array([step, 0.0]), epoch * EPOCH)
    assert model.habit().mean[edits.character_class("e"), 0] < -0.25 + MEAN_OFFSET[0] + 0.1


def test_keys_out_of_reach_and_other_edits_teach_nothing() -> None:
    """A word that was spelt wrong says nothing about the fingers."""
    model = TouchModel()
    classes, lengths = encode_words(["pant"])
    operations = align(channel(QWERTY), "pent", classes, lengths).operations(np.arange(1))[0]
    model.learn(operations, np.array([centre(QWERTY, c) for c in "pent"]), 0)
    assert model.stored(0)[edits.character_class("a"), 0] == 0.0
    assert model.stored(0)[edits.character_class("p"), 0] == 1.0


def test_touches_are_not_printed() -> None:
    """They are personal."""
    model = TouchModel()
    trace = model.learn(matched("the"), np.array([centre(QWERTY, c) for c in "the"]), 1)
    assert "0x" in repr(model)
    assert "0x" in repr(trace)


def test_a_personal_model_decides_between_neighbours() -> None:
    """Who always lands to the right meant the key to the left of the border, once that is known."""
    table = layout_channel(channel(QWERTY), QWERTY)
    aimed = aimed_keys(table, QWERTY)
    model = typed_by(Hands((0.35, 0.15), (0.2, 0.17)), WORDS * 6)
    points = known_touches(QWERTY, "r", [(2.55, 0.12)])
    key = [edits.character_class(letter) for letter in "er"]
    strange, known = (m.emission(aimed, "r", points)[0, key] for m in (TouchModel(), model))
    assert strange[1] > strange[0]
    assert known[0] > known[1] + 1.0
