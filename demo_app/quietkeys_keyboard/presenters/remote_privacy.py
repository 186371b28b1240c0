"""Privacy with the profile that the input method has open: switches, words, ledger, programs, and leaving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quietkeys import Deletion
from quietkeys_keyboard.presenters.privacy import DELETIONS, WITHDRAWALS
from quietkeys_keyboard.presenters.remote import Line, Program, Remote
from quietkeys_keyboard.presenters.words import LEVELS

PAGE: Final = 8  # lines of the ledger that are shown at once
_LEVELS: Final = {level.value: words for level, words in LEVELS.items()}


@dataclass(slots=True)
class RemotePrivacy:
    """busy: it is being left, which may wait for the trainer."""

    remote: Remote
    busy: bool = False
    _page: int = 0  # from the newest

    def known(self) -> str:
        """Return how much is known, in a sentence."""
        words = self.remote.number("Words")
        if not words:
            return "Nothing yet. Type something, in any program."
        count = "1 word" if words == 1 else f"{words:,} words"
        return f"{count}, and how often you use {'it' if words == 1 else 'them'}."

    def add(self, word: str) -> None:
        """Put a word into the user's dictionary."""
        self.remote.ask("AddWord", word.strip(), then=lambda: self.remote.say("It is in your dictionary."))

    def forget(self, word: str) -> None:
        """Forget a word for good, whether it is known or not."""
        done = "Forgotten for good, if it was known."
        self.remote.ask("ForgetWord", word.strip(), then=lambda: self.remote.say(done))

    def lines(self) -> list[Line]:
        """Return the lines of the ledger on the page that is shown, newest first."""
        first = self._at() * PAGE
        return self.remote.ledger[first : first + PAGE]

    def pages(self) -> int:
        """Return how many pages the ledger has."""
        return -(-len(self.remote.ledger) // PAGE)

    def turn(self, step: int) -> None:
        """Show another page, round and round."""
        self._page = (self._at() + step) % max(self.pages(), 1)
        self.remote.changed()

    def wipe(self) -> None:
        """Remove everything here and at the trainer."""
        self._leave("Forget", DELETIONS)

    def withdraw(self) -> None:
        """Take the consent back; what was learnt here stays."""
        self._leave("WithdrawConsent", WITHDRAWALS, True)

    def _at(self) -> int:
        return min(self._page, max(self.pages() - 1, 0))

    def _leave(self, method: str, answers: Mapping[Deletion, str], *values: bool) -> None:
        if self.busy:
            return
        self.busy = True

        def left(said: str) -> None:
            self.busy = False
            known = {answer.value: words for answer, words in answers.items()}
            self.remote.say(known.get(said) or said.partition(": ")[2])

        def failed(reason: str) -> None:
            self.busy = False
            self.remote.refused(reason)

        self.remote.say("")
        self.remote.method.call(method, *values, then=left, failed=failed)


@dataclass(slots=True)
class Programs:
    """The programs in which it differs."""

    remote: Remote

    def save(self, program: Program) -> None:
        """Choose what happens in a program."""
        values = program.learn, program.suggest, program.level
        self.remote.ask("SetApp", program.name.strip(), *values)

    def remove(self, name: str) -> None:
        """Let a program be as all others."""
        self.remote.ask("RemoveApp", name)


def program_words(program: Program) -> str:
    """Return what happens in a program, in words."""
    if not program.suggest:
        return f"Suggests nothing, {'learns' if program.learn else 'learns nothing'}"
    learns = "Learns" if program.learn else "Learns nothing"
    level = _LEVELS.get(program.level, "as everywhere").lower()
    return f"{learns}, suggests, corrects: {level}"
