"""The adapter stage: from a language to the plan, the event map and the model that uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quietkeys.bundle.lexicon import Lexicon, LexiconSearch
from quietkeys.bundle.networks import LanguageModel, Scorer
from quietkeys.keyboard import edits
from quietkeys.keyboard.layout_channel import LayoutChannel
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.prediction.events import FEATURES, EventMap
from quietkeys.prediction.model import EVENTS, PLAN, PUBLIC, Model, base_model, symbols_of, word_of_symbol
from quietkeys.prediction.predictor import Predictor
from quietkeys_protocol.check import check_plan
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.plan_design import make_block

from . import contents, evidence_stage, graph, noised, plan_stage, rank, typists
from .graph import AdapterParts
from .language import Language
from .literals import literal_events
from .mixing import taught, untaught
from .plan_stage import Planned
from .rank import Base, Typed
from .strangers import hidden

SEED = 1  # of the made-up people's hands
STRANGERS = 10_000  # words with and without mistakes, typed by nobody known
HIDDEN = 2_000  # words that are judged as if the lexicon lacked them


@dataclass(frozen=True, slots=True)
class Made:
    """The plan and the files of the bundle that follow from it."""

    plan: Plan
    files: dict[str, bytes]


def adapter_files(language: Language, text: Path, report: Callable[[str], None] = print) -> Made:
    """Return the plan fitted to people made from the texts' held-out lines, and the bundle's files.

    Takes about a quarter of an hour on one core. Raises Refused if the plan fails its check.
    """
    vocabulary = len(language.display)
    model = unfitted(language, rank.prior())
    mixing = taught(model, text, report)
    model = model.with_mixing(mixing.log_mean, mixing.prior)
    typed = []
    for person in typists.training_people(text):
        typed.append(rank.type_person(model, person, SEED))
        report(f"{person.name}: {len(typed[-1].choices)} choices")
    base = _base(model, language, text, typed)
    report(", ".join(f"{name} {value:g}" for name, value in zip(FEATURES, base.weights, strict=True)))
    odds = zip(literal_events(), base.literal_odds, strict=True)
    report(", ".join(f"{name}: {value:g}" for name, value in odds))
    planned = plan_stage.make_plan("en", vocabulary, typed, base)
    report(str(check_plan(planned.plan)))
    files = contents.language_files(language, parts_of(planned, vocabulary), mixing)
    fitted = unfitted(language, base).with_mixing(mixing.log_mean, mixing.prior)
    fitted = replace(fitted, plan=planned.plan, events=planned.events)
    public = evidence_stage.public_choices(fitted, text, language.parts.channel, report)
    files |= {PLAN: planned.plan.canonical, EVENTS: planned.events.to_bytes(), PUBLIC: public}
    return Made(planned.plan, files)


def _base(model: Model, language: Language, text: Path, typed: Sequence[Typed]) -> Base:
    # Weights by people's and strangers' words; odds of unknown literals by mistakes and hidden words.
    predictor = Predictor(model)
    strangers = noised.choices(predictor, noised.samples(text, language.parts.channel, STRANGERS, SEED))
    learnt = noised.learnt_samples(text, language.misspelt[::2], SEED)  # half of them are as many as slips
    mistakes = [one for one in strangers if one.kept != one.literal] + noised.choices(predictor, learnt)
    own = [predictor.choice(judged, word) for judged, word in hidden(predictor, text, HIDDEN, SEED)]
    weights = rank.fit_base_weights(typed, strangers)
    return rank.with_literal_odds(weights, mistakes, [one for one in own if one is not None])


def unfitted(language: Language, base: Base) -> Model:
    """Return a model without blocks, to type with before there is a plan."""
    vocabulary = len(language.display)
    events = EventMap(
        plan_stage.channel_events()[0],
        plan_stage.bucket_starts(vocabulary),
        np.ones((1, len(FEATURES))),
        plan_stage.feature_scale(),
        base.weights,
        np.zeros((len(FEATURES), 1)),
        base.literal_odds,
    )
    blocks = tuple(
        make_block(name, ["none"], np.eye(1, dtype=np.int64), shape)
        for name, shape in plan_stage.SHAPES.items()
    )
    adapter = graph.no_blocks(
        base.weights.astype(np.float32), edits.EDIT_COUNT, vocabulary, base.literal_odds
    )
    lexicon = Lexicon.build(language.display, language.tables)
    network = LanguageModel.load(language.network, symbols_of(lexicon))
    mixing = untaught(network.symbols)
    return Model(
        search=LexiconSearch(lexicon, LayoutChannel.of(language.parts.channel.astype(np.float64))),
        language=network,
        plan=Plan("none", blocks),
        events=events,
        scorer=Scorer(graph.build(language.parts, adapter).SerializeToString()),
        word_of_symbol=word_of_symbol(lexicon, network.symbols),
        base=base_model(lexicon, mixing.log_mean, mixing.prior),
        public=b"",
    )


def parts_of(planned: Planned, vocabulary: int) -> AdapterParts:
    """Return what the graph needs of a plan, for a lexicon of `vocabulary` words."""
    events = planned.events
    blocks = {block.name: block for block in planned.plan.blocks}
    return AdapterParts(
        base_weights=events.base_weights.astype(np.float32),
        ranker_map=events.ranker_map.astype(np.float32),
        channel_matrix=blocks["channel"].A.astype(np.float32),
        event_of_edit=events.event_of_edit,
        row_of_touch_event=events.first_touch_event + np.arange(len(TOUCH_EVENTS)),
        lexicon_matrix=blocks["lexicon"].A.astype(np.float32),
        bucket_of_word=events.bucket_of_word(vocabulary),
        literal_matrix=blocks["literal"].A.astype(np.float32),
        literal_odds=events.literal_odds.astype(np.float32),
    )
