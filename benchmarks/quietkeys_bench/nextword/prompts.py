"""The words of a person as a keyboard meets them: each with the text of its message before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quietkeys.evaluation.ladder import split
from quietkeys.evaluation.messages import MESSAGES_PER_SESSION, read_messages
from quietkeys.text.tokens import normalize
from quietkeys_bench.common.people import Person

_TOKEN: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """A normalized word and the text of the message before it, as written; its session. Private."""

    context: str
    word: str
    session: int = 0


def prompts(messages: Sequence[str]) -> list[Prompt]:
    """Return the words of messages in order: the same as `quietkeys.evaluation.messages.typed_words`."""
    return [
        Prompt(message[: token.start()], word, number // MESSAGES_PER_SESSION)
        for number, message in enumerate(messages)
        for token in _TOKEN.finditer(message)
        if (word := normalize(token.group()))
    ]


def learnt_and_tested(person: Person, limit: int) -> tuple[list[Prompt], list[Prompt]]:
    """Return the words to learn and to test, split as in the personalization bench; limit 0: all words.

    Raises OSError, ValueError if there are too few.
    """
    words = person.words()
    learnt, tested = split(words, limit or None)
    cut = len(split(words)[0])
    found = prompts(read_messages(person.path))
    return found[cut - len(learnt) : cut], found[cut : cut + len(tested)]
