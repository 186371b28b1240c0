"""The channel model: rates, directions, and the files it is read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietkeys.keyboard import edits
from quietkeys.keyboard.edits import InsertionKind
from tests.model.texts import typing_counts
from tools.model_build import channel

TEXT = channel.text_statistics(
    {"the": 70, "of": 30, "and": 28, "quick": 3, "brown": 3, "jazz": 1, "don't": 5}
)


def log_p(wrong: float = 0.08) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return the edit log-probabilities of random counts."""
    return channel.channel_log_probabilities(typing_counts(), TEXT, wrong)


def test_every_edit_has_a_probability() -> None:
    """Finite and at most 1, and padding is free."""
    values = log_p()
    assert values.shape == (edits.EDIT_COUNT,)
    assert values.dtype == np.float32
    assert values[edits.NONE] == 0.0
    assert np.isfinite(values).all()
    assert (values <= 0).all()


def test_substitutions_reach_the_stated_rate() -> None:
    """Averaged over English letters, 42 % of the 8 % of wrong letters are substitutions."""
    confusion = channel.confusion_probabilities(typing_counts(), TEXT, 0.08)
    np.testing.assert_allclose(confusion.sum(-1), 1.0)
    wrong = 1 - np.diag(confusion)[:26]
    assert wrong.mean() == pytest.approx(0.42 * 0.08, rel=0.25)


def test_fingers_hit_neighbours_and_drift_left() -> None:
    """A neighbour is likelier than a far key; the touch offset makes the left one likelier than the right."""
    values = log_p()
    e, w, r, p = (edits.character_class(letter) for letter in "ewrp")
    left, right, far = (values[edits.substitution(e, typed)] for typed in (w, r, p))
    assert left > right > far


def test_more_errors_make_edits_cheaper_and_matches_dearer() -> None:
    """The rate moves both the right way."""
    low, high = log_p(0.04), log_p(0.12)
    match, omitted = edits.substitution(0, 0), edits.omission(0, False)
    assert high[match] < low[match]
    assert high[omitted] > low[omitted]


def test_repeats_are_the_likeliest_insertions() -> None:
    """Then keys beside the neighbours, then any other."""
    values = log_p()
    t = edits.character_class("t")
    repeated, near, far = (values[edits.insertion(t, kind)] for kind in InsertionKind)
    assert repeated > near > far


def test_counts_are_read_from_the_published_form(tmp_path: Path) -> None:
    """Classes are summed, spaces and longer strings left out."""
    (tmp_path / "confusion_substitutions_corrected.tsv").write_text(
        "intended\ttyped\tcount\no\ti\t3\n,\t.\t9\n'\tl\t2\ne\t \t7\n"
    )
    (tmp_path / "confusion_substitutions_uncorrected.tsv").write_text("intended\ttyped\tcount\nO\ti\t4\n")
    (tmp_path / "ins_om_trans_corrected.tsv").write_text(
        "kind\tchars\tcount\ninsertion\t'e'\t5\ninsertion\t' '\t6\nomission\t\"'\"\t2\n"
        "transposition\t'th'\t8\n"
    )
    counts = channel.read_counts(tmp_path)
    c = edits.character_class
    assert counts.confusion[c("o"), c("i")] == 7
    assert counts.confusion[c("'"), c("l")] == 2
    assert counts.confusion.sum() == 9
    assert counts.inserted[c("e")] == counts.inserted.sum() == 5
    assert counts.omitted[c("'")] == 2
    assert counts.swapped[c("t"), c("h")] == 8


def spelling(*made: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return the spelling channel after these edits were found a thousand times each."""
    mistakes = np.zeros(edits.EDIT_COUNT)
    for edit in made:
        mistakes[edit] += 1000
    return channel.spelling_log_probabilities(mistakes, TEXT)


def test_spelling_mistakes_have_probabilities_too() -> None:
    """Finite, at most 1, padding is free; without any found, vowels are confused and letters doubled."""
    values = spelling()
    assert values[edits.NONE] == 0.0
    assert np.isfinite(values).all()
    assert (values <= 0).all()
    a, e, k = (edits.character_class(letter) for letter in "aek")
    assert values[edits.substitution(a, e)] > values[edits.substitution(a, k)]
    assert values[edits.insertion(e, InsertionKind.REPEATED)] > values[edits.insertion(e, InsertionKind.FAR)]


def test_mistakes_that_were_found_become_cheaper() -> None:
    """And the others dearer, because the rate of all together stays."""
    i, e, o = (edits.character_class(letter) for letter in "ieo")
    found, other = edits.substitution(i, e), edits.substitution(o, e)
    assert spelling(found)[found] > spelling()[found]
    assert spelling(found)[other] < spelling()[other]


def test_a_mixture_lies_between_its_parts() -> None:
    """Edit by edit, but for the apostrophe, which is left out by habit as often as stated, up to a limit."""
    fingers, mistakes = log_p(), spelling()
    both = channel.mixed(fingers, mistakes, 0.4)
    low, high = np.minimum(fingers, mistakes), np.maximum(fingers, mistakes)
    assert ((low - 1e-5 <= both) & (both <= high + 1e-5)).all()
    left_out = edits.omission(edits.APOSTROPHE, False)
    assert np.exp(channel.mixed(fingers, mistakes, 0.4, bare=0.9)[left_out]) == pytest.approx(
        channel.BARE_LIMIT
    )


def test_the_share_of_mistakes_follows_the_words() -> None:
    """More for words with a mistake that fingers hardly make."""
    a, k = edits.character_class("a"), edits.character_class("k")
    mistake, slip = edits.substitution(a, k), edits.substitution(a, edits.character_class("s"))
    fingers, mistakes = log_p(), spelling(mistake)
    many = channel.best_share(fingers, mistakes, [], [[mistake]])
    few = channel.best_share(fingers, mistakes, [[slip]], [])
    assert many > few
