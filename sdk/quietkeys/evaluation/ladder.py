"""The ladder: word accuracy on text kept back, for every way of learning, on the same words and errors.

    none        what the fingers produced
    base        the shipped model, knowing nobody
    local       the shipped model with local memory
    raw         local + an update trained in floating point on the raw events (the upper bound)
    float       local + an update trained in floating point on the counts of the report
    reference   local + the integer program in the clear
    encrypted   local + the update that came back encrypted

Of further rounds of updates (`quietkeys.evaluation.rounds`), there are the rungs reference-2 and so on.

Accuracy counts words; all pieces of a word must come out as meant, case folded.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation import oracles
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.typing_runs import (
    TELL_EVERY,
    Attempt,
    Keyboard,
    Progress,
    TypedWord,
    learn,
    type_out,
)
from quietkeys.evaluation.writer import Writer
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.counting import Choices, Masses
from quietkeys.prediction.events import Choice
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.public_choices import PublicChoices, parse_public_choices
from quietkeys.profile.memory import Memory
from quietkeys.profile.store import Store
from quietkeys.sync.settle import held_out_choices
from quietkeys.text.tokens import is_correctable
from quietkeys.updates.evidence import evidence
from quietkeys.updates.gate import Verdict, judge
from quietkeys.updates.report import Encoded, encoded
from quietkeys.updates.versions import no_weights
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference

LEARNT: Final = 0.7  # first share of a person's words, learnt; the rest is tested
LEAST: Final = 1e-12  # floor of a probability before its logarithm
RUNGS: Final = ("none", "base", "local", "raw", "float", "reference", "encrypted")


@dataclass(slots=True, repr=False)
class Collected:
    """The choices that a recorder counted, for `raw`. Private."""

    choices: list[Choice] = field(default_factory=list)

    def add(self, choice: Choice) -> None:
        """Take one more."""
        self.choices.append(choice)


@dataclass(frozen=True, slots=True, repr=False)
class Learner:
    """One person's keyboard after learning, and the choices that it counted."""

    model: Model
    keyboard: Keyboard
    store: Store
    collected: Collected

    @property
    def predictor(self) -> Predictor:
        """The model with this person's memory."""
        return self.keyboard.predictor

    @property
    def recorder(self) -> Recorder:
        """What was counted."""
        return self.keyboard.recorder

    @property
    def choices(self) -> Sequence[Choice]:
        """The choices that were counted."""
        return self.collected.choices

    def held_out(self) -> Choices:
        """Return the choices that judge updates."""
        return held_out_choices(self.store, self.model.events)

    def public(self) -> PublicChoices:
        """Return the bundle's public choices."""
        return parse_public_choices(self.model.public, self.model.events)

    def masses(self, adapter: Adapter) -> Mapping[str, Masses]:
        """Return what a report is made from, counted under an adapter."""
        own = self.recorder.counted()
        return evidence(self.model.events, self.model.plan, own, self.public(), adapter)

    def twin(self, adapter: Adapter) -> Learner:
        """Return the learner as it is now, with an adapter; what it learns from now on is its own."""
        lexicon = self.model.search.lexicon
        shared = (self.model, lexicon, lexicon.index, self.predictor.memory.base)
        known: dict[int, object] = {id(one): one for one in shared}
        store, collected = self.store.twin(), Collected()
        known |= {id(self.store): store, id(self.collected): collected}
        keyboard = copy.deepcopy(self.keyboard, known)
        keyboard.adapter = adapter
        return Learner(self.model, keyboard, store, collected)


@dataclass(frozen=True, slots=True)
class Attempted:
    """How a tested word was typed, and whether it is one that the base lexicon lacks."""

    attempt: Attempt
    own: bool


@dataclass(slots=True, repr=False)
class Tested:
    """Per tested word: was it right on each rung; and the log-likelihood of every intended candidate."""

    words: list[Attempted] = field(default_factory=list)
    right: dict[str, list[bool]] = field(default_factory=dict)
    log_likelihood: dict[str, list[float]] = field(default_factory=dict)
    best: dict[str, list[str]] = field(default_factory=dict)

    def accuracy(self, rung: str) -> float:
        """Return the share of tested words that came out right."""
        return float(np.mean(self.right[rung]))

    def shares(self, rung: str) -> dict[str, tuple[int, int]]:
        """Return (how many, of how many) words were fixed, altered or kept on a rung.

        slips_fixed, misspellings_fixed: typed wrong, came out right. good_altered: typed as meant, came out
        otherwise. own_kept: the base lexicon lacks it, came out as meant.
        """
        right = np.array(self.right[rung], dtype=np.bool_)
        attempts = np.array([word.attempt for word in self.words])
        chosen = {
            "slips_fixed": (attempts == Attempt.SLIP, right),
            "misspellings_fixed": (attempts == Attempt.MISSPELLING, right),
            "good_altered": (attempts == Attempt.GOOD, ~right),
            "own_kept": (np.array([word.own for word in self.words], dtype=np.bool_), right),
        }
        return {name: (int((among & so).sum()), int(among.sum())) for name, (among, so) in chosen.items()}


def split(words: Sequence[Word], limit: int | None = None) -> tuple[Sequence[Word], Sequence[Word]]:
    """Return (words to learn, words to test): the first 70 %, the rest.

    limit: at most this many words in all, taken around the split so that both shares stay the same.
    """
    cut = int(LEARNT * len(words))
    if limit is None or limit >= len(words):
        return words[:cut], words[cut:]
    learnt = int(LEARNT * limit)
    return words[max(0, cut - learnt) : cut], words[cut : cut + limit - learnt]


def learn_person(
    model: Model, words: Sequence[Word], writer: Writer, rng: Generator, progress: Progress | None = None
) -> Learner:
    """Return the learner after typing these words with local memory on and no adapter.

    rng: chooses held-out events.
    """
    predictor = Predictor(model, Memory())
    return _learnt(predictor, predictor, words, writer, rng, progress)


def learn_without_memory(model: Model, words: Sequence[Word], writer: Writer, rng: Generator) -> Learner:
    """Return the learner after typing these words on a keyboard that judges as if it knew nobody.

    It counts as any other. What local memory would have learnt nobody asks. rng: chooses held-out events.
    """
    return _learnt(Predictor(model, Memory()), Predictor(model, Memory()), words, writer, rng)


def _learnt(
    judging: Predictor,
    remembering: Predictor,
    words: Sequence[Word],
    writer: Writer,
    rng: Generator,
    progress: Progress | None = None,
) -> Learner:
    store, collected = Store.in_memory(), Collected()
    recorder = Recorder(remembering, store, rng, collected.add)
    keyboard = learn(judging, recorder, words, writer, progress)
    return Learner(judging.model, keyboard, store, collected)


def encoded_report(plan: Plan, learner: Learner) -> dict[str, Encoded]:
    """Return the learner's report in the clear, counted under no adapter."""
    masses = learner.masses(learner.predictor.scorer.no_adapter())
    return encoded(plan, masses, no_weights(plan))


def reference_weights(plan: Plan, report: Mapping[str, Encoded]) -> dict[str, Int64]:
    """Return what the integer program makes of a report, in the clear."""
    return {
        block.name: reference(block, report[block.name].strength, report[block.name].gradient)[0]
        for block in plan.blocks
    }


def yardsticks(learner: Learner) -> dict[str, Adapter]:
    """Return the adapters of the rungs in floating point: raw, float."""
    plan, events = learner.predictor.plan, learner.predictor.events
    return {
        "raw": oracles.raw(plan, events, learner.choices),
        "float": oracles.on_counts(plan, learner.masses(learner.predictor.scorer.no_adapter())),
    }


def verdict(learner: Learner, adapter: Adapter) -> Verdict:
    """Return the gate's verdict on an adapter against none."""
    predictor = learner.predictor
    return judge(
        predictor.events,
        predictor.plan,
        learner.held_out(),
        predictor.scorer.no_adapter(),
        adapter,
        learner.public().judging,
    )


def try_person(
    learner: Learner,
    words: Sequence[Word],
    writer: Writer,
    adapters: Mapping[str, Adapter],
    frozen: bool = False,
    progress: Progress | None = None,
) -> Tested:
    """Return how the rungs none, base, local and those of the adapters do on words.

    Each rung but the first two is a keyboard of its own, as it stood after learning, and goes on learning
    from what its writer keeps on it; frozen: it does not.
    """
    rungs = {"local": learner.model.scorer.no_adapter(), **adapters}
    keyboards = {rung: learner.twin(adapter).keyboard for rung, adapter in rungs.items()}
    tested = Tested()
    type_on(learner.model, keyboards, words, writer, tested, frozen, progress)
    return tested


def type_on(
    model: Model,
    keyboards: Mapping[str, Keyboard],
    words: Sequence[Word],
    writer: Writer,
    tested: Tested,
    frozen: bool = False,
    progress: Progress | None = None,
) -> None:
    """Type words on keyboards, each by the name of its rung; add to `tested` how they and base do on them."""
    stranger, nothing = Predictor(model, Memory()), model.scorer.no_adapter()
    for done, word in enumerate(type_out(words, writer.typist)):
        judged = {"base": word.judged(stranger, nothing)}
        for rung, keyboard in keyboards.items():
            judged[rung] = word.judged(keyboard.predictor, keyboard.adapter)
            if not frozen:
                keyboard.keep(writer, judged[rung])
        if word.word.scored:
            _note(tested, model, word, judged)
        if progress is not None and done % TELL_EVERY == 0:
            progress(done, len(words))


def _note(tested: Tested, model: Model, word: TypedWord, judged: Mapping[str, TypedWord]) -> None:
    known = model.search.lexicon.index
    own = any(is_correctable(piece.intended) and piece.intended not in known for piece in word.pieces)
    tested.words.append(Attempted(word.attempt, own))
    outputs = {rung: [piece.output() for piece in one.pieces] for rung, one in judged.items()}
    for rung, given in {"none": [piece.typed for piece in word.pieces], **outputs}.items():
        tested.right.setdefault(rung, []).append(word.is_right(given))
        tested.best.setdefault(rung, []).append("".join(given))
    for rung, one in judged.items():
        for piece in one.pieces:
            meant = -1 if piece.judged is None else piece.judged.slate.position(piece.intended)
            if piece.judged is not None and meant >= 0:
                share = max(float(piece.judged.probability[meant]), LEAST)
                tested.log_likelihood.setdefault(rung, []).append(math.log(share))
