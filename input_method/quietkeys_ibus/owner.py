"""`Owner`: the one process that has the profile open, and what its user has switched on or off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from quietkeys import (
    Conditions,
    ErrorCode,
    InputField,
    Personalizer,
    Policy,
    QuietkeysError,
    Refused,
    Trainer,
)
from quietkeys.typing import Aside, Typing
from quietkeys.typing.aside import KEY_WAITS_S
from quietkeys_ibus.fields import Field
from quietkeys_ibus.preferences import Preferences

FREED_S: Final = 20.0  # for a process that ends to let go of the profile
LOOK_S: Final = 0.2  # between two tries
_FIRST: Final = (
    "quietkeys trains by itself",
    "Once a day, on mains and while you are away, encrypted counts of your typing go to your trainer, which"
    " cannot read them. The privacy screen has every transfer.",
)


class Owner:
    """A profile that opens while keys pass already. Used from the thread of the keys, but for `open`."""

    keyboard: Personalizer | None
    """The profile; None until it is open, and if it cannot be."""
    problem: QuietkeysError | None
    """Why it cannot be opened."""
    incognito: bool
    """Whether nothing is learnt until it is switched off, or the process ends."""
    changed: Callable[[], None]
    """Called after something was switched, on the thread of the keys."""

    def __init__(
        self,
        profile: Path,
        preferences: Path,
        *,
        conditions: Callable[[], Conditions] = Conditions,
        notify: Callable[[str, str], None] = lambda title, text: None,
        key_waits_s: float = KEY_WAITS_S,
    ) -> None:
        """profile: its folder. preferences: their file. conditions: of syncs by themselves.

        notify: shows a title and a text, from any thread. key_waits_s: as for `Aside`.
        """
        self._folder, self._file = profile, preferences
        self._notify = notify
        self._policy = Policy(conditions=lambda: self._seen(conditions()))
        self.preferences = Preferences.load(preferences)
        self.keyboard, self.problem = None, None
        self.incognito = False
        self.changed = lambda: None
        self._aside = Aside(key_waits_s)

    def open(self, wait: Callable[[float], None] = time.sleep) -> None:
        """Open the profile; one that another process has is waited for. What goes wrong is in `problem`."""
        chosen = self.preferences
        deadline = time.monotonic() + FREED_S
        while True:
            try:
                trainer = Trainer(chosen.trainer) if chosen.trainer else None
                self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                found = Personalizer.open(self._folder, trainer=trainer, policy=self._policy)
                self.keyboard, self.problem = found, None
                self.schedule()
                return
            except QuietkeysError as error:
                self.problem = error
                locked = isinstance(error, Refused) and error.code is ErrorCode.PROFILE_LOCKED
                if not locked or time.monotonic() > deadline:
                    return
            wait(LOOK_S)

    def let_go(self) -> Personalizer | None:
        """Return the profile that was open, for `reopen`; keys pass from now on until it is open again."""
        before, self.keyboard = self.keyboard, None
        self.changed()
        return before

    def reopen(self, before: Personalizer | None) -> None:
        """Close the profile and open it with the trainer that is chosen now; for any thread."""
        self.settle()
        if before is not None:
            before.close()
            self.open()

    def schedule(self) -> None:
        """Sync by itself from now on, or no longer: as is chosen, and agreed to."""
        keyboard = self.keyboard
        if keyboard is None:
            return
        wanted = self.preferences.syncs and self.preferences.trainer and keyboard.consent.given is not None
        if wanted:
            keyboard.schedule.start()
        else:  # a sync under way ends within seconds, and no key waits for that
            threading.Thread(target=keyboard.schedule.stop, name="quietkeys-stop", daemon=True).start()

    def typing(self, field: Field, app: str, *, appends: bool) -> Typing | None:
        """Return what composes a text in a field of a program; None while there is no profile."""
        if self.keyboard is None:
            return None
        if field.untold and app in self.keyboard.apps.all():
            field = Field(InputField.TEXT)  # its user has said what is to be done there
        kind = field.kind
        if self.incognito and kind is InputField.TEXT:
            kind = InputField.NO_LEARNING
        return Typing(
            self.keyboard,
            field=kind,
            app=app,
            aside=self._aside,
            corrects=field.corrects,
            appends=appends,
            two_spaces=False,
        )

    def settle(self) -> None:
        """Wait until all that was typed so far has been learnt: what is switched now is for what comes."""
        self._aside.settle()

    def set_incognito(self, incognito: bool) -> None:
        """Learn nothing from now on, or learn again; what was typed before is learnt as it was to be."""
        self.settle()
        self.incognito = incognito
        self.changed()

    def choose(self, **chosen: object) -> None:
        """Change preferences, by name, and keep them. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        self.preferences = replace(self.preferences, **chosen)  # type: ignore[arg-type]  # callers are typed
        self.preferences.save(self._file)
        self.schedule()
        self.changed()

    def close(self) -> None:
        """Learn what is left, and let go of the profile."""
        self._aside.close()
        if self.keyboard is not None:
            self.keyboard.close()

    def _seen(self, now: Conditions) -> Conditions:
        # Asked when a slot is open: where they hold a sync begins. The user is told of the first one.
        if self._policy.allows(now) and not self.preferences.told:
            self.preferences = replace(self.preferences, told=True)
            try:
                self.preferences.save(self._file)
            except QuietkeysError:
                return now  # it is told when that can be kept
            self._notify(*_FIRST)
        return now
