"""Training, privacy and play: what the screens show and what their buttons do."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from quietkeys import Level
from quietkeys.testing import Typist
from quietkeys.testing.typist import draw_hands
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.play import FASTEST, SLOWEST, PlayPresenter, words_of_file
from quietkeys_keyboard.presenters.privacy import PrivacyPresenter, hex_lines, when
from quietkeys_keyboard.presenters.training import State, TrainingPresenter
from tests.app.conftest import Desk
from tests.sdk import small


def plays(screen: PlayPresenter) -> bool:
    """Whether somebody types now."""
    return screen.playing


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
    assert screen.headline == "Applied"
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
    screen.roll_back()
    assert screen.version() == 0
    assert "rolled back" in screen.history()[0].text


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
    wanted = [f"Training block {n} of {blocks}" for n in range(1, blocks + 1)]
    wanted = ["Queued at the trainer", *wanted, "Trained on ciphertexts"]
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
    from tests.sdk.transports import Unreachable

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
    assert screen.headline == "Applied"


def test_words_are_searched_and_deleted(desk: Desk) -> None:
    """Most used first; a deleted word is forgotten for good."""
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
    assert screen.known() == (1, 0)
    desk.keyboard.record("such a", "sentence", "sentence")
    assert [one.text for one in desk.keyboard.vocabulary.words()] == ["such"]


def test_what_leaves_is_shown_with_its_bytes(desk: Desk) -> None:
    """Evaluation keys and each encrypted array with what it hides; transfers, newest first."""
    train(desk)
    screen = privacy(desk)
    screen.refresh()
    pump(desk, screen)
    assert any("evaluation keys" in one.what for one in screen.leaves())
    assert any(one.hides is not None and one.hides.not_zero for one in screen.leaves())
    kinds = [line.kind for line in screen.transfers()]
    assert kinds == ["update_fetched", "report_sent", "keys_uploaded"]


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
    """Wiping in the moment in which it looks at what would leave."""
    train(desk)
    screen = privacy(desk)
    screen.refresh()
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
    said = [when(0.0, now) for now in (5.0, 61.0, 7300.0, 90_000.0)]
    assert said == ["just now", "1 minute ago", "2 hours ago", "1 day ago"]


def play(desk: Desk) -> PlayPresenter:
    """A play screen with steady hands."""
    typist = Typist(draw_hands(np.random.default_rng(1)), 0.08, np.random.default_rng(1), phone_layout())
    return PlayPresenter(desk.typing(), typist, desk.changed)


def test_somebody_types_and_words_are_counted(english: Desk) -> None:
    """Through the keys, as fast as chosen; mistakes that are seen are put right; the keyboard learns."""
    screen = play(english)
    screen.play(("the quick brown fox jumps over the lazy dog " * 7).split(), "a text")
    assert plays(screen)
    screen.set_speed(1000.0)
    assert screen.speed == FASTEST
    while plays(screen):
        screen.tick(0.05)
    assert not screen.has_more()
    assert 55 <= screen.score.words <= 63
    assert screen.score.untouched < screen.score.right
    assert screen.score.right > 0.9 * screen.score.words
    assert english.keyboard.status().words_recorded >= 50


def test_play_stops_and_goes_on(desk: Desk) -> None:
    """And presses no more keys in a frame than the screen can take."""
    screen = play(desk)
    screen.play(["such", "a", "sentence"] * 10, "a text")
    screen.set_speed(0.0)
    assert screen.speed == SLOWEST
    screen.stop()
    screen.tick(100.0)
    assert screen.typing.editor.text == ""
    screen.stop()
    screen.tick(100.0, most=3)
    assert 0 < len(screen.typing.editor.text) <= 4


def test_a_file_is_read_as_text(tmp_path: Path) -> None:
    """UTF-8; what is no text is said."""
    path = tmp_path / "text"
    path.write_text("two words\nthree more words", encoding="utf-8")
    assert words_of_file(path) == ["two", "words", "three", "more", "words"]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="decode"):
        words_of_file(path)
