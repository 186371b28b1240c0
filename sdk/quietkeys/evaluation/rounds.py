"""Rounds, one after the other: what each would send, what comes back, and what the gate says of it.

The same words are counted anew under each adapter, as a device does whose user types nothing in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.prediction.counting import Choices
from quietkeys.prediction.model import Model
from quietkeys.prediction.public_choices import PublicChoices
from quietkeys.updates.evidence import MISTAKE_WEIGHT, TEXT_WEIGHT, evidence
from quietkeys.updates.gate import Verdict, is_bearable, judge
from quietkeys.updates.report import Encoded, encode
from quietkeys.updates.steps import stepped
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_protocol.program import reference

Train = Callable[[Mapping[str, Encoded]], Mapping[str, Int64]]  # a report in clear -> the step


@dataclass(frozen=True, slots=True, repr=False)
class Evidence:
    """What rounds are made from. own: counted choices, and what each weighs. held_out: for the gate."""

    own: tuple[Choices, Float64]
    held_out: Choices
    public: PublicChoices
    text_weight: float = TEXT_WEIGHT
    mistake_weight: float = MISTAKE_WEIGHT


@dataclass(frozen=True, slots=True, repr=False)
class Round:
    """One round: the report, the step that came back, where it leads, and the gate's verdict on that.

    used: the weights in use afterwards, those before it where the gate refuses.
    """

    report: Mapping[str, Encoded]
    step: Mapping[str, Int64]
    led: Weights
    verdict: Verdict
    used: Weights


def rounds(
    model: Model, given: Evidence, count: int, train: Train | None = None, *, gated: bool = True
) -> Iterator[Round]:
    """Yield so many rounds, from no adapter on.

    train: None for the integer program in the clear. gated: whether what the gate refuses is not used.
    Raises Untrusted (UPDATE_UNTRUSTED) for a step that training cannot yield.
    """
    plan, events = model.plan, model.events
    used = Weights(0, {block.name: np.zeros(block.width, np.int64) for block in plan.blocks})
    for _ in range(count):
        adapter = adapter_of(plan, used)
        masses = evidence(
            events, plan, given.own, given.public, adapter, given.text_weight, given.mistake_weight
        )
        report = {
            block.name: encode(block, masses[block.name], block.A @ used.by_block[block.name] * block.z_unit)
            for block in plan.blocks
        }
        step = _reference(model, report) if train is None else train(report)
        bearable = partial(is_bearable, events, plan, given.public.judging)
        led = Weights(used.version + 1, stepped(plan, used, step, 1, bearable))
        verdict = judge(events, plan, given.held_out, adapter, adapter_of(plan, led), given.public.judging)
        used = led if verdict.applied or not gated else used
        yield Round(report, step, led, verdict, used)


def _reference(model: Model, report: Mapping[str, Encoded]) -> dict[str, Int64]:
    return {
        block.name: reference(
            block, report[block.name].strength, report[block.name].gradient, report[block.name].weights
        )[0]
        for block in model.plan.blocks
    }
