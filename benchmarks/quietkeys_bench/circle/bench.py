"""`quietkeys bench circle`: what it is worth to share keys between two devices of one person.

A person's text is typed on two devices in turn, session by session. Each device learns from its half, and
tests what is kept back with three updates: trained on its own half, on both halves under shared keys, and on
all of the text typed on one device. Words and mistakes are the same wherever they are typed. Local memory is
not shared: each device has the memory of its half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation.ladder import (
    Learner,
    Tested,
    encoded_report,
    learn_person,
    split,
    try_person,
    verdict,
)
from quietkeys.evaluation.machine import this_machine
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.writer import Writer
from quietkeys.prediction.counting import HOPE
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_bench.common.circles import CircleTraining, in_turn, shares
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Half, Misspellings
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import Hand, Person

RATE: Final = 0.08  # of letters typed wrong, as in the other benches
DEVICES: Final = ("first", "second")
ALL: Final = (*DEVICES, "one")
RUNGS: Final = ("local", "alone", "joined", "one")


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. words_limit: of every person's words, around the split; 0 for all."""

    people: Sequence[Person]
    seed: int = 0
    words_limit: int = 0
    mode: Mode = Mode.CLEAR
    misspellings: Misspellings = NOTHING
    half: Half = Half.ALL
    frozen: bool = False

    @property
    def hand(self) -> Hand:
        """How they type."""
        return Hand(self.seed, RATE, self.misspellings)


def run(settings: Settings, out: Path, subject: Subject, training: CircleTraining, tell: Tell) -> None:
    """Measure everybody; write the figures after each. Raises OSError, ValueError (text), QuietkeysError."""
    people: list[dict[str, Any]] = []
    for done, person in enumerate(settings.people):
        tell(done, len(settings.people), person.name)
        people.append(_measured(settings, person, subject, training))
        figures = {
            "bench": "circle",
            "mode": settings.mode.value,
            "p_error": subject.model.plan.p_error,
            "subject": subject.identity,
            "seeds": [settings.seed],
            "rate": RATE,
            "words_limit": settings.words_limit,
            "misspellings": settings.misspellings.identity,
            "half": settings.half.value,
            "frozen": settings.frozen,
            "machine": this_machine().tree(),
            "totals": _totals(people),
            "people": people,
        }
        write_figures(out, "circle", figures)


def _measured(
    settings: Settings, person: Person, subject: Subject, training: CircleTraining
) -> dict[str, Any]:
    plan = subject.model.plan
    writer, words = settings.hand.writes(person)
    learnt, tested = split(words, settings.words_limit or None)
    halves = in_turn(learnt, len(DEVICES))
    learners = {
        name: learn_person(subject.model, own, writer, person.chance(settings.seed, 7))
        for name, own in zip(ALL, (*halves, learnt), strict=True)
    }
    reports = {name: encoded_report(plan, learner) for name, learner in learners.items()}
    parts = [shares(reports[name], len(DEVICES), person.chance(settings.seed, 11)) for name in DEVICES]
    updates = {name: adapter_of(plan, Weights(1, training.alone(report))) for name, report in reports.items()}
    updates["joined"] = adapter_of(plan, Weights(1, training.joined(parts)))
    devices = [_device(settings, writer, name, learners[name], tested, updates) for name in ALL]
    return {
        "person": person.name,
        "words_learnt": {name: len(words) for name, words in zip(DEVICES, halves, strict=True)},
        "words_tested": sum(word.scored for word in tested),
        "devices": devices,
    }


def _device(
    settings: Settings,
    writer: Writer,
    name: str,
    learner: Learner,
    tested: Sequence[Word],
    updates: Mapping[str, Adapter],
) -> dict[str, Any]:
    adapters = {"alone": updates[name], "joined": updates["joined"], "one": updates["one"]}
    if name == "one":
        del adapters["alone"], adapters["joined"]
    outcome = try_person(learner, tested, writer, adapters, settings.frozen)
    return {
        "device": name,
        "rungs": [_rung(outcome, rung) for rung in outcome.right],
        "applied": {rung: verdict(learner, adapter).applied for rung, adapter in adapters.items()},
    }


def _rung(outcome: Tested, rung: str) -> dict[str, Any]:
    return {
        "rung": rung,
        "right": int(np.sum(outcome.right[rung])),
        "gain": float(np.mean(np.expm1(HOPE * np.array(outcome.log_likelihood.get(rung) or [0.0])) / HOPE)),
    }


def _totals(people: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, by rung, the words that came out right on the two devices, and the mean gain."""
    rows = [
        (person, rung)
        for person in people
        for device in person["devices"]
        if device["device"] in DEVICES
        for rung in device["rungs"]
    ]
    totals = []
    for name in RUNGS:
        own = [(person, rung) for person, rung in rows if rung["rung"] == name]
        words = sum(person["words_tested"] for person, _ in own)
        right = sum(rung["right"] for _, rung in own)
        gain = sum(rung["gain"] * person["words_tested"] for person, rung in own) / words
        totals.append({"rung": name, "words": words, "right": right, "gain": gain})
    return totals
