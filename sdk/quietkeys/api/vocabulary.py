"""The user's words: what was learnt of them, and what the user says about them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.api.export import exported
from quietkeys.api.open_profile import OpenProfile
from quietkeys.files import write_whole
from quietkeys.profile.ledger import LedgerKind
from quietkeys.profile.settings import EXAMPLES
from quietkeys.profile.store import KEEPS, SESSIONS, Pending
from quietkeys.text.tokens import is_addable, is_correctable, span, straightened
from quietkeys_protocol.errors import ErrorCode, Refused

MAX_TEXT: Final = 100  # characters of what is put in the place of a word
MAX_EXAMPLES: Final = 100_000  # characters


@dataclass(frozen=True, slots=True)
class LearntWord:
    """A word that local memory has. Private.

    count: how often it was kept, older times counting less. own: whether the bundle lacks it.
    """

    text: str = field(repr=False)
    count: float = field(repr=False)
    own: bool


@dataclass(frozen=True, slots=True)
class PendingWord:
    """A word that the bundle lacks and that is not learnt yet. Private.

    It is learnt when it was kept `keeps_needed` times, in `sessions_needed` sessions or more; `keeps` and
    `sessions` are how many there were so far. `Vocabulary.add` learns it at once.
    """

    text: str = field(repr=False)
    keeps: int
    keeps_needed: int
    sessions: int
    sessions_needed: int


class Vocabulary:
    """The words of an open profile. Reached by `Personalizer.vocabulary`.

    A word is a run of letters a-z and inner apostrophes, in any case; one that is added or forgotten may have
    other letters, digits and inner hyphens, too ("café", "b2b", "wi-fi"). Every method that takes a word
    raises Refused (WORD_MALFORMED) for anything else; every method that changes something raises TryAgain
    (DISK_FULL, STORAGE_FAILED), and then nothing was changed.
    """

    def __init__(self, opened: OpenProfile) -> None:
        self._opened = opened

    def words(self) -> tuple[LearntWord, ...]:
        """Return what was learnt, the most used words first."""
        memory = self._opened.model.predictor.memory
        with self._opened.typing:
            found = [
                LearntWord(text, count, text in memory.own_words) for text, count in memory.words().items()
            ]
            found += [LearntWord(text, 0.0, True) for text in memory.added if not is_correctable(text)]
        return tuple(sorted(found, key=lambda word: (-word.count, word.text)))

    def pending(self, word: str) -> PendingWord | None:
        """Return how far a word is from being learnt; None if it was never kept, is known, or was forgotten.

        What is not learnt yet lies here as a keyed hash, so it can be asked about and not be listed.
        """
        word, opened = word_in(word), self._opened
        memory = opened.model.predictor.memory
        with opened.typing:
            sessions = Pending(opened.profile.store, memory.lexicon, memory.own_words).of(word)
        if not sessions:
            return None
        return PendingWord(word, len(sessions), KEEPS, len(set(sessions)), SESSIONS)

    def add(self, word: str) -> None:
        """Learn a word at once, as it is written; one that was forgotten may be learnt again.

        It is offered so, "OpenBSD" not as "openbsd", until the user writes it otherwise.
        """
        written = token_in(word)
        with self._opened.typing:
            self._opened.model.recorder.add_word(written)

    def forget(self, word: str) -> None:
        """Forget a word and everything counted around it, for good; earlier receipts may no longer work.

        It is not learnt again before it is added. It leaves the lists of words that are never corrected and
        of replacements too, but not that of words that are never suggested. Counts of events stay: they name
        no word. `examples` go, as the word may be in them.
        """
        word = token_in(word).lower()
        with self._opened.typing, self._opened.profile.forgetting():
            self._opened.profile.store.drop_setting(EXAMPLES)
            self._opened.model.recorder.forget_word(word)
            self._opened.preferences.forget(word)
            self._opened.note(LedgerKind.WORD_FORGOTTEN, "A word was forgotten.")

    def never_correct(self, word: str, never: bool = True) -> None:
        """Leave a word as it is typed from now on, also if it was replaced; never=False: correct it again."""
        word = word_in(word)
        with self._opened.typing:
            self._opened.preferences.never_correct(word, never)

    def never_corrected(self) -> tuple[str, ...]:
        """Return the words that are left as they are typed, in alphabetical order."""
        return tuple(sorted(self._opened.preferences.current.never_correct))

    def never_suggest(self, word: str, never: bool = True) -> None:
        """Show a word only where it was typed from now on; never=False: suggest it again.

        Its regular inflections are hidden with it: "damned" and "damning" with "damn".
        """
        word = word_in(word)
        with self._opened.typing:
            self._opened.preferences.never_suggest(word, never)

    def never_suggested(self) -> tuple[str, ...]:
        """Return the words that are not suggested, in alphabetical order."""
        return tuple(sorted(self._opened.preferences.current.never_suggest))

    def always_replace(self, typed: str, text: str) -> None:
        """Put a text in the place of a word whenever it is typed, at every level.

        text: one line of at most MAX_TEXT characters; in small letters it takes the case of what was typed,
        with capitals of its own it stays as it is. Raises Refused (WORD_MALFORMED) for any other text too.
        """
        word = word_in(typed)
        if not (text.isprintable() and text == text.strip() and 0 < len(text) <= MAX_TEXT):
            raise Refused(ErrorCode.WORD_MALFORMED, "a replacement")
        with self._opened.typing:
            self._opened.preferences.always_replace(word, text)

    def replacements(self) -> dict[str, str]:
        """Return what is put in the place of which word, in alphabetical order of these."""
        return dict(sorted(self._opened.preferences.current.replacements.items()))

    def stop_replacing(self, typed: str) -> None:
        """Correct a word again as any other."""
        word = word_in(typed)
        with self._opened.typing:
            self._opened.preferences.stop_replacing(word)

    def examples(self) -> str:
        """Return what `keep_examples` kept, "" for nothing. Private. Raises Untrusted (PROFILE_DAMAGED)."""
        return self._opened.profile.store.setting(EXAMPLES) or ""

    def keep_examples(self, text: str) -> None:
        """Keep what an app needs of its user's last words to show what an update changes; "" keeps nothing.

        It is the app's own, of at most MAX_EXAMPLES characters: nothing is learnt of it and nothing of it is
        sent. It lies sealed as all else does, is in backups, and goes with a word that is forgotten and with
        a wipe. What text an app keeps so it should say to its user. Raises Refused (WORD_MALFORMED) for more.
        """
        if len(text) > MAX_EXAMPLES:
            raise Refused(ErrorCode.WORD_MALFORMED, "examples")
        store = self._opened.profile.store
        if text:
            store.set_setting(EXAMPLES, text)
        else:
            store.drop_setting(EXAMPLES)

    def export(self, path: str | Path) -> None:
        """Write what was learned and chosen to a file, JSON, mode 0600: all of it or nothing.

        Words and pairs of words with their counts, the lists, level, apps, consent, ledger, and the weights
        of the adapter, rounded to 3 bits: what is published of an exact one might help a trainer to learn
        about the secret key. Whoever reads the file can tell much about its user's typing.
        """
        write_whole(Path(path), exported(self._opened))
        self._opened.note(
            LedgerKind.EXPORTED, "What was learned was written to a file, readable for you only."
        )


def word_in(text: str) -> str:
    """Return the lower-case word in a text. Raises Refused (WORD_MALFORMED) if it is not exactly one."""
    word = token_in(text).lower()
    if not is_correctable(word):
        raise Refused(ErrorCode.WORD_MALFORMED)
    return word


def token_in(text: str) -> str:
    """Return the one word in a text, which may be one with other letters, digits or hyphens, in its own case.

    Raises Refused (WORD_MALFORMED) if it is not exactly one.
    """
    composed = unicodedata.normalize("NFC", straightened(text))
    start, end = span(composed)
    written = composed[start:end]
    if not is_addable(written):
        raise Refused(ErrorCode.WORD_MALFORMED)
    return written
