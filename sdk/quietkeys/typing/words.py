"""What a word becomes when it ends, what the strip shows for it, and what is learnt of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from quietkeys.answers import Suggestions
from quietkeys.api.input_field import InputField
from quietkeys.personalizer import Personalizer
from quietkeys.prediction.levels import Level
from quietkeys.prediction.preferences import AppProfile
from quietkeys.text.starts import APOSTROPHES
from quietkeys.typing.aside import Aside
from quietkeys.typing.edits import Choice, KeptWord, Surroundings
from quietkeys.typing.rules import Unit
from quietkeys.typing.trail import Cell, Ended, Lesson, Touch
from quietkeys_protocol.errors import ErrorCode, QuietkeysError

STRIP: Final = 3  # choices shown
PROSE: Final = frozenset((InputField.TEXT, InputField.NO_LEARNING))  # fields of words and sentences
_REFUSALS: Final = 16  # that are remembered, newest first
_ANSWERS: Final = 4  # of the keyboard that are remembered, newest first
_PLACE: Final = 24  # characters before a word that tell its place
_POSSESSIVES: Final = frozenset(("'s", "’s"))
_QUOTES: Final = re.compile(r"(?:^|[\s(])['‘][^\n]*$")  # an apostrophe that began something in this line

Place = tuple[str, str]  # where a word stands: what is before it, and its spelling. Private.
_Touches = tuple[Touch | None, ...] | None
_Question = tuple[str, str, _Touches, Level, AppProfile]  # before, typed, and what the answer hangs on


class Words:
    """The words of one text, asked of a keyboard and told to it; refusals and last answers in memory only."""

    def __init__(
        self,
        keyboard: Personalizer,
        field: InputField,
        app: str,
        told: Callable[[KeptWord], None],
        aside: Aside | None,
    ) -> None:
        """As for `Typing`. problem: what went wrong with the last word that was learnt or un-learnt."""
        self.problem: QuietkeysError | None = None
        self.prose = field in PROSE
        self._keyboard, self._field, self._app = keyboard, field, app
        self._told, self._aside = told, aside
        self._refused: list[Place] = []
        self._answers: dict[_Question, Suggestions] = {}  # replaced, never changed: two threads read it

    def best(self, here: Surroundings, unit: Unit, cells: Sequence[Cell]) -> str:
        """Return what Space will leave of a word; cells: of the word."""
        if not self.prose or unit.end or is_foreign(cells) or has_ended(cells, unit):
            return unit.text
        if place_of(here, unit) in self._refused:
            return unit.text
        return self._suggest(before_of(here, unit), unit.text, cells).correction or unit.text

    def best_in_time(self, here: Surroundings, unit: Unit, cells: Sequence[Cell]) -> str | None:
        """Return what Space leaves of a word; None where that takes longer than a key may wait."""
        known = self._question(before_of(here, unit), unit.text, cells) in self._answers
        if known or self._aside is None or self._aside.done(lambda: self.best(here, unit, cells)):
            return self.best(here, unit, cells)
        return None

    def forget_answers(self) -> None:
        """Ask the keyboard again from now on."""
        self._answers = {}

    def choices(self, here: Surroundings, unit: Unit, cells: Sequence[Cell]) -> tuple[Choice, ...]:
        """Return what the strip shows for a word: others, what was typed, and what Space will leave there.

        Behind punctuation only what Space will change is a question still; else the next word is.
        """
        typed, best = unit.text, self.best(here, unit, cells)
        grows = not unit.tail or _is_contracted(unit)
        if not grows and best == typed:
            return self.next(f"{here.before} ")
        entries = list(self._suggest(before_of(here, unit), typed, cells).strip[:STRIP]) if grows else [best]
        entries = list(dict.fromkeys([*entries, typed, best]))
        while len(entries) > STRIP:
            entries.remove(next(entry for entry in reversed(entries) if entry not in (typed, best)))
        return tuple(Choice(text, literal=text == typed, best=text == best) for text in entries)

    def next(self, before: str, ended: Ended | None = None) -> tuple[Choice, ...]:
        """Return words that may come next. ended: the word before, if it can still be put right belatedly."""
        shown = self._keyboard.suggest(before, "", field=self._field, app=self._app)
        choices = [Choice(text, comes_next=True) for text in shown.strip]
        if ended is not None and ended.late is not None and (meant := ended.late()) != ended.typed:
            choices.insert(0, Choice(meant, belated=True))
        return tuple(choices[:STRIP])

    def refuse(self, place: Place) -> None:
        """Leave a word alone from now on, as long as it stands there and is spelled so."""
        self._refused = [place, *(one for one in self._refused if one != place)][:_REFUSALS]

    def forget_gone(self, text: str) -> None:
        """Forget refusals of words whose first letter is no longer in its place in the text."""
        self._refused = [place for place in self._refused if _stands(place, text)]

    def record(
        self,
        before: str,
        typed: str,
        kept: str,
        touches: Sequence[Touch | None],
        late: Callable[[], str] | None = None,
    ) -> Ended:
        """Learn what was kept of a word; touches: of its characters as typed, or none.

        late: as of `Ended`; nothing is learnt where it is another word than was typed.
        """
        self.problem = None
        given = touches if len(touches) == len(typed) and any(touches) else None
        word = Ended(typed, kept, tuple(touches), Lesson(), late)

        def learn() -> None:
            try:
                if late is not None and late() != typed:
                    return
                word.lesson.receipt = self._keyboard.record(
                    before, typed, kept, given, field=self._field, app=self._app
                )
            except QuietkeysError as error:
                self.problem = error
                return
            if self._field is InputField.TEXT:
                self._told(KeptWord(before, typed, kept, tuple(given or ())))

        self._learn(learn)
        return word

    def unlearn(self, word: Ended) -> None:
        """Take back what was learnt of a word; what was recorded too long ago stays learnt."""

        def undo() -> None:
            if word.lesson.receipt is None:
                return
            try:
                self._keyboard.undo(word.lesson.receipt)
            except QuietkeysError as error:
                if error.code is not ErrorCode.RECEIPT_UNKNOWN:
                    self.problem = error

        self._learn(undo)

    def _learn(self, action: Callable[[], None]) -> None:
        if self._aside is None:
            action()
        else:
            self._aside.learn(action)

    def _question(self, before: str, typed: str, cells: Sequence[Cell]) -> _Question:
        touches = tuple(cell.touch for cell in cells)
        known = len(touches) == len(typed) and not is_foreign(cells) and any(touches)
        here = self._keyboard.apps.get(self._app)
        return before, typed, touches if known else None, self._keyboard.level, here

    def _suggest(self, before: str, typed: str, cells: Sequence[Cell]) -> Suggestions:
        question = self._question(before, typed, cells)
        if (answer := self._answers.get(question)) is not None:
            return answer
        shown = self._keyboard.suggest(before, typed, question[2], field=self._field, app=self._app)
        answer = _contracted(before, typed, shown)
        self._answers = dict([(question, answer), *self._answers.items()][:_ANSWERS])
        return answer


def before_of(here: Surroundings, unit: Unit) -> str:
    """Return the text before a word."""
    return here.before[: len(here.before) - unit.start]


def place_of(here: Surroundings, unit: Unit) -> Place:
    """Return where a word stands."""
    return before_of(here, unit)[-_PLACE:], unit.word


def _stands(place: Place, text: str) -> bool:
    before, first = place[0], place[1][0]
    return before + first in text if len(before) == _PLACE else text.startswith(before + first)


def is_foreign(cells: Sequence[Cell]) -> bool:
    """Return whether a part of a word was not typed here."""
    return any(cell.foreign for cell in cells)


def has_ended(cells: Sequence[Cell], unit: Unit) -> bool:
    """Return whether a word stands as it did when it ended: it is decided already."""
    words = {one.word for one in cells[: len(unit.word)]}
    ended = words.pop() if len(words) == 1 else None
    return ended is not None and not ended.is_open and ended.kept.startswith(unit.word)


def _is_contracted(unit: Unit) -> bool:
    return len(unit.tail) == 1 and unit.tail in APOSTROPHES


def _contracted(before: str, typed: str, shown: Suggestions) -> Suggestions:
    """Return suggestions for an apostrophe at the end that begins the end of a contraction: "don'".

    Space completes it if there is one way to, but no "'s": that may be a possessive as it stands ("James'").
    Nor where a quotation is open that the apostrophe may close.
    """
    if typed[-1:] not in APOSTROPHES:
        return shown
    strip = tuple(dict.fromkeys(_without_second(entry, typed) for entry in shown.strip))
    longer = [one for one in strip if one.lower().startswith(typed.lower()) and one != typed]
    if len(longer) != 1 or longer[0][-2:] in _POSSESSIVES or _QUOTES.search(f"{before}{typed}"):
        return Suggestions(strip, shown.correction)
    return Suggestions(strip, longer[0])


def _without_second(entry: str, typed: str) -> str:
    """Return a suggestion without the apostrophe behind it if that is inside it already."""
    return (
        entry.removesuffix(typed[-1]) if entry.lower().startswith(typed.lower()) and entry != typed else entry
    )
