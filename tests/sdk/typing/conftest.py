"""A keyboard with the bundle that people get, and editors that start empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from quietkeys import InputField, Level, Personalizer
from quietkeys.typing import Editor, Typing
from tests.sdk import small
from tests.sdk.typing.keys import Host


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Personalizer]:
    """A profile of somebody who has typed nothing."""
    folder = tmp_path_factory.mktemp("typing")
    with Personalizer.open(folder / "profile", protection=small.PROTECTION) as found:
        yield found


@pytest.fixture
def keyboard(opened: Personalizer) -> Personalizer:
    """A keyboard at its usual level, which knows what the tests of learning have taught it."""
    opened.level = Level.NORMAL
    return opened


@pytest.fixture
def editor(keyboard: Personalizer) -> Iterator[Editor]:
    """An empty text, of whose words nothing is learnt: what one test types changes no other."""
    with keyboard.private():
        yield Editor(keyboard, clock=lambda: 0.0)


@pytest.fixture
def editor_for(keyboard: Personalizer) -> Iterator[Callable[[InputField], Editor]]:
    """Empty texts of other kinds."""
    with keyboard.private():
        yield lambda field: Editor(keyboard, field=field)


@pytest.fixture
def learning(keyboard: Personalizer) -> Editor:
    """An empty text whose words are learnt."""
    return Editor(keyboard)


@pytest.fixture
def recorded(keyboard: Personalizer) -> Callable[[], int]:
    """How many words were learnt since the test began."""
    before = keyboard.status().words_recorded
    return lambda: keyboard.status().words_recorded - before


@pytest.fixture
def host(keyboard: Personalizer) -> Iterator[Host]:
    """An application with an empty text, typed into through an input method."""
    with keyboard.private():
        yield Host(Typing(keyboard))
