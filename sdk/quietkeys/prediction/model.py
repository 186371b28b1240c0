"""What a bundle gives to the typing path, put together: the same for everybody."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from quietkeys.arrays import Float32, Float64, Int64
from quietkeys.bundle.bundle import Bundle
from quietkeys.bundle.lexicon import Lexicon, LexiconSearch, WordTables
from quietkeys.bundle.networks import CLASSES, LanguageModel, Scorer
from quietkeys.keyboard.edits import EDIT_COUNT
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.keyboard.layout_channel import LayoutChannel
from quietkeys.prediction.events import EventMap, parse_event_map
from quietkeys.profile.mixture import BUCKETS, BaseModel
from quietkeys_protocol.errors import ErrorCode, Untrusted
from quietkeys_protocol.plan import Plan

LANGUAGE: Final = "language.onnx"
RANKER: Final = "model.onnx"
LEXICON: Final = "lexicon.txt"  # one word a line as it is written, line number = id
WORDS: Final = "words.npz"  # the arrays of `lexicon.WordTables`
CHANNEL: Final = "channel.npy"  # float32 [EDIT_COUNT], nats, for QWERTY
PLAN: Final = "plan.json"
EVENTS: Final = "events.json"
PUBLIC: Final = "public.npz"  # of `public_choices`; read when a report is made
MIXTURE: Final = "mixture.npz"  # log_mean: [S] of symbols, nats; prior: [BUCKETS], weights


@dataclass(frozen=True, slots=True)
class Model:
    """The parts of a bundle that judge typing.

    word_of_symbol: id of each symbol's word, -1 for none. base: what mixing in memory has to know of it.
    public: the bytes of `public_choices`.
    """

    search: LexiconSearch
    language: LanguageModel
    plan: Plan
    events: EventMap
    scorer: Scorer
    word_of_symbol: Int64
    base: BaseModel
    public: bytes = field(repr=False)

    def with_mixing(self, log_mean: Float32, prior: Float64) -> Model:
        """Return the model with other numbers of `base_model`."""
        return replace(self, base=base_model(self.search.lexicon, log_mean, prior))


def load_model(bundle: Bundle, layout: Layout = QWERTY) -> Model:
    """Return the model in a verified bundle for a layout; Untrusted if its parts do not fit together."""
    display = bundle[LEXICON].decode("ascii").splitlines()
    lexicon = Lexicon.build(display, _tables(bundle[WORDS], len(display)))
    channel = np.load(io.BytesIO(bundle[CHANNEL]), allow_pickle=False).astype(np.float64)
    _require(channel.shape == (EDIT_COUNT,))
    plan, events = Plan.parse(bundle[PLAN]), parse_event_map(bundle[EVENTS])
    if {block.name: len(block.events) for block in plan.blocks} != events.sizes:
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its plan does not fit its event map")
    language = LanguageModel.load(bundle[LANGUAGE], symbols_of(lexicon))
    _require(int(lexicon.tables.symbol.max(initial=-1)) < language.symbols)
    with np.load(io.BytesIO(bundle[MIXTURE]), allow_pickle=False) as arrays:
        log_mean, prior = arrays["log_mean"].astype(np.float32), arrays["prior"].astype(np.float64)
    _require(log_mean.shape == (language.symbols,) and prior.shape == (BUCKETS,))
    return Model(
        search=LexiconSearch(lexicon, LayoutChannel.of(channel, layout)),
        language=language,
        plan=plan,
        events=events,
        scorer=Scorer(bundle[RANKER]),
        word_of_symbol=word_of_symbol(lexicon, language.symbols),
        base=base_model(lexicon, log_mean, prior),
        public=bundle[PUBLIC],
    )


def base_model(lexicon: Lexicon, log_mean: Float32, prior: Float64) -> BaseModel:
    """Return what mixing has to know.

    log_mean: [S] log of the mean probability of every symbol, nats. Of British and American spellings none is
    reweighted: what they have together is shared out already.
    """
    expected = np.exp(lexicon.log_chance(log_mean, np.arange(len(lexicon.words)))).astype(np.float32)

    def identity(word: str) -> int:
        return -1 if lexicon.side(word) else lexicon.index.get(word, -1)

    return BaseModel(identity, expected, prior.tolist())


def symbols_of(lexicon: Lexicon) -> dict[str, int]:
    """Return the symbol of every word that the language model has one for."""
    known = np.flatnonzero(lexicon.tables.symbol >= 0)
    return {lexicon.words[position]: int(lexicon.tables.symbol[position]) for position in known}


def word_of_symbol(lexicon: Lexicon, symbols: int) -> Int64:
    """Return the lexicon's id of every symbol of the language model, -1 where it has none.

    symbols: how many there are; the word of one may have left the lexicon since the network was trained.
    """
    known = np.flatnonzero(lexicon.tables.symbol >= 0)
    result = np.full(symbols, -1, dtype=np.int64)
    result[lexicon.tables.symbol[known]] = known
    return result


def _tables(content: bytes, words: int) -> WordTables:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        tables = WordTables(
            arrays["log_frequency"].astype(np.float32),
            arrays["symbol"].astype(np.int32),
            arrays["offensive"].astype(np.bool_),
            arrays["outside"].astype(np.float32),
            arrays["capital"].astype(np.float32),
            arrays["name_after"].astype(np.float32),
        )
    by_word = (tables.log_frequency, tables.symbol, tables.offensive, tables.capital, tables.name_after)
    sizes = set(map(len, by_word))
    _require(sizes == {words} and len(tables.outside) == len(CLASSES))
    return tables


def _require(fits: bool) -> None:
    if not fits:
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its word tables do not fit this version")
