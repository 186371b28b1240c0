"""What kind of field is typed in, as the app knows it."""

from __future__ import annotations

from enum import StrEnum


class InputField(StrEnum):
    """The kind of a text field. Only in TEXT is anything learnt.

    In PASSWORD and ONE_TIME_CODE nothing is suggested either: what was typed is shown as it is.
    """

    TEXT = "text"
    PASSWORD = "password"  # noqa: S105 - a kind of field
    ONE_TIME_CODE = "one-time code"
    NO_LEARNING = "no learning"  # the app's flag for a text that is to leave nothing
    EMAIL = "email"
    URL = "url"
    NUMBER = "number"

    @property
    def learns(self) -> bool:
        """Whether what is typed here may be learnt."""
        return self is InputField.TEXT

    @property
    def suggests(self) -> bool:
        """Whether words are suggested here."""
        return self not in (InputField.PASSWORD, InputField.ONE_TIME_CODE)
