"""A small bundle, somebody who has typed with it, and every kind of trainer that the suite runs on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from quietkeys import Personalizer, Trainer
from quietkeys.bundle.bundle import open_bundle
from quietkeys.environment import Environment
from quietkeys.layouts import LAYOUTS
from quietkeys.prediction.model import Model, load_model
from quietkeys.remote.http import Transport
from quietkeys.testing import InMemoryTrainer, NoopCipher, open_profile
from quietkeys_protocol.plan import Plan
from tests.sdk import small
from tests.sdk.http_trainer import over_http, serving

STATEMENT = "Encrypted counts of my typing may go to trainer.test."
if TYPE_CHECKING:
    from tests.sdk.circles import Devices

NOWHERE = "https://trainer.test"


@pytest.fixture(scope="session")
def bundle_files(made_once: Callable[[str, Callable[[Path], object]], Path]) -> dict[str, bytes]:
    """The files of the small bundle."""

    def make(folder: Path) -> None:
        for name, content in small.files().items():
            (folder / name).write_bytes(content)

    return {path.name: path.read_bytes() for path in sorted(made_once("bundle", make).iterdir())}


@pytest.fixture(scope="session")
def bundle(bundle_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small bundle, version 1."""
    return small.write(tmp_path_factory.mktemp("bundles") / "en", bundle_files)


@pytest.fixture(scope="session")
def plan(bundle_files: dict[str, bytes]) -> Plan:
    """The plan of the small bundle."""
    return Plan.parse(bundle_files["plan.json"])


@pytest.fixture(scope="session")
def models(bundle: Path) -> dict[str, Model]:
    """The small bundle's model on every layout."""
    content = open_bundle(bundle, trusted_keys=small.TRUSTED)
    return {name: load_model(content, layout) for name, layout in LAYOUTS.items()}


@dataclass(slots=True)
class Rig:
    """A bundle, a trainer, and a place for profiles. `waited`: the seconds that a device would have slept."""

    folder: Path
    bundle: Path
    trainer: InMemoryTrainer
    url: str
    transport: Transport | None
    learned: Path
    waited: list[float] = field(default_factory=list)

    def open(self, name: str = "profile", *, consent: bool = True, **changes: Any) -> Personalizer:
        """Open a profile by name, of somebody who has agreed to syncing unless consent is False."""
        settings: dict[str, Any] = {
            "trainer": Trainer(self.url),
            "bundle": self.bundle,
            "trusted_keys": small.TRUSTED,
            "protection": small.PROTECTION,
            "cipher": NoopCipher,
            "transport": self.transport,
            "environment": Environment(sleep=self.waited.append),
        }
        settings |= changes
        if settings["environment"] is not None:  # None: real time and chance
            settings["environment"] = replace(settings["environment"], rng=np.random.default_rng(0))
        keyboard = open_profile(self.folder / name, **settings)
        if consent and keyboard.consent.given is None:
            keyboard.consent.give(STATEMENT)
        return keyboard

    def open_learned(self, name: str = "profile", **changes: Any) -> Personalizer:
        """Open a profile that has learned enough for an update to be applied."""
        shutil.copytree(self.learned, self.folder / name)
        return self.open(name, **changes)


@pytest.fixture(scope="session")
def learned(bundle: Path, made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The profile of somebody whose fingers slip to the right; copy it before opening it."""

    def make(folder: Path) -> None:
        rng = np.random.default_rng(5)
        with open_profile(
            folder / "profile",
            bundle=bundle,
            trusted_keys=small.TRUSTED,
            protection=small.PROTECTION,
            environment=Environment(rng=np.random.default_rng(0)),
        ) as keyboard:
            for context, word in small.tokens(7, 220):
                keyboard.record(context, small.slipped(word, rng), word)

    return made_once("learned", make) / "profile"


@pytest.fixture
def rig(tmp_path: Path, bundle: Path, plan: Plan, learned: Path) -> Rig:
    """A trainer in memory, called without a network."""
    trainer = InMemoryTrainer(plan)
    return Rig(tmp_path, bundle, trainer, NOWHERE, trainer, learned)


@pytest.fixture(params=["in memory", "over http"])
def any_rig(request: pytest.FixtureRequest, rig: Rig) -> Iterator[Rig]:
    """Every kind of trainer and cipher that must behave alike."""
    if request.param == "in memory":
        yield rig
        return
    with serving(over_http(rig.trainer)) as url:
        rig.url, rig.transport = url, None
        yield rig


@pytest.fixture
def keyboard(rig: Rig) -> Iterator[Personalizer]:
    """A fresh profile."""
    with rig.open() as opened:
        yield opened


@pytest.fixture
def devices(any_rig: Rig) -> Iterator[Devices]:
    """One person's devices, at every kind of trainer."""
    from tests.sdk.circles import Devices
    from tests.sdk.sync.test_keys import Days

    any_rig.trainer.clock = days = Days()
    with ExitStack() as stack:
        yield Devices(any_rig, days, stack)


Opener = Callable[[], Personalizer]
