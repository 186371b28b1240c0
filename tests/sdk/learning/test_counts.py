"""Undo takes everything back, and what is kept is counts: checked against an independent count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietkeys import Personalizer, UndoReceipt
from quietkeys.api.typing_model import TypingModel
from quietkeys.bundle.bundle import open_bundle
from quietkeys.bundle.networks import Adapter
from quietkeys.learning.recorder import COUNTED_KEPT, EPOCH, EVENT_HALF_LIFE, Kept, Recorder
from quietkeys.prediction.counting import Choices, Lean, Masses, count, no_masses
from quietkeys.prediction.events import Choice, is_contested
from quietkeys.prediction.model import Model, load_model
from quietkeys.prediction.predictor import Predictor
from quietkeys.profile.memory import FORM, HALF_LIFE, NEGLIGIBLE, TRACES_KEPT, Key
from quietkeys.profile.settings import TICK
from quietkeys.profile.store import Store
from quietkeys.text.tokens import BLANK
from tests.sdk import small
from tests.sdk.conftest import Rig
from tests.sdk.unsealing import rows_in

TYPED = [("yuo", "you"), ("sentemce", "sentence"), ("abuzo", "abuzo"), ("tyhe", "the"), ("fo", "of")]
OWN = "abuzo"  # the one that the lexicon lacks
# Numbers from 0 record one of TYPED; negative ones take back the record so many places before the last.
ACTIONS = st.lists(st.integers(-6, len(TYPED) - 1), max_size=25)


@pytest.fixture(scope="module")
def model(bundle: Path) -> Model:
    """The small bundle's model."""
    return load_model(open_bundle(bundle, trusted_keys=small.TRUSTED))


class Journal:
    """A recorder, and beside it a list of what is recorded and not taken back."""

    def __init__(self, model: Model, held_out: bool = False, own: bool = False) -> None:
        self.store = Store.in_memory()
        self.predictor = Predictor(model)
        chance = np.random.default_rng(0)
        self.recorder = Recorder(self.predictor, self.store, chance if held_out else Never(), self._note)  # type: ignore[arg-type]
        self.live: list[tuple[UndoReceipt, int, tuple[str, str], str, str, object]] = []
        self.own = own
        if own:
            self.recorder.add_word(OWN)
        self._choice: object = None

    def _note(self, choice: object) -> None:
        self._choice = choice

    def act(self, action: int) -> None:
        """Record or take back."""
        if action >= 0:
            typed, kept = TYPED[action]
            context = ("", self.live[-1][3] if self.live else "")
            judged = self.predictor.judge(context, typed, self.predictor.scorer.no_adapter())
            self._choice = None
            written = (kept, kept.capitalize(), "")[len(self.live) % 3]
            receipt = self.recorder.record(
                Kept(context, judged, kept, written), f"r{np.random.bytes(8).hex()}"
            )
            self.live.append((receipt, self.recorder.tick, context, kept, written, self._choice))
        elif self.live:
            position = max(len(self.live) + action, 0)
            receipt, *_ = self.live.pop(position)
            self.recorder.undo(receipt)

    def expected_counts(self) -> dict[Key, float]:
        """Every key's decayed count, summed up from the list."""
        counts: dict[Key, float] = {}
        put = [(1, (BLANK, BLANK), OWN)] if self.own else []
        typed = [(tick, context, kept) for _, tick, context, kept, _, _ in self.live]
        for tick, (before, previous), kept in put + typed:
            if kept == OWN and not self.own:
                continue  # kept in one session only: neither learnt nor a neighbour
            if previous == OWN and not self.own:
                previous = BLANK
            weight = math.exp(-math.log(2.0) / HALF_LIFE * (self.recorder.tick - tick))
            for key in ((kept,), (previous, kept), (before, previous, kept)):
                counts[key] = counts.get(key, 0.0) + weight
        return counts

    def expected_forms(self) -> dict[Key, float]:
        """Every form's decayed count, summed up from the list; the small bundle has no word with capitals."""
        counts: dict[Key, float] = {}
        for _, tick, _, kept, written, _ in self.live:
            if written and (kept != OWN or self.own):
                key = (FORM, kept) if written == kept else (FORM, kept, written)
                weight = math.exp(-math.log(2.0) / HALF_LIFE * (self.recorder.tick - tick))
                counts[key] = counts.get(key, 0.0) + weight
        return counts

    def expected_masses(self, lean: Lean) -> Mapping[str, Masses]:
        """The masses of every block, summed up from the list one by one."""
        events = self.predictor.events
        total = no_masses(events)
        for _, tick, _, _, _, choice in self.live:
            if isinstance(choice, Choice) and is_contested(events, choice):
                epochs = self.recorder.tick // EPOCH - (tick - 1) // EPOCH
                counted = count(events, Choices.of(events, [choice]), lean)
                for block, both in counted.items():
                    total[block] = total[block].plus(both.scaled(0.5 ** (EPOCH * epochs / EVENT_HALF_LIFE)))
        return total

    def masses(self, lean: Lean) -> Mapping[str, Masses]:
        """What the profile counts."""
        choices, weights = self.recorder.counted()
        return count(self.predictor.events, choices, lean, weights)


def some_lean(model: Model) -> Lean:
    """An adapter that moves every event a little."""
    rng = np.random.default_rng(7)
    weights = {block.name: rng.normal(0, 0.2, block.width).astype(np.float32) for block in model.plan.blocks}
    return Lean.of(model.events, model.plan, Adapter(1, weights))


class Never:
    """Chance that holds no event out."""

    def random(self) -> float:
        """1."""
        return 1.0


@given(actions=ACTIONS, own=st.booleans())
def test_counts_are_those_of_what_was_not_taken_back(model: Model, actions: list[int], own: bool) -> None:
    """After any records and undos in any order, counts in memory and in the store equal a fresh count."""
    journal = Journal(model, own=own)
    for action in actions:
        journal.act(action)
    memory, expected = journal.predictor.memory, journal.expected_counts()
    assert {key: memory.count(key) for key in memory.counts} == pytest.approx(expected, rel=1e-9)
    assert journal.recorder.words == len(journal.live)
    for lean in (Lean.none(model.events), some_lean(model)):
        masses, afresh = journal.masses(lean), journal.expected_masses(lean)
        for block, both in masses.items():
            np.testing.assert_allclose(both.evidence_for, afresh[block].evidence_for, rtol=0.05, atol=0.02)
    again = Predictor(model)
    Recorder(again, journal.store, np.random.default_rng(0))
    assert {key: again.memory.count(key) for key in again.memory.counts} == pytest.approx(expected, rel=1e-9)
    for table in (memory, again.memory):
        forms = {key: table.form_count(key) for key in table.forms}
        assert forms == pytest.approx(journal.expected_forms(), rel=1e-9)
        totals: dict[Key, float] = {}
        for key in expected:
            totals[key[:-1]] = totals.get(key[:-1], 0.0) + expected[key]
        held = {key: table._decayed(entry) for key, entry in table.histories.items()}
        assert held == pytest.approx(totals, rel=1e-9)


@given(actions=ACTIONS, own=st.booleans())
def test_the_last_record_is_taken_back_to_the_bit(model: Model, actions: list[int], own: bool) -> None:
    """Record and undo, with nothing in between, leaves memory, ages and the clock exactly as they were."""
    journal = Journal(model, held_out=True, own=own)
    for action in actions:
        journal.act(action)
    memory = journal.predictor.memory

    def state() -> object:
        return (
            dict(memory.counts),
            dict(memory.histories),
            dict(memory.forms),
            [memory.form(kept) for _, kept in TYPED],
            list(memory.own_words),
            memory.tick,
            journal.recorder.words,
            journal.store.held_out(),
            sorted(journal.store.counted(COUNTED_KEPT + TRACES_KEPT)),
            sorted(journal.store.memory()),
            journal.store.marks("pending"),
        )

    before = state()
    journal.act(0)
    assert state() != before
    journal.act(-1)
    assert state() == before


def test_nothing_is_left_when_all_is_taken_back(model: Model) -> None:
    """No key, no own word and no mass stays."""
    journal = Journal(model, held_out=True)
    for number in range(40):
        journal.act(number % len(TYPED))
    while journal.live:
        journal.act(-3)
    assert journal.predictor.memory.counts == {}
    assert journal.predictor.memory.histories == {}
    assert journal.predictor.memory.forms == {}
    assert journal.predictor.memory.own_words == {}
    assert list(journal.store.memory()) == []
    assert journal.store.held_out() == []
    assert journal.store.counted(COUNTED_KEPT) == []


def test_old_counts_are_dropped_when_they_mean_nothing(model: Model) -> None:
    """A count that has decayed below NEGLIGIBLE is gone after opening again."""
    journal = Journal(model)
    journal.act(0)
    late = int(HALF_LIFE * math.log2(1.0 / NEGLIGIBLE)) + 100
    journal.store.set_setting(TICK, late)
    journal.recorder.reload()
    assert journal.predictor.memory.counts == {}


CANARY = "tuesday purple badgers danced beside my uncle"


def test_no_text_is_kept(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Neither what was typed, nor any four words in a row, nor what is no word, is in any row or message."""
    words = CANARY.split()
    for _ in range(2):
        with rig.open() as keyboard:
            for _ in range(2):
                for place, word in enumerate(words):
                    keyboard.record(" ".join(words[:place]), f"zzq{word[1:]}", word)
    with rig.open() as keyboard:
        for secret in ("hunter2hunter2", "aunty@mail.test", "4111111111111111", "https://secret.test/x"):
            keyboard.record("it is", secret, secret)
            keyboard.record(f"it is {secret}", "now", "now")
        keyboard.sync()
        held = rows_in(rig.folder / "profile")
        told = repr(keyboard.ledger()) + repr(keyboard.status()) + caplog.text + repr(keyboard)
        told += repr(keyboard.suggest("my pin is", "hunter"))
        sent = b"".join(str(job.report).encode() for job in rig.trainer.jobs.values())
    held += rows_in(rig.folder / "profile")
    assert b"badgers" in held  # a word of one's own is kept; the search can find what is there
    for part in (b"hunter2", b"aunty@", b"4111", b"secret.test", b"zzq"):
        assert part not in held
    separated = (b" ", b"\x1f", b"\x00", b"")
    for place in range(len(words) - 3):
        for separator in separated:
            assert separator.join(word.encode() for word in words[place : place + 4]) not in held
    for word in ("badgers", "tuesday", "hunter2"):
        assert word not in told
        assert word.encode() not in sent


def test_the_order_of_words_cannot_be_read_from_the_store(rig: Rig) -> None:
    """Rows come in the order of keyed hashes, and their ticks are too coarse to put them in order."""
    with rig.open() as keyboard:
        for place, word in enumerate(CANARY.split()):
            keyboard._model.recorder.add_word(word)
            keyboard.record(" ".join(CANARY.split()[:place]), word, word)
        database = keyboard._profile.store.database
        rows = database.rows("SELECT name FROM memory")
        ticks = {tick for _, _, tick in keyboard._profile.store.memory()}
        tables = [name for (name,) in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert rows == sorted(rows)
    assert ticks == {0}
    assert "receipts" not in tables


def test_a_receipt_says_nothing(keyboard: Personalizer) -> None:
    """It is a random id."""
    receipt = keyboard.record("my", "brokling", "brokling")
    assert len(receipt.id) == 32
    assert "brokling" not in repr(receipt)
    assert isinstance(keyboard._model, TypingModel)


@pytest.mark.parametrize("typed", ["yuo", "fo", "te", "hae", "wol", "qx", "zk", "th"])
@pytest.mark.parametrize("context", [(), ("such",), ("the",)])
def test_a_short_word_counts_as_it_is_decided(model: Model, typed: str, context: tuple[str, ...]) -> None:
    """Of two candidates, the one that scores more in the choice is the one that is put in place."""
    predictor = Predictor(model)
    judged = predictor.judge(context, typed, predictor.scorer.no_adapter())
    assert judged is not None
    literal = judged.slate.literal
    rivals = judged.probability.copy()
    rivals[literal] = -1.0
    best = int(rivals.argmax())
    two = np.zeros_like(rivals)
    two[[best, literal]] = judged.probability[[best, literal]] / judged.probability[[best, literal]].sum()
    plain = predictor.choice(judged, judged.slate.words[best])
    choice = None if plain is None else judged.decisive(predictor.events, plain)
    assert choice is not None
    score = choice.features @ predictor.events.base_weights
    assert (score[choice.kept] >= score[choice.literal]) == (judged.decided(two) == best)


def test_what_no_score_decides_counts_nothing(model: Model) -> None:
    """A word of the user's own is left alone whatever an update says, so it says nothing of updates."""
    journal = Journal(model, own=True)
    for _ in range(5):
        journal.act([typed for typed, _ in TYPED].index(OWN))
    assert journal.recorder.tick > 1
    assert not len(journal.recorder.counted()[0])
