"""What the application keeps of its user's typing: sealed, over a restart, never what is not learnt."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietkeys import Personalizer, Suggestions
from quietkeys.testing import open_profile
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.base import left_by
from quietkeys_keyboard.presenters.changes import KEPT, Words
from quietkeys_keyboard.presenters.curve import Score, words_right
from quietkeys_keyboard.presenters.kept import Kept
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.own import OwnTyping
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_keyboard.presenters.words import kept_words
from tests.app.conftest import Desk
from tests.app.test_typing import type_text


def begun(desk: Desk) -> tuple[TypingPresenter, Kept]:
    """A typing screen, and what is kept of it."""
    base = desk.base()
    words, own = Words(), OwnTyping(desk.keyboard, base.leaves)
    kept = Kept(desk.keyboard, words, own)
    kept.recall()
    screen = TypingPresenter(desk.keyboard, desk.changed, lambda: desk.now, words, own, kept.keep)
    return screen, kept


def texts(words: Words) -> list[tuple[str, str, str]]:
    """Words as they are kept, in an order that says nothing."""
    return sorted((one.before, one.typed, one.kept) for one in words.all())


def test_the_last_words_survive_reopening_and_lie_sealed(english: Desk, tmp_path: Path) -> None:
    """Each with at most three words before it; no file has a word of them to read; a wipe removes them."""
    screen, kept = begun(english)
    type_text(screen, "please come to such a nice sentemce ")
    screen.send()
    before = texts(kept.words)
    assert ("such a nice ", "sentemce", "sentence") in before
    assert all(len(words.split()) <= 3 for words, _, _ in before)
    assert english.keyboard.vocabulary.examples()
    again = Kept(english.keyboard, Words(), kept.own)
    again.recall()
    assert texts(again.words) == before
    english.keyboard.close()
    for path in (tmp_path / "profile").rglob("*"):
        assert path.is_dir() or b"sentemce" not in path.read_bytes()
    with open_profile(tmp_path / "profile", layout=phone_layout()) as keyboard:
        reopened = Kept(keyboard, Words(), OwnTyping(keyboard, lambda word: word.typed))
        reopened.recall()
        assert texts(reopened.words) == before
        assert reopened.own.score.words == kept.own.score.words > 0
        keyboard.forget()
        assert keyboard.vocabulary.examples() == ""
    with closing(sqlite3.connect(tmp_path / "profile" / "profile.sqlite")) as database:
        settings = database.execute("SELECT count(*) FROM settings").fetchone()[0]
    assert settings < 10


def test_what_is_not_learnt_is_not_kept(english: Desk) -> None:
    """Unknown words, addresses, what is said to be a password, what may be another text, private typing."""
    screen, kept = begun(english)
    type_text(screen, "niederdorf is nice ")
    screen.send()
    assert texts(kept.words) == [("", "is", "is"), ("is ", "nice", "nice")]
    type_text(screen, "my password is sunflower ")
    screen.send()
    type_text(screen, "write to anna@example.com ")
    screen.send()
    said = " ".join(" ".join(one) for one in texts(kept.words)).lower()
    assert not {"sunflower", "niederdorf", "anna"} & set(said.replace("@", " ").split())
    kept.words.told(KeptWord("", "something", "else", ()))
    assert "something" not in " ".join(" ".join(one) for one in texts(kept.words))
    screen.set_private(True)
    type_text(screen, "hidden words ")
    screen.send()
    screen.set_private(False)
    assert "hidden" not in english.keyboard.vocabulary.examples()


def test_a_forgotten_word_is_in_none_of_them(english: Desk) -> None:
    """Neither as itself nor before another; the others stay."""
    screen, kept = begun(english)
    type_text(screen, "some nice words and some others ")
    screen.send()
    count = len(kept.words.all())
    english.keyboard.vocabulary.forget("nice")
    assert english.keyboard.vocabulary.examples() == ""
    kept.without("nice")
    assert "nice" not in english.keyboard.vocabulary.examples()
    assert 0 < len(kept.words.all()) < count


def test_no_more_are_kept_than_is_said() -> None:
    """The last ones, and it is said how many."""
    words = Words()
    for number in range(KEPT + 20):
        words.told(KeptWord(f"{number} ", "word", "word", ()))
    assert len(words.all()) == KEPT
    assert words.all()[-1].before == f"{KEPT + 19} "
    assert kept_words(0) == "No text is kept."
    assert kept_words(1).startswith("Of text, your last word is kept, sealed")
    assert kept_words(KEPT).startswith("Of text, your last 200 words are kept, sealed")


def test_words_of_the_user_are_counted_as_they_are_sent(english: Desk) -> None:
    """As typed, as each keyboard leaves them; what was taken out again does not count."""
    screen, kept = begun(english)
    type_text(screen, "such a sentemce ")
    type_text(screen, "is ")
    for _ in "is ":
        screen.editor.backspace()
    screen.send()
    score = kept.own.score
    assert score.words == 3
    lines = (score.typed, score.base, score.memory, score.kept)
    assert [line.right for line in lines] == [2, 3, 3, 3]
    assert words_right(score) == (
        "Of 3 words 66.7% are right as typed, 100.0% as the model corrects that knows nobody, 100.0% with"
        " what was learned here; no update was in use."
    )
    score.updated()
    assert words_right(score).endswith("no update was in use.")
    score.updates = [2]
    assert words_right(score).endswith("100.0% with what was learned here, 100.0% with updates as well.")
    score.updates.clear()
    english.keyboard.vocabulary.add("sentemce")
    type_text(screen, "such a sentemce ")
    screen.send()
    assert [line.right for line in lines] == [5, 5, 6, 6]
    assert Score.of_tree(score.to_tree()) == score
    assert Score.of_tree({"words": "many"}) == Score()


def test_memory_is_what_is_left_without_the_update(english: Desk) -> None:
    """An update in use changes the keyboard's line, and not that of memory."""
    keyboard = english.keyboard
    _, kept = begun(english)
    word, rng = KeptWord("such a ", "sentemce", "sentence", ()), np.random.default_rng(0)
    none = keyboard._model.adapters.none().by_block
    left = "sentence"
    while left == "sentence":  # an update that changes it
        with keyboard._profile.store.transaction():
            wild = {name: rng.integers(-8000, 8000, len(weights)) for name, weights in none.items()}
            keyboard._model.adapters.apply(wild)
        keyboard._opened.use_adapter()
        left = left_by(keyboard, word)
    kept.own.before(word)
    ended = kept.own._open["such a "]
    assert (ended.left, ended.memory) == (left, "sentence")


def test_a_space_asks_for_the_next_word_alone(english: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves of the word was asked for by its last key; and that is what the word is counted by."""
    screen, kept = begun(english)
    type_text(screen, "such a sentemce")
    before = screen.editor.text.removesuffix("sentemce")
    left = left_by(english.keyboard, KeptWord(before, "sentemce", "", ()))
    asked: list[str] = []
    suggest = Personalizer.suggest

    def counted(keyboard: Personalizer, context: str, typed: str, *others: Any, **where: Any) -> Suggestions:
        asked.append(typed)
        return suggest(keyboard, context, typed, *others, **where)

    monkeypatch.setattr(Personalizer, "suggest", counted)
    screen.editor.space()
    assert asked == [""]
    ended = kept.own._open[before]
    assert (ended.left, ended.memory) == (left, left)
