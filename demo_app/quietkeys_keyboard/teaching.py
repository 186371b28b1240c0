"""Teaching it a name: the dialogs of a `Lesson`, and the restart in its middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quietkeys_keyboard.presenters.lesson import Lesson
from quietkeys_keyboard.restoring import PROFILE
from quietkeys_keyboard.views.files import AskText
from quietkeys_keyboard.views.parts import Dialog

if TYPE_CHECKING:
    from quietkeys_keyboard.app import KeyboardApp


class Teaching:
    """Shows a lesson in an application."""

    def __init__(self, app: KeyboardApp) -> None:
        self._app = app

    def ask(self) -> None:
        """Ask for a name, and go on from there."""
        self._app.ask(AskText("Teach it a name", "A name that is in no dictionary", self._typed))

    def _typed(self, name: str) -> None:
        app = self._app
        lesson = Lesson(app.keyboard, name.strip())
        problem = "Wait until the training is over." if app.training.busy else lesson.problem()
        if problem:
            dialog = Dialog(title="Not this one", text=problem)
            dialog.answer("Try another", self.ask)
        else:
            dialog = Dialog(title="Three times", text=lesson.typed())
            if app.keyboard.vocabulary.pending(lesson.name) is not None:
                dialog.answer("Start it again", lambda: self._again(lesson))
        dialog.answer("Leave it", lambda: None, "page", "text")
        app.ask(dialog)

    def _again(self, lesson: Lesson) -> None:
        self._app.keyboard.close()
        self._app.reopen()
        known = lesson.again(self._app.keyboard)
        typed, left = lesson.slip()
        slip = f"Type {typed}, and Space leaves {left}."
        dialog = Dialog(title="After the restart", text=f"{known} {slip}")
        dialog.answer("Where does it lie?", lambda: self._end(lesson))
        dialog.answer("Done", lambda: None, "page", "text")
        self._app.ask(dialog)

    def _end(self, lesson: Lesson) -> None:
        dialog = Dialog(title="Where it lies", text=lesson.sealed(self._app.folder / PROFILE))
        dialog.answer("Done", lambda: None)
        self._app.ask(dialog)
