"""Keys as one line of text, and a host that holds a text for an input method."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quietkeys.typing import Edit, Editor, Surroundings, Typing

_KEY: Final = re.compile(r"‹[^›]*›|«\d+»|\[\[.*?\]\]|.", re.DOTALL)


def press(editor: Editor, keys: str) -> Editor:
    """Press keys on the screen, and return the editor.

    ⌫ backspace, ⇧ shift, ⏎ the end of the text, ‹word› a tap on it in the strip, «3» a tap before the fourth
    character, [[text]] pasted. All else is a key with that character.
    """
    special: dict[str, Callable[[], None]] = {
        "⌫": editor.backspace,
        "⇧": editor.tap_shift,
        "⏎": editor.finish,
        " ": editor.space,
    }
    for key in _KEY.findall(keys):
        if key in special:
            special[key]()
        elif key[0] == "‹":
            editor.choose([choice.text for choice in editor.strip].index(key[1:-1]))
        elif key[0] == "«":
            editor.move(int(key[1:-1]))
        elif key.startswith("[["):
            editor.paste(key[2:-2])
        else:
            editor.press(key)
    return editor


def texts(editor: Editor) -> list[str]:
    """What the strip shows."""
    return [choice.text for choice in editor.strip]


def best(editor: Editor) -> list[str]:
    """What the strip marks as what Space will leave; none where no word is under way."""
    return [choice.text for choice in editor.strip if choice.best]


@dataclass(slots=True)
class Host:
    """A text that somebody else holds, as the application does for an input method."""

    typing: Typing
    text: str = ""
    cursor: int = 0
    edits: list[Edit] = field(default_factory=list)

    def here(self) -> Surroundings:
        """What the host says of its text."""
        return Surroundings(self.text[: self.cursor], self.text[self.cursor :])

    def apply(self, edit: Edit) -> None:
        """Do what the input method asks for."""
        self.edits.append(edit)
        here = edit.applied(self.here())
        self.text, self.cursor = here.before + here.after, len(here.before)

    def keys(self, keys: str) -> None:
        """Hand keys of a hardware keyboard to the input method."""
        for key in keys:
            if key == "⌫":
                self.apply(self.typing.backspace(self.here()))
            else:
                self.apply(self.typing.press(self.here(), key, by_finger=False))
