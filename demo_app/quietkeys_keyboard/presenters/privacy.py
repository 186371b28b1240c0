"""The privacy screen: what the device knows, what left it, its key, and the switches of its user."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from quietkeys import Deletion, Level, Personalizer, QuietkeysError, Sent
from quietkeys_keyboard.presenters.departures import BESIDES, OF_BACKUP
from quietkeys_keyboard.presenters.training import Post
from quietkeys_keyboard.presenters.words import said

SHOWN_WORDS: Final = 60
UNDO_S: Final = 20.0  # to take a deletion back; what WCAG 2.2.1 gives somebody to ask for more
_GONE: Final = "Everything here is gone, the key first."
DELETIONS: Final = {
    Deletion.NOTHING_THERE: "Everything here is gone. Nothing had ever left this device.",
    Deletion.CONFIRMED: _GONE + " The trainer signed a receipt that it deleted its part.",
    Deletion.PENDING: _GONE + " The trainer did not answer; it is asked again.",
    Deletion.UNPROVEN: _GONE + " The trainer's receipt does not hold; do not use it again.",
}
_BACK: Final = "Your consent is taken back, and your key is gone. What was learned here stays."
WITHDRAWALS: Final = {
    Deletion.NOTHING_THERE: "Your consent is taken back. Nothing had ever left this device.",
    Deletion.CONFIRMED: _BACK + " The trainer signed a receipt that it deleted its part.",
    Deletion.PENDING: _BACK + " The trainer did not answer; it is asked again.",
    Deletion.UNPROVEN: _BACK + " The trainer's receipt does not hold; do not use it again.",
}


@dataclass(frozen=True, slots=True)
class WordRow:
    """A word that is known. own: the lexicon lacks it."""

    word: str
    count: float
    own: bool


@dataclass(slots=True)
class PrivacyPresenter:
    """changed, post: as in `TrainingPresenter`. wiped: called after everything was wiped.

    restored: the profile is that of a backup. forgotten: told each word that was forgotten for good.
    clock: seconds. undo_s: to take a deletion back.
    """

    keyboard: Personalizer
    changed: Callable[[], None]
    post: Post
    wiped: Callable[[], None] = lambda: None
    restored: bool = False
    forgotten: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    undo_s: float = UNDO_S
    query: str = ""
    notice: str = ""
    busy: bool = False
    deleting: str = ""  # a word that is to be forgotten in a moment, unless the user takes that back
    _deleted: float = 0.0  # when it was
    _words: list[WordRow] = field(default_factory=list)
    _waiting: list[Callable[[], None]] = field(default_factory=list)  # what is asked for while busy

    def refresh(self) -> None:
        """Read what is known again."""
        self._words = [WordRow(one.text, one.count, one.own) for one in self.keyboard.vocabulary.words()]
        self._words.sort(key=lambda row: (-row.count, row.word))
        self.changed()

    def words(self) -> list[WordRow]:
        """Return the words that fit the search, most used first, at most SHOWN_WORDS."""
        wanted = self.query.strip().lower()
        shown = (row for row in self._words if wanted in row.word and row.word != self.deleting)
        return list(islice(shown, SHOWN_WORDS))

    def known(self) -> tuple[int, int]:
        """Return how many words are known, and how many of them the lexicon lacks."""
        return len(self._words), sum(row.own for row in self._words)

    def search(self, query: str) -> None:
        """Show the words that contain something."""
        self.query = query
        self.changed()

    def delete(self, word: str) -> None:
        """Take a word out of sight; it is forgotten for good by `finish`, unless `keep` comes first."""
        if word == self.deleting:  # two presses in a row
            return
        self.finish()
        self.deleting, self.notice, self._deleted = word, "", self.clock()
        self.changed()

    def tick(self) -> None:
        """Forget the word that was deleted, if its time is over; called a few times a second."""
        if self.deleting and self.clock() - self._deleted >= self.undo_s:
            self.finish()

    def keep(self) -> None:
        """Take the last deletion back."""
        self.deleting = ""
        self.changed()

    def finish(self) -> None:
        """Forget the word that was deleted, for good."""
        word, self.deleting = self.deleting, ""
        if word:
            self._do(lambda: self.keyboard.vocabulary.forget(word), "Forgotten for good.")
            self.forgotten(word)
            self._words = [row for row in self._words if row.word != word]
            self.changed()

    def export(self, path: Path) -> None:
        """Write what is known to a file of the user's."""
        self._do(lambda: self.keyboard.vocabulary.export(path), f"Written to {path.name}.")
        self.changed()

    def wipe(self) -> None:
        """Remove everything here and at the trainer, in a thread."""

        def then() -> None:
            self.restored = False
            self.wiped()
            self.refresh()

        self._run(lambda: DELETIONS[self.keyboard.forget()], then)

    def withdraw(self) -> None:
        """Take the consent back; what was learnt here stays."""
        self._run(lambda: WITHDRAWALS[self.keyboard.consent.withdraw(keep_learned=True)], self.refresh)

    def besides(self) -> str:
        """Return what is to be said of all that left, "" if nothing did."""
        if not self.sent():
            return ""
        return BESIDES + (OF_BACKUP if self.restored else "")

    def key(self) -> tuple[str, str]:
        """Return the fingerprint of the keys and what is to be said of them."""
        status = self.keyboard.keys.status()
        if status is None:
            return "none yet", "Made by the first training. Its secret half will never leave this device."
        days = int(status.age_days)
        age = "made today" if not days else f"{days} day{'s' if days > 1 else ''} old"
        text = f"It is {age} and replaced once a year. Its secret half never leaves this device."
        return status.fingerprint, text + (" The next training makes a new one." if status.rotating else "")

    def rotate(self) -> None:
        """Have the next training make a new key."""
        self._do(self.keyboard.keys.rotate, "The next training makes a new key; the old one is deleted.")
        self.changed()

    def back_up(self, path: Path, then: Callable[[str], None]) -> None:
        """Write a backup in a thread. then: told its recovery code, which is shown once."""
        self._answer(lambda: self._backed_up(path), then)

    def invite(self, then: Callable[[str], None]) -> None:
        """Ask the trainer to let one more device in, in a thread. then: told the text to enter there."""
        self._answer(lambda: self.keyboard.circle.invite().text, then)

    def join(self, text: str) -> None:
        """Join the circle of the device that shows this text, in a thread."""
        self._run(lambda: self._joined(text), self.refresh)

    def sent(self) -> tuple[Sent, ...]:
        """Return what left this device, oldest first, what leaves now as far as it has gone."""
        return self.keyboard.sent()

    @property
    def level(self) -> Level:
        """How readily autocorrect acts."""
        return self.keyboard.level

    def set_level(self, level: Level) -> None:
        """Choose how readily autocorrect acts."""
        self.keyboard.level = level
        self.changed()

    def set_paused(self, paused: bool) -> None:
        """Pause learning, or go on."""
        self.keyboard.paused = paused
        self.changed()

    def _backed_up(self, path: Path) -> str:
        code = self.keyboard.keys.back_up(path)
        return code.text if code is not None else ""

    def _joined(self, text: str) -> str:
        self.keyboard.circle.join(text)
        return "This device now shares the keys of the other one. The next training counts for both."

    def _answer(self, ask: Callable[[], str], then: Callable[[str], None]) -> None:
        answers: list[str] = []

        def work() -> str:
            answers.append(ask())
            return ""

        self._run(work, lambda: then(answers[0]) if answers else None)

    def _do(self, action: Callable[[], object], done: str) -> None:
        try:
            action()
            self.notice = done
        except QuietkeysError as error:
            self.notice = said(error)

    def _run(self, action: Callable[[], str], then: Callable[[], None] | None = None) -> None:
        if self.busy:
            self._waiting.append(lambda: self._run(action, then))
            return
        self.busy = True

        def work() -> None:
            try:
                done = action()
            except QuietkeysError as error:
                done = said(error)
            self.post(lambda: ended(done))

        def ended(done: str) -> None:
            self.busy = False
            self.notice = done or self.notice
            if self._waiting:
                self._waiting.pop(0)()
            if then is not None:
                then()
            self.changed()

        threading.Thread(target=work, name="quietkeys-privacy", daemon=True).start()
