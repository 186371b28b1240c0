"""One language for people."""

from __future__ import annotations

from quietkeys import ErrorCode
from quietkeys_keyboard.presenters.training import STATEMENT
from quietkeys_keyboard.presenters.words import LINES, OUTCOMES, said_of
from tests.app.screen import NOT_FOR_PEOPLE


def test_people_are_told_things_in_their_language() -> None:
    """Errors and outcomes are sentences without names of the SDK, of formats or of Python."""
    said = [said_of(code) for code in ErrorCode] + list(OUTCOMES.values()) + [STATEMENT, LINES]
    for text in said:
        assert text[:1].isupper()
        assert not NOT_FOR_PEOPLE.search(text)
