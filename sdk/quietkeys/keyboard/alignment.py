"""The most probable way in which each candidate could have become what was typed.

A weighted edit distance (substitution, omission, insertion, transposition of neighbours) where every
operation costs its log-probability under the channel model, maximised by dynamic programming
(Damerau 1964; Brill and Moore 2000 for learnt costs), for all candidates at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import QWERTY, Layout

MAX_WORD: Final = 24  # longest word that is aligned, in characters; longer ones are left alone
MAX_EDITS: Final = MAX_WORD + 4  # columns of an alignment
_INSERTION_RUN: Final = 3  # longest run of inserted characters considered
_PADDING: Final = edits.OTHER


def _typed_by(edit: int) -> int:
    kind = edits.describe(edit)[0]
    if kind.startswith("transposition"):
        return 2
    return 0 if kind.startswith(("none", "omission")) else 1


def _hit_for(edit: int) -> int:
    kind, intended, _ = edits.describe(edit)
    return intended if kind in ("match", "substitution") else -1


_TYPED_BY: Final = np.array([_typed_by(edit) for edit in range(edits.EDIT_COUNT)])  # typed characters of each
_HIT_FOR: Final = np.array([_hit_for(edit) for edit in range(edits.EDIT_COUNT)])  # intended class or -1


@dataclass(frozen=True, slots=True)
class Alignments:
    """Alignments of K candidates with one typed word.

    log_probability: [K] sum of the operations' log-probabilities (nats), touches included.
    cells: [L + 1, T + 1, K] the dynamic programme's table, for `operations`.
    """

    log_probability: NDArray[np.float64]
    cells: NDArray[np.float64]
    costs: _Costs
    lengths: NDArray[np.int64]

    def operations(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the edit ids of the candidates with these indices: [len(chosen), MAX_EDITS]."""
        return _trace_back(self, chosen)


@dataclass(frozen=True, slots=True)
class _Costs:
    """Edit ids and log-probabilities of every possible step.

    substitution: [L, T, K]; omission: [L, K]; insertion: [L + 1, T, K]; transposition: [L, T, K]
    (0 where it does not apply). aimed: [L, T, K] log-probability of the substitutions, touches included.
    """

    table: NDArray[np.float64]
    aimed: NDArray[np.float64]
    substitution: NDArray[np.int64]
    omission: NDArray[np.int64]
    insertion: NDArray[np.int64]
    transposition: NDArray[np.int64]


def _steps(
    table: NDArray[np.float64],
    typed: NDArray[np.int64],
    intended: NDArray[np.int64],
    layout: Layout,
    emission: NDArray[np.float64] | None,
) -> _Costs:
    # typed [T], intended [L, K]
    previous = np.vstack([np.full((1, intended.shape[1]), -1), intended[:-1]])  # [L, K]
    substitution = 1 + intended[:, None, :] * edits.CLASSES + typed[None, :, None]
    omission = np.where(
        intended == previous, edits.omission(0, repeated=True), edits.omission(0, repeated=False)
    )
    omission = omission + intended
    padded = np.full((1, intended.shape[1]), _PADDING)
    before = np.vstack([padded, intended])[:, None, :]  # [L + 1, 1, K] intended just before
    after = np.vstack([intended, padded])[:, None, :]  # [L + 1, 1, K] intended next
    typed_before = np.concatenate([[-1], typed[:-1]])[None, :, None]  # [1, T, 1]
    now = typed[None, :, None]  # [1, T, 1]
    repeated = (now == before) | (now == after) | (now == typed_before)
    near = layout.adjacent[now, before] | layout.adjacent[now, after]
    kind = np.where(repeated, 0, np.where(near, 1, 2))
    insertion = edits.insertion(0, edits.InsertionKind.REPEATED) + kind * edits.CLASSES + now
    swapped = np.zeros(substitution.shape, dtype=np.int64)
    if len(typed) > 1 and len(intended) > 1:
        first, second = intended[:-1, None, :], intended[1:, None, :]  # [L - 1, 1, K]
        applies = (first == typed[None, 1:, None]) & (second == typed[None, :-1, None])
        swap = np.where(
            layout.one_hand[first, second],
            edits.transposition(same_hand=True),
            edits.transposition(same_hand=False),
        )
        swapped[1:, 1:] = np.where(applies & (first != second), swap, 0)
    aimed = table[substitution]
    if emission is not None:
        touched = emission.T[intended].transpose(0, 2, 1)  # [L, T, K]
        aimed = np.where(np.isnan(touched), aimed, touched)
    return _Costs(table, aimed, substitution, omission, insertion, swapped)


def align(
    channel: NDArray[np.float64],
    typed: str,
    candidates: NDArray[np.integer[Any]],
    lengths: NDArray[np.int64],
    layout: Layout = QWERTY,
    emission: NDArray[np.float64] | None = None,
) -> Alignments:
    """Return the best alignments of K candidate words with what was typed.

    channel: [EDIT_COUNT] log-probability (nats) of every edit id. candidates: [K, L] character
    classes, padded at will beyond `lengths` [K]. Both words must hold 1..MAX_WORD characters. layout: what
    was typed on; the channel is for it (`slips.layout_channel`). emission: [T, 28] what takes the place of
    log P(typed | intended) where a touch is known, NaN elsewhere (`touch.TouchModel.emission`).
    """
    typed_classes = np.array(edits.character_classes(typed), dtype=np.int64)  # [T]
    longest = int(lengths.max())
    intended = np.ascontiguousarray(candidates[:, :longest].T.astype(np.int64))  # [L, K]
    costs = _steps(channel, typed_classes, intended, layout, emission)
    substitution = costs.aimed
    omission = channel[costs.omission]
    insertion = channel[costs.insertion]
    transposition = np.where(costs.transposition > 0, channel[costs.transposition], -np.inf)
    typed_length, count = len(typed_classes), len(candidates)
    cells = np.full((longest + 1, typed_length + 1, count), -np.inf)
    for row in range(longest + 1):
        best = cells[row]
        if row == 0:
            best[0] = 0.0
        else:
            best[:] = cells[row - 1] + omission[row - 1]
            np.maximum(best[1:], cells[row - 1, :-1] + substitution[row - 1], out=best[1:])
            if row > 1:
                np.maximum(best[2:], cells[row - 2, :-2] + transposition[row - 1, 1:], out=best[2:])
        for _ in range(min(_INSERTION_RUN, typed_length)):
            np.maximum(best[1:], best[:-1] + insertion[row], out=best[1:])
    final = cells[lengths, typed_length, np.arange(count)]
    return Alignments(final, cells, costs, lengths)


def _trace_back(alignments: Alignments, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    cells, costs = alignments.cells, alignments.costs
    table = costs.table
    row = alignments.lengths[chosen].copy()
    column = np.full(len(chosen), cells.shape[1] - 1)
    operations = np.zeros((len(chosen), MAX_EDITS), dtype=np.int64)
    for step in range(MAX_EDITS):
        open_rows = (row > 0) | (column > 0)
        if not open_rows.any():
            break
        here = cells[row, column, chosen]
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
                np.where(column > 0, cells[row, left, chosen], -np.inf),
            ]
        )
        paid = table[options]
        paid[0] = costs.aimed[up, left, chosen]
        taken = np.abs(sources + paid - here).argmin(0)
        operations[:, step] = np.where(open_rows, options[taken, np.arange(len(chosen))], edits.NONE)
        back_row = np.array([1, 2, 1, 0])[taken]
        back_column = np.array([1, 2, 0, 1])[taken]
        row = np.where(open_rows, row - back_row, row)
        column = np.where(open_rows, column - back_column, column)
    return operations


def keys_hit(operations: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each typed character was meant for, as (intended class or -1, edit id) [K, length].

    operations: [K, MAX_EDITS] of alignments with `length` typed characters. -1 and NONE for characters that
    are no match or substitution.
    """
    position = length - np.cumsum(_TYPED_BY[operations], axis=1)  # from the end, as operations are
    candidate, step = np.nonzero(_HIT_FOR[operations] >= 0)
    hit = np.full((len(operations), length), edits.NONE, dtype=np.int64)
    hit[candidate, position[candidate, step]] = operations[candidate, step]
    return _HIT_FOR[hit], hit


def touch_correction(
    channel: NDArray[np.float64], operations: NDArray[np.int64], emission: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what touches add to the channel's sum over the operations, nats [K]; 0 where none is known.

    channel: [EDIT_COUNT]. operations: [K, MAX_EDITS], aligned with these touches or without. emission:
    [T, 28] as in `align`.
    """
    intended, hit = keys_hit(operations, len(emission))
    touched = emission[np.arange(len(emission)), intended]  # [K, T]
    known = (intended >= 0) & ~np.isnan(touched)
    correction: NDArray[np.float64] = np.where(known, touched - channel[hit], 0.0).sum(1)
    return correction
