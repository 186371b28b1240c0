"""Studies of one person: what each part of an update is worth, how it grows, and what spoils it.

    blocks   updates of one block alone, and of all but one
    memory   an update on a keyboard that remembers nothing
    curve    local memory and updates after 500, 1,000, 2,000 ... of the words before those that are tested
    drift    an update made before the text changes: another person types, then its owner again; or its owner
             types later text
    hostile  somebody keeps, of a share of the words, another candidate on purpose, while the keyboard learns

Each says, of one or several updates, what comes out right on base, with local memory alone (`local`), with
the update as it is (`update`), and with what a device would use (`in_use`). Updates are those of the integer
program in the clear, whatever mode the ladder is measured in.

A study of a person leaves a JSON of its own beside those of the ladder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from quietkeys.evaluation.ladder import (
    Learner,
    Tested,
    learn_person,
    learn_without_memory,
    split,
    try_person,
    type_on,
)
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.rounds import Round, Train, evidence_of, in_use, rounds, training_only
from quietkeys.evaluation.writer import Writer
from quietkeys.prediction.model import Model
from quietkeys.sync.settle import held_out_choices
from quietkeys.updates.gate import harm
from quietkeys.updates.versions import adapter_of
from quietkeys_bench.common.figures import Figures, kept_figures, write_figures
from quietkeys_bench.common.subject import Subject
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_bench.personalization.one_person import Cell, rung_figures, verdict_figures

POINTS: Final = (500, 1000, 2000, 4000, 8000)  # words learnt
HOSTILE: Final = 0.1  # share of the kept pieces
REVIEW_WORDS: Final = 300  # typed between two reviews of an update in use: some days
_USED: Final = " in use"  # ends the rung of what a device uses, beside that of the update


Typed = tuple[Writer, Sequence[Word]]  # who types what


class Study(StrEnum):
    """What is looked at beside the ladder."""

    BLOCKS = "blocks"
    MEMORY = "memory"
    CURVE = "curve"
    DRIFT = "drift"
    HOSTILE = "hostile"


@dataclass(frozen=True, slots=True)
class StudyCell:
    """A study of the person, seed and rate of a cell. points: of the curve. other: who types in between."""

    study: Study
    cell: Cell
    points: tuple[int, ...] = POINTS
    other: Person | None = None

    @property
    def person(self) -> Person:
        """Who is studied."""
        return self.cell.person

    def path(self, folder: Path) -> Path:
        """Return where the figures of this study lie."""
        return folder / f"{self.person.name}-seed{self.cell.seed}-rate{self.cell.rate:g}-{self.study}.json"

    def identity(self, subject: str) -> dict[str, object]:
        """Return what must agree for figures to be of this study."""
        ladder = self.cell.identity(subject)
        shared = ("person", "seed", "rate", "subject", "words_limit", "misspellings", "frozen")
        given = {
            Study.CURVE: list(self.points),
            Study.DRIFT: [self.other.name if self.other else ""],
            Study.HOSTILE: [HOSTILE],
        }
        return {
            "study": self.study.value,
            "given": given.get(self.study, []),
            **{name: ladder[name] for name in shared},
            "rounds_limit": 1 if self.study is Study.DRIFT else self.cell.rounds,
        }

    def figures(self, folder: Path, subject: str) -> Figures:
        """Return figures that an earlier run has left, or nothing if there are none of this."""
        return kept_figures(self.path(folder), "study", self.identity(subject))

    def measure(self, subject: Subject, folder: Path, train: Train | None = None) -> None:
        """Type, learn, train and test; write the figures. Raises OSError, ValueError (text), QuietkeysError.

        train: of the ladder; a study trains in the clear.
        """
        writer, words = self._hand.writes(self.person)
        learnt, tested = split(words, self.cell.words_limit or None)
        desk = _Desk(subject.model, self.cell, writer, words, learnt, tested)
        updates = {
            Study.BLOCKS: _blocks,
            Study.MEMORY: _memory,
            Study.CURVE: self._curve,
            Study.DRIFT: self._drift,
            Study.HOSTILE: _hostile,
        }[self.study](desk)
        figures = {**self.identity(subject.identity), "updates": updates}
        write_figures(self.path(folder), "study", figures)

    @property
    def _hand(self) -> Hand:
        return Hand(self.cell.seed, self.cell.rate, self.cell.misspellings)

    def _curve(self, desk: _Desk) -> list[Figures]:
        before = desk.words[: desk.tested[0].number]
        updates: list[Figures] = []
        for count in self.points:
            if count <= len(before):
                learner = desk.learns(before[-count:])
                updates += desk.updates(learner, count, {f"{count:,}": None})
        return updates

    def _drift(self, desk: _Desk) -> list[Figures]:
        # Of text between what is learnt and what is tested nothing is typed.
        updates: list[Figures] = []
        if self.other is not None:
            stranger, words = self._hand.writes(self.other)
            their = split(words, self.cell.words_limit or None)[1]
            parts = {"stranger": (stranger, their), "owner again": (desk.writer, desk.tested)}
            updates += desk.lived_with(desk.learns(desk.learnt), parts)
        if desk.learnt[0].number >= len(desk.tested):
            early = desk.learns(desk.words[: len(desk.learnt)])
            updates += desk.lived_with(early, {"later": (desk.writer, desk.tested)})
        return updates


@dataclass(frozen=True, slots=True, repr=False)
class _Desk:
    # Where one person types. learnt, tested: of the words.
    model: Model
    cell: Cell
    writer: Writer
    words: Sequence[Word]
    learnt: Sequence[Word]
    tested: Sequence[Word]

    def learns(self, words: Sequence[Word]) -> Learner:
        """Return the person's learner after these words."""
        return learn_person(self.model, words, self.writer, self.cell.person.chance(self.cell.seed))

    def updates(self, learner: Learner, learnt: int, trained: Mapping[str, Train | None]) -> list[Figures]:
        """Return what updates do on the tested words, by what trains them."""
        plan, given = self.model.plan, evidence_of(learner)
        made = {
            name: list(rounds(self.model, given, self.cell.rounds, train, gated=False))
            for name, train in trained.items()
        }
        adapters = {}
        for name, own in made.items():
            adapters[name] = adapter_of(plan, own[-1].led)
            if 0 < in_use(own) < len(own):
                adapters[name + _USED] = adapter_of(plan, own[in_use(own) - 1].led)
        outcome = try_person(learner, self.tested, self.writer, adapters, self.cell.frozen)
        return [_update(name, learnt, outcome, own, (name, _used(name, own))) for name, own in made.items()]

    def lived_with(self, learner: Learner, parts: Mapping[str, Typed]) -> list[Figures]:
        """Return what one update does while other text is typed after it, part by part."""
        (made,) = rounds(self.model, evidence_of(learner), 1)
        return [
            _update(name, len(self.learnt), tested, [made], ("update", "in_use"), taken_back)
            for name, (tested, taken_back) in lived_with(learner, made, parts).items()
        ]


def _used(name: str, made: Sequence[Round]) -> str:
    # The rung of what a device uses.
    used = in_use(made)
    return "local" if not used else name if used == len(made) else name + _USED


def _blocks(desk: _Desk) -> list[Figures]:
    plan = desk.model.plan
    names = [block.name for block in plan.blocks]
    only = {f"only {name}": training_only(plan, {name}) for name in names}
    without = {f"without {name}": training_only(plan, set(names) - {name}) for name in names}
    return desk.updates(desk.learns(desk.learnt), len(desk.learnt), only | without)


def _memory(desk: _Desk) -> list[Figures]:
    chance = desk.cell.person.chance(desk.cell.seed)
    learner = learn_without_memory(desk.model, desk.learnt, desk.writer, chance)
    return desk.updates(learner, len(desk.learnt), {"no memory": None})


def _hostile(desk: _Desk) -> list[Figures]:
    # Honest again while it is tested, so that what is lost was lost by what had been learnt.
    chance = desk.cell.person.chance(desk.cell.seed)
    learner = learn_person(desk.model, desk.learnt, replace(desk.writer, hostile=HOSTILE), chance)
    return desk.updates(learner, len(desk.learnt), {f"hostile {HOSTILE:.0%}": None})


def lived_with(
    learner: Learner, made: Round, parts: Mapping[str, Typed]
) -> dict[str, tuple[Tested, int | None]]:
    """Return what is typed after a round, part by part, and after how many words its update was taken back.

    What is in use is reviewed as a device does at a sync. Each keyboard goes on learning.
    """
    model, nothing = learner.model, learner.model.scorer.no_adapter()
    led, born = adapter_of(model.plan, made.led), learner.store.newest_held_out()
    device = learner.twin(led if made.verdict.applied else nothing)
    keyboards = {
        "local": learner.twin(nothing).keyboard,
        "update": learner.twin(led).keyboard,
        "in_use": device.keyboard,
    }
    typed, taken_back = 0, None
    lived: dict[str, tuple[Tested, int | None]] = {}
    for name, (writer, words) in parts.items():
        tested = Tested()
        for start in range(0, len(words), REVIEW_WORDS):
            stretch = words[start : start + REVIEW_WORDS]
            type_on(model, keyboards, stretch, writer, tested)
            typed += len(stretch)
            if made.verdict.applied and taken_back is None:
                younger = held_out_choices(device.store, model.events, born)
                if harm(model.events, model.plan, younger, nothing, led):
                    device.keyboard.adapter, taken_back = nothing, typed
        lived[name] = tested, taken_back
    return lived


def _update(
    name: str,
    learnt: int,
    outcome: Tested,
    made: Sequence[Round],
    rungs: tuple[str, str],
    taken_back: int | None = None,
) -> Figures:
    # rungs: of the update, and of what is in use.
    named = {"base": "base", "local": "local", "update": rungs[0], "in_use": rungs[1]}
    return {
        "name": name,
        "words_learnt": learnt,
        "words_tested": len(outcome.words),
        "rungs": [rung_figures(outcome, rung, as_named) for as_named, rung in named.items()],
        "verdicts": [verdict_figures(one.verdict) for one in made],
        "taken_back": taken_back,
    }
