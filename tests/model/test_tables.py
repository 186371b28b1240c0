"""Hash tables, eight-bit logarithms, the quantized model and the spelling model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.texts import VOCABULARY, model
from tools.model_build import hash_table, kneser_ney, ngram, spelling
from tools.model_build.quantize import Scale, fit_scale


@given(st.sets(st.integers(0, 2**62), max_size=400), st.integers(0, 2**32 - 1))
def test_a_table_returns_what_was_put_in(keys: set[int], seed: int) -> None:
    """Every key has a place of its own, and its value."""
    stored = np.array(sorted(keys), dtype=np.int64)
    values = np.random.default_rng(seed).integers(0, 256, len(stored)).astype(np.uint8)
    table, places = hash_table.build(stored, values)
    assert len(np.unique(places)) == len(stored)
    np.testing.assert_array_equal(hash_table.look_up(table, stored), values)


def test_a_context_is_weighed_once() -> None:
    """Small keys, whose remainders by both primes are equal, are found once."""
    keys = np.arange(40, dtype=np.int64)
    table, places = hash_table.build(keys, np.zeros(40, np.uint8))
    beside = np.zeros(table.slots.shape, np.uint8)
    beside.reshape(-1)[places] = keys
    np.testing.assert_array_equal(hash_table.look_up_beside(table, beside, keys), keys)
    assert hash_table.look_up_beside(table, beside, np.array([99]))[0] == hash_table.MISS


def test_a_large_table_is_nearly_full() -> None:
    """More than nine slots in ten are in use."""
    keys = np.unique(np.random.default_rng(0).integers(0, 2**45, 60_000))
    table, _ = hash_table.build(keys, np.zeros(len(keys), np.uint8))
    assert table.slots.size < len(keys) / 0.9


def test_strangers_rarely_match() -> None:
    """Keys that were not stored are found about twice in a million."""
    rng = np.random.default_rng(1)
    keys = np.unique(rng.integers(0, 2**45, 60_000))
    table, _ = hash_table.build(keys, np.zeros(len(keys), np.uint8))
    strangers = rng.integers(2**45, 2**46, 200_000)
    assert (hash_table.look_up(table, strangers) < hash_table.MISS).sum() <= 5


@given(st.lists(st.floats(-19.0, 2.0), min_size=1, max_size=50))
def test_codes_are_within_half_a_step(values: list[float]) -> None:
    """Eight bits span the range."""
    array = np.array(values)
    scale = fit_scale(array)
    assert np.abs(scale.decode(scale.encode(array)) - array).max() <= scale.step / 2 + 1e-9


def test_values_below_the_range_are_clipped() -> None:
    """The lowest code stands for everything lower."""
    assert Scale(0.0, 0.1).encode(np.array([-99.0]))[0] == 255


def test_the_quantized_model_stays_close() -> None:
    """Look-ups differ from full precision by rounding: at most half a step per stored number."""
    trained = model(300, 500)
    tables = ngram.quantize(trained)
    rng = np.random.default_rng(3)
    older, newer = rng.integers(0, VOCABULARY, (2, 3000))
    word = rng.integers(1, VOCABULARY, 3000)
    exact = kneser_ney.score(trained, older, newer, word)
    close = ngram.score(tables, older, newer, word)
    half = tables.probability_scale.step / 2 + tables.backoff_scale.step
    assert np.abs(exact - close).max() <= half + 1e-9


def test_spellings_sum_to_one() -> None:
    """Over all next symbols, before rounding errors of eight bits."""
    table, scale = spelling.train([("lol", 1.0), ("hello", 2.0), ("o'clock", 1.0)])
    after = np.exp(scale.decode(table[0, 0]))
    np.testing.assert_allclose(after.sum(-1), 1.0, atol=0.1)


def test_likely_spellings_score_higher() -> None:
    """A word like those learnt is likelier than noise of the same length; nothing typed scores 0."""
    table, scale = spelling.train([(word, 1.0) for word in ("singing", "ringing", "bringing", "kingdom")])
    score = {
        word: spelling.log_probability(table, scale, np.array(spelling.symbols(word), dtype=np.int64))
        for word in ("clinging", "gxqvkzwj", "")
    }
    assert score["clinging"] > score["gxqvkzwj"] + 10
    assert score[""] == 0.0


@pytest.mark.parametrize(("word", "symbols"), [("az'é", [1, 26, 27, 28]), ("", [])])
def test_symbols(word: str, symbols: list[int]) -> None:
    """Letters are 1..26, then the apostrophe and anything else."""
    assert spelling.symbols(word) == symbols
