"""The neural language model of a bundle: what word comes next, a step at a time.

A recurrent network in ONNX. Its state after a context is remembered, so that a new word costs one step and a
keystroke within a word costs none. States and contexts live in memory only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from quietkeys.bundle import symbols
from quietkeys.bundle.symbols import BUCKETS, MAX_NGRAMS, character_ngrams

BLANK: Final = "#"  # stands for what is no word in a context; no word contains it
MEMORY: Final = 24  # symbols of a context that are read at least; at most twice as many
_STATES: Final = 64  # contexts whose state is remembered

# Pieces of a message so far, oldest first; "" where a sentence ends, BLANK for no word.
Context = tuple[str, ...]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False)
class LanguageState:
    """The network after a context. log_probability: [V] of the symbol that comes next, nats. Private."""

    state: Floats
    cell: Floats
    log_probability: Floats


@dataclass(slots=True, repr=False)
class LanguageModel:
    """An onnxruntime session on one thread.

    symbol_of: symbol by lower-case word of the network's vocabulary.
    """

    session: onnxruntime.InferenceSession
    symbol_of: Mapping[str, int]
    _states: OrderedDict[Context, LanguageState] = field(default_factory=OrderedDict)

    @classmethod
    def load(cls, model: bytes, symbol_of: Mapping[str, int]) -> LanguageModel:
        """Return the model in ONNX bytes."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return cls(session, symbol_of)

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
        size = self.session.get_inputs()[2].shape[1]
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
        states, cells, chances = self.session.run(["next_state", "next_cell", "log_probability"], feed)
        nothing = np.zeros(0, np.float32)
        return [
            LanguageState(
                states[k : k + 1], cells[k : k + 1], chances[wanted.index(k)] if k in wanted else nothing
            )
            for k in range(count)
        ]

    def _symbol(self, word: str) -> int:
        if not word:
            return symbols.SENTENCE
        if word == BLANK:
            return symbols.BLANK
        return self.symbol_of.get(word, -1)

    def _remember(self, context: Context, state: LanguageState) -> None:
        self._states[context] = state
        self._states.move_to_end(context)
        if len(self._states) > _STATES:
            self._states.popitem(last=False)


def window(context: Context) -> Context:
    """Return the end of a context that the network reads: its start moves by MEMORY words at a time.

    So a long message is read from the same word on for a while, and its state can be carried along.
    """
    spare = len(context) - MEMORY
    return context if spare < MEMORY else context[spare - spare % MEMORY :]
