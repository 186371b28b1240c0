"""Edits between an intended word and what was typed: their ids, and the most probable ones.

Characters have 28 classes: a-z, the apostrophe, anything else. Ids are stable: the channel model and
the plan of a bundle index them.

    NONE                                padding, costs nothing
    substitution(i, t)                  intended class i, typed class t; a match where i == t
    omission(i, repeated)               intended class i not typed; repeated: it equals its predecessor
    insertion(t, kind)                  class t typed without being intended
    transposition(same_hand)            two neighbouring characters swapped

`align` finds the most probable way in which each candidate could have become what was typed: a weighted edit
distance where every edit costs its log-probability under the channel model, maximised by dynamic programming
(Damerau 1964; Brill and Moore 2000 for learnt costs), for all candidates at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Bool, Float64, Int64, UInt8
from quietkeys.keyboard.layout import LETTERS, QWERTY, Layout
from quietkeys.text.tokens import MAX_WORD

CLASSES: Final = 28
APOSTROPHE: Final = 26
OTHER: Final = 27

NONE: Final = 0
_SUBSTITUTION: Final = 1
_OMISSION: Final = _SUBSTITUTION + CLASSES * CLASSES
_OMISSION_REPEATED: Final = _OMISSION + CLASSES
_INSERTION: Final = _OMISSION_REPEATED + CLASSES
_TRANSPOSITION: Final = _INSERTION + 3 * CLASSES
EDIT_COUNT: Final = _TRANSPOSITION + 2
MAX_EDITS: Final = MAX_WORD + 4  # columns of an alignment
_INSERTION_RUN: Final = 3  # longest run of inserted characters considered


class InsertionKind(IntEnum):
    """How an inserted character relates to its neighbours."""

    REPEATED = 0  # equals the character typed just before or the one intended next
    NEAR = 1  # its key touches a neighbouring key
    FAR = 2


def character_class(character: str) -> int:
    """Return the class (0..27) of one character, case folded."""
    index = LETTERS.find(character.lower())
    if index >= 0 and character:
        return index
    return APOSTROPHE if character == "'" else OTHER


def character_classes(word: str) -> list[int]:
    """Return the classes of the characters of a word."""
    return [character_class(character) for character in word]


def spelling_symbols(words: Sequence[str], spelled: Bool) -> Int64:
    """Return what the character model reads [K, S] of words: class + 1 a character, 0 behind the last one.

    spelled: [K] which of the words it reads at all; of the others it reads nothing.
    """
    read = [word if wanted else "" for word, wanted in zip(words, spelled, strict=True)]
    table = np.zeros((len(read), max(1, *map(len, read))), dtype=np.int64)
    for row, word in enumerate(read):
        table[row, : len(word)] = [found + 1 for found in character_classes(word)]
    return table


def encode_words(words: Sequence[str], width: int = MAX_WORD) -> tuple[UInt8, Int64]:
    """Return ([N, width] character classes, [N] lengths) of words, cut at `width` characters."""
    classes = np.full((len(words), width), OTHER, dtype=np.uint8)
    lengths = np.zeros(len(words), dtype=np.int64)
    for index, word in enumerate(words):
        cut = word[:width]
        classes[index, : len(cut)] = character_classes(cut)
        lengths[index] = len(cut)
    return classes, lengths


def substitution(intended: int, typed: int) -> int:
    """Return the id of typing class `typed` for class `intended`."""
    return _SUBSTITUTION + intended * CLASSES + typed


def omission(intended: int, repeated: bool) -> int:
    """Return the id of leaving out class `intended`."""
    return (_OMISSION_REPEATED if repeated else _OMISSION) + intended


def insertion(typed: int, kind: InsertionKind) -> int:
    """Return the id of typing class `typed` without intending it."""
    return _INSERTION + int(kind) * CLASSES + typed


def transposition(same_hand: bool) -> int:
    """Return the id of swapping two neighbouring characters."""
    return _TRANSPOSITION + (0 if same_hand else 1)


def errors(operations: Int64) -> list[int]:
    """Return how many of each candidate's edits [K, MAX_EDITS] are errors: neither padding nor a match."""
    return [int(count) for count in (~_FREE[operations]).sum(1)]


def describe(edit: int) -> tuple[str, int, int]:
    """Return (operation, intended class or -1, typed class or -1) of an edit id.

    Operations: none, match, substitution, omission, omission-repeated, insertion-repeated,
    insertion-near, insertion-far, transposition-same-hand, transposition-cross-hand.
    Raises ValueError for an id outside 0..EDIT_COUNT-1.
    """
    if edit == NONE:
        return "none", -1, -1
    if _SUBSTITUTION <= edit < _OMISSION:
        intended, typed = divmod(edit - _SUBSTITUTION, CLASSES)
        return ("match" if intended == typed else "substitution"), intended, typed
    if _OMISSION <= edit < _OMISSION_REPEATED:
        return "omission", edit - _OMISSION, -1
    if _OMISSION_REPEATED <= edit < _INSERTION:
        return "omission-repeated", edit - _OMISSION_REPEATED, -1
    if _INSERTION <= edit < _TRANSPOSITION:
        kind, typed = divmod(edit - _INSERTION, CLASSES)
        return f"insertion-{InsertionKind(kind).name.lower()}", -1, typed
    if edit == _TRANSPOSITION:
        return "transposition-same-hand", -1, -1
    if edit == _TRANSPOSITION + 1:
        return "transposition-cross-hand", -1, -1
    raise ValueError(f"edit id {edit} is outside 0..{EDIT_COUNT - 1}")


def _typed_by(edit: int) -> int:
    kind = describe(edit)[0]
    if kind.startswith("transposition"):
        return 2
    return 0 if kind.startswith(("none", "omission")) else 1


def _hit_for(edit: int) -> int:
    kind, intended, _ = describe(edit)
    return intended if kind in ("match", "substitution") else -1


_TYPED_BY: Final = np.array([_typed_by(edit) for edit in range(EDIT_COUNT)])  # typed characters of each
_HIT_FOR: Final = np.array([_hit_for(edit) for edit in range(EDIT_COUNT)])  # intended class or -1


_FREE = np.zeros(EDIT_COUNT, dtype=bool)  # edits that are no errors
_FREE[[NONE, *(substitution(letter, letter) for letter in range(CLASSES))]] = True


@dataclass(frozen=True, slots=True)
class Alignments:
    """Alignments of K candidates with one typed word.

    log_probability: [K] sum of the operations' log-probabilities (nats), touches included.
    cells: [L + 1, T + 1, K] the dynamic programme's table, for `operations`. runs: how many insertions end in
    each cell.
    """

    log_probability: Float64
    cells: Float64
    runs: NDArray[np.int8]
    costs: _Costs
    lengths: Int64

    def operations(self, chosen: Int64) -> Int64:
        """Return the edit ids of the candidates with these indices: [len(chosen), MAX_EDITS]."""
        return _trace_back(self, chosen)


@dataclass(frozen=True, slots=True)
class _Costs:
    """Edit ids and log-probabilities of every possible step.

    substitution: [L, T, K]; omission: [L, K]; insertion: [L + 1, T, K]; transposition: [L, T, K]
    (0 where it does not apply). aimed: [L, T, K] log-probability of the substitutions, touches included.
    """

    table: Float64
    aimed: Float64
    substitution: Int64
    omission: Int64
    insertion: Int64
    transposition: Int64


def _steps(
    table: Float64,
    typed: Int64,
    intended: Int64,
    layout: Layout,
    emission: Float64 | None,
) -> _Costs:
    # typed [T], intended [L, K]
    previous = np.vstack([np.full((1, intended.shape[1]), -1), intended[:-1]])  # [L, K]
    substitution = _SUBSTITUTION + intended[:, None, :] * CLASSES + typed[None, :, None]
    omission = np.where(intended == previous, _OMISSION_REPEATED, _OMISSION) + intended
    padded = np.full((1, intended.shape[1]), OTHER)
    before = np.vstack([padded, intended])[:, None, :]  # [L + 1, 1, K] intended just before
    after = np.vstack([intended, padded])[:, None, :]  # [L + 1, 1, K] intended next
    typed_before = np.concatenate([[-1], typed[:-1]])[None, :, None]  # [1, T, 1]
    now = typed[None, :, None]  # [1, T, 1]
    repeated = (now == before) | (now == after) | (now == typed_before)
    near = layout.adjacent[now, before] | layout.adjacent[now, after]
    kind = np.where(repeated, 0, np.where(near, 1, 2))
    insertion = _INSERTION + kind * CLASSES + now
    swapped = np.zeros(substitution.shape, dtype=np.int64)
    if len(typed) > 1 and len(intended) > 1:
        first, second = intended[:-1, None, :], intended[1:, None, :]  # [L - 1, 1, K]
        applies = (first == typed[None, 1:, None]) & (second == typed[None, :-1, None])
        swap = np.where(layout.one_hand[first, second], _TRANSPOSITION, _TRANSPOSITION + 1)
        swapped[1:, 1:] = np.where(applies & (first != second), swap, 0)
    aimed = table[substitution]
    if emission is not None:
        touched = emission.T[intended].transpose(0, 2, 1)  # [L, T, K]
        aimed = np.where(np.isnan(touched), aimed, touched)
    return _Costs(table, aimed, substitution, omission, insertion, swapped)


def align(
    channel: Float64,
    typed: str,
    candidates: NDArray[np.integer[Any]],
    lengths: Int64,
    layout: Layout = QWERTY,
    emission: Float64 | None = None,
) -> Alignments:
    """Return the best alignments of K candidate words with what was typed.

    channel: [EDIT_COUNT] log-probability (nats) of every edit id. candidates: [K, L] character
    classes, padded at will beyond `lengths` [K]. Both words must hold 1..MAX_WORD characters. layout: what
    was typed on; the channel is for it (`layout_channel`). emission: [T, 28] what takes the place of
    log P(typed | intended) where a touch is known, NaN elsewhere (`TouchModel.emission`).
    """
    typed_classes = np.array(character_classes(typed), dtype=np.int64)  # [T]
    longest = int(lengths.max())
    intended = np.ascontiguousarray(candidates[:, :longest].T.astype(np.int64))  # [L, K]
    costs = _steps(channel, typed_classes, intended, layout, emission)
    substitution = costs.aimed
    omission = channel[costs.omission]
    insertion = channel[costs.insertion]
    transposition = np.where(costs.transposition > 0, channel[costs.transposition], -np.inf)
    typed_length, count = len(typed_classes), len(candidates)
    cells = np.full((longest + 1, typed_length + 1, count), -np.inf)
    runs = np.zeros(cells.shape, dtype=np.int8)
    for row in range(longest + 1):
        best = cells[row]
        if row == 0:
            best[0] = 0.0
        else:
            best[:] = cells[row - 1] + omission[row - 1]
            np.maximum(best[1:], cells[row - 1, :-1] + substitution[row - 1], out=best[1:])
            if row > 1:
                np.maximum(best[2:], cells[row - 2, :-2] + transposition[row - 1, 1:], out=best[2:])
        for run in range(1, min(_INSERTION_RUN, typed_length) + 1):
            longer = best[:-1] + insertion[row]
            better = longer > best[1:]  # only where the cell before became so by the run before
            if not better.any():
                break
            np.copyto(best[1:], longer, where=better)
            np.copyto(runs[row, 1:], run, where=better)
    final = cells[lengths, typed_length, np.arange(count)]
    return Alignments(final, cells, runs, costs, lengths)


def _trace_back(alignments: Alignments, chosen: Int64) -> Int64:
    cells, runs, costs = alignments.cells, alignments.runs, alignments.costs
    table, each = costs.table, np.arange(len(chosen))
    row = alignments.lengths[chosen].copy()
    column = np.full(len(chosen), cells.shape[1] - 1)
    here = cells[row, column, chosen]  # what the operations that are left come to
    inserted = runs[row, column, chosen]  # how many of them are insertions, first
    operations = np.zeros((len(chosen), MAX_EDITS), dtype=np.int64)
    for step in range(MAX_EDITS):
        open_rows = (row > 0) | (column > 0)
        if not open_rows.any():
            break
        up, left = np.maximum(row - 1, 0), np.maximum(column - 1, 0)
        options = np.stack(
            [
                costs.substitution[up, left, chosen],
                costs.transposition[up, left, chosen],
                costs.omission[up, chosen],
                costs.insertion[row, left, chosen],
            ]
        )  # [4, K]
        sources = np.stack(
            [
                np.where((row > 0) & (column > 0), cells[up, left, chosen], -np.inf),
                np.where(
                    (row > 1) & (column > 1) & (options[1] > 0),
                    cells[np.maximum(row - 2, 0), np.maximum(column - 2, 0), chosen],
                    -np.inf,
                ),
                np.where(row > 0, cells[up, column, chosen], -np.inf),
            ]
        )
        paid = table[options[:3]]
        paid[0] = costs.aimed[up, left, chosen]
        taken = np.where(inserted > 0, 3, np.abs(sources + paid - here).argmin(0))
        operations[:, step] = np.where(open_rows, options[taken, each], NONE)
        row = np.where(open_rows, row - np.array([1, 2, 1, 0])[taken], row)
        column = np.where(open_rows, column - np.array([1, 2, 0, 1])[taken], column)
        here = np.where(taken == 3, here - table[options[3]], cells[row, column, chosen])
        inserted = np.where(taken == 3, inserted - 1, runs[row, column, chosen])
    return operations


def keys_hit(operations: Int64, length: int) -> tuple[Int64, Int64]:
    """Return what each typed character was meant for, as (intended class or -1, edit id) [K, length].

    operations: [K, MAX_EDITS] of alignments with `length` typed characters. -1 and NONE for characters that
    are no match or substitution.
    """
    position = length - np.cumsum(_TYPED_BY[operations], axis=1)  # from the end, as operations are
    candidate, step = np.nonzero(_HIT_FOR[operations] >= 0)
    hit = np.full((len(operations), length), NONE, dtype=np.int64)
    hit[candidate, position[candidate, step]] = operations[candidate, step]
    return _HIT_FOR[hit], hit
