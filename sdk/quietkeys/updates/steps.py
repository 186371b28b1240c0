"""From a decrypted step to new weights: how far it is followed, and how far all steps together may lead.

A first step is followed whole, but for the literal block's, half: each block is trained as if the others
stood still, and channel and ranker move what was typed as well. Later ones are followed half: they start from
counts that the update before has changed, and half steps cannot swing. Where the sum would leave its bounds
(`gate.within`), or forget too many public mistakes (`gate.forgotten`), less of the step is followed; so
typing that wants an extreme adapter gets one at the bound, not a refusal each day.

Steps after the first are short, and the noise of an encrypted run is not: a device that is alone asks for
them FINER times as long as it means them, and divides what comes back.

    alone         u <- base + s step / FINER     the step is from the weights that were counted under
    with others   u <- base + s (step - base)    it is from zero, joint: devices that differ come together
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.updates.gate import NORM_BOUND, SUM_BOUND, within
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan

LATER: Final = 0.5  # share of a step that is followed where there is an adapter already
FINER: Final = 2.0  # times as long as meant comes such a step, where nobody adds to it
FIRST: Final = {"literal": 0.5}  # of a first step, by block; 1 of the others
_SHRINK: Final = 0.8  # of that share, per try to stay in bounds
_TRIES: Final = 12  # down to 9 %


def stepped(
    plan: Plan,
    base: Weights,
    step: Mapping[str, Int64],
    sources: int,
    is_bearable: Callable[[Adapter], bool] = lambda _: True,
) -> dict[str, Int64]:
    """Return the weights that a step leads to; those of the base where no share of it is bearable.

    base: what the report was counted under. sources: of the report. is_bearable: whether an adapter within
    its bounds may be used, as far as public evidence tells. Raises Untrusted (UPDATE_UNTRUSTED) for a step
    that training cannot yield.
    """
    if not within(plan, adapter_of(plan, Weights(base.version, step)), NORM_BOUND):
        raise Untrusted(ErrorCode.UPDATE_UNTRUSTED, "a step too large")
    share, of_block = (LATER, {}) if _has_begun(base) else (1.0, FIRST)
    share /= length(base, sources)
    for _ in range(_TRIES):
        new = {
            block.name: _moved(
                base.by_block[block.name], step[block.name], sources, share * of_block.get(block.name, 1.0)
            )
            for block in plan.blocks
        }
        adapter = adapter_of(plan, Weights(base.version, new))
        if within(plan, adapter, SUM_BOUND) and is_bearable(adapter):
            return new
        share *= _SHRINK
    return dict(base.by_block)


def length(base: Weights, sources: int) -> float:
    """Return how many times as long as it is meant the step from a base comes back."""
    return FINER if sources == 1 and _has_begun(base) else 1.0


def _has_begun(weights: Weights) -> bool:
    return any(block.any() for block in weights.by_block.values())


def _moved(base: Int64, step: Int64, sources: int, share: float) -> Int64:
    target = step if sources > 1 else base + step
    moved: Int64 = np.rint(base + share * (target - base)).astype(np.int64)
    return moved
