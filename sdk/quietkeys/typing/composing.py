"""`Typing`: from one key and the text around the cursor to an edit, a strip, and what is learnt.

The rules, in the order in which a reader asks:

- A space ends a word, and so does what cannot be inside one: a comma, a closing bracket, an emoji, a line
  break. A full stop, a colon, a slash, an apostrophe may go on to an address, an abbreviation, a contraction;
  behind one a word is left as it is until the next key says what it has become.
- A word that ends is put right if the model is sure, and learnt. It is learnt once, as it stands: what is
  edited, deleted or ended anew is un-learnt first.
- Backspace takes back what the keyboard did by itself, one key at a time. A word that was given back is left
  alone until it is spelled otherwise or deleted, and a space that was taken back is not put again at once.
- What was chosen stands, with a space behind it that gives way: to a space, and to what belongs to the word.
- What was not typed here (pasted, or there before) is neither put right nor learnt.
- A word that ended before it was known what to put in its place stands as typed. It is learnt if it would
  have been left. Else nobody kept it: what was to be put is offered, and it is learnt as what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from quietkeys.api.input_field import InputField
from quietkeys.personalizer import Personalizer
from quietkeys.text.starts import APOSTROPHES, OPENING
from quietkeys.text.tokens import SENTENCE_END
from quietkeys.typing import rules
from quietkeys.typing.aside import Aside
from quietkeys.typing.edits import Choice, Edit, KeptWord, Surroundings
from quietkeys.typing.rules import Unit, unit_at
from quietkeys.typing.trail import AHEAD, REACH, Cell, Touch, Trail
from quietkeys.typing.words import Place, Words, before_of, has_ended, is_foreign, place_of
from quietkeys_protocol.errors import QuietkeysError


@dataclass(frozen=True, slots=True)
class _Made:
    # What the keyboard did by itself with the last key, for taking it back.
    back: Edit
    cells: Sequence[Cell]
    refused: Place | None = field(default=None, repr=False)
    earlier: _Made | None = None


class Typing:
    """One text that is being typed into, which somebody else holds. For one thread.

    Every method is told what stands around the cursor and returns what to do there; the caller does it before
    the next call. If the text or the cursor has changed otherwise, that is noticed and nothing is taken back.
    Nothing raises for the disk or the profile: typing goes on, and `problem` says what could not be learnt.
    """

    def __init__(
        self,
        keyboard: Personalizer,
        *,
        field: InputField = InputField.TEXT,
        app: str = "",
        told: Callable[[KeptWord], None] = lambda _: None,
        aside: Aside | None = None,
        corrects: bool = True,
        appends: bool = False,
        two_spaces: bool = True,
    ) -> None:
        """keyboard: what suggests and learns. field, app: where is typed, see `Personalizer.record`.

        told: called with each word of a TEXT as it is handed to `record`; one that comes anew behind the
        same text has taken the place of the earlier one. Only in TEXT and NO_LEARNING are words put right and
        spaces put or moved.
        aside: a thread for all that takes longer than a key may, `told` included. A word is put right then if
        what to put is known when its end is typed, or within the time that a key may wait, else that is
        offered; it is learnt a little later.
        corrects: whether words are put right when they end; the strip is there without.
        appends: the host cannot delete. Nothing is put right, and the strip shows what may follow.
        two_spaces: whether two of them become a full stop.
        """
        self._words = Words(keyboard, field, app, told, aside)
        self._aside, self._appends, self._two_spaces = aside, appends, two_spaces
        self._corrects = corrects and not appends
        self._trail = Trail()
        self._made: _Made | None = None
        self._gives_way = False  # the space before the cursor, which was not typed
        self._spaced = False  # the last key was a space that ended a word or followed one
        self._plain = False  # the last key took back what was put by itself: the next is taken as it is

    def press(
        self, here: Surroundings, character: str, touch: Touch | None = None, *, by_finger: bool = True
    ) -> Edit:
        """Take a key with a character (a letter, a space, a line break) or an emoji.

        touch: where it was touched, in letter keys (see `Personalizer.suggest`). by_finger: on a keyboard
        where a space is easily left out; it is put behind punctuation then.
        """
        here, plain = self._follow(here)
        if character == " ":
            return self._space(here, plain)
        if character == "\n":
            return self._break(here)
        if self._gives_way and (moved := self._moved(here, character)) is not None:
            return moved
        if (
            by_finger
            and not self._appends
            and self._words.prose
            and not plain
            and rules.lacks_space(here.before, character)
        ):
            if here.before[-1] in SENTENCE_END:
                character = character.upper()
            return self._end_with(here, f" {character}", touch, taken=True)
        if rules.ends_word(character):
            return self._end_with(here, character, touch)
        return self._insert(here, character, touch)

    def backspace(self, here: Surroundings) -> Edit:
        """Take back what the last key did by itself; else delete one character as its reader sees it."""
        here, _ = self._follow(here)
        made = self._made
        if made is None:
            return self.delete(here, len(here.before) - rules.cluster_start(here.before))
        self._do(made.back, made.cells)
        self._made, self._gives_way, self._spaced, self._plain = made.earlier, False, False, True
        if made.refused is not None:
            self._words.refuse(made.refused)
        return made.back

    def delete(self, here: Surroundings, before: int, after: int = 0) -> Edit:
        """Delete characters before and after the cursor, as when something selected is replaced."""
        self._follow(here)
        return self._do(Edit(min(before, len(here.before)), min(after, len(here.after))), ())

    def finish(self, here: Surroundings) -> Edit:
        """End the word at the cursor with no key: it is sent, or the cursor goes elsewhere."""
        here, _ = self._follow(here)
        return self._end_with(here, "", None)

    def leave(self, here: Surroundings) -> None:
        """End the word at the cursor as it stands: the text is sent by a key of the host's, or left."""
        here, _ = self._follow(here)
        unit = unit_at(here.before, here.after)
        if unit is not None and unit.start and not unit.end:
            kept, cells = self._end(here, unit, unit.text)
            self._trail.apply(Edit(unit.start, 0, kept), cells)
        self._made, self._gives_way, self._spaced = None, False, False

    def choose(self, here: Surroundings, choice: Choice) -> Edit:
        """Put a choice of the strip in place of the word at the cursor, or behind it."""
        if choice.belated:
            return self.put_right(here, choice.text)
        here, _ = self._follow(here)
        unit = None if choice.comes_next else unit_at(here.before, here.after)
        if unit is None:
            gap = "" if self._may_begin(here) else " "
            return self._put(here, gap, Unit(0, 0, "", ""), choice.text)
        return self._put(here, "", unit, choice.text)

    def put_right(self, here: Surroundings, meant: str) -> Edit:
        """Put what was meant in place of the last word before the cursor, and learn that instead."""
        here, _ = self._follow(here)
        gap = len(here.before) - len(here.before.rstrip(" "))
        end = len(here.before) - gap
        cells = self._trail.around(len(here.before))[:end]
        ended = next((one.word for one in reversed(cells) if one.word is not None), None)
        if ended is None:
            return Edit()
        first = next(place for place, one in enumerate(cells) if one.word is ended)
        last, start = first + len(ended.kept), min(first, rules.run_start(here.before[:end]))
        if last < rules.run_start(here.before[:end]):
            return Edit()  # what came last is no word
        typed = here.before[start:first] + ended.typed + here.before[last:end]
        touches = [one.touch for one in cells]
        self._unlearn(cells[start:])
        whole = [*touches[start:first], *ended.touches, *touches[last:]]
        word = self._words.record(here.before[:start], typed, meant, whole)
        edit = Edit(len(here.before) - start, 0, meant + " " * gap)
        return self._do(edit, [*[Cell(word=word)] * len(meant), *[Cell()] * gap])

    def strip(self, here: Surroundings) -> tuple[Choice, ...]:
        """Return up to three choices: for the word at the cursor, or, where it has ended, for the next one.

        What was typed is always among those for a word, and so is what Space will leave there, the best.
        """
        self._words.forget_answers()
        return self._asked(here)()

    def ask(self, here: Surroundings, answer: Callable[[tuple[Choice, ...]], None]) -> None:
        """Have `strip` found aside; answer: told it there, unless something was asked meanwhile.

        What the next key needs is known then as well. Without an `aside` the answer comes at once.
        """
        asked = self._asked(here)
        if self._aside is None:
            answer(asked())
        else:
            self._aside.think(lambda: answer(asked()))

    @property
    def problem(self) -> QuietkeysError | None:
        """What went wrong when the last word was to be learnt or un-learnt; None if nothing did."""
        return self._words.problem

    # Ending words

    def _space(self, here: Surroundings, plain: bool) -> Edit:
        if self._gives_way:
            self._gives_way, self._spaced = False, True
            return Edit()
        before = here.before
        twice = self._spaced and not plain and self._words.prose and before[-1:] == " "
        if (
            twice
            and self._two_spaces
            and not self._appends
            and (before[-2:-1].isalnum() or before[-2:-1] in rules.CLOSING)
        ):
            earlier = self._made
            edit = self._do(Edit(1, 0, ". "), [Cell(), Cell()])
            self._made = _Made(Edit(2, 0, " "), [Cell()], None, earlier)
            return edit
        edit = self._end_with(here, " ", None)
        self._spaced = True
        return edit

    def _end_with(self, here: Surroundings, key: str, touch: Touch | None, *, taken: bool = False) -> Edit:
        # End the word before the cursor and put what a key types behind it. taken: it can be taken back.
        unit, addition = unit_at(here.before, here.after), [Cell(touch)] * len(key)
        if unit is not None and unit.start and unit.end:  # it is cut in two
            self._unlearn(self._trail.around(unit.start, unit.end))
        if unit is not None and unit.start and not unit.end and _may_end(unit, key):
            kept, cells = self._end(here, unit, self._best(here, unit))
            if kept != unit.text:
                shown = len(kept.rstrip("".join(rules.TAIL))) or len(kept)
                old = self._trail.around(unit.start)
                edit = self._do(Edit(unit.start, 0, kept + key, (0, shown)), [*cells, *addition])
                self._made = _Made(Edit(len(kept + key), 0, unit.text), old, place_of(here, unit))
                return edit
            self._trail.apply(Edit(unit.start, 0, kept), cells)
        edit = self._do(Edit(0, 0, key), addition)
        self._made = _Made(Edit(len(key)), ()) if taken else None
        return edit

    def _best(self, here: Surroundings, unit: Unit) -> str | None:
        if not self._corrects:
            return unit.text
        return self._words.best_in_time(here, unit, self._trail.around(unit.start))

    def _end(self, here: Surroundings, unit: Unit, kept: str | None) -> tuple[str, list[Cell]]:
        # What a word becomes, learnt, and the cells of that; once for a word as it stands. kept: None where
        # it is not known yet.
        cells = self._trail.around(unit.start)
        if has_ended(cells, unit) or is_foreign(cells):
            return unit.text, cells
        self._unlearn(cells)
        touches = [cell.touch for cell in cells]
        plain = [Cell(touch) for touch in touches]
        late = partial(self._words.best, here, unit, plain) if kept is None else None
        kept = unit.text if kept is None else kept
        word = self._words.record(before_of(here, unit), unit.text, kept, touches, late)
        if kept == unit.text:
            return kept, [Cell(touch, word=word) for touch in touches]
        return kept, [Cell(word=word)] * len(kept)

    def _put(self, here: Surroundings, gap: str, unit: Unit, text: str) -> Edit:
        # A chosen text, with a space behind it that gives way, unless something stands there.
        cells = self._trail.around(unit.start, unit.end)
        typed, word = unit.text or text, None
        if not is_foreign(cells):
            self._unlearn(cells)
            touches = [cell.touch for cell in cells]
            word = self._words.record(before_of(here, unit) + gap, typed, text, touches)
        follows = here.after[unit.end :][:1]
        space = " " if self._words.prose and not follows.strip() else ""
        there = follows == " "  # a space that needs not be put
        if self._appends:
            there, space = False, " " if self._words.prose else ""
        changed = None if typed == text else (len(gap), len(gap + text))
        edit = Edit(unit.start, unit.end + there, gap + text + space, changed)
        self._do(edit, [*[Cell()] * len(gap), *[Cell(word=word)] * len(text), *[Cell()] * len(space)])
        self._gives_way = bool(space) and not self._appends
        return Edit(0, 0, (gap + text + space)[unit.start :]) if self._appends else edit

    def _break(self, here: Surroundings) -> Edit:
        return self._do(Edit(1, 0, "\n"), [Cell()]) if self._gives_way else self._end_with(here, "\n", None)

    def _moved(self, here: Surroundings, character: str) -> Edit | None:
        # A key that belongs to the word, before a space that was put by itself.
        closes = character == '"' and rules.is_open(here.before)
        if character in APOSTROPHES:
            return self._do(Edit(1, 0, character), [Cell()])
        if character not in rules.TIGHT and not closes:
            return None
        edit = self._do(Edit(1, 0, f"{character} "), [Cell(), Cell()])
        self._gives_way = True
        return edit

    def _insert(self, here: Surroundings, character: str, touch: Touch | None) -> Edit:
        edit = self._do(Edit(0, 0, character), [Cell(touch)] * len(character))
        if not character.isspace():
            self._unlearn(self._grown(len(character)))
        return edit

    def _grown(self, length: int) -> list[Cell]:
        # The characters on both sides of what was inserted.
        return [*self._trail.around(length + 1)[:1], *self._trail.around(0, 1)]

    def _do(self, edit: Edit, cells: Sequence[Cell]) -> Edit:
        self._unlearn(self._trail.around(edit.before, edit.after))
        self._trail.apply(edit, cells)
        self._made, self._gives_way, self._spaced = None, False, False
        return edit

    def _follow(self, here: Surroundings) -> tuple[Surroundings, bool]:
        # As much of it as matters; whether this key is taken as it is.
        here = self._seen(here)
        plain, self._plain = self._plain, False
        return here, plain

    def _seen(self, here: Surroundings) -> Surroundings:
        here = Surroundings(here.before[-REACH:], here.after[:AHEAD])
        if not self._trail.follow(here):
            self._made, self._gives_way, self._spaced, self._plain = None, False, False, False
        self._words.forget_gone(here.before + here.after)
        return here

    def _asked(self, here: Surroundings) -> Callable[[], tuple[Choice, ...]]:
        # How to find the strip: with nothing that a key changes, so that another thread can.
        here = self._seen(here)
        unit, words = unit_at(here.before, here.after), self._words
        cells = self._trail.around(2) if unit is None else self._trail.around(unit.start, unit.end)
        ended = cells[0].word if unit is None and len(cells) == 2 and here.before[-1:] == " " else None

        def found() -> tuple[Choice, ...]:
            choices = words.next(here.before, ended) if unit is None else words.choices(here, unit, cells)
            if self._corrects or unit is None:
                return choices
            if not self._appends:
                return tuple(replace(one, best=one.literal) for one in choices)
            return tuple(one for one in choices if one.comes_next or _extends(one.text, unit.text))

        return found

    def _may_begin(self, here: Surroundings) -> bool:
        # Whether a chosen word may stand right here.
        last = here.before[-1:]
        if not last.strip():
            return True
        return last in OPENING and (last != '"' or rules.is_open(here.before))

    def _unlearn(self, cells: Sequence[Cell]) -> None:
        for word in dict.fromkeys(cell.word for cell in cells if cell.word is not None):
            self._trail.forget(word)
            self._words.unlearn(word)


def _extends(text: str, typed: str) -> bool:
    return text != typed and text.startswith(typed)


def _may_end(unit: Unit, key: str) -> bool:
    """Return whether a key ends a word: a space any, a comma no address, as these have such characters."""
    return not key.strip() or key.startswith(" ") or rules.is_plain(unit.word)
