"""Misspellings: found, explained, counted and made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from quietkeys.keyboard import edits
from tools.model_build import channel, misspellings
from tools.model_build.misspellings import Familiar, Misspelling

COUNTS = {
    "because": 9000.0,
    "definitely": 900.0,
    "the": 90000.0,
    "receive": 500.0,
    "receives": 90.0,
    "cat": 300.0,
}
TEXT = channel.text_statistics(COUNTS)
NOTHING = np.zeros(edits.EDIT_COUNT)
LEFT = channel.spelling_log_probabilities(NOTHING, TEXT, channel.WRONG_IN_TEXT)
SPELLING = channel.spelling_log_probabilities(NOTHING, TEXT)
FAMILIAR = Familiar.of(COUNTS)


def test_misspellings_are_found_with_what_was_meant() -> None:
    """One or two mistakes in a long word, one in a short one; other words are left alone."""
    typed = {"becuase": 20, "definately": 9, "recieve": 4, "kubernetes": 50, "thr": 9, "recevies": 1}
    found = {each.typed: each.intended for each in misspellings.find_misspellings(typed, FAMILIAR, LEFT)}
    assert found["becuase"] == "because"
    assert found["definately"] == "definitely"
    assert found["recieve"] == "receive"
    assert "kubernetes" not in found
    assert "thr" not in found  # too short to say


def test_what_is_as_frequent_as_its_neighbour_is_a_word() -> None:
    """A misspelling is rarer than the word, and an inflection is none."""
    typed = {"recerve": 400, "becauses": 3}
    assert misspellings.find_misspellings(typed, FAMILIAR, LEFT) == []


def test_the_edits_of_a_misspelling_are_its_mistakes_only() -> None:
    """Matches do not count; a repeated sighting weighs less than as many different ones."""
    (found,) = misspellings.find_misspellings({"becuase": 16}, FAMILIAR, LEFT)
    assert found.weight == 4.0
    assert [edits.describe(edit)[0] for edit in found.edits] == ["transposition-cross-hand"] or [
        edits.describe(edit)[0] for edit in found.edits
    ] == ["transposition-same-hand"]
    weights = misspellings.edit_weights([found, Misspelling("x", "y", 1.0, found.edits)])
    assert weights[found.edits[0]] == weights.sum() == 5.0


def test_learning_makes_what_is_found_cheaper() -> None:
    """Confusions that the texts show make further ones believable; equal texts teach the same."""
    typed = {"definately": 30, "recieve": 4, "becuase": 20}
    fingers = channel.spelling_log_probabilities(NOTHING, TEXT, channel.WRONG_IN_TEXT)
    found = misspellings.learn_misspellings(typed, FAMILIAR, fingers, TEXT)
    assert {each.typed for each in found} == set(typed)
    learnt = channel.spelling_log_probabilities(misspellings.edit_weights(found), TEXT)
    i, a = edits.character_class("i"), edits.character_class("a")
    assert learnt[edits.substitution(i, a)] > SPELLING[edits.substitution(i, a)]
    assert found == misspellings.learn_misspellings(typed, FAMILIAR, fingers, TEXT)


def test_slips_are_those_of_simulated_typists() -> None:
    """Words typed as meant leave none, and there are more at a higher rate."""
    words = ["definitely", "because"] * 50
    few, many = (misspellings.slip_edits(words, SPELLING, rate) for rate in (0.02, 0.2))
    assert 0 < len(few) < len(many)
    assert all(made for made in many)


def test_a_slip_of_a_frequent_word_is_expected_often() -> None:
    """More often than the same slip of a rare one, and less often in the first letter."""
    explained = {each.typed: each for each in misspellings.explain(["teh", "hte", "act"], FAMILIAR, LEFT)}
    expected = {word: FAMILIAR.counts[each.intended] @ each.chance for word, each in explained.items()}
    assert expected["teh"] > expected["hte"] > expected["act"] > 0


@given(word=st.text("abcdefghilmnorstu", min_size=1, max_size=12), seed=st.integers(0, 2**32 - 1))
def test_a_made_misspelling_is_near_its_word(word: str, seed: int) -> None:
    """Never the word itself, at most two edits away, and equal for equal seeds."""
    made = misspellings.misspell(word, np.random.default_rng(seed), SPELLING)
    assert made == misspellings.misspell(word, np.random.default_rng(seed), SPELLING)
    assert made
    assert 1 <= OSA.distance(word, made) <= 2


def test_every_possible_edit_has_its_id() -> None:
    """One per outcome: doubling, halving, swapping, and which begins the word."""
    options = {
        result: (edits.describe(edit)[0], begins)
        for result, edit, begins in misspellings.possible_edits("tell")
    }
    assert options["tel"] == ("omission-repeated", False)
    assert options["ttell"][0] == "insertion-repeated"
    assert options["etll"] == ("transposition-same-hand", True)
    assert options["tall"] == ("substitution", False)
    assert options["ell"] == ("omission", True)
    assert "tell" not in options


def test_the_share_of_bare_contractions() -> None:
    """Without an apostrophe, of all."""
    counts = {"dont": 3, "don't": 9, "cant": 1, "can't": 3, "well": 50}
    assert misspellings.bare_share(counts, {"dont": "don't", "cant": "can't"}) == pytest.approx(0.25)
