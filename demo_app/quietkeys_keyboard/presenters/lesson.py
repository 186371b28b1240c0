"""Teaching it a name: typed three times, known after a restart, corrected, and nowhere to be read on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys import Personalizer, QuietkeysError
from quietkeys_keyboard.presenters.words import said, size, times

TIMES: Final = 3
_LEAST: Final = 4  # letters, so that a slip leaves enough of it


@dataclass(slots=True)
class Lesson:
    """One name. keyboard: the one that is open now."""

    keyboard: Personalizer
    name: str = field(repr=False)

    def problem(self) -> str:
        """Return why this is no name to show it with, "" if it is one."""
        name = self.name
        if len(name) < _LEAST or not (name.isascii() and name.isalpha()):
            return f"Take one word of at least {_LEAST} letters."
        known = {one.text.lower() for one in self.keyboard.vocabulary.words()}
        if name.lower() in known:
            return "It knows that one already. Take another."
        return ""

    def typed(self) -> str:
        """Type it three times; return what the device knows then, in a sentence."""
        try:
            for _ in range(TIMES):
                self.keyboard.record("", self.name, self.name)
            pending = self.keyboard.vocabulary.pending(self.name)
        except QuietkeysError as error:
            return said(error)
        if pending is None:
            return f"{self.name} is in its dictionary, so there is nothing to learn. Take a rarer name."
        return (
            f"You typed {self.name} {times(pending.keeps)}. The device has a mark of it that cannot be read"
            f" back, and counts: {pending.keeps} of {pending.keeps_needed} times, {pending.sessions} of"
            f" {pending.sessions_needed} sessions. So a password that slips in once is not learned. Start it"
            " again, type the name once more, and it is."
        )

    def again(self, keyboard: Personalizer) -> str:
        """Type it once more after a restart; return what the device knows then. keyboard: opened anew."""
        self.keyboard = keyboard
        try:
            keyboard.record("", self.name, self.name)
        except QuietkeysError as error:
            return said(error)
        own = {one.text: one.count for one in keyboard.vocabulary.words() if one.own}
        if self.name.lower() not in own:
            return f"{self.name} is not learned yet."
        words = "1 word" if len(own) == 1 else f"{len(own)} words"
        return f"Now it knows {self.name}: it has {words} from you that no dictionary has."

    def slip(self) -> tuple[str, str]:
        """Return the name with two letters swapped, and what Space leaves of that."""
        name = self.name
        typed = next(
            (name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(1, len(name) - 1)
             if name[at] != name[at + 1]),
            name[:-1],
        )  # fmt: skip
        return typed, self.keyboard.suggest("", typed).correction or typed

    def sealed(self, profile: Path) -> str:
        """Return where it lies, after looking for it in every file of the profile."""
        found, searched, files = 0, 0, 0
        wanted = self.name.lower().encode()
        for path in sorted(profile.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                files, searched = files + 1, searched + len(content)
                found += wanted in content.lower()
        where = "in none of them" if not found else f"in {found} of them"
        return (
            f"It lies with your other words, sealed with a key of this device. Looked for in all {files}"
            f" files that are kept of you here, {size(searched)}: it can be read {where}."
        )
