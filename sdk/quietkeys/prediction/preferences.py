"""What the user has chosen, kept in the profile: how readily autocorrect acts, and its words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace

from quietkeys.prediction.levels import Level
from quietkeys.prediction.own_words import inflections
from quietkeys.profile.settings import APPS, LEVEL, NEVER_CORRECT, NEVER_SUGGEST, REPLACEMENTS, Setting
from quietkeys.profile.store import Store
from quietkeys.text.tokens import pieces, words
from quietkeys_protocol.errors import ErrorCode, QuietkeysError, error_of


@dataclass(frozen=True, slots=True)
class AppProfile:
    """What happens in one app. level: how readily autocorrect acts there, None: as everywhere.

    Without suggesting, what was typed is shown as it is, and nothing else.
    """

    learn: bool = True
    suggest: bool = True
    level: Level | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Preferences:
    """never_correct: lower-case words that are left as they are typed. never_suggest: ones not to show.

    hidden: these and their regular inflections. replacements: what is put in the place of a lower-case word,
    as it is written. apps: those that differ.
    """

    level: Level = Level.NORMAL
    never_correct: Collection[str] = frozenset()
    never_suggest: Collection[str] = frozenset()
    replacements: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, AppProfile] = field(default_factory=dict)
    hidden: Collection[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Work out what is hidden."""
        object.__setattr__(
            self, "hidden", frozenset(self.never_suggest).union(*map(inflections, self.never_suggest))
        )


class StoredPreferences:
    """The preferences of one profile. What changes them raises TryAgain (DISK_FULL, STORAGE_FAILED)."""

    def __init__(self, store: Store) -> None:
        """Raise Untrusted (PROFILE_DAMAGED) if the store holds something else."""
        self._store = store
        try:
            level = Level(store.setting(LEVEL) or Level.NORMAL)
        except ValueError as error:
            raise _damaged() from error
        replacements = store.setting(REPLACEMENTS) or {}
        if not all(isinstance(text, str) for text in replacements.values()):
            raise _damaged()
        self.current = Preferences(
            level, self._words(NEVER_CORRECT), self._words(NEVER_SUGGEST), replacements, self._apps()
        )

    def set_level(self, level: Level) -> None:
        """Choose a level."""
        self._store.set_setting(LEVEL, level.value)
        self.current = replace(self.current, level=level)

    def never_correct(self, word: str, never: bool) -> None:
        """Put a lower-case word on the list, where it is no longer replaced, or take it off."""
        left_alone = _with(self.current.never_correct, word, never)
        replacements = _without(self.current.replacements, word) if never else self.current.replacements
        self._put(replace(self.current, never_correct=left_alone, replacements=replacements))

    def never_suggest(self, word: str, never: bool) -> None:
        """Put a lower-case word on the list or take it off."""
        self._put(replace(self.current, never_suggest=_with(self.current.never_suggest, word, never)))

    def always_replace(self, word: str, text: str) -> None:
        """Put a text in the place of a lower-case word, which may have been one to leave alone."""
        left_alone = _with(self.current.never_correct, word, False)
        replacements = {**self.current.replacements, word: text}
        self._put(replace(self.current, never_correct=left_alone, replacements=replacements))

    def stop_replacing(self, word: str) -> None:
        """Put nothing in the place of a lower-case word."""
        self._put(replace(self.current, replacements=_without(self.current.replacements, word)))

    def set_app(self, app: str, profile: AppProfile | None) -> None:
        """Choose what happens in an app, None: nothing of its own."""
        apps = {name: chosen for name, chosen in self.current.apps.items() if name != app}
        if profile is not None:
            apps[app] = profile
        self._store.set_setting(APPS, {name: asdict(chosen) for name, chosen in sorted(apps.items())})
        self.current = replace(self.current, apps=apps)

    def forget(self, word: str) -> None:
        """Let neither the words to leave alone nor the replacements name a lower-case word."""
        kept = {
            typed: text
            for typed, text in self.current.replacements.items()
            if word not in (typed, *(piece for whole in words(text) for piece in pieces(whole)))
        }
        left_alone = _with(self.current.never_correct, word, False)
        self._put(replace(self.current, never_correct=left_alone, replacements=kept))

    def _put(self, wanted: Preferences) -> None:
        with self._store.transaction():
            self._store.set_setting(NEVER_CORRECT, sorted(wanted.never_correct))
            self._store.set_setting(NEVER_SUGGEST, sorted(wanted.never_suggest))
            self._store.set_setting(REPLACEMENTS, dict(sorted(wanted.replacements.items())))
        self.current = wanted

    def _words(self, setting: Setting[Collection[str]]) -> frozenset[str]:
        listed = self._store.setting(setting)
        return frozenset(() if listed is None else listed)

    def _apps(self) -> dict[str, AppProfile]:
        stored = self._store.setting(APPS) or {}
        try:
            return {name: _profile_of(**fields) for name, fields in stored.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise _damaged() from error


def _profile_of(learn: object, suggest: object, level: str | None) -> AppProfile:
    if not (isinstance(learn, bool) and isinstance(suggest, bool)):
        raise _damaged()
    return AppProfile(learn, suggest, None if level is None else Level(level))


def _with(listed: Collection[str], word: str, included: bool) -> frozenset[str]:
    return frozenset(listed) - {word} | ({word} if included else frozenset())


def _without(replacements: Mapping[str, str], word: str) -> dict[str, str]:
    return {typed: text for typed, text in replacements.items() if typed != word}


def _damaged() -> QuietkeysError:
    return error_of(ErrorCode.PROFILE_DAMAGED, "a preference")
