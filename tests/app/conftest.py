"""Presenters over a real profile, a no-op cipher and a trainer in memory; the small bundle or the shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietkeys import Personalizer, Trainer
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.environment import Environment
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys_bench.ibus.desktop import bus
from quietkeys_ibus.preferences import Preferences
from quietkeys_keyboard.presenters.base import BaseKeyboard
from quietkeys_keyboard.presenters.keys import phone_layout
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_protocol.plan import Plan
from tests.app.serving import TRAINER, opening, what_is_missing
from tests.sdk import small


@pytest.fixture(scope="session")
def small_files() -> dict[str, bytes]:
    """The files of the small bundle."""
    return small.files()


@pytest.fixture(scope="session")
def small_bundle(small_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small bundle."""
    return small.write(tmp_path_factory.mktemp("bundles") / "en", small_files)


@dataclass(slots=True)
class Desk:
    """A keyboard, its trainer, and a clock that stands still until it is moved."""

    keyboard: Personalizer
    trainer: InMemoryTrainer
    bundle: dict[str, Any] = field(default_factory=dict)
    now: float = 0.0
    changes: int = 0
    posted: list[Callable[[], None]] = field(default_factory=list)
    bases: list[BaseKeyboard] = field(default_factory=list)

    def base(self) -> BaseKeyboard:
        """A keyboard that knows nobody, closed with this one."""
        self.bases.append(BaseKeyboard(layout=phone_layout(), **self.bundle))
        return self.bases[-1]

    def close(self) -> None:
        """Close all of them."""
        for one in self.bases:
            one.close()
        self.keyboard.close()

    def changed(self) -> None:
        """Count that something has changed."""
        self.changes += 1

    def typing(self) -> TypingPresenter:
        """A typing screen."""
        return TypingPresenter(self.keyboard, self.changed, lambda: self.now)


def opened(folder: Path, plan: Plan, **bundle: Any) -> Desk:
    """A fresh profile in a folder."""
    trainer = InMemoryTrainer(plan)
    keyboard = open_profile(
        folder,
        trainer=Trainer("https://trainer.test"),
        layout=phone_layout(),
        cipher=NoopCipher,
        transport=trainer,
        environment=Environment(rng=np.random.default_rng(0)),
        **bundle,
    )
    return Desk(keyboard, trainer, bundle)


@pytest.fixture
def desk(tmp_path: Path, small_bundle: Path, small_files: dict[str, bytes]) -> Iterator[Desk]:
    """A fresh profile with the small bundle."""
    plan = Plan.parse(small_files["plan.json"])
    found = opened(tmp_path / "profile", plan, bundle=small_bundle, trusted_keys=small.TRUSTED)
    with closing(found):
        yield found


@pytest.fixture
def english(tmp_path: Path) -> Iterator[Desk]:
    """A fresh profile with the bundle that people get."""
    found = opened(tmp_path / "profile", Plan.parse(shipped_bundle()["plan.json"]))
    with closing(found):
        yield found


@pytest.fixture(scope="session")
def learnt(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody who has typed enough for an update to be judged."""
    folder = tmp_path_factory.mktemp("learnt")
    rng = np.random.default_rng(5)
    with open_profile(**opening(folder, small_bundle, small.TRUSTED[0])) as keyboard:
        for context, word in small.tokens(7, 220):
            keyboard.record(context, small.slipped(word, rng), word)
    Preferences(trainer=TRAINER, syncs=False).save(folder / "ibus.json")
    return folder


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is ended after a test, last first."""
    with ExitStack() as found:
        yield found


@pytest.fixture
def address(stack: ExitStack) -> str:
    """Where a session bus is that nobody else knows."""
    absent = what_is_missing()
    if absent:
        pytest.skip(f"the system lacks {absent}")
    return stack.enter_context(bus())
