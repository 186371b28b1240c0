"""One cell of the personalization bench: one person, one seed, one rate, one mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from quietkeys.arrays import Bool, Int64
from quietkeys.evaluation.ladder import Tested, learn_person, split, try_person, yardsticks
from quietkeys.evaluation.rounds import (
    ENCRYPTED,
    REFERENCE,
    Round,
    Train,
    evidence_of,
    round_adapters,
    rounds,
    rung_of,
)
from quietkeys.updates.gate import Verdict
from quietkeys_bench.common.figures import Figures, kept_figures, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Misspellings
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_bench.common.training import field_of, simulated
from quietkeys_bench.personalization.probe import NO_PROBE, Probe, try_probe
from quietkeys_protocol.plan import Plan


@dataclass(frozen=True, slots=True)
class Cell:
    """What is measured once. words_limit: of the person's words, around the split; 0 for all.

    frozen: memory learns nothing while it is tested. rounds: of updates. yardsticks: whether the rungs in
    floating point are measured too. probe: rows of mistakes that are tried on every rung.
    """

    person: Person
    seed: int
    rate: float
    mode: Mode
    words_limit: int
    misspellings: Misspellings = NOTHING
    frozen: bool = False
    rounds: int = 1
    yardsticks: bool = True
    probe: Probe = NO_PROBE

    def path(self, folder: Path) -> Path:
        """Return where the figures of this cell lie."""
        return folder / f"{self.person.name}-seed{self.seed}-rate{self.rate:g}-{self.mode}.json"

    def identity(self, subject: str) -> dict[str, object]:
        """Return what must agree for figures to be of this cell."""
        return {
            "person": self.person.name,
            "seed": self.seed,
            "rate": self.rate,
            "mode": self.mode.value,
            "subject": subject,
            "words_limit": self.words_limit,
            "misspellings": self.misspellings.identity,
            "frozen": self.frozen,
            "rounds_limit": self.rounds,
            "yardsticks": self.yardsticks,
            "probed": self.probe.identity,
        }

    def figures(self, folder: Path, subject: str) -> Figures:
        """Return figures that an earlier run has left, or nothing if they are missing or of another model."""
        return kept_figures(self.path(folder), "person", self.identity(subject))

    def measure(self, subject: Subject, folder: Path, train: Train | None = None) -> None:
        """Type, learn, train and test one person; write the figures.

        train: makes the `encrypted` rung in execute mode. Raises OSError, ValueError (text), QuietkeysError.
        """
        if self.mode is Mode.SIMULATE:
            train = partial(simulated, subject.model.plan)
        writer, words = Hand(self.seed, self.rate, self.misspellings).writes(self.person)
        learnt, tested = split(words, self.words_limit or None)
        learner = learn_person(subject.model, learnt, writer, self.person.chance(self.seed))
        made = list(rounds(subject.model, evidence_of(learner), self.rounds, train, gated=False))
        adapters = yardsticks(learner) if self.yardsticks else {}
        adapters |= round_adapters(subject.model.plan, made, encrypted=train is not None)
        outcome = try_person(learner, tested, writer, adapters, self.frozen)
        figures = {
            **self.identity(subject.identity),
            "words_learnt": len(learnt),
            "words_tested": len(outcome.words),
            "rungs": [rung_figures(outcome, name, name) for name in outcome.right],
            "rounds": [
                _round(number, one, subject.model.plan, outcome, train is not None)
                for number, one in enumerate(made, 1)
            ],
            "probe": try_probe(self.probe, subject, learner.predictor, adapters),
        }
        write_figures(self.path(folder), "person", figures)


def _round(number: int, one: Round, plan: Plan, outcome: Tested, encrypted: bool) -> dict[str, object]:
    reference = rung = rung_of(REFERENCE, number)
    agreement = None
    if encrypted:
        rung = rung_of(ENCRYPTED, number)
        same = np.mean([a == b for a, b in zip(outcome.best[rung], outcome.best[reference], strict=True)])
        agreement = {
            "blocks": _agreement(plan, one.step, one.clear),
            "same_best": float(same),
        }
    spilled, field = field_of(plan, one.report, one.step)
    return {
        "rung": rung,
        **verdict_figures(one.verdict),
        "silent": list(one.silent),
        "spilled": spilled,
        "field": field,
        "agreement": agreement,
    }


def verdict_figures(verdict: Verdict) -> dict[str, object]:
    """Return what a gate decided, as in `person.json`."""
    return {name: getattr(verdict, name) for name in Verdict.__slots__}


def rung_figures(outcome: Tested, rung: str, name: str) -> dict[str, object]:
    """Return how a rung did, under a name, as in `rung.json`."""
    right = np.array(outcome.right[rung])
    return {
        "rung": name,
        "right": int(right.sum()),
        "from_base": _changes(np.array(outcome.right["base"]), right),
        "from_local": _changes(np.array(outcome.right["local"]), right),
        "log_likelihood": float(np.mean(outcome.log_likelihood.get(rung) or [0.0])),
        **{name: list(counts) for name, counts in outcome.shares(rung).items()},
    }


def _changes(before: Bool, after: Bool) -> list[int]:
    # (words put right, words put wrong)
    return [int((after & ~before).sum()), int((~after & before).sum())]


def _agreement(
    plan: Plan, weights: Mapping[str, Int64], expected: Mapping[str, Int64]
) -> list[dict[str, object]]:
    # Per block: |z - z_ref| / |z_ref|, and the slope of z against z_ref through the origin.
    rows: list[dict[str, object]] = []
    for block in plan.blocks:
        z, z_ref = (block.A @ u[block.name].astype(np.float64) for u in (weights, expected))
        size = float(z_ref @ z_ref) or 1.0
        distance = float(np.linalg.norm(z - z_ref)) / size**0.5
        rows.append({"block": block.name, "relative_l2": distance, "slope": float(z @ z_ref) / size})
    return rows
