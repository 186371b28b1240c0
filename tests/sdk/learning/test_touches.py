"""Touches and layouts through the whole device: what they decide, what is refused, what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietkeys import ErrorCode, Personalizer, Refused, Untrusted
from quietkeys.bundle.networks import Adapter
from quietkeys.keyboard.edits import align, encode_words
from quietkeys.keyboard.layout import QWERTY
from quietkeys.keyboard.layout_channel import aimed_keys, layout_channel
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.keyboard.touch_model import Touches, TouchModel, known_touches
from quietkeys.layouts import AZERTY, LAYOUTS
from quietkeys.prediction.counting import Choices, Lean, count, scores
from quietkeys.prediction.events import FEATURES, fits, pack_choice, parse_event_map, unpack_choice
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.learning.test_touch_learning import learned_by, stored_names

CHANNEL: Final = FEATURES.index("channel")
TYPED: Final = st.sampled_from(["hae", "sentemce", "fo", "wprld", "don't", "abuzo", "thwir", "inthe"])
STEP: Final = st.tuples(st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))
STEPS: Final = st.lists(STEP, min_size=8, max_size=8)


def judged_on(
    model: Model, typed: str, touches: Touches | None, adapter: Adapter | None = None
) -> tuple[Predictor, Judged]:
    """Return a fresh predictor and its judgement."""
    predictor = Predictor(model)
    points = None if touches is None else known_touches(predictor.layout, typed, touches)
    judged = predictor.judge(("such",), typed, adapter or predictor.scorer.no_adapter(), points)
    assert judged is not None
    return predictor, judged


@pytest.mark.parametrize(("x", "word", "other"), [(1.7, "has", "had"), (2.2, "had", "has")])
@pytest.mark.parametrize("frame", ["{}", "“{},", "well...{}", "see {}"])
def test_where_the_finger_landed_decides(
    keyboard: Personalizer, x: float, word: str, other: str, frame: str
) -> None:
    """What came out as "hae" is "has" or "had", by which half of the e was hit; whatever stands around it."""
    typed = frame.format("hae")
    touches: list[tuple[float, float] | None] = [None] * len(typed)
    at = typed.index("hae")
    touches[at : at + 3] = [*small.aimed_at(QWERTY, "ha"), (x, 0.45)]
    strip = [
        entry.strip("“,").removeprefix("well...") for entry in keyboard.suggest("", typed, touches).strip
    ]
    strip = [entry.rpartition(" ")[2] for entry in strip]
    assert other not in strip[: strip.index(word)]


def test_record_judges_by_the_touches_of_each_piece(rig: Rig) -> None:
    """Every piece of several gets its own touches: their sums are those of the words recorded one by one."""
    typed, kept = "“thwir wprld...hae,", "their world...has"
    touches: list[tuple[float, float] | None] = []
    words: list[tuple[str, str, list[tuple[float, float] | None]]] = []
    for came, meant in (("thwir", "their"), ("wprld", "world"), ("hae", "has")):
        words.append((came, meant, small.aimed_at(QWERTY, came, [(0.1 * len(words), 0.05)] * 5)))
    ends = [typed.index(came) for came, _, _ in words]
    touches = [None] * len(typed)
    for at, (came, _, points) in zip(ends, words, strict=True):
        touches[at : at + len(came)] = points
    with rig.open("together") as keyboard:
        keyboard.record("", typed, kept, touches)
        together = learned_by(keyboard)
    with rig.open("apart") as keyboard:
        for came, meant, points in words:
            keyboard.record("", came, meant, points)
        assert learned_by(keyboard) == together
    assert np.array(together[0])[:, 0].sum() == sum(len(came) for came, _, _ in words)


@given(TYPED, STEPS, st.sampled_from(sorted(LAYOUTS)))
@settings(deadline=None)
def test_the_channel_feature_is_the_alignment(
    models: dict[str, Model], typed: str, steps: list[tuple[float, float]], name: str
) -> None:
    """On every layout, with touches and without, the graph sees the log-probability of the alignment."""
    layout, shipped = LAYOUTS[name], models["qwerty"].search.channel.shipped
    table = layout_channel(shipped, layout)
    for touches in (None, small.aimed_at(layout, typed, steps)):
        _, judged = judged_on(models[name], typed, touches)
        emission = None
        if touches is not None:
            points = known_touches(layout, typed, touches)
            emission = TouchModel(layout).emission(aimed_keys(table, layout), typed, points)
        classes, lengths = encode_words(judged.slate.words)
        expected = align(table, typed, classes, lengths, layout, emission).log_probability
        np.testing.assert_allclose(judged.features[:, CHANNEL], expected, atol=1e-4)


@given(TYPED, STEPS, st.integers(0, 10_000))
@settings(deadline=None)
def test_the_gate_scores_touches_as_the_graph_does(
    models: dict[str, Model], typed: str, steps: list[tuple[float, float]], seed: int
) -> None:
    """With weights on every event of the channel, both rate any kept word alike against the literal."""
    rng = np.random.default_rng(seed)
    model = models["qwerty"]
    weights = {block.name: np.zeros(block.width, np.float32) for block in model.plan.blocks}
    weights["channel"] = rng.normal(size=len(weights["channel"])).astype(np.float32)
    adapter = Adapter(1, weights)
    predictor, judged = judged_on(model, typed, small.aimed_at(QWERTY, typed, steps), adapter)
    score = predictor.scorer.score(judged.slate.inputs(), adapter).score
    for position, word in enumerate(judged.slate.words):
        choice = predictor.choice(judged, word)
        assert choice is not None
        told = scores(Choices.of(model.events, [choice]), Lean.of(model.events, model.plan, adapter))
        assert told[choice.kept] - told[choice.literal] == pytest.approx(
            score[position] - score[judged.slate.literal], abs=1e-3
        )


def test_touch_events_are_counted_and_held_out(models: dict[str, Model]) -> None:
    """A kept word that explains a touch as "left" where its rival says "right" counts for the one event."""
    touches = [*small.aimed_at(QWERTY, "ha"), (1.95, 0.45)]
    predictor, judged = judged_on(models["qwerty"], "hae", touches)
    choice = predictor.choice(judged, "has")
    assert choice is not None
    assert choice.edit_events.shape[1] == judged.slate.operations.shape[1] + 2 * len("hae")
    rows = Choices.of(predictor.events, [choice])
    counted = count(predictor.events, rows, Lean.none(predictor.events))["channel"]
    first = predictor.events.first_touch_event
    right, left = (first + TOUCH_EVENTS.index(f"touch left {way}") for way in ("right", "left"))
    assert counted.evidence_for[right] > 0.01
    assert counted.evidence_against[left] > 0.01
    again = unpack_choice(pack_choice(choice))
    np.testing.assert_array_equal(again.edit_events, choice.edit_events)
    assert fits(again, predictor.events)


def test_without_touches_everything_is_as_it_was(models: dict[str, Model]) -> None:
    """On QWERTY nothing corrects the channel, no column is added, and touches of nobody are no touches."""
    for typed in ("hae", "sentemce", "don't", "abuzo"):
        predictor, plain = judged_on(models["qwerty"], typed, None)
        assert np.abs(plain.slate.touch).max() < 1e-9
        assert plain.slate.touch_events.shape[1] == 0
        choice = predictor.choice(plain, typed)
        assert choice is not None
        assert choice.edit_events.shape[1] == plain.slate.operations.shape[1]
        _, unknown = judged_on(models["qwerty"], typed, [None] * len(typed))
        assert unknown.ranked() == plain.ranked()
    _, touched = judged_on(models["qwerty"], "hae", small.aimed_at(QWERTY, "hae"))
    assert touched.ranked() != judged_on(models["qwerty"], "hae", None)[1].ranked()


@pytest.mark.parametrize(
    ("typed", "word", "gain"), [("zre", "are", 2.0), ("hqd", "had", 2.0), ("hss", "has", -1.0)]
)
def test_another_layout_has_other_neighbours(
    models: dict[str, Model], typed: str, word: str, gain: float
) -> None:
    """On AZERTY a z or a q is a slip for an a sooner than on QWERTY, an s for an a later; gain in nats."""
    there, here = (
        judged.features[judged.slate.position(word), CHANNEL]
        for judged in (judged_on(models[name], typed, None)[1] for name in ("azerty", "qwerty"))
    )
    assert np.sign(there - here) == np.sign(gain)
    assert abs(there - here) > abs(gain)


def test_the_layout_is_that_of_the_opened_keyboard(rig: Rig) -> None:
    """Touches are read on it: the same points are an "a" on one layout and a "q" on the other."""
    touches = small.aimed_at(AZERTY, "are")
    with rig.open(layout=AZERTY) as keyboard:
        keyboard.record("they", "are", "are", touches)
        assert stored_names(keyboard) == ["touch/azerty/000000000000"]
        assert np.array(learned_by(keyboard)[0])[:, 0].sum() == len("are")
    with rig.open() as keyboard:
        assert learned_by(keyboard) == {}
        keyboard.record("they", "are", "are", touches)
        assert len(stored_names(keyboard)) == 2
    with rig.open(layout=AZERTY) as keyboard:
        assert np.array(learned_by(keyboard)[0])[:, 0].sum() == len("are")


@pytest.mark.parametrize(
    "touches",
    [
        [],
        [(0.0, 0.0)] * 2,
        [(0.0, 0.0)] * 4,
        [(0.0, 0.0, 0.0)] * 3,
        [(0.0, 0.0), (0.0,), (0.0, 0.0)],
        ["qu", "ie", "tt"],
        [("quiet", "keys")] * 3,
        [(10**400, 0)] * 3,
        [1.0, 2.0, 3.0],
        7,
    ],
)
def test_bad_touches_are_refused(keyboard: Personalizer, touches: Any) -> None:
    """They are named as the mistake, nothing is learned, and the error says neither text nor touches."""
    before = keyboard.status()
    for call in (
        lambda: keyboard.suggest("", "hae", touches),
        lambda: keyboard.record("", "hae", "has", touches),
    ):
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.code is ErrorCode.TOUCHES_MALFORMED
        assert caught.value.__cause__ is None and caught.value.__suppress_context__
        for private in ("hae", "has", "quiet", "qu", "keys"):
            assert private not in str(caught.value).replace("typed", "")
    assert keyboard.status() == before
    assert learned_by(keyboard) == {}


@pytest.mark.parametrize("point", [(40.0, 3.0), (float("nan"), 0.0), (float("inf"), 1.0), None])
def test_touches_on_other_pages_are_left_out(
    keyboard: Personalizer, point: tuple[float, float] | None
) -> None:
    """A touch that cannot be of its key shows and teaches what none does."""
    touches = [point] * 3
    assert keyboard.suggest("", "hae", touches) == keyboard.suggest("", "hae")
    keyboard.record("", "hae", "has", touches)
    assert stored_names(keyboard) == []
    assert learned_by(keyboard) == {}


def test_what_was_not_a_candidate_teaches_nothing(keyboard: Personalizer) -> None:
    """Words that were typed anew, and tokens of another number of words, say nothing about the fingers."""
    keyboard.record("", "hae", "sentence", small.aimed_at(QWERTY, "hae"))
    keyboard.record("", "hae", "has been", small.aimed_at(QWERTY, "hae"))
    keyboard.record("", "12:30", "12:30", [(0.0, 0.0)] * 5)
    assert learned_by(keyboard) == {}


def test_a_bundle_whose_plan_lacks_events_is_refused(
    rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path
) -> None:
    """Its plan and its event map must have as many events of every block."""
    events = parse_event_map(bundle_files["events.json"])
    fewer = replace(events, event_of_edit=np.minimum(events.event_of_edit, events.first_touch_event - 2))
    other = bundle_files | {"events.json": fewer.to_bytes()}
    with pytest.raises(Untrusted) as caught:
        rig.open(bundle=small.write(tmp_path / "other" / "en", other, version=2))
    assert caught.value.code is ErrorCode.BUNDLE_UNTRUSTED
