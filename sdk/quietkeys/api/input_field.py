"""What kind of field is typed in, as the app knows it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


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


UNSUGGESTED: Final = frozenset({InputField.PASSWORD, InputField.ONE_TIME_CODE})  # shown as typed
