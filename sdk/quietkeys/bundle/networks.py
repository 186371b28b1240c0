"""The two networks of a bundle, in ONNX on one thread: which word comes next, and how candidates rank.

ONNX Runtime computes them, or numpy where there is none (`quietkeys.bundle.graph`).

The language model is recurrent. Its state after a context is remembered, so that a new word costs one step
and a keystroke within a word costs none. States and contexts live in memory only.

It has one id space of symbols for input and output: SENTENCE (a sentence starts), NO_WORD (a number, an
address), then a class for every kind of word outside the vocabulary, then the vocabulary. A word outside it
is read as its hashed character n-grams (Bojanowski et al. 2017), so that a name or a slip still says
something about what follows; it is predicted as one of a few classes by ending, so that "-ing" and "-ly"
words that are too rare for an entry of their own still come where they fit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Float32, Float64
from quietkeys.bundle.graph import NumpyNetwork
from quietkeys.bundle.onnx_file import Shape
from quietkeys.text.tokens import BLANK, Context

MEMORY: Final = 24  # symbols of a context that are read at least; at most twice as many
_STATES: Final = 64  # contexts whose state is remembered
BUCKETS: Final = 4096  # of hashed n-grams
MAX_NGRAMS: Final = 32  # per word that are read
_SIZES: Final = (3, 4)  # characters, the word's boundaries included
_OFFSET, _PRIME = 2166136261, 16777619  # FNV-1a, 32 bits (Fowler, Noll and Vo)

CLASSES: Final = (
    "short", "'s", "ing", "ed", "ly", "er", "est", "tion", "ment", "ness", "ity", "able", "ous", "al", "ic",
    "ive", "ies", "es", "s", "other",
)  # fmt: skip
_ENDINGS: Final = {
    "'s": 1, "ing": 2, "in'": 2, "ed": 3, "ly": 4, "er": 5, "or": 5, "est": 6, "ist": 5, "tion": 7, "sion": 7,
    "ance": 7, "ence": 7, "ment": 8, "ism": 8, "ness": 9, "ship": 9, "ity": 10, "able": 11, "ible": 11,
    "ful": 11, "less": 11, "ous": 12, "al": 13, "ic": 14, "ive": 15, "ies": 16, "es": 17, "s": 18,
}  # fmt: skip
_SHORT: Final = 3  # characters

SENTENCE: Final = 0
NO_WORD: Final = 1
FIRST_CLASS: Final = 2
FIRST_WORD: Final = FIRST_CLASS + len(CLASSES)


class Network(Protocol):
    """A graph that can be computed."""

    @property
    def inputs(self) -> Mapping[str, Shape]:
        """The shape of every input, by name; a dimension that varies is a name."""
        ...

    @property
    def outputs(self) -> Mapping[str, Shape]:
        """The shape of every output likewise."""
        ...

    def run(self, wanted: Sequence[str], feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return what is wanted, computed of all inputs."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class LanguageState:
    """The network after a context. log_probability: [V] of the symbol that comes next, nats. Private."""

    state: Float32
    cell: Float32
    log_probability: Float32

    def direction(self) -> Float32:
        """Return the state scaled to length one [H]."""
        row: Float32 = self.state[0]
        return row / np.float32(max(float(np.linalg.norm(row)), 1e-9))


@dataclass(slots=True, repr=False)
class LanguageModel:
    """symbol_of: symbol by lower-case word of the network's vocabulary."""

    network: Network
    symbol_of: Mapping[str, int]
    _states: OrderedDict[Context, LanguageState] = field(default_factory=OrderedDict)

    @classmethod
    def load(cls, model: bytes, symbol_of: Mapping[str, int]) -> LanguageModel:
        """Return the model in ONNX bytes."""
        return cls(network_of(model), symbol_of)

    @property
    def symbols(self) -> int:
        """How many symbols there are."""
        return int(self.network.outputs["log_probability"][1])

    def after(self, context: Context) -> LanguageState:
        """Return the state after a context, from the longest beginning of it that is remembered."""
        context = window(context)
        known = self._states.get(context)
        if known is not None:
            self._states.move_to_end(context)
            return known
        length = len(context)
        while length > 0 and context[:length] not in self._states:
            length -= 1
        state = self._states.get(context[:length])
        if state is None:
            state = self._begun()
        for position in range(length, len(context)):
            last = position == len(context) - 1
            state = self._steps(state, [context[position]], [0] if last else [])[0]
        self._remember((), self._states.get(()) or self._begun())
        self._remember(context, state)
        return state

    def next_states(self, state: LanguageState, words: Sequence[str]) -> list[LanguageState]:
        """Return the state after each of several words, all after the same context."""
        return self._steps(state, words, list(range(len(words)))) if words else []

    def _begun(self) -> LanguageState:
        size = int(self.network.inputs["state"][1])
        nothing = np.zeros((1, size), np.float32)
        return self._steps(LanguageState(nothing, nothing, np.zeros(0, np.float32)), [""], [0])[0]

    def _steps(
        self, state: LanguageState, words: Sequence[str], wanted: Sequence[int]
    ) -> list[LanguageState]:
        count = len(words)
        symbols = np.array([self._symbol(word) for word in words], np.int64)
        outside = [word if symbol < 0 else "" for word, symbol in zip(words, symbols, strict=True)]
        spelled = [character_ngrams(word)[:MAX_NGRAMS] if word else [] for word in outside]
        ngrams = np.full((count, max(1, *map(len, spelled))), BUCKETS, np.int64)
        for row, found in enumerate(spelled):
            ngrams[row, : len(found)] = found
        feed = {
            "symbol": np.maximum(symbols, 0),
            "ngrams": ngrams,
            "state": np.repeat(state.state, count, 0),
            "cell": np.repeat(state.cell, count, 0),
            "wanted": np.array(wanted, np.int64),
        }
        states, cells, chances = self.network.run(["next_state", "next_cell", "log_probability"], feed)
        nothing = np.zeros(0, np.float32)
        return [
            LanguageState(
                states[k : k + 1], cells[k : k + 1], chances[wanted.index(k)] if k in wanted else nothing
            )
            for k in range(count)
        ]

    def _symbol(self, word: str) -> int:
        if not word:
            return SENTENCE
        if word == BLANK:
            return NO_WORD
        return self.symbol_of.get(word, -1)

    def _remember(self, context: Context, state: LanguageState) -> None:
        self._states[context] = state
        self._states.move_to_end(context)
        if len(self._states) > _STATES:
            self._states.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Adapter:
    """Decrypted weights in use, in real units; they are personal and never leave the device.

    version: 0 is no adapter (all zero).
    """

    version: int
    weights: Mapping[str, Float32]

    def __repr__(self) -> str:
        return f"Adapter(version={self.version})"


@dataclass(frozen=True, slots=True, repr=False)
class Scores:
    """What the graph makes of K candidates.

    score: [K] nats, not normalised. features: [K, F] in the order of `prediction.events.FEATURES`.
    literal_event: what kind of literal is among them, -1 if there is none.
    """

    score: Float64
    features: Float64
    literal_event: int


class Scorer:
    """The ranker: scores candidates; the adapter's weights are inputs of its graph."""

    def __init__(self, model: bytes) -> None:
        """model: ONNX bytes."""
        self._network = network_of(model)

    def widths(self) -> dict[str, int]:
        """Return the number of adapter weights of each block."""
        return {
            name.removesuffix("_weights"): int(shape[0])
            for name, shape in self._network.inputs.items()
            if name.endswith("_weights")
        }

    def no_adapter(self) -> Adapter:
        """Return the adapter that changes nothing."""
        return Adapter(0, {block: np.zeros(width, np.float32) for block, width in self.widths().items()})

    def score(self, given: Mapping[str, NDArray[Any]], adapter: Adapter) -> Scores:
        """Return the scores of K candidates. given: the graph's other inputs, `Slate.inputs`."""
        feed = {**given, **{f"{block}_weights": weights for block, weights in adapter.weights.items()}}
        score, features, literal = self._network.run(["score", "features", "literal_events"], feed)
        return Scores(score.astype(np.float64), features.astype(np.float64), int(literal.max()))


def window(context: Context) -> Context:
    """Return the end of a context that the network reads: its start moves by MEMORY words at a time.

    So a long message is read from the same word on for a while, and its state can be carried along.
    """
    spare = len(context) - MEMORY
    return context if spare < MEMORY else context[spare - spare % MEMORY :]


def word_class(word: str) -> int:
    """Return the index in CLASSES of a lower-case word."""
    if len(word) <= _SHORT:
        return 0
    for size in (4, 3, 2, 1):
        found = _ENDINGS.get(word[-size:])
        if found is not None and len(word) > size + 1:
            return found
    return len(CLASSES) - 1


def character_ngrams(word: str) -> list[int]:
    """Return the buckets (0..BUCKETS-1) of a lower-case word's n-grams, at most MAX_NGRAMS."""
    framed = f"<{word}>"
    found = [
        _hashed(framed[start : start + size]) for size in _SIZES for start in range(len(framed) - size + 1)
    ]
    return found[:MAX_NGRAMS]


def _hashed(text: str) -> int:
    value = _OFFSET
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return value % BUCKETS


def network_of(model: bytes) -> Network:
    """Return the network in ONNX bytes. Raises Untrusted (BUNDLE_UNTRUSTED) where numpy cannot read it."""
    return NumpyNetwork.load(model) if find_spec("onnxruntime") is None else OnnxNetwork(model)


class OnnxNetwork:
    """An ONNX Runtime session on one thread."""

    def __init__(self, model: bytes) -> None:
        """model: ONNX bytes."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # It would hold the bytes for as long as it lives, to begin again with other providers.
        self._session._model_bytes = None
        self.inputs: Mapping[str, Shape] = {one.name: tuple(one.shape) for one in self._session.get_inputs()}
        self.outputs: Mapping[str, Shape] = {
            one.name: tuple(one.shape) for one in self._session.get_outputs()
        }

    def run(self, wanted: Sequence[str], feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """See `Network`."""
        found: list[NDArray[Any]] = self._session.run(list(wanted), dict(feed))
        return found
