"""The ladder: word accuracy on text kept back, for every way of learning, on the same words and errors.

    none        what the fingers produced
    base        the shipped model, knowing nobody
    local       the shipped model with local memory
    raw         local + an update trained in floating point on the raw events (the upper bound)
    float       local + an update trained in floating point on the counts of the report
    reference   local + the integer program in the clear
    encrypted   local + the update that came back encrypted

Accuracy counts words; all pieces of a word must come out as meant, case folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Float64, Int64
from quietkeys.bundle.networks import Adapter
from quietkeys.evaluation import oracles
from quietkeys.evaluation.messages import Word
from quietkeys.evaluation.typing_runs import Progress, TypedWord, learn, type_words
from quietkeys.learning.recorder import Recorder
from quietkeys.prediction.counting import Choices, Masses
from quietkeys.prediction.events import Choice, log_sum_exp, softmax
from quietkeys.prediction.model import Model
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.public_choices import PublicChoices, parse_public_choices
from quietkeys.profile.memory import Memory
from quietkeys.profile.store import Store
from quietkeys.sync.settle import held_out_choices
from quietkeys.testing.typist import Typist
from quietkeys.updates.evidence import evidence
from quietkeys.updates.gate import Verdict, judge
from quietkeys.updates.report import Encoded, encode
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.program import reference

LEARNT: Final = 0.7  # first share of a person's words, learnt; the rest is tested
RUNGS: Final = ("none", "base", "local", "raw", "float", "reference", "encrypted")


@dataclass(frozen=True, slots=True)
class Learner:
    """One person after learning: memory, counts, held-out events, and the raw choices (for `raw`)."""

    model: Model
    predictor: Predictor
    recorder: Recorder
    store: Store
    choices: Sequence[Choice]

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


@dataclass(slots=True, repr=False)
class Tested:
    """Per tested word: was it right on each rung; and the log-likelihood of every intended candidate."""

    right: dict[str, list[bool]] = field(default_factory=dict)
    log_likelihood: dict[str, list[float]] = field(default_factory=dict)
    best: dict[str, list[str]] = field(default_factory=dict)

    def accuracy(self, rung: str) -> float:
        """Return the share of tested words that came out right."""
        return float(np.mean(self.right[rung]))


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
    model: Model,
    words: Sequence[Word],
    typist: Typist,
    rng: Generator,
    progress: Progress | None = None,
) -> Learner:
    """Return the learner after typing these words with local memory on and no adapter."""
    store = Store.in_memory()
    predictor = Predictor(model, Memory())
    choices: list[Choice] = []
    recorder = Recorder(predictor, store, rng, choices.append)
    learn(predictor, recorder, words, typist, rng, progress)
    return Learner(model, predictor, recorder, store, choices)


def encoded_report(plan: Plan, learner: Learner) -> dict[str, Encoded]:
    """Return the learner's report in the clear, counted under no adapter."""
    masses = learner.masses(learner.predictor.scorer.no_adapter())
    return {block.name: encode(block, masses[block.name]) for block in plan.blocks}


def adapter_of(plan: Plan, weights: Mapping[str, Int64]) -> Adapter:
    """Return the adapter of integer weights by block."""
    return Adapter(
        1,
        {block.name: (weights[block.name] * block.z_unit).astype(np.float32) for block in plan.blocks},
    )


def reference_weights(plan: Plan, report: Mapping[str, Encoded]) -> dict[str, Int64]:
    """Return what the integer program makes of a report, in the clear."""
    return {
        block.name: reference(
            block, report[block.name].strength, report[block.name].gradient, report[block.name].weights
        )[0]
        for block in plan.blocks
    }


def clear_adapters(learner: Learner) -> dict[str, Adapter]:
    """Return the adapters of the rungs that need no encryption: raw, float, reference."""
    plan, events = learner.predictor.plan, learner.predictor.events
    return {
        "raw": oracles.raw(plan, events, learner.choices),
        "float": oracles.on_counts(plan, learner.masses(learner.predictor.scorer.no_adapter())),
        "reference": adapter_of(plan, reference_weights(plan, encoded_report(plan, learner))),
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
    typist: Typist,
    adapters: Mapping[str, Adapter],
    progress: Progress | None = None,
) -> Tested:
    """Return how every rung does on these words; local memory does not learn meanwhile."""
    none = learner.predictor.scorer.no_adapter()
    return try_typed(
        learner, type_words(learner.predictor, words, typist, none), adapters, progress, len(words)
    )


def try_typed(
    learner: Learner,
    typed: Iterable[TypedWord],
    adapters: Mapping[str, Adapter],
    progress: Progress | None = None,
    total: int = 0,
) -> Tested:
    """Return how the rungs none, base, local and those of the adapters do on words as they were typed.

    total: number of words, for `progress` alone.
    """
    stranger = Predictor(learner.model, Memory())
    none = learner.predictor.scorer.no_adapter()
    tested = Tested()
    local = {"local": none, **adapters}
    for done, word in enumerate(typed):
        outputs: dict[str, list[str]] = {rung: [] for rung in ("none", "base", *local)}
        for piece in word.pieces:
            outputs["none"].append(piece.typed)
            if piece.judged is None:
                for rung in ("base", *local):
                    outputs[rung].append(piece.typed)
                continue
            alone = stranger.judge(piece.context, piece.typed, none, piece.judged.slate.touches)
            outputs["base"].append(piece.typed if alone is None else alone.output())
            slate = piece.judged.slate
            meant = slate.position(piece.intended)
            for rung, adapter in local.items():
                score = learner.predictor.scorer.score(slate.inputs(), adapter).score
                outputs[rung].append(slate.words[piece.judged.decided(softmax(score))])
                if meant >= 0:
                    tested.log_likelihood.setdefault(rung, []).append(_log_share(score, meant))
        for rung, given in outputs.items():
            tested.right.setdefault(rung, []).append(word.is_right(given))
            tested.best.setdefault(rung, []).append("".join(given))
        if progress is not None and done % 50 == 0:
            progress(done, total)
    return tested


def _log_share(score: Float64, position: int) -> float:
    return float(score[position]) - log_sum_exp(score)
