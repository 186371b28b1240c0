"""Records what the user kept: local memory, touches, event counts and held-out events, in one transaction.

Nothing but counts is stored: no message, no order of words beyond triples, no time of typing. A kill or a
full disk leaves both the store and memory as they were. What `undo` needs lives in memory only, because the
last words in order are text.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.counting import NEGLIGIBLE_MASS, Choice, Masses, count, no_masses, softmax
from quietkeys.held_out import pack_choice
from quietkeys.language import Context
from quietkeys.memory import TRACES_KEPT, Trace, last_two
from quietkeys.predictor import Judged, Predictor
from quietkeys.store import Store
from quietkeys.touch import TouchTrace
from quietkeys.touched import load_touches, write_touches
from quietkeys_protocol.errors import ErrorCode, Refused

HELD_OUT_SHARE: Final = 0.2  # of the contested choices; they judge updates and are never counted
HELD_OUT_KEPT: Final = 1500  # newest held-out events
EVENT_HALF_LIFE: Final = 30_000  # recorded words until an event weighs half
_TICK: Final = "tick"
_WORDS: Final = "words"
_DECAY: Final = math.log(2.0) / EVENT_HALF_LIFE


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of one `record`, for `undo`. Holds no text."""

    id: str


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """One piece that the user kept: its context (oldest word first), what was typed and what it became."""

    context: Context
    judged: Judged | None
    kept: str


@dataclass(frozen=True, slots=True, repr=False)
class _Learnt:
    # What one piece changed, for taking it back: memory, counts, held-out row, touches (None: none).
    trace: Trace
    counted: Mapping[str, Masses] | None
    row: int | None
    touch: TouchTrace | None


class Recorder:
    """Local memory, touches and event counts of one profile, mirrored in its store."""

    def __init__(
        self,
        predictor: Predictor,
        store: Store,
        rng: Generator,
        on_choice: Callable[[Choice], None] | None = None,
    ) -> None:
        """rng: chooses held-out events. on_choice: sees every counted choice (for measuring)."""
        self._predictor = predictor
        self._store = store
        self._rng = rng
        self._on_choice = on_choice
        self._learnt: OrderedDict[str, tuple[_Learnt, ...]] = OrderedDict()
        self._masses: Mapping[str, Masses] = no_masses(predictor.events)
        self.words = 0  # recorded and not taken back
        self.reload()

    @property
    def tick(self) -> int:
        """Return the clock that counts decay by: words recorded so far, those taken back later included."""
        return self._predictor.memory.tick

    @property
    def masses(self) -> Mapping[str, Masses]:
        """The decayed contested masses of every block: private counts, never sent in clear."""
        return self._masses

    def reload(self) -> None:
        """Take everything from the store; no earlier receipt can be used."""
        self._learnt.clear()
        self.words = self._store.number(_WORDS)
        self._predictor.memory.load(self._store.memory(), self._store.number(_TICK))
        load_touches(self._store, self._predictor.touch, self.tick)
        masses = dict(no_masses(self._predictor.events))
        for block, size in self._predictor.events.sizes.items():
            stored = self._store.array(f"masses/{block}")
            if stored is not None and stored.shape == (2, size):
                masses[block] = Masses(stored[0], stored[1])
        self._masses = masses

    def record(self, kept: Kept, identity: str) -> Receipt:
        """Learn one kept piece; as `record_all`."""
        return self.record_all((kept,), identity)

    def record_all(self, pieces: Sequence[Kept], identity: str) -> Receipt:
        """Learn kept pieces, all or none; return their receipt.

        identity: a fresh random id. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was learned.
        """
        choices = [self._choice(piece) for piece in pieces]
        masses: Mapping[str, Masses] = self._masses
        learnt: list[_Learnt] = []
        try:
            with self._store.transaction():
                for piece, (choice, held_out) in zip(pieces, choices, strict=True):
                    row, counted = None, None
                    if choice is not None and held_out:
                        row = self._store.add_held_out(pack_choice(choice), HELD_OUT_KEPT)
                    elif choice is not None:
                        counted = count(self._predictor.events, choice)
                    trace = self._predictor.memory.learn(*last_two(piece.context), piece.kept)
                    learnt.append(_Learnt(trace, counted, row, self._learn_touches(piece)))
                    masses = _added(_scaled(masses, math.exp(-_DECAY)), counted, 1.0)
                self._write(learnt, masses, self.words + len(learnt))
        except BaseException:
            for one in reversed(learnt):
                self._unlearn(one)
            raise
        self._predictor.touch.drop_old(self.tick)
        self._masses = masses
        self.words += len(learnt)
        self._learnt[identity] = tuple(learnt)
        self._drop_old_receipts()
        if self._on_choice is not None:
            for choice, held_out in choices:
                if choice is not None and not held_out:
                    self._on_choice(choice)
        return Receipt(identity)

    def undo(self, receipt: Receipt) -> None:
        """Take back what one `record` learned, as if it had not been.

        Raises Refused (RECEIPT_UNKNOWN) for a receipt that was used, is not of this profile since it was
        opened, or is more than TRACES_KEPT words old; TryAgain (DISK_FULL, STORAGE_FAILED), and then nothing
        was changed.
        """
        learnt = self._learnt.get(receipt.id)
        if learnt is None:
            raise Refused(ErrorCode.RECEIPT_UNKNOWN)
        memory = self._predictor.memory
        masses: Mapping[str, Masses] = self._masses
        for one in reversed(learnt):
            was_last = one.trace.tick == memory.tick
            age = memory.tick - one.trace.tick
            self._unlearn(one)
            masses = _added(masses, one.counted, -math.exp(-_DECAY * age))
            if was_last:
                masses = _scaled(masses, math.exp(_DECAY))
        try:
            with self._store.transaction():
                for one in learnt:
                    if one.row is not None:
                        self._store.drop_held_out(one.row)
                self._write(learnt, masses, self.words - len(learnt))
        except BaseException:
            for one in learnt:
                memory.relearn(one.trace)
                if one.touch is not None:
                    self._predictor.touch.relearn(one.touch)
            raise
        self._masses = masses
        self.words -= len(learnt)
        del self._learnt[receipt.id]

    def forget_word(self, word: str) -> None:
        """Remove a word and everything counted around it from local memory; receipts end here.

        Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was forgotten.
        """
        removed = self._predictor.memory.forget(word)
        self._learnt.clear()
        try:
            with self._store.transaction():
                self._store.write_memory((key, None) for key in removed)
        except BaseException:
            self.reload()
            raise

    def _choice(self, piece: Kept) -> tuple[Choice | None, bool]:
        # (the kept piece as numbers, whether it is held out)
        choice = None if piece.judged is None else self._predictor.choice(piece.judged, piece.kept)
        held_out = choice is not None and _contested(self._predictor, choice)
        return choice, held_out and bool(self._rng.random() < HELD_OUT_SHARE)

    def _learn_touches(self, piece: Kept) -> TouchTrace | None:
        # Where the keys of the kept candidate were touched, if it was one and touches are known.
        slate = None if piece.judged is None else piece.judged.slate
        position = -1 if slate is None else slate.position(piece.kept)
        if slate is None or position < 0 or np.isnan(slate.touches).all():
            return None
        return self._predictor.touch.learn(slate.operations[position], slate.touches, self.tick)

    def _unlearn(self, one: _Learnt) -> None:
        self._predictor.memory.unlearn(one.trace)
        if one.touch is not None:
            self._predictor.touch.unlearn(one.touch)

    def _write(self, changed: Sequence[_Learnt], masses: Mapping[str, Masses], words: int) -> None:
        memory = self._predictor.memory
        keys = dict.fromkeys(key for one in changed for key in one.trace.keys)
        self._store.write_memory((key, memory.stored(key)) for key in keys)
        epochs = {one.touch.epoch for one in changed if one.touch is not None}
        if epochs:
            write_touches(self._store, self._predictor.touch, epochs, memory.tick)
        for block, both in masses.items():
            self._store.write_array(f"masses/{block}", np.stack([both.evidence_for, both.evidence_against]))
        self._store.set_setting(_TICK, str(memory.tick))
        self._store.set_setting(_WORDS, str(words))

    def _drop_old_receipts(self) -> None:
        # A receipt lives as long as memory can take back all of its pieces.
        while sum(max(len(learnt), 1) for learnt in self._learnt.values()) > TRACES_KEPT:
            self._learnt.popitem(last=False)


def _contested(predictor: Predictor, choice: Choice) -> bool:
    # Whether the base model and local memory left the kept candidate in any doubt.
    probability = softmax(choice.features @ predictor.events.base_weights)
    return bool(1.0 - probability[choice.kept] > NEGLIGIBLE_MASS)


def _scaled(masses: Mapping[str, Masses], factor: float) -> dict[str, Masses]:
    return {block: both.scaled(factor) for block, both in masses.items()}


def _added(
    masses: Mapping[str, Masses], counted: Mapping[str, Masses] | None, weight: float
) -> Mapping[str, Masses]:
    # Never negative, whatever rounding left.
    if counted is None:
        return masses
    sums = {block: both.plus(counted[block].scaled(weight)) for block, both in masses.items()}
    return {
        block: Masses(np.maximum(both.evidence_for, 0.0), np.maximum(both.evidence_against, 0.0))
        for block, both in sums.items()
    }
