"""Training, privacy and play: what the screens show and what their buttons do."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from quietkeys import LastSync, Level, Step, Verdict
from quietkeys.profile.settings import LAST_SYNC
from quietkeys.remote.http import Answer, Body, Request
from quietkeys.testing import InMemoryTrainer, open_profile
from quietkeys_keyboard.presenters.course import State
from quietkeys_keyboard.presenters.departures import errands, hex_lines, pages, total
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.lesson import Lesson
from quietkeys_keyboard.presenters.privacy import PrivacyPresenter
from quietkeys_keyboard.presenters.training import TrainingPresenter, worth_words
from quietkeys_keyboard.presenters.words import lasting, times, when
from tests.app.conftest import Desk
from tests.sdk import small
from tests.sdk.transports import Unreachable


@dataclass(slots=True)
class Tap:
    """Between a device and its trainer: what came over the wire, in order."""

    trainer: InMemoryTrainer
    came: list[tuple[str, str, bytes]] = field(default_factory=list)
    arrived: Callable[[], None] = lambda: None

    def send(self, request: Request) -> Answer:
        """Read the body as a network does, and pass it on."""
        with request.body.open() as stream:
            body = stream.read()
        self.came.append((request.method, request.path, body))
        self.arrived()
        return self.trainer.send(replace(request, body=Body.of(body)))

    def total(self) -> str:
        """What is true of all that came."""
        count = "1 request" if len(self.came) == 1 else f"{len(self.came)} requests"
        return f"{sum(len(body) for _, _, body in self.came):,} bytes left this device, in {count}."


def pump(desk: Desk, screen: TrainingPresenter | PrivacyPresenter) -> None:
    """Run what threads have posted until the screen is idle."""
    deadline = time.monotonic() + 900.0
    while (screen.busy or desk.posted) and time.monotonic() < deadline:
        while desk.posted:
            desk.posted.pop(0)()
        time.sleep(0.01)
    assert not screen.busy


def learn(desk: Desk, words: int = 220) -> None:
    """Type so much that an update can be judged."""
    rng = np.random.default_rng(5)
    for context, word in small.tokens(7, words):
        desk.keyboard.record(context, small.slipped(word, rng), word)


def training(desk: Desk) -> TrainingPresenter:
    """A training screen."""
    return TrainingPresenter(desk.keyboard, desk.changed, desk.posted.append)


def train(desk: Desk) -> TrainingPresenter:
    """The training screen after somebody has typed, agreed and trained once."""
    learn(desk)
    screen = training(desk)
    screen.agree()
    screen.start()
    pump(desk, screen)
    return screen


def privacy(desk: Desk) -> PrivacyPresenter:
    """A privacy screen."""
    return PrivacyPresenter(desk.keyboard, desk.changed, desk.posted.append)


def test_a_training_shows_its_steps_and_what_it_was_worth(desk: Desk) -> None:
    """Each step with its bytes, then what was decided and why; roll back takes it away again."""
    learn(desk)
    screen = training(desk)
    assert screen.needs_consent()
    screen.agree()
    assert not screen.needs_consent()
    screen.start()
    screen.start()
    pump(desk, screen)
    assert screen.headline.startswith(("Better", "In use"))
    assert {line.state for line in screen.steps} == {State.DONE}
    titles = " ".join(line.title for line in screen.steps)
    assert "Encrypting" in titles
    assert "Judging" in titles
    assert sum(line.size for line in screen.steps) > 4000
    (worth,) = screen.worths
    assert 0.5 < worth.before <= 1.0
    assert worth.events > 60
    assert screen.version() == 1
    assert "applied" in screen.history()[0].text
    better = worth.after > worth.before
    assert screen.headline.startswith("Better: " if better else "In use: ")
    screen.roll_back()
    assert screen.version() == 0
    assert "You went back to typing without an update" in screen.history()[0].text


@pytest.mark.parametrize(
    ("fixed", "broken", "said"),
    [
        (3, 1, "Better: 2 more words right of 75"),
        (1, 0, "Better: 1 more word right of 75"),
        (0, 0, "In use: it guesses closer, and no more words come out right yet"),
        (1, 2, "In use: it guesses closer, and no more words come out right yet"),
    ],
)
def test_an_update_is_called_better_only_where_words_are(fixed: int, broken: int, said: str) -> None:
    """By the figures that stand below it."""
    assert worth_words(Verdict(True, "", 75, 0.1, 0.01, fixed, broken, 72)) == said


def test_the_block_under_way_is_shown(desk: Desk) -> None:
    """Queued, then the block that is trained now, in one line that counts up."""
    blocks = len(desk.trainer.plan.blocks)
    desk.trainer.polls = blocks + 1
    seen: list[str] = []
    learn(desk)
    screen = training(desk)
    screen.agree()
    screen.changed = lambda: seen.extend(line.title for line in screen.steps[-1:])
    screen.start()
    pump(desk, screen)
    shown = [title for before, title in zip(["", *seen], seen, strict=False) if title != before]
    wanted = [f"Training part {n} of {blocks}" for n in range(1, blocks + 1)]
    wanted = ["Waiting for its turn at the trainer", *wanted, "Trained without being read"]
    assert [title for title in shown if title in wanted] == wanted
    assert len([line for line in screen.steps if line.title.startswith("Train")]) == 1


def test_a_training_without_typing_says_so(desk: Desk) -> None:
    """There is nothing to learn from yet, and nothing is in use then."""
    screen = training(desk)
    screen.agree()
    screen.start()
    pump(desk, screen)
    assert screen.headline == "Too little typing yet"
    assert "empty report" in screen.detail
    assert screen.version() == 0


def test_offline_is_said_and_costs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failed step is marked; the next training goes on."""
    learn(desk)
    screen = training(desk)
    screen.agree()
    with monkeypatch.context() as patched:
        patched.setattr(desk.keyboard._link, "_transport", Unreachable())
        screen.start()
        pump(desk, screen)
    assert screen.offline
    assert screen.steps[-1].state is State.FAILED
    assert "Typing and learning go on" in screen.detail
    screen.start()
    pump(desk, screen)
    assert screen.headline.startswith(("Better", "In use"))


def test_what_became_of_the_last_training_is_said_after_reopening(desk: Desk) -> None:
    """Before any, that there was none; then how it ended; of one that was interrupted, where."""
    assert training(desk).headline == ""
    train(desk)
    again = training(desk)
    assert again.headline == "The update is in use"
    assert "applied" in again.detail
    again.keyboard._link._transport = Unreachable()
    again.start()
    pump(desk, again)
    assert training(desk).headline == "The last training was interrupted"
    assert "cannot be reached" in training(desk).detail
    desk.keyboard._link._transport = desk.trainer
    desk.trainer.polls = 1_000
    desk.keyboard.sync(wait_seconds=0.0)
    assert training(desk).headline == "A training is not finished"
    store = desk.keyboard._profile.store
    desk.keyboard.forget()
    store.set_setting(LAST_SYNC, LastSync(1.0, Step.UPLOAD_KEYS).to_fields())  # as a kill leaves it
    assert training(desk).headline == "The last training was interrupted"
    assert "Sending keys" in training(desk).detail


def test_how_much_typing_is_missing_is_said_before_training(desk: Desk) -> None:
    """A meter that fills, and about how many words are left; then that it is enough."""
    screen = training(desk)
    before = screen.readiness()
    assert (before.kept_aside, before.needed, before.is_ready) == (0, 60, False)
    learn(desk, 60)
    halfway = screen.readiness()
    assert 0 < halfway.kept_aside < 60
    assert 0 < halfway.words_left < before.words_left
    learn(desk, 400)
    assert screen.readiness().is_ready
    assert screen.readiness().words_left == 0


def test_time_left_is_said_while_it_trains(desk: Desk) -> None:
    """From the first guess, then from the parts that are trained; nothing when it is over."""
    desk.trainer.polls = len(desk.trainer.plan.blocks) + 1
    said: list[str] = []
    learn(desk)
    screen = training(desk)
    screen.agree()
    screen.changed = lambda: said.append(screen.left())
    screen.start()
    pump(desk, screen)
    assert any(one.startswith(("about", "a few")) for one in said)
    assert screen.left() == ""
    assert screen.course.took[Step.TRAIN] < 60.0


def test_words_are_searched_and_deleted(desk: Desk) -> None:
    """Most used first; a deletion can be taken back for 20 seconds, then the word is forgotten for good."""
    for _ in range(3):
        desk.keyboard.record("such a", "sentence", "sentence")
    desk.keyboard.record("", "such", "such")
    screen = privacy(desk)
    screen.refresh()
    pump(desk, screen)
    assert [row.word for row in screen.words()] == ["sentence", "such"]
    screen.search("SENT")
    assert [row.word for row in screen.words()] == ["sentence"]
    screen.search("")
    screen.delete("sentence")
    assert [row.word for row in screen.words()] == ["such"]
    screen.keep()
    screen.finish()
    assert [row.word for row in screen.words()] == ["sentence", "such"]
    screen.clock = lambda: desk.now
    screen.delete("sentence")
    desk.now += 19.9
    screen.tick()
    assert screen.deleting == "sentence"
    desk.now += 0.1
    screen.tick()
    assert screen.deleting == ""
    assert [row.word for row in screen.words()] == ["such"]
    assert screen.known() == (1, 0)
    desk.keyboard.record("such a", "sentence", "sentence")
    assert [one.text for one in desk.keyboard.vocabulary.words()] == ["such"]


def test_what_left_is_shown_as_it_was_on_the_wire(desk: Desk) -> None:
    """Every sentence, errand and byte, compared with a tap: nothing, while it leaves, after, and reopened."""
    learn(desk)
    tap = Tap(desk.trainer)
    desk.keyboard._link._transport = tap
    screen = privacy(desk)
    assert total(desk.keyboard) == "Nothing has left this device."
    during: list[tuple[str, str]] = []
    tap.arrived = lambda: during.append((total(desk.keyboard), tap.total()))
    trained = training(desk)
    trained.agree()
    trained.start()
    pump(desk, trained)
    assert len(during) >= 6
    assert all(shown == real for shown, real in during)
    assert total(desk.keyboard) == tap.total()
    for sent in (screen.sent(), PrivacyPresenter(desk.keyboard, desk.changed, desk.posted.append).sent()):
        shown = pages(sent)
        bodies = [body for _, _, body in reversed(tap.came) if body]
        assert [page.lines for page in shown] == [tuple(hex_lines(body[:512])) for body in bodies]
        for page, body in zip(shown, bodies, strict=True):
            assert f"of {len(body):,} bytes" in page.about
            assert hashlib.sha256(body).hexdigest()[:16] in page.about
    lines = errands(screen.sent())
    assert [line.title.split(":")[0].split(",")[0] for line in lines] == [
        *("Question", "Question", "Your counts", "Evaluation keys", "Question", "Introduction")
    ]
    assert sum(line.sent for line in lines) == sum(len(body) for _, _, body in tap.came)
    assert sum(line.requests for line in lines) == len(tap.came)


def test_export_and_wipe(desk: Desk, tmp_path: Path) -> None:
    """A file with what is known; then nothing is known or shown, here and at the trainer."""
    trained = train(desk)
    screen = privacy(desk)
    screen.wiped = trained.clear
    screen.export(tmp_path / "mine.json")
    assert (tmp_path / "mine.json").stat().st_size > 100
    screen.wipe()
    pump(desk, screen)
    assert "signed a receipt" in screen.notice
    assert desk.keyboard.status().words_recorded == 0
    assert screen.words() == []
    assert (trained.steps, trained.worths, trained.headline) == ([], [], "")
    assert desk.keyboard.consent.given is None


def test_what_is_asked_for_while_the_screen_is_busy_is_done(desk: Desk) -> None:
    """Wiping in the moment in which it lets another device in."""
    train(desk)
    screen = privacy(desk)
    screen.invite(lambda _: None)
    assert screen.busy
    screen.wipe()
    pump(desk, screen)
    assert "signed a receipt" in screen.notice
    assert desk.keyboard.status().words_recorded == 0
    assert screen.words() == []


def test_consent_can_be_taken_back(desk: Desk) -> None:
    """What was learned stays."""
    train(desk)
    screen = privacy(desk)
    screen.withdraw()
    pump(desk, screen)
    assert desk.keyboard.consent.given is None
    assert screen.known()[0] > 10


def test_the_key_has_an_age_and_a_backup(desk: Desk, tmp_path: Path) -> None:
    """None before the first training; then a fingerprint, a code for the backup, and a new key on demand."""
    screen = privacy(desk)
    assert screen.key()[0] == "none yet"
    trained = train(desk)
    fingerprint, about = screen.key()
    assert len(fingerprint) == 19
    assert "made today" in about
    codes: list[str] = []
    screen.back_up(tmp_path / "backup", codes.append)
    pump(desk, screen)
    assert len(codes[0]) == 9 * 4 + 8
    assert (tmp_path / "backup").stat().st_size > 1000
    screen.rotate()
    assert "next training makes a new one" in screen.key()[1]
    trained.start()
    pump(desk, trained)
    assert screen.key()[0] != fingerprint


def test_a_device_is_invited(desk: Desk) -> None:
    """After a training the trainer lets one in, and the screen shows the text to enter there."""
    train(desk)
    screen = privacy(desk)
    texts: list[str] = []
    screen.invite(texts.append)
    pump(desk, screen)
    assert texts[0].startswith("QKC1-")
    screen.join(texts[0])
    pump(desk, screen)
    assert screen.notice


def test_a_name_is_taught(tmp_path: Path) -> None:
    """Three times, a restart, once more: it corrects a slip of it, and can be read in no file."""
    profile = tmp_path / "profile"
    with open_profile(profile, layout=phone_layout()) as keyboard:
        lesson = Lesson(keyboard, "Niederdorf")
        assert lesson.problem() == ""
        assert Lesson(keyboard, "two words").problem()
        assert "3 of 3 times, 1 of 2 sessions" in lesson.typed()
        assert "nothing to learn" in Lesson(keyboard, "Tomorrow").typed()
        assert Lesson(keyboard, "tomorrow").problem()
    with open_profile(profile, layout=phone_layout()) as keyboard:
        known = "Now it knows Niederdorf: it has 1 word from you that no dictionary has."
        assert lesson.again(keyboard) == known
        assert lesson.slip() == ("Neiderdorf", "Niederdorf")
        assert lesson.sealed(profile).endswith("it can be read in none of them.")
        (profile / "note").write_text("about niederdorf")
        assert lesson.sealed(profile).endswith("it can be read in 1 of them.")


def test_switches_are_the_keyboards(desk: Desk) -> None:
    """Pause and the level are kept in the profile."""
    screen = privacy(desk)
    screen.set_paused(True)
    screen.set_level(Level.EAGER)
    assert desk.keyboard.paused
    assert desk.keyboard.level is screen.level is Level.EAGER


def test_hex_and_times_are_readable() -> None:
    """An offset and eight bytes a row; times as people say them."""
    assert hex_lines(bytes(range(10))) == ["0000  00 01 02 03 04 05 06 07", "0008  08 09"]
    assert len(hex_lines(bytes(1000))) == 8
    assert [times(count) for count in (0.4, 2.0, 23.0)] == ["once", "twice", "23 times"]
    assert [lasting(s) for s in (1, 33, 61, 200)] == [
        *("a few seconds", "about 30 seconds", "about 60 seconds", "about 3 minutes")
    ]
    said = [when(0.0, now) for now in (5.0, 61.0, 7300.0, 90_000.0)]
    assert said == ["just now", "1 minute ago", "2 hours ago", "1 day ago"]
