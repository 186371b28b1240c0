"""Rounds, one after the other: what each would send, what comes back, and what the gate says of it.

The same words are counted anew under each adapter, as a device does whose user types nothing in between.
Whoever measures what a device gets from rounds that are not gated takes those up to the first that the gate
refuses: the same words would have the next one refused as well.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation.ladder import Learner, reference_weights
from quietkeys.prediction.counting import Choices
from quietkeys.prediction.model import Model
from quietkeys.prediction.public_choices import PublicChoices
from quietkeys.updates.evidence import MISTAKE_WEIGHT, TEXT_WEIGHT, evidence
from quietkeys.updates.gate import Verdict, is_bearable, judge
from quietkeys.updates.report import Encoded, encoded
from quietkeys.updates.steps import stepped
from quietkeys.updates.versions import Weights, adapter_of, no_weights
from quietkeys_protocol.plan import Plan

REFERENCE: Final = "reference"  # rungs
ENCRYPTED: Final = "encrypted"

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

    before: the weights that the report was counted under. clear, exact: the step of the integer program in
    the clear, for the same report, and where that leads; `step` and `led` where nothing is encrypted. used:
    the weights in use afterwards, those before it where the gate refuses.
    """

    before: Weights
    report: Mapping[str, Encoded]
    step: Mapping[str, Int64]
    clear: Mapping[str, Int64]
    led: Weights
    exact: Weights
    verdict: Verdict
    used: Weights

    @property
    def silent(self) -> tuple[str, ...]:
        """The blocks of which the report says nothing."""
        return tuple(name for name, block in self.report.items() if not block.gradient.any())


def evidence_of(learner: Learner) -> Evidence:
    """Return what a person's rounds are made from, at the weights that devices use."""
    return Evidence(learner.recorder.counted(), learner.held_out(), learner.public())


def report_of(model: Model, given: Evidence, used: Weights, sources: int = 1) -> dict[str, Encoded]:
    """Return the blocks of a report in the clear, counted under the weights in use. sources: that add up."""
    weights = given.text_weight, given.mistake_weight
    adapter = adapter_of(model.plan, used)
    masses = evidence(model.events, model.plan, given.own, given.public, adapter, *weights)
    return encoded(model.plan, masses, used, sources)


def followed(
    model: Model, given: Evidence, used: Weights, step: Mapping[str, Int64], sources: int = 1
) -> Weights:
    """Return where a step leads from the weights in use, by the rules of devices. sources: that add up.

    Raises Untrusted (UPDATE_UNTRUSTED) for a step that training cannot yield.
    """
    bearable = partial(is_bearable, model.events, model.plan, given.public.judging)
    return Weights(used.version + 1, stepped(model.plan, used, step, sources, bearable))


def rounds(
    model: Model, given: Evidence, count: int, train: Train | None = None, *, gated: bool = True
) -> Iterator[Round]:
    """Yield so many rounds, from no adapter on.

    train: None for the integer program in the clear. gated: whether what the gate refuses is not used.
    Raises Untrusted (UPDATE_UNTRUSTED) for a step that training cannot yield.
    """
    plan, events = model.plan, model.events
    used = no_weights(plan)
    for _ in range(count):
        adapter = adapter_of(plan, used)
        report = report_of(model, given, used)
        clear = reference_weights(plan, report)
        exact = followed(model, given, used, clear)
        step = clear if train is None else train(report)
        led = exact if train is None else followed(model, given, used, step)
        verdict = judge(events, plan, given.held_out, adapter, adapter_of(plan, led), given.public.judging)
        before, used = used, led if verdict.applied or not gated else used
        yield Round(before, report, step, clear, led, exact, verdict, used)


def training_only(plan: Plan, names: Container[str]) -> Train:
    """Return what trains these blocks alone, by the integer program in the clear; the others stay."""

    def train(report: Mapping[str, Encoded]) -> Mapping[str, Int64]:
        step = reference_weights(plan, report)
        return {name: one if name in names else np.zeros_like(one) for name, one in step.items()}

    return train


def in_use(made: Sequence[Round]) -> int:
    """Return how many of rounds that were not gated a device uses: those before the first that it refuses."""
    return next((number for number, one in enumerate(made) if not one.verdict.applied), len(made))


def rung_of(name: str, number: int) -> str:
    """Return the rung of a round: "reference", then "reference-2" and so on."""
    return name if number == 1 else f"{name}-{number}"


def round_adapters(plan: Plan, made: Sequence[Round], encrypted: bool) -> dict[str, Adapter]:
    """Return the adapters that rounds lead to, by rung.

    encrypted: whether the rounds were trained so; then there are also those that the integer program, in the
    clear, makes of the same reports.
    """
    adapters: dict[str, Adapter] = {}
    for number, one in enumerate(made, 1):
        adapters[rung_of(REFERENCE, number)] = adapter_of(plan, one.exact)
        if encrypted:
            adapters[rung_of(ENCRYPTED, number)] = adapter_of(plan, one.led)
    return adapters
