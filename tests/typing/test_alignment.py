"""Alignments against a second, slower implementation."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quietkeys.arrays import Float64
from quietkeys.keyboard import edits
from quietkeys.keyboard.edits import align, encode_words
from quietkeys.keyboard.layout import QWERTY, are_adjacent, same_hand
from quietkeys.layouts import DVORAK

WORD = st.text(alphabet="abcelst'", min_size=1, max_size=7)


def channel(seed: int) -> Float64:
    """Return made-up log-probabilities of every edit: cheap matches, dear errors."""
    rng = np.random.default_rng(seed)
    costs = -rng.uniform(3.0, 9.0, edits.EDIT_COUNT)
    for letter in range(edits.CLASSES):
        costs[edits.substitution(letter, letter)] = -0.05
    costs[edits.NONE] = 0.0
    return costs


def insertion_kind(before: str, after: str, typed: str, typed_before: str) -> edits.InsertionKind:
    """Return how an inserted character relates to its neighbours."""
    if typed in (before, after, typed_before) and typed:
        return edits.InsertionKind.REPEATED
    if are_adjacent(typed, before) or are_adjacent(typed, after):
        return edits.InsertionKind.NEAR
    return edits.InsertionKind.FAR


def best_path(costs: Float64, intended: str, typed: str) -> float:
    """Return the best log-probability by plain recursion over (intended, typed) prefixes."""
    of = edits.character_class

    @cache
    def best(row: int, column: int) -> float:
        if row == 0 and column == 0:
            return 0.0
        found = -np.inf
        if row and column:
            step = edits.substitution(of(intended[row - 1]), of(typed[column - 1]))
            found = max(found, best(row - 1, column - 1) + costs[step])
        if row:
            repeated = row > 1 and intended[row - 2] == intended[row - 1]
            found = max(found, best(row - 1, column) + costs[edits.omission(of(intended[row - 1]), repeated)])
        if column:
            kind = insertion_kind(
                intended[row - 1 : row],
                intended[row : row + 1],
                typed[column - 1],
                typed[column - 2 : column - 1] if column > 1 else "",
            )
            found = max(found, best(row, column - 1) + costs[edits.insertion(of(typed[column - 1]), kind)])
        if row > 1 and column > 1:
            first, second = intended[row - 2], intended[row - 1]
            if first == typed[column - 1] and second == typed[column - 2] and first != second:
                swap = edits.transposition(same_hand(first, second))
                found = max(found, best(row - 2, column - 2) + costs[swap])
        return float(found)

    return best(len(intended), len(typed))


@given(WORD, st.lists(WORD, min_size=1, max_size=4), st.integers(0, 5))
def test_alignments_are_the_best_ones(typed: str, candidates: list[str], seed: int) -> None:
    """All candidates at once give what a recursion gives for each, and the edits add up to it."""
    costs = channel(seed)
    classes, lengths = encode_words(candidates)
    aligned = align(costs, typed, classes, lengths)
    operations = aligned.operations(np.arange(len(candidates)))
    for index, candidate in enumerate(candidates):
        if len(typed) - len(candidate) > 3:
            continue  # longer runs of insertions are not searched
        np.testing.assert_allclose(aligned.log_probability[index], best_path(costs, candidate, typed))
        np.testing.assert_allclose(costs[operations[index]].sum(), aligned.log_probability[index])


def test_what_was_typed_aligns_with_itself_by_matches() -> None:
    """A word typed right costs its matches and nothing else."""
    classes, lengths = encode_words(["letters"])
    operations = align(channel(1), "letters", classes, lengths).operations(np.arange(1))
    kinds = {edits.describe(int(edit))[0] for edit in operations[0]}
    assert kinds == {"match", "none"}


def test_edit_ids_are_distinct_and_described() -> None:
    """Every id has one description and they fill the range."""
    described = [edits.describe(edit) for edit in range(edits.EDIT_COUNT)]
    assert len(set(described)) == edits.EDIT_COUNT


def test_neighbours_and_hands_are_those_of_the_layout() -> None:
    """What was typed by accident, or swapped by one hand, depends on what was typed on."""
    classes, lengths = encode_words(["at", "the"])
    kinds = []
    for layout in (QWERTY, DVORAK):
        aligned = [align(channel(1), typed, classes, lengths, layout) for typed in ("ast", "hte")]
        made = [one.operations(np.array([row]))[0] for row, one in enumerate(aligned)]
        kinds.append([{edits.describe(int(edit))[0] for edit in one} - {"match", "none"} for one in made])
    assert kinds == [
        [{"insertion-near"}, {"transposition-cross-hand"}],
        [{"insertion-far"}, {"transposition-same-hand"}],
    ]
