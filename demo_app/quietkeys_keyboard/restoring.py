"""Putting a backup in the place of the profile that is here: only once it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quietkeys import Personalizer, QuietkeysError
from quietkeys_keyboard.presenters.words import said
from quietkeys_keyboard.views.files import AskText
from quietkeys_keyboard.views.parts import Dialog

if TYPE_CHECKING:
    from quietkeys_keyboard.app import KeyboardApp

PROFILE: Final = "profile"
_COMING: Final = "profile.coming"


def restore(backup: Path, code: str, folder: Path, close: Callable[[], None]) -> None:
    """Make the profile in a folder that of a backup. close: lets go of the one that is there.

    Raises QuietkeysError and OSError before anything there was changed.
    """
    coming = folder / _COMING
    shutil.rmtree(coming, ignore_errors=True)
    Personalizer.restore(backup, coming, code)
    close()
    shutil.rmtree(folder / PROFILE)
    coming.rename(folder / PROFILE)


class Restoring:
    """Asks for a backup and its code in an application, and puts it in the place of what is there."""

    def __init__(self, app: KeyboardApp) -> None:
        self._app = app

    def ask(self) -> None:
        """Ask for the file, and go on from there."""
        self._app.pick("Which backup?", self._ask_code)

    def _ask_code(self, path: Path) -> None:
        about = "Words and keys that are here now make room for those of the backup. This cannot be undone."
        dialog = AskText("Recovery code", "What you wrote down", lambda code: self._restore(path, code))
        dialog.text = about
        self._app.ask(dialog)

    def _restore(self, path: Path, code: str) -> None:
        # Beside what is here, and in its place only when it is whole.
        app = self._app
        try:
            restore(path, code, app.folder, app.keyboard.close)
        except (QuietkeysError, OSError) as error:
            why = said(error) if isinstance(error, QuietkeysError) else "That file cannot be read."
            dialog = Dialog(title="The backup was not restored", text=f"{why} Nothing was changed here.")
            dialog.answer("Try again", self.ask)
            dialog.answer("Leave it", self._not_restored, "page", "text")
            app.ask(dialog)
            return
        app.settings_kept.introduced = app.settings_kept.restored = True
        app.settings_kept.save(app.folder)
        app.reopen()
        app.show("privacy")
        app.privacy.notice = "The backup is restored. Do not use the device that it is of any longer."
        app.privacy.refresh()

    def _not_restored(self) -> None:
        if not self._app.settings_kept.introduced:
            self._app.welcome()
