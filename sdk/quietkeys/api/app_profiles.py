"""What is learnt and suggested in which app, where the user wants it otherwise than everywhere."""

from __future__ import annotations

from typing import Final

from quietkeys.api.open_profile import OpenProfile
from quietkeys.prediction.preferences import AppProfile
from quietkeys_protocol.errors import ErrorCode, Refused

MAX_NAME: Final = 200  # characters of an app's name


class AppProfiles:
    """The apps of an open profile that differ. Reached by `Personalizer.apps`.

    An app's name is whatever the keyboard calls it by, such as "org.example.mail".
    """

    def __init__(self, opened: OpenProfile) -> None:
        self._opened = opened

    def get(self, app: str) -> AppProfile:
        """Return what happens in an app."""
        return self._opened.in_app(app)

    def set(self, app: str, profile: AppProfile) -> None:
        """Choose what happens in an app.

        Raises Refused (APP_UNNAMED) for a name that is empty or over 200 characters; TryAgain (DISK_FULL,
        STORAGE_FAILED), and then nothing was changed.
        """
        if not 0 < len(app) <= MAX_NAME:
            raise Refused(ErrorCode.APP_UNNAMED)
        with self._opened.typing:
            self._opened.preferences.set_app(app, profile)

    def all(self) -> dict[str, AppProfile]:
        """Return the apps for which something was chosen, in alphabetical order."""
        return dict(sorted(self._opened.preferences.current.apps.items()))

    def remove(self, app: str) -> None:
        """Remove what was chosen for an app. Raises TryAgain (DISK_FULL, STORAGE_FAILED)."""
        with self._opened.typing:
            self._opened.preferences.set_app(app, None)
