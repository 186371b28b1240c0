"""Touch noise on any layout, and what it does to the channel."""

from __future__ import annotations

import numpy as np
import pytest

from quietkeys.arrays import Float64
from quietkeys.keyboard import edits
from quietkeys.keyboard.edits import CLASSES
from quietkeys.keyboard.layout import LETTERS, QWERTY, Layout
from quietkeys.keyboard.layout_channel import aimed_keys, layout_channel, slip_substitutions, swap_geometry
from quietkeys.keyboard.touch_statistics import MEAN_OFFSET, OFFSET_DEVIATION, SCALE, SPREAD_X, SPREAD_Y
from quietkeys.layouts import AZERTY, DVORAK, LAYOUTS
from quietkeys.testing.typist import touch_scale

GOLDEN_QWERTY = (0.02410, 0.00299, 0.00012, 0.01408, 0.96706, 0.02432, 0.00000)
GOLDEN_AZERTY = (0.02432, 0.01422, 0.00303, 0.00303, 0.96176, 0.00000)
ALL = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def index(letter: str) -> int:
    """Return the class of a character."""
    return edits.character_class(letter)


def spelling() -> Float64:
    """Return made-up chances [28, 28] of mistakes that have nothing to do with keys."""
    chances = np.full((CLASSES, CLASSES), 1e-4)
    vowels = [index(letter) for letter in "aeiou"]
    chances[np.ix_(vowels, vowels)] = 2e-3
    np.fill_diagonal(chances, 0.0)
    return chances


def channel(layout: Layout, slips: float = 0.6) -> Float64:
    """Return a channel that mixes touch noise on a layout with `spelling`; other edits are dear."""
    chances = slips * slip_substitutions(layout) + spelling()
    np.fill_diagonal(chances, 0.0)
    np.fill_diagonal(chances, 0.95 - chances.sum(1))
    table = np.full(edits.EDIT_COUNT, -6.0)
    table[edits.NONE] = 0.0
    first = edits.substitution(0, 0)
    table[first : first + CLASSES * CLASSES] = np.log(chances).ravel()
    return table


def substitutions(table: Float64) -> Float64:
    """Return the chances [28, 28] in a channel."""
    first = edits.substitution(0, 0)
    chances: Float64 = np.exp(table[first : first + CLASSES * CLASSES]).reshape(CLASSES, CLASSES)
    return chances


@ALL
def test_slips_are_what_simulated_touches_do(layout: Layout) -> None:
    """Adding up over cells gives what counting random touches gives."""
    rng = np.random.default_rng(3)
    count = 20_000
    offsets = np.array(MEAN_OFFSET) + OFFSET_DEVIATION * rng.standard_normal((count, 2))
    spreads = np.stack([rng.uniform(*SPREAD_X, count), rng.uniform(*SPREAD_Y, count)], axis=1)
    touches = SCALE * (offsets + spreads * rng.standard_normal((count, 2)))
    slips = slip_substitutions(layout)
    np.testing.assert_allclose(slips.sum(1), 1.0)
    for letter in "aehmz":
        hits = layout.nearest_key(layout.centres[index(letter)] + touches)
        counted = np.bincount(hits, minlength=CLASSES) / count
        np.testing.assert_allclose(slips[index(letter)], counted, atol=0.006)


def test_the_scale_is_that_of_eight_percent() -> None:
    """The shipped scale and the simulator's bisection agree."""
    assert touch_scale(0.08) == pytest.approx(SCALE, abs=0.001)


def test_golden_slips() -> None:
    """A few figures, so that a change of the geometry is seen."""
    qwerty, azerty = slip_substitutions(QWERTY), slip_substitutions(AZERTY)
    found = [
        qwerty[index(meant), index(typed)] for meant, typed in ("sa", "sd", "sw", "sz", "pp", "mn", "ea")
    ]
    np.testing.assert_allclose(found, GOLDEN_QWERTY, atol=2e-5)
    found = [azerty[index(meant), index(typed)] for meant, typed in ("sq", "aq", "n'", "lm", "pp", "ea")]
    np.testing.assert_allclose(found, GOLDEN_AZERTY, atol=2e-5)


@ALL
def test_a_channel_for_one_layout_becomes_that_for_another(layout: Layout) -> None:
    """What follows the keys is exchanged, what does not stays, and rows keep their sum."""
    moved = swap_geometry(channel(QWERTY), QWERTY, layout)
    np.testing.assert_allclose(substitutions(moved), substitutions(channel(layout)), atol=1.5e-3)
    np.testing.assert_allclose(substitutions(moved).sum(1), 0.95)
    rest = np.ones(edits.EDIT_COUNT, dtype=bool)
    rest[edits.substitution(0, 0) : edits.substitution(0, 0) + CLASSES * CLASSES] = False
    np.testing.assert_array_equal(moved[rest], channel(QWERTY)[rest])


def test_the_shipped_layout_keeps_its_channel() -> None:
    """Nothing is computed for QWERTY, and swapping it with itself changes nothing."""
    shipped = channel(QWERTY)
    assert layout_channel(shipped, QWERTY) is shipped
    np.testing.assert_allclose(swap_geometry(shipped, QWERTY, QWERTY), shipped, atol=0.05)


def test_slips_move_and_spelling_stays() -> None:
    """On Dvorak t is beside h and s is not beside a; e for a is as likely as it was."""
    dvorak, shipped = layout_channel(channel(QWERTY), DVORAK), channel(QWERTY)
    cost = {pair: edits.substitution(index(pair[0]), index(pair[1])) for pair in ("as", "th", "ae", "sn")}
    assert dvorak[cost["as"]] < shipped[cost["as"]] - 3.0
    assert dvorak[cost["th"]] > shipped[cost["th"]] + 3.0
    assert dvorak[cost["sn"]] > shipped[cost["sn"]] + 3.0
    assert dvorak[cost["ae"]] == pytest.approx(shipped[cost["ae"]], abs=0.2)


def test_a_channel_without_slips_stays_as_it_is() -> None:
    """Where nothing follows the keys, nothing is exchanged."""
    plain = channel(QWERTY, slips=0.0)
    np.testing.assert_allclose(substitutions(layout_channel(plain, DVORAK)), substitutions(plain), atol=1e-3)


def test_what_is_aimed_at_is_the_channel_without_touch_noise() -> None:
    """Mistakes of spelling are left, and rows keep their sum."""
    aimed = aimed_keys(channel(QWERTY), QWERTY)
    np.testing.assert_allclose(aimed.sum(1), 0.95)
    off = ~np.eye(CLASSES, dtype=bool)
    letters = np.ix_(range(len(LETTERS)), range(len(LETTERS)))
    np.testing.assert_allclose(aimed[letters][off[letters]], spelling()[letters][off[letters]], atol=2e-3)
