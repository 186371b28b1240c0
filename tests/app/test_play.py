"""Play: somebody types messages through the keyboard, and words right are drawn on a fixed scale."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from quietkeys.testing import Typist
from quietkeys.testing.typist import draw_hands
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.base import BaseKeyboard, left_by_memory
from quietkeys_keyboard.presenters.curve import HIGH, LOW, WINDOW, Score, Word, chance, height
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.play import FASTEST, MOST_WORDS, SLOWEST, PlayPresenter, messages_of_file
from tests.app.conftest import Desk


def plays(screen: PlayPresenter) -> bool:
    """Whether somebody types now."""
    return screen.playing


def play(desk: Desk) -> PlayPresenter:
    """A play screen with steady hands."""
    typist = Typist(draw_hands(np.random.default_rng(1)), 0.08, np.random.default_rng(1), phone_layout())
    base = desk.base()
    return PlayPresenter(
        desk.typing(), typist, desk.changed, base.leaves, partial(left_by_memory, desk.keyboard)
    )


def test_somebody_types_and_words_are_counted(english: Desk) -> None:
    """Through the keys, as fast as chosen; mistakes that are seen are put right; the keyboard learns."""
    screen = play(english)
    screen.play(["the quick brown fox jumps over the lazy dog"] * 7, "a text")
    assert plays(screen)
    screen.set_speed(1000.0)
    assert screen.speed == FASTEST
    while plays(screen):
        screen.tick(0.05)
    assert not screen.has_more()
    assert 55 <= screen.score.words <= 63
    assert screen.score.typed.right < screen.score.kept.right
    assert screen.score.base.right > screen.score.typed.right
    assert screen.score.kept.right > 0.9 * screen.score.words
    assert english.keyboard.status().words_recorded >= 50
    sent = [message.text for message in screen.typing.messages if message.mine]
    assert len(sent) == 7
    assert all(text[:1].isupper() and text[1:] == text[1:].lower() for text in sent)


def test_the_curve_is_on_a_fixed_scale() -> None:
    """A point for every hundred words, what may be chance around it, and where updates came in use."""
    score = Score()
    for place in range(2 * WINDOW + 30):
        score.add(Word(place % 4 > 0, place % 5 > 0, place % 5 > 0, place % 10 > 0))
        if place == WINDOW:
            score.updated()
    assert (score.words, score.updates) == (2 * WINDOW + 30, [WINDOW + 1])
    assert (score.typed.shares, score.base.shares, score.kept.shares) == ([0.75] * 2, [0.8] * 2, [0.9] * 2)
    low, high = chance(0.9)
    assert (round(low, 2), round(high, 2)) == (0.87, 0.93)
    assert chance(1.0) == (HIGH, HIGH)
    assert [height(share) for share in (0.1, LOW, 0.75, HIGH)] == [0.0, 0.0, 0.5, 1.0]


def test_the_keyboard_that_knows_nobody_learns_nothing(english: Desk) -> None:
    """It corrects as the model does, whatever the other one has learnt."""
    english.keyboard.vocabulary.add("sentemce")
    base = BaseKeyboard(layout=phone_layout())
    assert base.leaves(KeptWord("what a ", "sentemce", "", ())) == "sentence"
    assert english.keyboard.suggest("what a ", "sentemce").correction is None
    base.close()


def test_play_stops_and_goes_on(desk: Desk) -> None:
    """And presses no more keys in a frame than the screen can take."""
    screen = play(desk)
    screen.play(["such a sentence"] * 10, "a text")
    screen.set_speed(0.0)
    assert screen.speed == SLOWEST
    screen.stop()
    screen.tick(100.0)
    assert screen.typing.editor.text == ""
    screen.stop()
    screen.tick(100.0, most=3)
    assert 0 < len(screen.typing.editor.text) <= 4


def test_a_file_is_read_as_text(tmp_path: Path) -> None:
    """UTF-8, a message a line, long lines in parts; what is no text is said."""
    path = tmp_path / "text"
    path.write_text("two words\n\nthree more words\n" + "word " * 50, encoding="utf-8")
    short, more, long, rest = messages_of_file(path)
    assert (short, more) == ("two words", "three more words")
    assert (len(long.split()), len(rest.split())) == (MOST_WORDS, 50 - MOST_WORDS)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="decode"):
        messages_of_file(path)


def test_play_begins_anew_after_a_wipe(desk: Desk) -> None:
    """With nothing typed, in a thread of its own."""
    screen = play(desk)
    screen.play(["such a sentence"] * 3, "a text")
    while plays(screen):
        screen.tick(1.0)
    screen.reset()
    assert (screen.score.words, screen.title, screen.has_more()) == (0, "", False)
    assert len(screen.typing.messages) == 1
