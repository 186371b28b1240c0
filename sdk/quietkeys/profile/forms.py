"""How the user writes words, where they chose the case: counts, and the form that is theirs.

As the lexicon writes a word, or in which other form ("fyi", "iPhone", "OpenBSD"). A form that was kept twice
and twice as often as all others is the user's. A word of their own is written as it was added, or as it
mostly was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FORM_KEEPS: Final = 1.5  # keeps, decayed, from which a form is the user's: two
FORM_AHEAD: Final = 2.0  # times as many as all other forms together have


def usual_form(votes: Mapping[str | None, float], added: str | None, is_known: bool) -> str | None:
    """Return how this user writes a word, None to write it as the lexicon does.

    votes: decayed count of every form, None for the lexicon's. added: the form in which the user added it.
    is_known: whether the lexicon has the word; what it lacks is in small letters there, and is written as it
    mostly was.
    """
    best = max(votes, key=votes.__getitem__)
    others = sum(votes.values()) - votes[best]
    if votes[best] >= FORM_KEEPS and votes[best] >= FORM_AHEAD * others:
        return best
    if added is None and not is_known and votes[best] > others:
        return best
    return added


def note_form(written: dict[str, dict[str, None]], key: tuple[str, ...], is_held: bool) -> None:
    """Note in `written` in which forms, other than the lexicon's, a word is held. key: of a form."""
    for form in key[2:]:
        forms = written.setdefault(key[1], {})
        forms.pop(form, None)
        if is_held:
            forms[form] = None
        if not forms:
            del written[key[1]]
