"""One person of `quietkeys bench quantization`: typed once, then trained and tested with every variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Float64, Int64
from quietkeys.evaluation.ladder import learn_person, split
from quietkeys.evaluation.oracles import on_counts
from quietkeys.evaluation.typing_runs import type_out
from quietkeys.prediction.events import Choice
from quietkeys.prediction.model import Model
from quietkeys.updates.report import Encoded, encode
from quietkeys_bench.common.figures import Figures
from quietkeys_bench.common.texts import Hand, Person
from quietkeys_bench.common.training import Noisy
from quietkeys_bench.quantization.choice_arrays import Table, TestedWords, table_of
from quietkeys_bench.quantization.groupings import fine_buckets
from quietkeys_bench.quantization.variants import Variant
from quietkeys_protocol.errors import Refused
from quietkeys_protocol.plan import Block, Plan
from quietkeys_protocol.program import iterates, reference

DRAWS: Final = 8  # noisy runs per person and variant; the first is tested on words


@dataclass(frozen=True, slots=True)
class Typing:
    """What one person's typing left: choices that were counted, words kept back. Private."""

    learnt: Table
    tested: TestedWords
    words_learnt: int


def finer(model: Model) -> Model:
    """Return the model with the buckets of every lexicon grouping apart, for telling choices by."""
    vocabulary = len(model.search.lexicon.words)
    return replace(model, events=replace(model.events, bucket_starts=fine_buckets(vocabulary)))


def type_person(model: Model, person: Person, hand: Hand, words_limit: int) -> Typing:
    """Return what a person types: 70 % with local memory learning, the rest with it as it then is."""
    writer, words = hand.writes(person)
    learnt, tested = split(words, words_limit or None)
    learner = learn_person(model, learnt, writer, person.chance(hand.seed))
    predictor = learner.predictor
    edit_events = model.events.sizes["channel"]
    choices: list[Choice] = []
    word: list[int] = []
    tested = [word for word in tested if word.scored]
    hopeless = np.zeros(len(tested), dtype=np.bool_)
    nothing = predictor.scorer.no_adapter()
    for number, typed in enumerate(type_out(tested, writer.typist)):
        for piece in typed.judged(predictor, nothing).pieces:
            if piece.judged is None:
                hopeless[number] |= piece.typed != piece.intended
                continue
            choice = predictor.choice(piece.judged, piece.intended)
            if choice is None:  # what was meant is not among the candidates
                hopeless[number] = True
            else:
                choices.append(choice)
                word.append(number)
    base = model.events.base_weights
    kept_back = TestedWords(table_of(choices, base, edit_events), np.array(word), hopeless)
    return Typing(table_of(learner.choices, base, edit_events), kept_back, len(learnt))


def try_variants(typing: Typing, plan: Plan, tried: Sequence[Variant], seed: int) -> Figures:
    """Return the figures of every variant on top of local memory, and of the shipped blocks together."""
    table = typing.tested.table
    rows: list[Figures | None] = []
    shifts: dict[str, Float64] = {kind: np.zeros(len(table.base)) for kind in ("float", "reference", "noisy")}
    floats: dict[tuple[str, str], tuple[Float64, Any]] = {}
    for number, variant in enumerate(tried):
        block, key = variant.block, (variant.block.name, variant.grouping.label)
        if key not in floats:
            masses = variant.grouping.count(typing.learnt)
            weights = on_counts(Plan("float", (block,)), {block.name: masses}).weights[block.name]
            floats[key] = weights.astype(np.float64), (masses, variant.grouping.moves(table))
        exact, (masses, moves) = floats[key]
        try:
            report = encode(block, masses)
        except Refused:  # no scaling keeps z in its field
            rows.append(None)
            continue
        expected = reference(block, report.strength, report.gradient)[0]
        noisy = _noisy(block, report, np.random.default_rng([seed, number]))
        shift = {
            "float": moves @ exact,
            "reference": moves @ (expected * block.z_unit),
            "noisy": moves @ (noisy[0] * block.z_unit),
        }
        rows.append(_outcome(typing.tested, shift) | _distance(block, noisy, expected))
        if variant.shipped and variant.table == "steps":
            shifts = {kind: shifts[kind] + shift[kind] for kind in shifts}
    return {
        "local": _score(typing.tested, table.base),
        "rows": rows,
        "together": _outcome(typing.tested, shifts),
    }


def _noisy(block: Block, report: Encoded, rng: np.random.Generator) -> Int64:
    # Weights [DRAWS, d] after noisy runs of the same report.
    strength, gradient = (np.tile(array, (DRAWS, 1)) for array in (report.strength, report.gradient))
    *_, weights = iterates(block, strength, gradient, Noisy(rng))
    found: Int64 = weights
    return found


def _distance(block: Block, noisy: Int64, expected: Int64) -> Figures:
    # Of every noisy run: |z - z_ref| / |z_ref|, and the slope of z against z_ref through the origin.
    z, z_ref = noisy @ block.A.T, expected @ block.A.T  # [DRAWS, M], [M]
    size = max(float(z_ref @ z_ref), 1.0)
    away = np.linalg.norm(z - z_ref, axis=1) / size**0.5
    return {"relative_l2": away.tolist(), "slope": (z @ z_ref / size).tolist()}


def _outcome(tested: TestedWords, shift: Mapping[str, Float64]) -> Figures:
    scores = {kind: tested.table.base + moved for kind, moved in shift.items()}
    best = {kind: tested.table.first_best(scores[kind]) for kind in ("reference", "noisy")}
    return {kind: _score(tested, score) for kind, score in scores.items()} | {
        "same_best": float(np.mean(best["noisy"] == best["reference"]))
    }


def _score(tested: TestedWords, score: Float64) -> Figures:
    return {"errors": tested.errors(score), "log_likelihood": tested.table.log_likelihood(score)}
