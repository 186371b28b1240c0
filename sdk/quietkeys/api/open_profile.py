"""An open profile: what the parts of the front door share, and who may change it when."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.api.typing_model import TypingModel
from quietkeys.bundle.bundle import SHIPPED
from quietkeys.bundle.networks import Adapter
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys.environment import Environment
from quietkeys.keyboard.layout import QWERTY, Layout
from quietkeys.prediction.preferences import AppProfile, StoredPreferences
from quietkeys.profile.folder import Profile
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.settings import PAUSED
from quietkeys.profile.store import Store
from quietkeys.updates.versions import adapter_of
from quietkeys.vault.protection import Protection

EVERYWHERE: Final = AppProfile()  # what happens in an app for which nothing was chosen


class Stopper:
    """Lets one sync run, and ends it: for the user, for forgetting, for closing.

    `event` is set while what runs is to end: sleep on it.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._turn = threading.RLock()  # of whoever syncs, forgets or closes
        self._state = threading.Lock()
        self._running = False
        self._claims = 0  # of those who ended the sync under way and wait for their turn

    @contextmanager
    def one_sync(self) -> Iterator[None]:
        """Wait until no other sync runs, and be the one that `cancel` ends."""
        with self._turn:
            with self._state:
                self._running = True
            try:
                yield
            finally:
                with self._state:
                    self._running = False
                    self._let_go()

    def cancel(self) -> None:
        """End the sync under way, if there is one. Does not wait for its end."""
        with self._state:
            if self._running:
                self.event.set()

    @contextmanager
    def instead(self) -> Iterator[None]:
        """End the sync under way and let no other begin while the block lasts."""
        with self._state:
            self._claims += 1
            self.event.set()
        with self._turn:
            with self._state:
                self._claims -= 1
                self._let_go()
            yield

    def close(self) -> None:
        """End the sync under way, and all later ones as they begin."""
        with self._state:
            self._claims += 1  # for good
            self.event.set()

    def _let_go(self) -> None:
        if not self._claims:
            self.event.clear()


@dataclass(slots=True, repr=False, eq=False)
class OpenProfile:
    """One open profile. Made by `open`.

    typing: held while memory, counts, preferences or the adapter in use change. private: how many blocks are
    open in which nothing is learnt.
    """

    profile: Profile
    model: TypingModel
    preferences: StoredPreferences
    environment: Environment
    stopper: Stopper
    adapter: Adapter = field(init=False)
    typing: threading.RLock = field(default_factory=threading.RLock)
    private: int = 0

    def __post_init__(self) -> None:
        self.use_adapter()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        bundle: str | Path,
        layout: Layout = QWERTY,
        redact: Sequence[re.Pattern[str]] = (),
        protection: Protection | None = None,
        trusted_keys: Sequence[bytes] = TRUSTED_KEYS,
        environment: Environment | None = None,
    ) -> OpenProfile:
        """Open the profile in a folder, making it if there is none; `Personalizer.open` says the rest.

        environment: time and chance; None for the real ones, whose sleep ends when a sync is to end.
        """
        stopper = Stopper()
        if environment is None:
            environment = Environment(sleep=stopper.event.wait)
        source = SHIPPED / bundle if isinstance(bundle, str) else bundle

        def build(store: Store) -> tuple[TypingModel, StoredPreferences]:
            model = TypingModel.load(store, source, trusted_keys, environment, layout, redact)
            return model, StoredPreferences(store)

        profile, (model, preferences) = Profile.open(folder, build, environment.clock(), protection)
        return cls(profile, model, preferences, environment, stopper)

    def in_app(self, app: str) -> AppProfile:
        """Return what happens in an app."""
        return self.preferences.current.apps.get(app, EVERYWHERE)

    def is_paused(self) -> bool:
        """Return whether learning is paused. Raises TryAgain (STORAGE_FAILED)."""
        return self.profile.store.setting(PAUSED) is not None

    def pause(self, paused: bool) -> None:
        """Pause learning, or go on. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed."""
        with self.typing:
            if paused:
                self.profile.store.set_setting(PAUSED, True)
            else:
                self.profile.store.drop_setting(PAUSED)

    def use_adapter(self) -> None:
        """Suggest with the adapter that is now in use. Raises Untrusted (PROFILE_DAMAGED)."""
        with self.typing:
            self.adapter = adapter_of(self.model.plan, self.model.adapters.in_use())

    def wipe(self) -> None:
        """Remove everything learned and every key. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        with self.typing:
            self.profile.wipe()
            self.model.recorder.reload()
            self.preferences = StoredPreferences(self.profile.store)
            self.use_adapter()

    def note(self, kind: LedgerKind, text: str) -> None:
        """Append a line to the user's ledger."""
        self.profile.store.write_ledger(self.environment.clock(), kind, text)
