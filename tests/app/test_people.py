"""Five real people through Play, two trainings each: the screens say what the gate says, good or not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from quietkeys import Outcome
from quietkeys.evaluation.messages import read_messages
from quietkeys.sync.settle import held_out_choices
from quietkeys.testing import Typist
from quietkeys.testing.typist import draw_hands
from quietkeys.updates.gate import Verdict, judge
from quietkeys.updates.versions import Weights, adapter_of
from quietkeys_keyboard.presenters.base import BaseKeyboard, left_by_memory
from quietkeys_keyboard.presenters.changes import left_of
from quietkeys_keyboard.presenters.curve import WINDOW
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.play import PlayPresenter
from quietkeys_keyboard.presenters.training import TrainingPresenter, worth_words
from quietkeys_keyboard.presenters.words import OUTCOMES
from tests.app.conftest import Desk
from tests.app.test_screens import pump

PEOPLE = ("nus_05", "nus_15", "irc_05", "email_03", "crd3_07")
WORDS = 800  # before each training


@pytest.fixture
def base() -> Iterator[BaseKeyboard]:
    """The keyboard that knows nobody."""
    found = BaseKeyboard(layout=phone_layout())
    yield found
    found.close()


def judged(desk: Desk, old: Weights) -> Verdict:
    """What the gate says of the update in use, asked again."""
    model, store = desk.keyboard._model, desk.keyboard._profile.store
    choices, new = held_out_choices(store, model.events), model.adapters.in_use()
    adapters = adapter_of(model.plan, old), adapter_of(model.plan, new)
    return judge(model.events, model.plan, choices, *adapters, model.public().judging)


@pytest.mark.soak
@pytest.mark.parametrize("name", PEOPLE)
def test_the_screens_say_what_the_gate_says(
    english: Desk, base: BaseKeyboard, data_folder: Path, name: str
) -> None:
    """Of each training: its outcome, how many words more or less, which words changed; also if none did."""
    messages = read_messages(data_folder / "people" / f"{name}.txt.gz")
    keyboard, rng = english.keyboard, np.random.default_rng(0)
    typing = english.typing()
    typist = Typist(draw_hands(rng), 0.08, rng, phone_layout())
    play = PlayPresenter(typing, typist, english.changed, base.leaves, partial(left_by_memory, keyboard))

    def updated() -> None:
        play.score.updated()

    screen = TrainingPresenter(
        keyboard, english.changed, english.posted.append, updated=updated, words=typing.words
    )
    play.play(messages, name)
    screen.agree()
    applied = 0
    for number in (1, 2):
        while play.playing and play.score.words < number * WORDS:
            play.tick(1.0)
        typing.editor.finish()
        words, old = typing.words.all(), keyboard._model.adapters.in_use()
        before, version = left_of(keyboard, words), screen.version()
        screen.start()
        pump(english, screen)
        assert screen.outcome in {Outcome.APPLIED, Outcome.KEPT_OLD, Outcome.DUMMY}
        if screen.outcome is Outcome.APPLIED:
            applied += 1
            verdict = judged(english, old)
            assert screen.headline == worth_words(verdict)
            assert f" {verdict.events} words of yours " in screen.detail
            worth = screen.worths[-1]
            gained = round((worth.after - worth.before) * worth.events)
            assert (worth.events, gained) == (verdict.events, verdict.fixed - verdict.broken)
            changed = {one for one in zip(before, left_of(keyboard, words), strict=True) if one[0] != one[1]}
            assert {(one.before, one.after) for one in screen.changes} <= changed
            assert bool(screen.changes) == bool(changed)
            assert bool(screen.moved) != bool(screen.changes)
        else:
            assert screen.headline == OUTCOMES[screen.outcome]
            assert (screen.changes, screen.moved, screen.version()) == ([], "", version)
            assert left_of(keyboard, words) == before
        print(f"{name}, training {number}: {screen.headline}. {screen.detail} {screen.moved}")
    score = play.score
    assert len(score.updates) == applied
    untouched = (score.updates[0] if applied else score.words) // WINDOW
    assert score.kept.shares[:untouched] == score.memory.shares[:untouched]
