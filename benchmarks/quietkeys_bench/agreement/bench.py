"""`quietkeys bench agreement`: how close encrypted training comes to the integer program in the clear.

A person's text is typed on one device, or session by session in turn on several that share keys. Round after
round every device counts what it learnt under the adapter that it has by then, and the report, or the sum of
their parts, is trained twice: in the clear, and encrypted (or with modelled noise). What is compared is
z = A u, once of the step that came back, once of the adapter that the device then uses, which follows later
steps by half. The next round starts from where the clear step led, so reports are the same in every mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Int64
from quietkeys.evaluation.ladder import learn_person, reference_weights, split
from quietkeys.evaluation.machine import this_machine
from quietkeys.evaluation.rounds import Evidence, evidence_of, followed, report_of
from quietkeys.prediction.counting import Choices, Lean, scores
from quietkeys.prediction.model import Model
from quietkeys.updates.versions import Weights, adapter_of, no_weights
from quietkeys_bench.common.circles import CircleTraining, added, in_turn, shares
from quietkeys_bench.common.figures import Figures, Tell, cells_folder, kept_or_measured, write_figures
from quietkeys_bench.common.misspellings import NOTHING, Half, Misspellings
from quietkeys_bench.common.subject import Mode, Subject
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_bench.common.training import field_of
from quietkeys_protocol.plan import Plan

RATE: Final = 0.08  # of letters typed wrong, as in the other benches
DEVICES: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. words_limit: of every person's words, around the split; 0 for all.

    devices: how many share a person's text. runs: of each report through encryption.
    """

    people: Sequence[Person]
    seed: int = 0
    words_limit: int = 0
    mode: Mode = Mode.SIMULATE
    rounds: int = 3
    devices: Sequence[int] = DEVICES
    runs: int = 1
    misspellings: Misspellings = NOTHING
    half: Half = Half.ALL

    def identity(self, person: Person, subject: str) -> dict[str, object]:
        """Return what must agree for figures to be of this person and these settings."""
        return {
            "person": person.name,
            "subject": subject,
            "seed": self.seed,
            "words_limit": self.words_limit,
            "mode": self.mode.value,
            "rounds": self.rounds,
            "devices": list(self.devices),
            "runs": self.runs,
            "misspellings": self.misspellings.identity,
        }


@dataclass(slots=True, repr=False)
class _Device:
    """What one device knows, and the adapter that it uses."""

    evidence: Evidence
    used: Weights


def run(settings: Settings, out: Path, subject: Subject, training: CircleTraining, tell: Tell) -> None:
    """Measure everybody; a JSON each beside `out`, all of it there. Raises OSError, ValueError (text)."""
    people: list[Figures] = []
    for done, person in enumerate(settings.people):
        tell(done, len(settings.people), person.name)
        path = cells_folder(out) / f"{person.name}.json"
        identity = settings.identity(person, subject.identity)
        once = partial(_of_person, settings, person, subject.model, training)
        people.append(kept_or_measured(path, "agreement-person", identity, once))
    totals = list(_totals(settings, people, [block.name for block in subject.model.plan.blocks]))
    write_figures(
        out,
        "agreement",
        {
            "bench": "agreement",
            "mode": settings.mode.value,
            "p_error": subject.model.plan.p_error,
            "subject": subject.identity,
            "seeds": [settings.seed],
            "rate": RATE,
            "words_limit": settings.words_limit,
            "misspellings": settings.misspellings.identity,
            "half": settings.half.value,
            "runs": settings.runs,
            "machine": this_machine().tree(),
            "people": [person.name for person in settings.people],
            "totals": totals,
        },
    )


def _of_person(settings: Settings, person: Person, model: Model, training: CircleTraining) -> Figures:
    return {"runs_made": list(_runs(settings, person, model, training))}


def _runs(
    settings: Settings, person: Person, model: Model, training: CircleTraining
) -> Iterator[dict[str, Any]]:
    writer, words = Hand(settings.seed, RATE, settings.misspellings).writes(person)
    learnt, _ = split(words, settings.words_limit or None)
    for number in settings.devices:
        learners = (
            learn_person(model, own, writer, person.chance(settings.seed, 7))
            for own in in_turn(learnt, number)
        )
        devices = [_Device(evidence_of(learner), no_weights(model.plan)) for learner in learners]
        yield from _of_devices(settings, model, devices, training, person.chance(settings.seed, 11))


def _of_devices(
    settings: Settings,
    model: Model,
    devices: Sequence[_Device],
    training: CircleTraining,
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    plan, sources, first = model.plan, len(devices), devices[0]
    choices = first.evidence.own[0]
    for number in range(1, settings.rounds + 1):
        parts = [shares(report_of(model, one.evidence, one.used, sources), sources, rng) for one in devices]
        whole = added(plan, parts)
        clear = reference_weights(plan, whole)
        exact = [followed(model, first.evidence, one.used, clear, sources) for one in devices]
        best = _best(model, choices, exact[0])
        spilled, _ = field_of(plan, whole, clear)
        for _ in range(settings.runs):
            step = training.alone(whole) if sources == 1 else training.joined(parts)
            led = followed(model, first.evidence, first.used, step, sources)
            yield {
                "devices": sources,
                "round": number,
                "inside": not spilled,
                "blocks": _distances(plan, (step, clear), (led.by_block, exact[0].by_block)),
                "same_best": float(np.mean(_best(model, choices, led) == best)),
                "choices": len(choices),
            }
        for device, weights in zip(devices, exact, strict=True):
            device.used = weights


def _distances(
    plan: Plan, steps: Sequence[Mapping[str, Int64]], adapters: Sequence[Mapping[str, Int64]]
) -> list[dict[str, object]]:
    return [
        {
            "block": block.name,
            "step": _relative_l2(*(block.A @ one[block.name].astype(np.float64) for one in steps)),
            "adapter": _relative_l2(*(block.A @ one[block.name].astype(np.float64) for one in adapters)),
        }
        for block in plan.blocks
    ]


def _relative_l2(found: Any, expected: Any) -> float | None:
    """Return |found - expected| / |expected|; None where nothing is expected."""
    size = float(np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected)) / size if size else None


def _best(model: Model, choices: Choices, weights: Weights) -> Int64:
    """Return where the best candidate of every contested word is, [N]."""
    score = scores(choices, Lean.of(model.events, model.plan, adapter_of(model.plan, weights)))
    return np.array([np.argmax(score[a:b]) for a, b in zip(choices.begins, choices.ends, strict=True)])


def _totals(settings: Settings, people: Sequence[Figures], blocks: Sequence[str]) -> Iterator[dict[str, Any]]:
    made = [one for person in people for one in person["runs_made"]]
    for devices in settings.devices:
        for number in range(1, settings.rounds + 1):
            own = [one for one in made if (one["devices"], one["round"]) == (devices, number)]
            yield {
                "devices": devices,
                "round": number,
                "runs": len(own),
                "spilt": sum(not one["inside"] for one in own),
                "same_best": float(np.mean([one["same_best"] for one in own])),
                "same_best_least": min(one["same_best"] for one in own),
                "blocks": [_block(own, name) for name in blocks],
            }


def _block(runs: Sequence[Figures], name: str) -> dict[str, Any]:
    rows = [block for one in runs for block in one["blocks"] if block["block"] == name]
    figures: dict[str, Any] = {"block": name}
    for what in ("step", "adapter"):
        known = [row[what] for row in rows if row[what] is not None]
        figures[what] = {
            "mean": float(np.mean(known)) if known else None,
            "worst": max(known) if known else None,
        }
    return figures
