"""Records what the user kept: local memory, touches, choices to count and to judge by, in one transaction.

A choice is a kept word among its candidates, as a few rounded numbers (`quietkeys.prediction.events`). Those
that were in doubt are kept, so that they can be counted under whatever adapter is in use when a report is
made; nothing has to be counted anew when an update is applied, rolled back or lost. No message is stored, no
order of words beyond triples, no time of typing. A kill or a
full disk leaves both the store and memory as they were. What `undo` needs lives in memory only, because the
last words in order are text. A word that the lexicon lacks is learnt once it was kept often enough
(`quietkeys.profile.store`).
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.random import Generator

from quietkeys.arrays import Float64
from quietkeys.bundle.networks import Adapter
from quietkeys.keyboard.touch_model import TouchTrace
from quietkeys.learning.touch_rows import load_touches, write_touches
from quietkeys.prediction.counting import Choices
from quietkeys.prediction.events import (
    NEGLIGIBLE_MASS,
    Choice,
    compact,
    is_contested,
    pack_choice,
    restored,
)
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.redaction import LineWord, Redactor, Stretch, secret_places
from quietkeys.profile.memory import ADDED, ADDED_ENTRY, TRACES_KEPT, Trace
from quietkeys.profile.settings import SESSION, TICK, WORDS
from quietkeys.profile.store import Pending, Store
from quietkeys.text.tokens import BLANK, Context, is_addable, is_correctable, words_of, written_in
from quietkeys_protocol.errors import ErrorCode, Refused

HELD_OUT_SHARE: Final = 0.2  # of the contested choices; they judge updates and are never counted
HELD_OUT_KEPT: Final = 1500  # newest held-out events
EVENT_HALF_LIFE: Final = 30_000  # recorded words until a counted choice weighs half
COUNTED_KEPT: Final = 6_000  # newest counted choices: about as many words as a half-life has, 1.5 MB
EPOCH: Final = 256  # words whose counted choices weigh alike, and have no order
IDLE_SECONDS: Final = 30 * 60.0  # without a record, after which a new session begins
MIXTURE: Final = "mixture"  # the name of the array of what memory's parts weigh
_LOOKED_BACK: Final = 50  # words recorded last, among which those that turn out to be secret are looked for


@dataclass(frozen=True, slots=True)
class UndoReceipt:
    """Proof of one `record`, for `undo`. Holds no text."""

    id: str


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """One piece that the user kept: its context (oldest word first), what was typed and what it became.

    written: as the user chose to write it, "" where its case says nothing.
    """

    context: Context
    judged: Judged | None
    kept: str
    written: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class _Learnt:
    # What one piece changed, for taking it back: memory, counted or held-out row, touches (None: none).
    # session: that of a keep that the word's mark counts.
    previous: Context
    word: str
    session: int | None
    trace: Trace | None
    counted: bytes | None
    row: int | None
    touch: TouchTrace | None


class _Use(Enum):
    # What a kept piece is for.
    NOTHING = "nobody doubted it, or it was no candidate"
    COUNTS = "counted in reports"
    JUDGES = "held out, to judge updates by"


class Recorder:
    """Local memory, touches and choices of one profile, mirrored in its store."""

    def __init__(
        self,
        predictor: Predictor,
        store: Store,
        rng: Generator,
        on_choice: Callable[[Choice], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin a session of the profile.

        rng: chooses held-out events. on_choice: sees every counted choice (for measuring). clock: seconds; a
        session ends after IDLE_SECONDS.
        """
        self._predictor = predictor
        self._store = store
        self._rng = rng
        self._on_choice = on_choice
        self._learnt: OrderedDict[str, tuple[_Learnt, ...]] = OrderedDict()
        self.words = 0  # recorded and not taken back
        self.loaded = 0  # times that everything was taken from the store
        self._clock = clock
        self._last = clock()
        memory = predictor.memory
        self._pending = Pending(store, memory.lexicon, memory.own_words)
        memory.kept_before = self._pending.keeps
        self._session = (store.setting(SESSION) or 0) + 1
        self.reload()

    @property
    def tick(self) -> int:
        """The clock that counts decay by: words recorded so far, those taken back later included."""
        return self._predictor.memory.tick

    def counted(self) -> tuple[Choices, Float64]:
        """Return the newest counted choices, and what each weighs by now [N]; private, never sent."""
        events, now = self._predictor.events, self.tick // EPOCH
        choices: list[Choice] = []
        ages: list[int] = []
        for epoch, content in self._store.counted(COUNTED_KEPT):
            if (choice := restored(content, events)) is not None:
                choices.append(choice)
                ages.append(max(now - epoch, 0))
        return Choices.of(events, choices), 0.5 ** (np.array(ages, np.float64) * EPOCH / EVENT_HALF_LIFE)

    def begin_session(self) -> None:
        """End the session: what is recorded from now on belongs to another."""
        self._session += 1

    def reload(self) -> None:
        """Take everything from the store; no earlier receipt can be used."""
        self.loaded += 1
        self._learnt.clear()
        self.words = self._store.setting(WORDS) or 0
        memory, tick = self._predictor.memory, self._store.setting(TICK) or 0
        memory.load(self._store.memory(), tick, self._store.array(MIXTURE))
        load_touches(self._store, self._predictor.touch, self.tick)

    def record(self, kept: Kept, identity: str) -> UndoReceipt:
        """Learn one kept piece; as `record_all`."""
        return self.record_all((kept,), identity)

    def record_all(self, pieces: Sequence[Kept], identity: str = "", *, goes_on: bool = False) -> UndoReceipt:
        """Learn kept pieces, all or none; return their receipt. With no pieces the store is left alone.

        identity: of the receipt, a random one if empty. goes_on: they belong to a receipt there was; one that
        is too old by now stays so. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was learned.
        """
        identity = identity or secrets.token_hex(16)
        self._note_idleness()
        pieces = [piece for piece in pieces if not self._pending.is_forgotten(piece.kept)]
        if not pieces:
            self._hold((), identity, goes_on)
            return UndoReceipt(identity)
        choices = [self._choice(piece) for piece in pieces]
        learnt: list[_Learnt] = []
        try:
            with self._store.transaction():
                for piece, (choice, use) in zip(pieces, choices, strict=True):
                    learnt.append(self._learn(piece, choice, use))
                self._write(learnt, self.words + len(learnt))
        except BaseException:
            for one in reversed(learnt):
                self._unlearn(one)
            raise
        if self._predictor.touch.sums:
            self._predictor.touch.drop_old(self.tick)
        self.words += len(learnt)
        self._hold(learnt, identity, goes_on)
        if self._on_choice is not None:
            for choice, use in choices:
                if choice is not None and use is not _Use.JUDGES:
                    self._on_choice(choice)
        return UndoReceipt(identity)

    def undo(self, receipt: UndoReceipt) -> None:
        """Take back what one `record` learned, as if it had not been.

        Raises Refused (RECEIPT_UNKNOWN) for a receipt that was used, is not of this profile since it was
        opened, or is more than TRACES_KEPT words old; TryAgain (DISK_FULL, STORAGE_FAILED), and then nothing
        was changed.
        """
        learnt = self._learnt.get(receipt.id)
        if learnt is None:
            raise Refused(ErrorCode.RECEIPT_UNKNOWN)
        if learnt:
            self._take_back(learnt)
        self._learnt.pop(receipt.id, None)

    def unlearn(self, line: Sequence[LineWord]) -> None:
        """Take back the words of a line that turned out to be secret; raises as `undo`.

        line: its words so far, in order. They are looked for among the words recorded last.
        """
        recent = [(name, one) for name, made in reversed(self._learnt.items()) for one in reversed(made)]
        recorded = [(one.previous, one.word) for _, one in recent[:_LOOKED_BACK]]
        found = [recent[place] for place in secret_places(line, recorded)]
        if not found:
            return
        secret_ones = [one for _, one in found]
        self._take_back(secret_ones[::-1])
        for name, secret_one in found:
            if name in self._learnt:
                self._learnt[name] = tuple(one for one in self._learnt[name] if one is not secret_one)

    def add_word(self, written: str) -> None:
        """Put a word into local memory at once, as it is written; it is learnt again if it was forgotten.

        Raises ValueError for what cannot be added; TryAgain (DISK_FULL, STORAGE_FAILED), and then nothing was
        changed.
        """
        word = written.lower()
        if not is_addable(written):
            raise ValueError("not letters and digits, at most MAX_WORD, with inner hyphens and apostrophes")
        memory = self._predictor.memory
        trace, before = None, memory.added.get(word)
        try:
            with self._store.transaction():
                self._pending.clear(word)
                memory.add(word, written)
                stale = [] if before is None else [((ADDED, word, before), None)]
                self._store.write_memory([*stale, ((ADDED, word, written), ADDED_ENTRY)])
                if is_correctable(word) and word not in memory.lexicon and word not in memory.own_words:
                    trace = memory.learn(BLANK, BLANK, word)
                    self._write([_Learnt((), word, None, trace, None, None, None)], self.words)
        except BaseException:
            memory.add(word, before)
            if trace is not None:
                memory.unlearn(trace)
            raise

    def forget_word(self, word: str) -> None:
        """Remove a word and everything counted around it from local memory, for good; receipts end here.

        Only `add_word` lets it be learnt again. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was
        forgotten.
        """
        try:
            with self._store.transaction():
                self._pending.forget(word)
                self._remove(word)
        except BaseException:
            self.reload()
            raise

    def _note_idleness(self) -> None:
        now = self._clock()
        if not 0.0 <= now - self._last < IDLE_SECONDS:
            self.begin_session()
        self._last = now

    def _learn(self, piece: Kept, choice: Choice | None, use: _Use) -> _Learnt:
        memory = self._predictor.memory
        row, counted = None, None
        if choice is not None and use is _Use.JUDGES:
            row = self._store.add_held_out(pack_choice(choice), HELD_OUT_KEPT)
        elif choice is not None and use is _Use.COUNTS:
            content = pack_choice(compact(self._predictor.events, choice))
            counted = self._store.add_counted(memory.tick // EPOCH, content, COUNTED_KEPT + TRACES_KEPT)
        learns, marked = self._pending.keep(piece.kept, self._session)
        form = self._predictor.form_key(piece.context, piece.kept, piece.written)
        before = self._before(piece.context)
        trace = self._predictor.learn(piece.context, piece.kept, before, form) if learns else None
        session = self._session if marked else None
        touch = self._predictor.learn_touches(piece.judged, piece.kept)
        previous = piece.context[-1:]
        return _Learnt(previous, piece.kept, session, trace, counted, row, touch)

    def _before(self, context: Context) -> tuple[str, str]:
        before, previous = self._predictor.memory.before(context)
        blanked = [BLANK if self._pending.is_forgotten(word) else word for word in (before, previous)]
        return blanked[0], blanked[1]

    def _take_back(self, learnt: Sequence[_Learnt]) -> None:
        for one in reversed(learnt):
            self._unlearn(one)
        removed = False
        try:
            with self._store.transaction():
                for one in learnt:
                    if one.row is not None:
                        self._store.drop_held_out(one.row)
                    if one.counted is not None:
                        self._store.drop_counted(one.counted)
                self._write(learnt, self.words - len(learnt))
                for one in reversed(learnt):
                    if one.session is not None and not self._pending.take_back(one.word, one.session):
                        removed = self._remove(one.word) or removed
        except BaseException:
            if removed:
                self.reload()
                raise
            for one in learnt:
                self._relearn(one)
            raise
        self.words -= len(learnt)

    def _remove(self, word: str) -> bool:
        # A word that is in no key costs no receipt.
        if not any(word in key for key, _, _ in self._predictor.memory.entries()):
            return False
        self._learnt.clear()
        self._store.write_memory((key, None) for key in self._predictor.memory.forget(word))
        return True

    def _choice(self, piece: Kept) -> tuple[Choice | None, _Use]:
        # The kept piece as numbers, and what it is for.
        judged = piece.judged
        choice = None if judged is None else self._predictor.choice(judged, piece.kept)
        if judged is not None and choice is not None:
            choice = judged.decisive(self._predictor.events, choice)
        if judged is None or choice is None:
            return None, _Use.NOTHING
        doubt = 1.0 - float(judged.probability[judged.slate.position(piece.kept)])
        if is_contested(self._predictor.events, choice):
            return choice, _Use.JUDGES if self._rng.random() < HELD_OUT_SHARE else _Use.COUNTS
        return choice, _Use.COUNTS if doubt > NEGLIGIBLE_MASS else _Use.NOTHING

    def _unlearn(self, one: _Learnt) -> None:
        if one.trace is not None:
            self._predictor.memory.unlearn(one.trace)
        if one.touch is not None:
            self._predictor.touch.unlearn(one.touch)

    def _relearn(self, one: _Learnt) -> None:
        if one.trace is not None:
            self._predictor.memory.relearn(one.trace)
        if one.touch is not None:
            self._predictor.touch.relearn(one.touch)

    def _write(self, changed: Sequence[_Learnt], words: int) -> None:
        memory = self._predictor.memory
        traces = [one.trace for one in changed if one.trace is not None]
        keys = dict.fromkeys(key for trace in traces for key in trace.keys)
        self._store.write_memory((key, memory.stored(key)) for key in keys)
        epochs = {one.touch.epoch for one in changed if one.touch is not None}
        if epochs:
            write_touches(self._store, self._predictor.touch, epochs, memory.tick)
        self._store.write_array(MIXTURE, memory.mixture.sums())
        self._store.set_setting(TICK, memory.tick)
        self._store.set_setting(WORDS, words)
        self._store.set_setting(SESSION, self._session)

    def _hold(self, learnt: Sequence[_Learnt], identity: str, goes_on: bool) -> None:
        # A receipt lives as long as memory can take back all of its pieces.
        held = self._learnt.get(identity) if goes_on else ()
        if held is not None:
            self._learnt[identity] = (*held, *learnt)
        while sum(max(len(learnt), 1) for learnt in self._learnt.values()) > TRACES_KEPT:
            self._learnt.popitem(last=False)


def record(
    redactor: Redactor,
    recorder: Recorder,
    adapter: Adapter,
    stretch: Stretch,
    receipt: UndoReceipt | None = None,
) -> UndoReceipt:
    """Learn what was kept, but for what is to be blanked; `Personalizer.record` says what that is.

    What only now turns out to be secret, as the first of two words that an app has a pattern for, is taken
    back. receipt: of the stretches before. Raises as `Recorder.record_all`.
    """
    seen = redactor.redacted(stretch.context, stretch.kept, stretch.ahead)
    recorder.unlearn(seen.words)
    meant = words_of(seen.context, seen.text)
    came = seen
    if stretch.typed != stretch.kept:
        came = redactor.redacted(stretch.context, stretch.typed, stretch.ahead)
    hit = words_of(came.context, came.text)
    judged = redactor.judged(meant, hit, adapter, stretch.touches)
    spelled = [written_in(came.text, one) for one in hit] if len(hit) == len(meant) else [""] * len(meant)
    pieces = [
        Kept(piece.context, one, piece.text, redactor.chosen_form(seen, piece, typed_so))
        for piece, one, typed_so in zip(meant, judged, spelled, strict=True)
        if redactor.may_learn(piece)
    ]
    return recorder.record_all(pieces, receipt.id if receipt else "", goes_on=receipt is not None)
