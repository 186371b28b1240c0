"""The gate: the device's own judgement of an update, before it is applied.

First, whether decrypted weights can be what the plan computes: FHE hides the counts and vouches for nothing.
The range is always checked. With one source the device knows every input, so it runs the integer program
itself, in milliseconds, and refuses what lies farther away than approximate rounding explains.

Then, whether it helps. Old and new adapter score the same held-out events, which were never counted. The
update is applied when the kept words become likelier (`counting.hopes`), rather not by chance (a one-sided
paired test over events, at 62 %: later rounds are small steps) unless it puts clearly more words wrong than
right (the sign test on the words that change, at two standard errors), or forgets: if of the bundle's public
mistakes it puts clearly fewer right than no adapter does. An update far outside what training can yield, in
one event or over all of a block, is refused unseen; so is one that leads too far from the base model, all
steps together.

The same comparison, the other way round and with more asked of it, says whether an adapter in use does harm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.counting import HOPE, Choices, Lean, come_first, hopes, scores
from quietkeys.prediction.events import EventMap
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import VALUES, Block, Plan
from quietkeys_protocol.program import reference

TOLERANCE: Final = 0.25  # relative L2 distance of z = A u from the reference's, over the events of a block
MINIMUM_EVENTS: Final = 60  # held-out events below which nothing is applied
LIKELIER: Final = 0.3  # standard errors by which the mean must rise
MORE_WRONG: Final = 2.0  # standard errors of the count of changed words, beyond which harm is clear
HARM: Final = 2.33  # standard errors by which the mean must have fallen for an adapter to be taken back
NORM_BOUND: Final = 0.8  # root mean square of a block's z, in units of the largest that its field holds
EVENT_BOUND: Final = 4.0  # nats that all steps together may move the score of one event
SUM_BOUND: Final = 1.6  # as NORM_BOUND, of all steps together
FORGOTTEN: Final = 0.015  # share of public mistakes that an adapter may put right less often than none


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What the gate decided and why, in words for the user's ledger. Figures are private.

    events: held-out events judged. gain: mean rise of (P^q - 1) / q of the kept word (`counting.hopes`), nats
    where it is sure.
    error: its standard error. fixed, broken: events where only the new, only the old adapter is right.
    right: events where the old one is.
    """

    applied: bool
    reason: str
    events: int
    gain: float
    error: float
    fixed: int
    broken: int
    right: int = 0


def weights_of(plan: Plan, arrays: Sequence[Int64]) -> dict[str, Int64]:
    """Return decrypted weights by block; Untrusted (UPDATE_UNTRUSTED) outside the plan's sizes and ranges."""
    fields = plan.update_fields
    if len(arrays) != len(fields):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "number of values")
    for array, field in zip(arrays, fields, strict=True):
        if array.shape != (field.size,) or array.min() < field.low or array.max() > field.high:
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, f"weights of {field.block}")
    return {field.block: array.astype(np.int64) for field, array in zip(fields, arrays, strict=True)}


def check_against_reference(plan: Plan, sent: Sequence[Int64], weights: Mapping[str, Int64]) -> None:
    """Refuse weights that training on `sent` alone cannot have given.

    sent: the arrays of the only report, in the order of `Plan.report_fields`. Raises Untrusted
    (UPDATE_UNTRUSTED).
    """
    for index, block in enumerate(plan.blocks):
        strength, gradient = sent[VALUES * index : VALUES * (index + 1)]
        expected, _ = reference(block, strength, gradient)
        if distance(block, weights[block.name], expected) > TOLERANCE:
            raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, f"not the training of {block.name}")


def distance(block: Block, weights: Int64, expected: Int64) -> float:
    """Return |A u - A u'| / |A u'|, taking |A u'| for no less than a quarter of a look-up's step per event.

    Below that the program itself does not see z (`program.dither`), so a relative error means nothing.
    """
    off = float(np.linalg.norm(block.A @ (weights - expected)))
    size = float(np.linalg.norm(block.A @ expected))
    unseen = (1 << (block.z_bits - block.z_top_bits - 2)) * math.sqrt(len(block.events))
    return off / max(size, unseen)


def judge(
    events: EventMap, plan: Plan, choices: Choices, old: Adapter, new: Adapter, mistakes: Choices
) -> Verdict:
    """Return the verdict on replacing `old` by `new`, judged on held-out choices and public mistakes."""
    if not within(plan, new, SUM_BOUND):
        return _refused("the update lies outside what training can yield", len(choices))
    if len(choices) < MINIMUM_EVENTS:
        return _refused("there was too little typing to judge it by", len(choices))
    gain, error, fixed, broken, right = _compared(events, plan, choices, old, new)
    helps = gain > LIKELIER * error and gain > 0.0
    forgets = helps and not is_bearable(events, plan, mistakes, new)
    applied = helps and not forgets and broken - fixed <= MORE_WRONG * math.sqrt(fixed + broken)
    words = f"the {len(choices)} words of yours that were kept aside to check it"
    if applied:
        reason = f"it guesses {words} better than before"
    elif forgets:
        reason = "it would leave too many misspellings as they are"
    elif helps:
        reason = f"of {words} it would put clearly more wrong than right"
    else:
        reason = f"it does not guess {words} clearly better than before"
    return Verdict(applied, reason, len(choices), gain, error, fixed, broken, right)


def harm(events: EventMap, plan: Plan, choices: Choices, before: Adapter, now: Adapter) -> bool:
    """Return whether choices that are younger than `now` clearly speak for the adapter before it."""
    if len(choices) < MINIMUM_EVENTS:
        return False
    gain, error, _, _, _ = _compared(events, plan, choices, before, now)
    return gain < -HARM * error and gain < 0.0


def forgotten(events: EventMap, plan: Plan, mistakes: Choices, adapter: Adapter) -> float:
    """Return the share of public mistakes that come first under no adapter, less that under this one."""
    if not len(mistakes):
        return 0.0
    before = come_first(mistakes, scores(mistakes, Lean.none(events)))
    after = come_first(mistakes, scores(mistakes, Lean.of(events, plan, adapter)))
    return float(before.mean() - after.mean())


def is_bearable(events: EventMap, plan: Plan, mistakes: Choices, adapter: Adapter) -> bool:
    """Return whether an adapter forgets no more public mistakes than it may."""
    return forgotten(events, plan, mistakes, adapter) <= FORGOTTEN


def within(plan: Plan, adapter: Adapter, norm_bound: float) -> bool:
    """Return whether an adapter, or a step, is finite, and no event and no block is moved too far.

    norm_bound: of a block's root mean square, in units of the largest z that its field holds.
    """
    for block in plan.blocks:
        weights = adapter.weights[block.name].astype(np.float64)
        if weights.shape != (block.width,) or not np.isfinite(weights).all():
            return False
        z = block.A @ weights  # [M], in nats
        largest = block.z_unit * (1 << (block.z_bits - 1))
        if np.abs(z).max() > EVENT_BOUND or np.sqrt(np.mean(z**2)) > norm_bound * largest:
            return False
    return True


def _compared(
    events: EventMap, plan: Plan, choices: Choices, old: Adapter, new: Adapter
) -> tuple[float, float, int, int, int]:
    # (mean rise, its standard error, words put right, put wrong, right before)
    before, after = (scores(choices, Lean.of(events, plan, adapter)) for adapter in (old, new))
    rise = (hopes(choices, after) - hopes(choices, before)) / HOPE
    was_right, is_right = come_first(choices, before), come_first(choices, after)
    fixed, broken = int((is_right & ~was_right).sum()), int((was_right & ~is_right).sum())
    error = float(rise.std(ddof=1)) / math.sqrt(len(rise))
    return float(rise.mean()), error, fixed, broken, int(was_right.sum())


def _refused(reason: str, events: int) -> Verdict:
    return Verdict(False, reason, events, 0.0, 0.0, 0, 0)
