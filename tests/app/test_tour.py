"""The tour: every sentence that it says is compared with the keyboard, the wire and the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from quietkeys import Outcome, Trainer
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.environment import Environment
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys_keyboard.presenters.changes import Change, left_of
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.meddling import Meddler
from quietkeys_keyboard.presenters.tour import MESSAGES, NAME, Stage, TourPresenter, Typed, messages_in
from quietkeys_keyboard.presenters.training import TrainingPresenter
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_protocol.plan import Plan
from tests.app.test_screens import Tap
from tests.patience import HANGS_S
from tests.sdk.transports import Unreachable


@dataclass(slots=True)
class Visit:
    """A tour with a tap on the wire, and what it said at each stage, last."""

    tour: TourPresenter
    tap: Tap
    posted: list[Callable[[], None]] = field(default_factory=list)
    said: dict[Stage, tuple[str, str]] = field(default_factory=dict)
    replayed: list[Change] = field(default_factory=list)

    def until(self, stage: Stage) -> None:
        """Go on until a stage is reached."""
        deadline = time.monotonic() + HANGS_S
        while self.tour.stage is not stage:
            assert self.tour.stage is not Stage.DONE
            assert time.monotonic() < deadline
            while self.posted and self.tour.stage is not stage:
                self.posted.pop(0)()
            self.said[self.tour.stage] = self.tour.title(), self.tour.text()
            if self.tour.stage is not stage:
                self.tour.tick(0.5)
            if self.tour.training.busy:
                time.sleep(0.01)
        self.said[stage] = self.tour.title(), self.tour.text()


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """A tour whose trainer computes in the clear."""
    trainer = InMemoryTrainer(Plan.parse(shipped_bundle()["plan.json"]))
    tap = Tap(trainer)
    meddler = Meddler(tap)
    keyboard = open_profile(
        tmp_path / "profile",
        trainer=Trainer("https://trainer.test"),
        layout=phone_layout(),
        cipher=NoopCipher,
        transport=meddler,
        environment=Environment(rng=np.random.default_rng(0)),
    )
    posted: list[Callable[[], None]] = []
    typing = TypingPresenter(keyboard, lambda: None, time.monotonic)
    training = TrainingPresenter(keyboard, lambda: None, posted.append, words=typing.words)
    shown: list[Change] = []

    def replay(change: Change, then: Callable[[], None]) -> None:
        shown.append(change)
        posted.append(then)

    tour = TourPresenter(keyboard, typing, training, meddler, lambda: None, posted.append, replay)
    with keyboard:
        yield Visit(tour, tap, posted, replayed=shown)


def test_what_the_tour_says_is_so(visit: Visit) -> None:
    """From the first key to the receipt: amounts, words before and after, the byte, what is deleted."""
    tour, keyboard = visit.tour, visit.tour.keyboard
    visit.until(Stage.ENOUGH)
    ready, status = keyboard.readiness(), keyboard.status()
    assert ready.is_ready
    assert tour.share() == 1.0
    counted = f"{status.words_recorded:,} words counted, {ready.kept_aside} of the 60"
    assert visit.said[Stage.ENOUGH][1].startswith(counted)
    assert visit.said[Stage.ENOUGH][1].endswith("Nothing has left this device.")
    assert visit.tap.came == []
    assert f"{NAME} and her {len(tour.messages)} messages are made up." in visit.said[Stage.TYPES][1]
    visit.until(Stage.RECEIVED)
    total = visit.tap.total()
    assert visit.said[Stage.TRAINS][1].endswith(total)
    received = total.replace("left", "came from")
    assert visit.said[Stage.RECEIVED][1].startswith(received)
    assert "does not look encrypted" in visit.said[Stage.RECEIVED][1]  # it is not, in this test
    visit.until(Stage.REPLAYS)
    title, text = visit.said[Stage.CHANGED]
    assert title == tour.training.headline
    assert title.startswith("Better: ")
    change = tour.training.changes[0]
    assert change.is_better
    typed = f"{NAME} typed “{change.word.typed}”. Before the update, Space made it “{change.before}”; "
    assert text == f"{typed}now it makes it “{change.after}”."
    assert left_of(keyboard, [change.word]) == [change.after]
    before = [word for message in tour.messages for word in message]
    assert Typed(change.word.typed, change.word.kept) in before
    keyboard.rollback()
    assert left_of(keyboard, [change.word]) == [change.before]


def test_a_changed_byte_is_refused(visit: Visit) -> None:
    """The byte that was named is the one that differs on the wire; nothing of it is used, and it is over."""
    tour, keyboard = visit.tour, visit.tour.keyboard
    visit.until(Stage.MEDDLES)
    version = keyboard.status().adapter_version
    assert len(visit.replayed) == 1
    visit.until(Stage.REFUSED)
    title, text = visit.said[Stage.REFUSED]
    byte = tour.meddler.changed
    assert byte is not None
    update = list(visit.tap.trainer.jobs.values())[-1].update
    assert (byte.size, byte.before) == (len(update), update[byte.place - 1])
    assert byte.after == byte.before ^ 0x80
    assert (title, tour.training.outcome) == ("Refused", Outcome.UNTRUSTED)
    assert text.startswith(f"Byte {byte.place:,} of {byte.size:,} left the trainer as {byte.before:02x} and")
    assert text.endswith(f"It was not used: update {version} stays.")
    assert keyboard.status().adapter_version == version
    visit.until(Stage.DONE)
    assert "Everything here is gone" in visit.said[Stage.DONE][1]
    assert "signed a receipt" in visit.said[Stage.DONE][1]
    assert visit.tap.trainer.devices == {}
    assert keyboard.status().words_recorded == 0


def test_the_tour_waits_for_a_trainer_that_starts(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and asks again."""
    visit.tour.messages = visit.tour.messages[:3]
    visit.until(Stage.ENOUGH)
    with monkeypatch.context() as patched:
        patched.setattr(visit.tour.meddler, "inner", Unreachable())
        visit.until(Stage.TRAINS)
        deadline = time.monotonic() + 60.0
        while not visit.tour.training.offline and time.monotonic() < deadline:
            while visit.posted:
                visit.posted.pop(0)()
            time.sleep(0.01)
        assert visit.tour.text().endswith("The trainer on this machine is still starting.")
    visit.until(Stage.RECEIVED)
    assert visit.tour.training.outcome is Outcome.DUMMY


def test_what_she_types_is_made_for_this() -> None:
    """Words that are typed otherwise are slips of what is meant; no line is empty."""
    messages = messages_in(MESSAGES.read_text("utf-8"))
    words = [word for message in messages for word in message]
    slips = [word for word in words if word.typed != word.meant]
    assert 600 < len(words) < 1000
    assert 0.1 < len(slips) / len(words) < 0.3
    assert all(set(word.typed) <= set(word.meant) for word in slips)
