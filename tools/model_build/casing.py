"""How words are written: "monday" -> "Monday", "tv" -> "TV", judged by the texts and the word lists.

Only words within a sentence count, because the first one has a capital anyway; and not those beside
capitals, where somebody shouts; and only in lines whose writer minds capitals at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from quietkeys.text.tokens import is_correctable

from .scowl import Listed

Forms = Mapping[str, Counter[str]]

EDGES: Final = re.compile(r"^[^A-Za-z]+|[^A-Za-z]+$")
_OPENS: Final = frozenset(".!?…:;\"“”'‘(*-—–>]|/~_")  # a word after these may begin something
ENOUGH: Final = 6  # occurrences within sentences that can overrule a word list
ENOUGH_UNLISTED: Final = 4  # the same where no list has the word
SMALL_IF_LISTED: Final = 0.25  # share in small letters below which a word that is also a name is a name
SMALL_IF_RATHER_NAME: Final = 0.7  # the same where the lists have the name among the commoner words
SMALL_IF_COMMON: Final = 0.1  # the same for the commonest words: "will" is no name
SMALL_IF_NO_NAME: Final = 0.05  # the same where no list has it as a name: many a title is capitalised
SMALL_IF_NAME: Final = 0.7  # share in small letters above which what is listed as a name is written small
SMALL_UNLISTED: Final = 0.35
COMMON: Final = 10  # size of the commonest words
RARE_SMALL: Final = 20  # by how much larger a small form's size is that says nothing beside the name's


def written_words(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (token before, word as it is written) for every word within the sentences of raw lines."""
    for line in lines:
        tokens = line.replace("\u2019", "'").split()
        if not _minds_capitals(tokens):
            continue
        for before, token, after in zip(tokens, tokens[1:], [*tokens[2:], ""], strict=False):
            if before[-1] in _OPENS or token[0] in _OPENS or _shouted(before) or _shouted(after):
                continue
            form = EDGES.sub("", token)
            if is_correctable(form.lower()):
                yield before, form


def _minds_capitals(tokens: Sequence[str]) -> bool:
    """Return whether a line begins with a capital or has "I", and shows no "i" and no shouting."""
    first = [word for word in tokens if word in {"i", "I"} or word.startswith(("i'", "I'"))]
    shouted = sum(map(_shouted, tokens)) * 2 > len(tokens)
    minded = bool(tokens) and (tokens[0][0].isupper() or bool(first))
    small = any(word.startswith("i") for word in first)
    return minded and not small and not shouted


def _shouted(token: str) -> bool:
    letters = EDGES.sub("", token)
    return len(letters) > 1 and letters.isupper()


def display(word: str, seen: Counter[str], listed: Listed | None) -> str:
    """Return how a lower-case word is written; small where the evidence is in doubt.

    seen: its forms within sentences (`collect_forms`), listed: what SCOWL says.
    """
    if word == "i" or word.startswith("i'"):
        return "I" + word[1:]
    if len(word) == 1:
        return word
    total, small = seen.total(), seen[word]
    capital = _commonest({form: count for form, count in seen.items() if form != word})
    if listed is None:
        name = total >= ENOUGH_UNLISTED and small < SMALL_UNLISTED * total
        return capital if name and _is_plain(capital) else word
    names = {form: size for form, size in listed.forms.items() if form != word}
    smallest = min(names.values(), default=listed.size)
    if not listed.written_small() or listed.forms[word] >= smallest + RARE_SMALL:
        if total >= ENOUGH and small > SMALL_IF_NAME * total:
            return word
        if total >= ENOUGH and seen[capital] > SMALL_IF_NAME * (total - small) and _is_plain(capital):
            return capital
        return max(names, key=lambda form: (seen[form], -names[form], form))
    if total < ENOUGH or small >= _most_small(listed.forms[word], smallest, bool(names)) * total:
        return word
    return capital if capital in names or _is_plain(capital) else word


def _most_small(size: int, name_size: int, is_name: bool) -> float:
    if not is_name:
        return SMALL_IF_NO_NAME
    if size <= COMMON < name_size:
        return SMALL_IF_COMMON
    return SMALL_IF_RATHER_NAME if name_size <= size else SMALL_IF_LISTED


def _commonest(counts: Mapping[str, int]) -> str:
    return max(counts, key=lambda form: (counts[form], form), default="")


def _is_plain(form: str) -> bool:
    """Return whether a form is "Capital" or "ACRONYM" (up to five letters): others are mostly whims."""
    return form[:1].isupper() and (form[1:] == form[1:].lower() or (form.isupper() and len(form) <= 5))


def displays(words: Iterable[str], seen: Forms, lists: Mapping[str, Listed]) -> dict[str, str]:
    """Return how each word is written; a possessive is written like its owner."""
    nothing: Counter[str] = Counter()
    result: dict[str, str] = {}
    for word in words:
        owner, mark, rest = word.partition("'")
        key = owner if rest == "s" and owner not in {"i", "let"} else word
        shown = display(key, seen.get(key, nothing), lists.get(key))
        result[word] = shown + mark + rest if key != word else shown
    return result
