"""The text that the demo types: any UTF-8 file, or the messages that come with it.

`messages.txt` is what a few made-up friends write to each other within half a year, in order, as people
text: small letters, shorthand, names and words of their own. It was written for this demo; nobody's messages
are in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.messages import Word, read_messages, typed_words

MESSAGES: Final = Path(__file__).with_name("messages.txt")
LEAST_WORDS: Final = 300  # with fewer there is nothing to learn from and nothing to judge by


def messages_of_the_demo() -> list[str]:
    """Return the messages that come with the demo, in their order."""
    return MESSAGES.read_text(encoding="utf-8").splitlines()


def words_to_type(text: Path | None, most: int | None) -> list[Word]:
    """Return the words of a file, or of the demo's own messages, at most so many of them (None: all).

    Raises DemoFailed for a file that cannot be read or holds too little to learn from.
    """
    if text is None:
        words = typed_words(messages_of_the_demo())
    else:
        try:
            words = typed_words(read_messages(text))
        except (OSError, EOFError) as error:
            raise DemoFailed(
                "The text cannot be read.", "Give --text a UTF-8 file with one message a line; .gz is fine."
            ) from error
    words = words[:most]
    if len(words) < LEAST_WORDS:
        raise DemoFailed(
            f"{len(words)} words are too few to learn from and to judge by.",
            f"Give at least {LEAST_WORDS}, better thousands: a longer --text, a larger --words.",
        )
    return words
