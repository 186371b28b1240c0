"""Both sides at once, and what an update changes of the user's own words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quietkeys import Verdict
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters import departures
from quietkeys_keyboard.presenters.changes import Change, Words, changes, left_of, moved
from quietkeys_keyboard.presenters.departures import arrived, total
from quietkeys_keyboard.presenters.sides import Part, SidesPresenter, attempts, shown
from quietkeys_keyboard.presenters.training import TrainingPresenter, Worth
from quietkeys_keyboard.presenters.typing import TypingPresenter
from tests.app.conftest import Desk
from tests.app.test_screens import privacy, pump, train
from tests.sdk import small


def type_text(screen: TypingPresenter, text: str) -> None:
    """Press the keys of a text, the space bar for spaces."""
    for character in text:
        if character == " ":
            screen.editor.space()
        else:
            screen.editor.press(character)


def test_the_left_side_counts_words_and_says_what_is_left_out(english: Desk) -> None:
    """Counts rise with every word; of the last message, what is not learnt and why."""
    screen = english.typing()
    sides = SidesPresenter(english.keyboard, screen)
    assert sides.words() == []
    type_text(screen, "such words, such people ")
    screen.send()
    assert ("such", "twice") in sides.words()
    assert sides.counted().startswith("4 words counted, 3 different ones.")
    type_text(screen, "write to anna@example.com soon")
    assert sides.parts() == [
        Part("Write to ", ""),
        Part("anna@example.com soon", "an e-mail address"),
    ] or sides.parts() == [
        Part("Write to ", ""),
        Part("anna@example.com", "an e-mail address"),
        Part(" soon", ""),
    ]


def test_the_right_side_is_what_the_trainer_received(desk: Desk) -> None:
    """Its newest bytes and how many came; what hides nothing is read, what is encrypted is not."""
    sides = SidesPresenter(desk.keyboard, desk.typing())
    assert arrived(desk.keyboard) == "Nothing has come from this device."
    train(desk)
    received = sides.received()
    assert [one.path.split("/")[2] for one in received] == ["reports", "keys", "devices"]
    title, lines = shown(received[0])
    assert title.startswith("Your counts, encrypted.")
    assert lines.startswith(f"0000  {received[0].head[:8].hex(' ')}")
    introduction = attempts(received[-1])
    assert "public_key" in introduction[0]
    assert introduction[-1].startswith("This can be read by anybody")
    clear = attempts(received[0])  # of a test's cipher, which hides nothing
    assert clear[-1].startswith("This does not look encrypted")
    random = np.random.default_rng(0).bytes(512)
    hidden = attempts(replace(received[0], head=random, entropy=7.9))
    assert hidden[-1].startswith("What opens it is a key that never left")
    assert "512 bytes become 5" in hidden[2]


def test_words_are_kept_once_for_a_place(english: Desk) -> None:
    """As they stand in the end, if they are learnt; none in private or while learning is paused."""
    screen = english.typing()
    type_text(screen, "what a sentemce ")
    assert [(one.typed, one.kept) for one in screen.words.all()][-1] == ("sentemce", "sentence")
    screen.editor.backspace()
    screen.editor.space()
    assert [(one.typed, one.kept) for one in screen.words.all()] == [("What", "What"), ("a", "a")]
    english.keyboard.vocabulary.add("sentemce")
    type_text(screen, "sentemce ")
    assert [(one.typed, one.kept) for one in screen.words.all()][-1] == ("sentemce", "sentemce")
    count = len(screen.words.all())
    screen.set_private(True)
    type_text(screen, "hidden words ")
    screen.set_private(False)
    assert len(screen.words.all()) == count
    assert "sentemce" not in repr(screen.words)
    screen.words.forget()
    assert screen.words.all() == []


def test_changes_are_the_words_that_come_out_otherwise() -> None:
    """At most five, those that come out as meant first, each once."""
    words = [KeptWord("", f"w{n}", f"w{n}x", ()) for n in range(8)]
    before = [f"w{n}" for n in range(8)]
    after = ["w0", "w1y", *(f"w{n}x" for n in range(2, 8))]
    found = changes([*words, words[7]], [*before, before[7]], [*after, after[7]])
    assert [one.word.typed for one in found] == ["w2", "w3", "w4", "w5", "w6"]
    assert all(one.is_better for one in found)
    assert changes(words[:2], before[:2], after[:2]) == [Change(words[1], "w1", "w1y")]
    assert changes(words, before, before) == []


def test_what_an_update_moved_is_said_where_no_word_changed() -> None:
    """With the gate's own figures, and no percentage that the gate did not measure."""
    text = moved(Verdict(True, "", 75, 0.01, 0.005, 2, 1, 60), 40)
    assert text.startswith(
        "None of your last 40 words comes out otherwise. Of the 75 words kept aside, 2 come"
    )
    assert text.endswith("1 the other way; all together, the words you meant became likelier.")
    assert "%" not in text


def test_a_training_shows_what_it_changed(desk: Desk) -> None:
    """The user's own slips, before and after the update alone; a roll back makes them as they were."""
    words, rng = Words(), np.random.default_rng(5)
    for context, word in small.tokens(7, 220):
        typed = small.slipped(word, rng)
        desk.keyboard.record(context, typed, word)
        words.told(KeptWord(context, typed, word, ()))
    screen = TrainingPresenter(desk.keyboard, desk.changed, desk.posted.append, words=words)
    screen.agree()
    before = left_of(desk.keyboard, words.all())
    screen.start()
    pump(desk, screen)
    assert screen.applied
    assert bool(screen.changes) != bool(screen.moved)
    after = left_of(desk.keyboard, words.all())
    assert screen.changes == changes(words.all(), before, after)
    screen.roll_back()
    assert (screen.changes, screen.moved) == ([], "")
    assert left_of(desk.keyboard, words.all()) == before


def test_a_change_is_replayed_and_teaches_nothing(english: Desk) -> None:
    """Key by key as it was typed; what Space leaves stands there in the end."""
    screen = english.typing()
    word = KeptWord("what a ", "sentemce", "sentence", ())
    learnt = english.keyboard.status().words_recorded
    seen = [screen.editor.text for _ in screen.replay(Change(word, "sentemce", "sentence"))]
    assert seen[0] == "what a s"
    assert seen[-1] == "what a sentence "
    assert english.keyboard.status().words_recorded == learnt
    assert screen.words.all() == []


def test_what_left_is_said_of_what_is_on_record(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wipe takes the record with it, and the oldest go where there are many: neither is said to be all."""
    monkeypatch.setattr(departures, "MOST", 5)
    train(desk)
    count = len(desk.keyboard.sent())
    assert count > 5
    assert total(desk.keyboard).endswith(f" bytes left this device in the last {count} requests.")
    screen = privacy(desk)
    screen.wipe()
    pump(desk, screen)
    assert total(desk.keyboard) == "0 bytes left this device since it was wiped, in 2 requests."
    assert arrived(desk.keyboard) == "0 bytes came from this device since it was wiped, in 2 requests."


def test_what_an_update_was_worth_is_said() -> None:
    """Also where it changed nothing."""
    assert Worth(0.9, 0.95, 60).text() == "90.0% to 95.0% of 60 words kept aside"
    assert Worth(0.9, 0.9, 60).text() == "90.0%, as before, of 60 words kept aside"
