"""`Control`: what other programs may ask the owner of the profile for, of which the D-Bus interface is made.

Nothing here returns what was typed, nor a word that was learnt: any program of the session can call. What it
returns is counts, times, settings, and lines of the ledger, which name no text.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from quietkeys import AppProfile, Level, Personalizer, Progress, QuietkeysError, Step, SyncResult, Trainer
from quietkeys_ibus.owner import Owner

EVERYWHERE: Final = ""  # the level of an app that is as everywhere
WAIT_S: Final = 900.0  # for the trainer
_PREFERENCES: Final = {"Strip": "strip", "Tab": "tab", "Mark": "mark", "Trainer": "trainer", "Syncs": "syncs"}

# What is said of a profile that is not open yet.
_BEFORE: Final[dict[str, bool | str | int]] = {
    "Paused": False,
    "Level": Level.NORMAL.value,
    "Consent": False,
    "Words": 0,
    "Version": 0,
}
_PROGRESS: Final = {
    "BytesSent": "bytes_sent",
    "BytesReceived": "bytes_received",
    "BlocksDone": "blocks_done",
    "Blocks": "blocks",
    "Step": "step",
}

Post = Callable[[Callable[[], None]], None]  # runs something on the thread of the keys


class NotReadyError(Exception):
    """The profile is not open yet, or cannot be opened."""


class Control:
    """Switches and wishes. For the thread of the keys; syncs run in one of their own."""

    def __init__(self, owner: Owner, post: Post, told: Callable[[], None] = lambda: None) -> None:
        """told: called on the thread of the keys after a property has changed.

        `stepped` is called instead where a sync has gone on, which menus do not show.
        """
        self._owner, self._post, self.told = owner, post, told
        self.stepped: Callable[[], None] = lambda: None
        self._syncing = False
        self._progress: Progress | None = None  # of the sync under way
        self._last_sync = self._last_error = ""

    # Properties

    def property(self, name: str) -> bool | str | int:
        """Return a property by its name; raise KeyError for one that there is not."""
        owner, keyboard = self._owner, self._owner.keyboard
        if name in _PREFERENCES:
            found: bool | str = getattr(owner.preferences, _PREFERENCES[name])
            return found
        if keyboard is None and name in _BEFORE:
            return _BEFORE[name]
        match name:
            case "Ready":
                return keyboard is not None
            case "Problem":
                return "" if owner.problem is None else str(owner.problem)
            case "Incognito":
                return owner.incognito
            case "Syncing":
                return self._syncing
            case "LastSync":
                return self._last_sync
            case "LastError":
                return self._last_error
        if name in _PROGRESS:
            return _of_progress(self._progress, name)
        return _of_profile(self._ready(), name)

    def set_property(self, name: str, value: bool | str) -> None:
        """Change a property; raise KeyError for one that cannot be changed, ValueError for an odd value.

        Raises NotReadyError, QuietkeysError.
        """
        if name in _PREFERENCES:
            if name == "Trainer" and value:
                Trainer(str(value))  # of an address that nothing is sent to the profile could not be opened
            self._owner.choose(**{_PREFERENCES[name]: value})
            if name == "Trainer":
                before = self._owner.let_go()
                self._aside(lambda: self._reopened(before), lambda _: self._all_changed())
        elif name == "Incognito":
            self._owner.set_incognito(bool(value))
        elif name == "Paused":
            self._owner.settle()
            self._ready().paused = bool(value)
        elif name == "Level":
            self._ready().level = Level(str(value))
        else:
            raise KeyError(name)
        self._owner.changed()
        self.told()

    # Wishes

    def apps(self) -> list[tuple[str, bool, bool, str]]:
        """Return the programs that differ: name, whether it learns, whether it suggests, its level."""
        chosen = self._ready().apps.all()
        return [(name, one.learn, one.suggest, one.level or EVERYWHERE) for name, one in chosen.items()]

    def set_app(self, app: str, learn: bool, suggest: bool, level: str) -> None:
        """Choose what happens in a program. Raises as `set_property`."""
        self._owner.settle()
        self._ready().apps.set(app, AppProfile(learn, suggest, Level(level) if level else None))
        self._all_changed()

    def remove_app(self, app: str) -> None:
        """Let a program be as all others."""
        self._ready().apps.remove(app)
        self._all_changed()

    def add_word(self, word: str) -> None:
        """Put a word into the user's dictionary."""
        self._ready().vocabulary.add(word)
        self.told()

    def forget_word(self, word: str) -> None:
        """Forget a word for good, whether it is known or not."""
        self._owner.settle()
        self._ready().vocabulary.forget(word)
        self.told()

    def consent(self, statement: str) -> None:
        """Record what the user agreed to, word for word."""
        self._ready().consent.give(statement)
        self._owner.schedule()
        self.told()

    def withdraw(self, keep_learned: bool, then: Callable[[str], None]) -> None:
        """Take the consent back, in a thread. then: told what became of it at the trainer."""
        keyboard = self._ready()
        self._left(lambda: keyboard.consent.withdraw(keep_learned=keep_learned).value, then)

    def forget(self, then: Callable[[str], None]) -> None:
        """Remove all that was learnt and every key, in a thread. then: as for `withdraw`."""
        self._owner.settle()
        keyboard = self._ready()
        self._left(lambda: keyboard.forget().value, then)

    def ledger(self) -> list[tuple[float, str, str]]:
        """Return what was sent, received and decided: Unix seconds, kind, words for the user."""
        return [(line.time, line.kind.value, line.text) for line in self._ready().ledger()]

    def sync(self) -> bool:
        """Begin a sync, in a thread; return False where one is under way already."""
        keyboard = self._ready()
        if self._syncing:
            return False
        self._syncing, self._progress, self._last_sync, self._last_error = True, None, "", ""
        self.told()
        self._aside(lambda: self._sync(keyboard), self._synced)
        return True

    def cancel_sync(self) -> None:
        """End the sync that is under way; the next one goes on."""
        self._ready().cancel()

    def readiness(self) -> tuple[int, int, int]:
        """Return how many words are kept aside to judge by, how many there have to be, how many to type."""
        found = self._ready().readiness()
        return found.kept_aside, found.needed, found.words_left

    def roll_back(self) -> int:
        """Go back to the update before the one in use, or to none; return the one in use then."""
        version = self._ready().rollback()
        self._all_changed()
        return version

    def _left(self, leaving: Callable[[], str], then: Callable[[str], None]) -> None:
        # In a thread; who listens knows of it before the answer comes.
        def left(said: str) -> None:
            self._last_sync = self._last_error = ""
            self._owner.schedule()
            self._all_changed()
            then(said)

        self._aside(leaving, left)

    def _sync(self, keyboard: Personalizer) -> str:
        try:
            result = keyboard.sync(lambda now: self._post(lambda: self._goes_on(now)), WAIT_S)
        except QuietkeysError as error:
            self._last_error = error.code.value
            raise
        return _said(result)

    def _goes_on(self, now: Progress) -> None:
        self._progress = now
        self.stepped()

    def _reopened(self, before: Personalizer | None) -> str:
        self._owner.reopen(before)
        return ""

    def _all_changed(self) -> None:
        self._owner.changed()
        self.told()

    def _synced(self, said: str) -> None:
        self._syncing, self._progress, self._last_sync = False, None, said
        self.told()

    def _ready(self) -> Personalizer:
        if self._owner.keyboard is None:
            raise NotReadyError
        return self._owner.keyboard

    def _aside(self, action: Callable[[], str], then: Callable[[str], None]) -> None:
        def work() -> None:
            try:
                said = action()
            except QuietkeysError as error:
                said = f"failed: {error}"
            self._post(lambda: then(said))

        threading.Thread(target=work, name="quietkeys-wish", daemon=True).start()


def _of_profile(keyboard: Personalizer, name: str) -> bool | str | int:
    match name:
        case "Paused":
            return keyboard.paused
        case "Level":
            return keyboard.level.value
        case "Consent":
            return keyboard.consent.given is not None
        case "Words":
            return keyboard.status().words_known
        case "Version":
            return keyboard.status().adapter_version
    raise KeyError(name)


def _of_progress(now: Progress | None, name: str) -> str | int:
    if now is None:
        return "" if name == "Step" else 0
    found: str | int = getattr(now, _PROGRESS[name])
    return found.value if isinstance(found, Step) else found


def _said(result: SyncResult) -> str:
    return f"{result.outcome.value}: {result.reason}"
