"""An open profile, as the parts of the facade share it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from quietkeys.api.typing_model import Learning
from quietkeys.environment import Surroundings
from quietkeys.prediction.preferences import StoredPreferences
from quietkeys.prediction.scorer import Adapter
from quietkeys.profile.folder import Profile
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.settings import PAUSED


@dataclass(slots=True, repr=False, eq=False)
class Opened:
    """One open profile. typing: held while memory, counts, preferences or the adapter in use change."""

    profile: Profile
    learning: Learning
    preferences: StoredPreferences
    around: Surroundings
    adapter: Adapter = field(init=False)
    typing: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.adapter = self.learning.adapter_in_use()

    @property
    def paused(self) -> bool:
        """Whether learning is paused."""
        return self.profile.store.setting(PAUSED) is not None

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self.typing:
            if paused:
                self.profile.store.set_setting(PAUSED, True)
            else:
                self.profile.store.drop_setting(PAUSED)

    def use_adapter(self) -> None:
        """Suggest with the adapter that is now in use."""
        with self.typing:
            self.adapter = self.learning.adapter_in_use()

    def wipe(self) -> None:
        """Remove everything learned and every key. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        with self.typing:
            self.profile.wipe()
            self.learning.recorder.reload()
            self.preferences = StoredPreferences(self.profile.store)
            self.use_adapter()

    def note(self, kind: LedgerKind, text: str) -> None:
        """Append a line to the user's ledger."""
        self.profile.store.write_ledger(self.around.clock(), kind, text)
