"""`Mirror`: what stands around the cursor of a host that says so late, oddly, or not at all.

An input method asks the host, and the host answers when it likes: before a key was taken in, after the next
one, in pieces. So the mirror holds what the host said last, and each change since. A report of the text as it
is after some of these confirms them. One that fits none says that the host did something by itself, or that
something was selected: nothing is known then until a character that was typed is seen before the cursor, as
it would replace what is selected.
"""

from __future__ import annotations

from typing import Final

from quietkeys.typing.edits import Edit, Surroundings
from quietkeys.typing.trail import AHEAD, REACH, is_same_end

UNSEEN: Final = 32  # characters typed while nothing is known that are looked for
FORGETS: Final = 64  # changes that it has not reported, and it is taken for one that never will


class Mirror:
    """The text around the cursor as the host will have it. Private; in memory only; for one thread."""

    def __init__(self) -> None:
        self._reported: Surroundings | None = None
        self._since: list[Edit] = []  # what it has not reported: each deletes or inserts
        self._unseen = ""  # typed while nothing is known
        self._undeleted: Surroundings | None = None  # what it reports if it did not delete when asked to
        self.deletes = True
        """Whether the host does what it is asked to; False once it did not delete."""

    @property
    def here(self) -> Surroundings | None:
        """What stands around the cursor once the host has done all that it was told; None if unknown."""
        if self._reported is None:
            return None
        here = self._reported
        for edit in self._since:
            here = edit.applied(here)
        return here

    @property
    def is_sure(self) -> bool:
        """Whether characters before the cursor may be deleted: the host has reported all that was typed.

        Not while keys queue: a host may take in what it is told before a key that it was given earlier.
        """
        return self.deletes and self._reported is not None and not self._since

    def clear(self) -> None:
        """Know nothing from now on: the cursor went elsewhere, or something may be selected."""
        self._reported, self._since, self._unseen, self._undeleted = None, [], "", None

    def begin(self) -> None:
        """Begin an empty text, of a host that never reports."""
        self.clear()
        self._reported = Surroundings("")

    def settle(self) -> None:
        """Take all changes for done, with a host that never reports."""
        self._reported, self._since = self.here, []

    def typed(self, character: str) -> None:
        """Note a character that the host gets, while nothing is known."""
        self._unseen = f"{self._unseen}{character}"[-UNSEEN:]

    def did(self, edit: Edit) -> None:
        """Note what the host was told to do, or will do with a key that it gets."""
        here = self.here
        if here is None:
            return
        if len(self._since) >= FORGETS:
            self.clear()
            return
        deletes, inserts = edit.before or edit.after, bool(edit.insert)
        if deletes:
            self._since.append(Edit(edit.before, edit.after))
        if inserts:
            self._since.append(Edit(insert=edit.insert))
        self._undeleted = Edit(insert=edit.insert).applied(here) if deletes and inserts else None

    def told(self, here: Surroundings) -> str:
        """Take a report of the host; nothing is selected in it.

        Return, if it shows at last what was typed while nothing was known, the beginning of the word that
        is under way with all that was typed behind it; `here` is the text before that then, and the caller
        has it typed again. Else return "".
        """
        here = Surroundings(here.before[-REACH:], here.after[:AHEAD])
        if self._reported is None:
            return self._found(here)
        expected = self._reported
        for place in range(len(self._since) + 1):
            if _is_same(expected, here):
                self._reported, self._since = here, self._since[place:]
                return ""
            if place < len(self._since):
                expected = self._since[place].applied(expected)
        if self._undeleted is not None and _is_same(self._undeleted, here):
            self.deletes = False
        self.clear()
        return ""

    def _found(self, here: Surroundings) -> str:
        unseen = self._unseen
        seen = next((n for n in range(len(unseen), 0, -1) if here.before.endswith(unseen[:n])), 0)
        if not seen:
            return ""
        start = seen - len(unseen[:seen].split()[-1]) if not unseen[seen - 1].isspace() else seen
        before = here.before[: len(here.before) - (seen - start)]
        self._reported, self._since, self._unseen = Surroundings(before, here.after), [], ""
        return unseen[start:]


def _is_same(one: Surroundings, other: Surroundings) -> bool:
    return is_same_end(one.before, other.before) and is_same_end(one.after[::-1], other.after[::-1])
