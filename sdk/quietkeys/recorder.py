"""Records what the user kept: local memory, event counts and held-out events, in one transaction.

Nothing but counts is stored: no message, no order of words beyond triples, no time of typing. Every
change is written before it is made in memory, so a kill or a full disk leaves both as they were.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.counting import NEGLIGIBLE_MASS, Choice, Masses, count, no_masses, softmax
from quietkeys.held_out import pack_choice
from quietkeys.memory import Key, Trace
from quietkeys.predictor import Judged, Predictor
from quietkeys.store import Store
from quietkeys_protocol.errors import ErrorCode, Refused

HELD_OUT_SHARE: Final = 0.2  # of the contested choices; they judge updates and are never counted
HELD_OUT_KEPT: Final = 1500  # newest held-out events
RECEIPTS_KEPT: Final = 200  # words after which a receipt can no longer be used
EVENT_HALF_LIFE: Final = 30_000  # recorded words until an event weighs half
_DECAY: Final = math.log(2.0) / EVENT_HALF_LIFE


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of one `record`, for `undo`. Holds no text."""

    id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One piece that the user kept: its context (older word first), what was typed and what it became."""

    context: tuple[str, str]
    judged: Judged | None
    kept: str


class Recorder:
    """Local memory and event counts of one profile, mirrored in its store."""

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
        self.tick = int(store.setting("tick") or 0)
        predictor.memory.load(store.memory(), self.tick)
        self._masses = dict(no_masses(predictor.events))
        for block in self._masses:
            stored = store.array(f"masses/{block}")
            if stored is not None and stored.shape == (2, predictor.events.sizes[block]):
                self._masses[block] = Masses(stored[0], stored[1])

    @property
    def masses(self) -> Mapping[str, Masses]:
        """The decayed contested masses of every block: private counts, never sent in clear."""
        return self._masses

    def record(self, kept: Kept, identity: str) -> Receipt:
        """Learn one kept piece; return its receipt.

        identity: a fresh random id. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was learned.
        """
        memory = self._predictor.memory
        choice = None if kept.judged is None else self._predictor.choice(kept.judged, kept.kept)
        held_out = choice is not None and _contested(self._predictor, choice)
        held_out = held_out and bool(self._rng.random() < HELD_OUT_SHARE)
        counted = count(self._predictor.events, choice) if choice and not held_out else None
        masses = _decayed(self._masses, 1)
        if counted is not None:
            masses = {block: masses[block].plus(counted[block]) for block in masses}
        trace = memory.learn(*kept.context, kept.kept)
        try:
            with self._store.transaction():
                row = self._store.add_held_out(pack_choice(choice), HELD_OUT_KEPT) if choice and held_out else None
                self._write(trace.keys, masses, self.tick + 1)
                content = _receipt_bytes(trace, counted, row)
                self._store.write_receipt(identity, self.tick + 1, content, RECEIPTS_KEPT)
        except BaseException:
            memory.unlearn(trace)
            memory.tick -= 1
            raise
        self._masses = masses
        self.tick += 1
        if choice is not None and not held_out and self._on_choice is not None:
            self._on_choice(choice)
        return Receipt(identity)

    def undo(self, receipt: Receipt) -> None:
        """Take back what one `record` learned.

        Raises Refused (RECEIPT_UNKNOWN) for a receipt that was used, is not of this profile, or is more
        than RECEIPTS_KEPT words old.
        """
        content = self._store.receipt(receipt.id)
        if content is None:
            raise Refused(ErrorCode.RECEIPT_UNKNOWN)
        trace, counted, row = _read_receipt(content, self._predictor)
        memory = self._predictor.memory
        before = {key: memory.counts.get(key) for key in trace.keys}
        memory.unlearn(trace)
        masses = dict(self._masses)
        if counted is not None:
            weight = math.exp(-_DECAY * (self.tick - trace.tick))
            masses = {block: _without(masses[block], counted[block].scaled(weight)) for block in masses}
        try:
            with self._store.transaction():
                if row is not None:
                    self._store.drop_held_out(row)
                self._write(trace.keys, masses, self.tick)
                self._store.drop_receipt(receipt.id)
        except BaseException:
            memory.restore(before)
            raise
        self._masses = masses

    def forget_word(self, word: str) -> None:
        """Remove a word and everything counted around it from local memory."""
        with self._store.transaction():
            removed = self._predictor.memory.forget(word)
            self._store.write_memory((key, None) for key in removed)

    def reset(self) -> None:
        """Forget everything in memory, after the store was wiped."""
        self.tick = 0
        self._predictor.memory.load((), 0)
        self._masses = dict(no_masses(self._predictor.events))

    def _write(self, keys: tuple[Key, ...], masses: Mapping[str, Masses], tick: int) -> None:
        memory = self._predictor.memory
        self._store.write_memory((key, memory.counts.get(key)) for key in keys)
        for block, both in masses.items():
            self._store.write_array(
                f"masses/{block}", np.stack([both.evidence_for, both.evidence_against])
            )
        self._store.set_setting("tick", str(tick))


def _contested(predictor: Predictor, choice: Choice) -> bool:
    # Whether the base model and local memory left the kept candidate in any doubt.
    probability = softmax(choice.features @ predictor.events.base_weights)
    return bool(1.0 - probability[choice.kept] > NEGLIGIBLE_MASS)


def _decayed(masses: Mapping[str, Masses], words: int) -> dict[str, Masses]:
    return {block: both.scaled(math.exp(-_DECAY * words)) for block, both in masses.items()}


def _without(masses: Masses, removed: Masses) -> Masses:
    return Masses(
        np.maximum(masses.evidence_for - removed.evidence_for, 0.0),
        np.maximum(masses.evidence_against - removed.evidence_against, 0.0),
    )


def _receipt_bytes(trace: Trace, counted: Mapping[str, Masses] | None, row: int | None) -> bytes:
    sparse = None
    if counted is not None:
        sparse = {
            block: [_sparse(both.evidence_for), _sparse(both.evidence_against)]
            for block, both in counted.items()
        }
    return json.dumps([trace.keys, trace.tick, sparse, row]).encode()


def _read_receipt(
    content: bytes, predictor: Predictor
) -> tuple[Trace, Mapping[str, Masses] | None, int | None]:
    keys, tick, sparse, row = json.loads(content)
    trace = Trace(tuple(tuple(key) for key in keys), tick)
    if sparse is None:
        return trace, None, row
    sizes = predictor.events.sizes
    counted = {
        block: Masses(_dense(pair[0], sizes[block]), _dense(pair[1], sizes[block]))
        for block, pair in sparse.items()
    }
    return trace, counted, row


def _sparse(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
    return {str(position): float(values[position]) for position in np.flatnonzero(values)}


def _dense(values: Mapping[str, float], size: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    dense = np.zeros(size)
    for position, value in values.items():
        dense[int(position)] = value
    return dense
