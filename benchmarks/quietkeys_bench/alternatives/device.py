"""What one person's device knows after learning, as the ways to learn need it. Private: plaintext."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.evaluation.ladder import Collected, Learner, reference_weights, split
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.rounds import Evidence, evidence_of, followed, report_of
from quietkeys.evaluation.typing_runs import learn
from quietkeys.evaluation.writer import Writer
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.counting import Choices, Lean, Masses, count
from quietkeys.prediction.events import Choice, compact
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.memory import Memory
from quietkeys.profile.store import Store
from quietkeys.text.tokens import normalize
from quietkeys.updates.evidence import EACH, evidence
from quietkeys.updates.report import Encoded
from quietkeys.updates.versions import Weights, no_weights
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_protocol.errors import Untrusted
from quietkeys_protocol.plan import Plan

OWN_LEAST: Final = 2  # times that a word is typed until it counts as one of a person's own
_TOKEN: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """Where a word stands: its message, from and to which character."""

    message: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True, repr=False)
class _Watched(Sequence[Word]):
    # Words that note, as they are typed, how many choices were counted before each.
    words: Sequence[Word]
    collected: Collected
    before: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, place: int) -> Word:  # type: ignore[override]
        return self.words[place]

    def __iter__(self) -> Iterator[Word]:
        for word in self.words:
            self.before.append(len(self.collected.choices))
            yield word

    def numbers(self) -> list[int]:
        """Return the number of the word behind each choice."""
        ends = [*self.before[1:], len(self.collected.choices)]
        spans = zip(self.words, self.before, ends, strict=True)
        return [word.number for word, begin, end in spans for _ in range(begin, end)]


@dataclass(frozen=True, repr=False)
class Device:
    """One person after learning. numbers: of the word behind each choice. messages: what was meant."""

    person: Person
    model: Model
    writer: Writer
    learnt: Sequence[Word]
    tested: Sequence[Word]
    learner: Learner
    numbers: Sequence[int]
    messages: Sequence[str]

    @classmethod
    def of(cls, model: Model, person: Person, hand: Hand, words_limit: int) -> Device:
        """Return a person's device after the learnt share of the words. Raises OSError, ValueError (text)."""
        writer, words = hand.writes(person)
        learnt, tested = split(words, words_limit or None)
        store, collected = Store.in_memory(), Collected()
        watched = _Watched(learnt, collected)
        predictor = Predictor(model, Memory())
        recorder = Recorder(predictor, store, person.chance(hand.seed), collected.add)
        keyboard = learn(predictor, recorder, watched, writer)
        learner = Learner(model, keyboard, store, collected)
        messages = person.messages(hand.misspellings)
        return cls(person, model, writer, learnt, tested, learner, watched.numbers(), messages)

    @cached_property
    def evidence(self) -> Evidence:
        """What reports are made from."""
        return evidence_of(self.learner)

    @cached_property
    def timed(self) -> tuple[Mapping[str, Encoded], Mapping[str, Int64], float]:
        """(the report, the step of the integer program, the processor seconds of both)."""
        begun = time.process_time()
        report = report_of(self.model, self.evidence, no_weights(self.model.plan))
        step = reference_weights(self.model.plan, report)
        return report, step, time.process_time() - begun

    @property
    def report(self) -> Mapping[str, Encoded]:
        """The report in the clear."""
        return self.timed[0]

    @property
    def step(self) -> Mapping[str, Int64]:
        """What the device finds by itself."""
        return self.timed[1]

    def follow(self, step: Mapping[str, Int64]) -> Weights | None:
        """Return where a step leads by the device's own rules; None where it is too large to be followed."""
        try:
            return followed(self.model, self.evidence, no_weights(self.model.plan), step)
        except Untrusted:
            return None

    def choices(self, left_out: frozenset[int] = frozenset()) -> list[Choice]:
        """Return the counted choices without those of words of these numbers."""
        pairs = zip(self.learner.choices, self.numbers, strict=True)
        return [compact(self.model.events, choice) for choice, number in pairs if number not in left_out]

    def counts(self, choices: Sequence[Choice]) -> Mapping[str, Masses]:
        """Return what choices count for under no adapter, public evidence beside it."""
        made = Choices.of(self.model.events, choices), np.ones(len(choices))
        nothing = self.model.scorer.no_adapter()
        return evidence(self.model.events, self.model.plan, made, self.evidence.public, nothing)

    def own_counts(self, choices: Sequence[Choice]) -> Mapping[str, Masses]:
        """Return what choices count for under no adapter, by themselves."""
        events = self.model.events
        weights = np.full(len(choices), EACH)
        return count(events, Choices.of(events, choices), Lean.none(events), weights, hopeful=True)

    @cached_property
    def whole(self) -> Mapping[str, Masses]:
        """`counts` of all choices."""
        return self.counts(self.choices())

    @cached_property
    def habits(self) -> Float64:
        """R of the person's own words for every event of every block, per thousand choices."""
        return signed(self.model.plan, self.own_counts(self.choices()), len(self.numbers))

    def places(self) -> dict[int, Place]:
        """Return where each learnt word stands, by its number."""
        found: list[Place] = []
        for number, message in enumerate(self.messages):
            spans = (match for match in _TOKEN.finditer(message) if normalize(match.group()))
            found += [Place(number, span.start(), span.end()) for span in spans]
        return {word.number: found[word.number] for word in self.learnt}

    def own_words(self) -> dict[str, list[int]]:
        """Return the words that no lexicon has and that were typed again, with the numbers of the places."""
        known = self.model.search.lexicon.index
        found: dict[str, list[int]] = {}
        for word in self.learnt:
            if (
                len(word.pieces) == 1
                and word.pieces[0].correctable
                and word.text not in known
                and word.scored
            ):
                found.setdefault(word.text, []).append(word.number)
        return {text: numbers for text, numbers in found.items() if len(numbers) >= OWN_LEAST}


def signed(plan: Plan, masses: Mapping[str, Masses], choices: int) -> Float64:
    """Return R = (C - E) / 2 of all blocks, one after the other, per thousand choices."""
    both = [masses[block.name] for block in plan.blocks]
    found = [(one.evidence_for - one.evidence_against) / 2.0 for one in both]
    result: Float64 = np.concatenate(found) * 1000.0 / max(choices, 1)
    return result
