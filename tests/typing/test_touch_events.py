"""Touch events: what they say, and that weights learnt from their counts follow a user's own hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest

from quietkeys.arrays import Float64, Int64
from quietkeys.keyboard.edits import align, encode_words
from quietkeys.keyboard.layout import QWERTY
from quietkeys.keyboard.layout_channel import aimed_keys
from quietkeys.keyboard.touch_events import TOUCH_EVENTS, touch_events
from quietkeys.keyboard.touch_model import TouchModel, known_touches
from quietkeys.layouts import DVORAK
from quietkeys.prediction.events import softmax
from quietkeys.testing.typist import Hands, Typist

from .test_slips import channel
from .touch_sums import touch_correction

Indices = Int64
TABLE: Final = channel(QWERTY)
AIMED: Final = aimed_keys(TABLE, QWERTY)
# Words that one neighbouring key turns into another.
_LIST: Final = (
    "rat tar wad was sad far fad gas gad had has bad bag bat vat cat car cab fat fan gap gal hot got not nor "
    "bit but hit him his fit for fog dog dig did sit six aid add ask pot lot log lip kip oil pin pie poi "
    "mob nob job jog hog hug mug bug rug tug tub rub run gun fun bun bin fin tin tip top mop hop "
    "there where these those thing think thank shank shark share stare state"
)
WORDS: Final = _LIST.split()


@dataclass(frozen=True, slots=True)
class Typed:
    """One typed word: base scores [K], event counts [K, M], the word that was meant."""

    scores: Float64
    counts: Float64
    meant: int


def counts_of(events: Indices) -> Float64:
    """Return how often each event occurs [K, M]."""
    return np.stack([np.bincount(row[row >= 0], minlength=len(TOUCH_EVENTS)) for row in events]).astype(float)


def typed_words(hands: Hands, number: int, seed: int) -> list[Typed]:
    """Return words typed by these hands, judged by the channel and the population's touches."""
    rng = np.random.default_rng(seed)
    typist = Typist(hands, 0.08, rng)
    classes, lengths = encode_words(WORDS)
    result = []
    for meant in rng.integers(0, len(WORDS), number):
        typed, points = typist.type_word_touched(WORDS[meant])
        if not typed:
            continue
        touches = known_touches(QWERTY, typed, points)
        emission = TouchModel().emission(AIMED, typed, touches)
        aligned = align(TABLE, typed, classes, lengths, QWERTY, emission)
        possible = np.flatnonzero(np.isfinite(aligned.log_probability))
        events = touch_events(QWERTY, touches, aligned.operations(possible))
        where = int(np.searchsorted(possible, meant))
        result.append(Typed(aligned.log_probability[possible], counts_of(events), where))
    return result


def learnt(words: list[Typed]) -> Float64:
    """Return the weights [M] of a logistic regression on contested masses, prior strength 1."""
    counted_for = counted_against = np.zeros(len(TOUCH_EVENTS))
    for word in words:
        mass = softmax(word.scores)
        mass[word.meant] = 0.0
        difference = word.counts[word.meant] - word.counts
        counted_for = counted_for + mass @ np.maximum(difference, 0.0)
        counted_against = counted_against + mass @ np.maximum(-difference, 0.0)
    strength = (counted_for + counted_against) / 2.0
    weights = np.zeros(len(TOUCH_EVENTS))
    for _ in range(100):
        pull = 2.0 * (counted_for / (1.0 + np.exp(weights)) - counted_against / (1.0 + np.exp(-weights)))
        weights = weights + (pull - weights) / (1.5 * (strength + 1.0))
    return weights


def wrong(words: list[Typed], weights: Float64) -> int:
    """Return how many words are not the best candidate."""
    return sum(int((word.scores + word.counts @ weights).argmax() != word.meant) for word in words)


def events_of(layout_word: str, typed: str, points: list[tuple[float, float] | None]) -> list[str]:
    """Return the names of the events of one candidate."""
    classes, lengths = encode_words([layout_word])
    operations = align(TABLE, typed, classes, lengths).operations(np.arange(1))
    events = touch_events(QWERTY, known_touches(QWERTY, typed, points), operations)[0]
    return [TOUCH_EVENTS[event] if event >= 0 else "" for event in events]


def test_a_touch_between_two_keys_is_left_for_one_and_right_for_the_other() -> None:
    """Candidates that mean neighbouring keys get opposite directions in the same region."""
    point = (0.9, 1.15)  # between a (0.5, 1) and s (1.5, 1), in the row's population height
    assert events_of("a", "a", [point]) == ["touch left right", ""]
    assert events_of("s", "a", [point]) == ["touch left left", ""]


def test_up_and_down_and_regions() -> None:
    """Each touch gives one event an axis; columns are those of the typed characters."""
    points: list[tuple[float, float] | None] = [(-0.1, -0.2), (8.9, 0.5), (4.2, 1.15)]
    expected = ["", "", "touch middle left", "touch left up", "touch right down", ""]
    assert events_of("qpg", "qpg", points) == expected


def test_what_is_no_hit_has_no_event() -> None:
    """Omitted, inserted and swapped characters, unknown touches, and keys beyond reach."""
    assert events_of("on", "no", [(6.5, 1.8), (8.2, 0.3)]) == [""] * 4
    assert events_of("q", "q", [None]) == ["", ""]
    assert events_of("a", "e", [(2.3, 0.5)]) == ["", ""]


def test_events_follow_the_layout() -> None:
    """The same point means another key elsewhere."""
    classes, lengths = encode_words(["a"])
    operations = align(TABLE, "a", classes, lengths).operations(np.arange(1))
    touches = known_touches(DVORAK, "a", [(0.2, 1.15)])
    assert touch_events(DVORAK, touches, operations).tolist() == [[1, -1]]


@pytest.mark.parametrize("step", [-0.3, 0.3])
def test_weights_learnt_from_counts_follow_the_hands(step: float) -> None:
    """Who lands a third of a key aside gets fewer wrong words, and weights of the right sign."""
    hands = Hands((-0.10 + step, 0.15), (0.23, 0.18))
    weights = learnt(typed_words(hands, 500, seed=1))
    test = typed_words(hands, 800, seed=2)
    before, after = wrong(test, np.zeros(len(TOUCH_EVENTS))), wrong(test, weights)
    assert after < 0.93 * before
    left, right = weights[0::4], weights[1::4]
    assert (np.sign(left - right) == -np.sign(step)).all()


def test_hands_like_the_populations_lose_nothing_to_speak_of() -> None:
    """Without a habit there is little to learn, and little is done."""
    hands = Hands((-0.10, 0.15), (0.23, 0.18))
    weights = learnt(typed_words(hands, 500, seed=3))
    test = typed_words(hands, 800, seed=4)
    assert wrong(test, weights) <= wrong(test, np.zeros(len(TOUCH_EVENTS))) * 1.05


def test_touch_and_channel_agree_on_the_sum() -> None:
    """The events' operations are those that the correction is for."""
    classes, lengths = encode_words(WORDS)
    touches = known_touches(QWERTY, "cat", [(3.4, 2.1), (0.4, 1.1), (3.9, 0.2)])
    emission = TouchModel().emission(AIMED, "cat", touches)
    aligned = align(TABLE, "cat", classes, lengths, QWERTY, emission)
    possible = np.flatnonzero(np.isfinite(aligned.log_probability))
    operations = aligned.operations(possible)
    total = TABLE[operations].sum(1) + touch_correction(TABLE, operations, emission)
    np.testing.assert_allclose(total, aligned.log_probability[possible])
    assert touch_events(QWERTY, touches, operations).shape == (len(possible), 6)
