"""What a person is told when the demo cannot go on: one plain sentence, and one of advice."""

from __future__ import annotations


class DemoFailed(Exception):  # noqa: N818 - what happened
    """The demo cannot go on; its text is what happened and what to do."""

    def __init__(self, message: str, advice: str) -> None:
        """Both are sentences, public, and hold no typed text."""
        super().__init__(f"{message} {advice}")
