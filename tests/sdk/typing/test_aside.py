"""`Aside`: suggesting and learning beside the keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from quietkeys import Personalizer
from quietkeys.typing import Aside, Choice, Typing
from tests.patience import HANGS_S
from tests.sdk.typing.keys import Host


@pytest.fixture
def aside() -> Iterator[Aside]:
    """A thread whose keys wait as long as it takes."""
    found = Aside(HANGS_S)
    yield found
    found.close()


@pytest.fixture
def held(aside: Aside) -> Iterator[threading.Event]:
    """The thread is busy until this is set."""
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait()

    aside.think(wait)
    begun.wait()
    yield go
    go.set()


def test_all_is_learnt_in_order(aside: Aside) -> None:
    """Closing waits for it."""
    learnt: list[int] = []
    for number in range(100):
        aside.learn(lambda number=number: learnt.append(number))  # type: ignore[misc]
    aside.close()
    assert learnt == list(range(100))


def test_of_thoughts_only_the_newest_matters(aside: Aside, held: threading.Event) -> None:
    """Those that waited are dropped; what is to be learnt is not."""
    thought: list[int] = []
    for number in range(5):
        aside.think(lambda number=number: thought.append(number))  # type: ignore[misc]
        aside.learn(lambda: None)
    held.set()
    aside.settle()
    assert thought == [4]


def test_what_fails_ends_nothing(aside: Aside, caplog: pytest.LogCaptureFixture) -> None:
    """And is logged by its kind alone."""
    learnt: list[str] = []

    def fail() -> None:
        raise ValueError("secret words")

    aside.learn(fail)
    aside.learn(lambda: learnt.append("next"))
    aside.settle()
    assert learnt == ["next"]
    assert "secret" not in caplog.text
    assert "ValueError" in caplog.text


def test_a_closed_thread_is_not_waited_for(aside: Aside) -> None:
    """As when something is switched while the process ends."""
    aside.close()
    aside.settle()


def test_words_are_put_right_and_learnt_aside(
    keyboard: Personalizer, aside: Aside, recorded: Callable[[], int]
) -> None:
    """As without it, a moment later; and taken back in the same order."""
    host = Host(Typing(keyboard, aside=aside))
    host.keys("teh ")
    assert host.text == "the "
    aside.settle()
    assert recorded() == 1
    host.keys("⌫")
    assert host.text == "teh"
    aside.settle()
    assert recorded() == 0


def test_the_strip_is_found_aside(keyboard: Personalizer, aside: Aside) -> None:
    """It is what `strip` says, and is told on that thread."""
    host = Host(Typing(keyboard, aside=aside))
    answers: list[tuple[tuple[Choice, ...], str]] = []
    with keyboard.private():
        host.keys("tomorow")
        host.typing.ask(host.here(), lambda found: answers.append((found, threading.current_thread().name)))
        aside.settle()
        assert answers == [(host.typing.strip(host.here()), "quietkeys-aside")]


@pytest.fixture
def late(keyboard: Personalizer) -> Iterator[tuple[Host, Callable[[], None]]]:
    """An application whose words end while the model is busy; and what waits until all was thought of."""
    aside, busy = Aside(0.0), threading.Event()
    aside.learn(busy.wait)

    def known() -> None:
        busy.set()
        aside.settle()

    host = Host(Typing(keyboard, aside=aside))
    yield host, known
    busy.set()
    host.keys("⌫" * len(host.text))  # others know nothing of it
    aside.close()


def test_a_key_does_not_wait_for_the_model(
    late: tuple[Host, Callable[[], None]], recorded: Callable[[], int]
) -> None:
    """A word is left whose correction is not known in time. Nobody has kept it, so it is not learnt."""
    host, known = late
    host.keys("teh ")
    assert host.text == "teh "
    known()
    assert recorded() == 0


def test_a_word_that_was_right_is_learnt_however_late_that_is_known(
    late: tuple[Host, Callable[[], None]], recorded: Callable[[], int]
) -> None:
    """Once, and taken back when it is deleted."""
    host, known = late
    host.keys("hello ")
    known()
    assert recorded() == 1
    host.keys("⌫ ")
    known()
    assert recorded() == 1
    host.keys("⌫⌫")
    known()
    assert recorded() == 0


def test_what_is_known_too_late_is_offered(
    late: tuple[Host, Callable[[], None]], recorded: Callable[[], int]
) -> None:
    """First in the strip, before words that may come next; who takes it teaches the correction."""
    host, known = late
    host.keys("see teh ")
    answers: list[tuple[Choice, ...]] = []
    host.typing.ask(host.here(), answers.append)
    known()
    (strip,) = answers
    assert strip[0] == Choice("the", belated=True)
    assert all(choice.comes_next for choice in strip[1:])
    host.apply(host.typing.choose(host.here(), strip[0]))
    known()
    assert host.text == "see the "
    assert recorded() == 2
    host.typing.ask(host.here(), answers.append)
    known()
    assert not any(choice.belated for choice in answers[-1])


def test_a_word_that_nobody_decided_on_is_still_under_way(
    late: tuple[Host, Callable[[], None]], recorded: Callable[[], int]
) -> None:
    """Who goes back to it has it put right by the next space; who gives that back keeps it."""
    host, known = late
    host.keys("teh ")
    known()
    host.keys("⌫")
    host.typing.ask(host.here(), lambda _: None)
    known()
    host.keys(" ")
    assert host.text == "the "
    known()
    assert recorded() == 1
    host.keys("⌫ ")
    known()
    assert host.text == "teh "
    assert recorded() == 1


def test_what_was_found_for_the_strip_is_known_at_the_space(keyboard: Personalizer) -> None:
    """A key that may not wait at all finds it, whatever is being learnt meanwhile."""
    aside, busy = Aside(0.0), threading.Event()
    asked: list[str] = []
    suggest = keyboard.suggest

    def counted(*arguments: object, **named: object) -> object:
        asked.append(str(arguments[1]))
        return suggest(*arguments, **named)  # type: ignore[arg-type]

    host = Host(Typing(keyboard, aside=aside))
    with keyboard.private(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyboard, "suggest", counted)
        host.keys("teh")
        host.typing.ask(host.here(), lambda _: None)
        aside.settle()
        assert asked == ["teh"]
        aside.learn(busy.wait)
        host.keys(" ")
        assert host.text == "the "
        assert asked == ["teh"]
        busy.set()
        aside.close()
