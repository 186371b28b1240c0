"""What must not be learnt is blanked before anything else sees the text: addresses, secrets, codes, numbers.

The line that is typed in, what was typed and what was kept are searched as one text. Letters and digits of a
match become "0"; so the text keeps its length, and what is blanked is no word to any other module
(`quietkeys.text.tokens`). Numbers need no rule here: a token with a digit is no word anyway.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import (
    BLANK,
    DRAWN_OUT,
    MAX_WORD,
    REACH,
    Context,
    Piece,
    is_case_chosen,
    straightened,
    words_of,
    written_in,
)

LEAST_RANDOM: Final = 8  # letters of a string that can be called random
RANDOM: Final = (
    -3.5
)  # nats a letter under the character model of unknown words, below which a string is random
MIXED: Final = 2  # times a capital follows a small letter in a string of mixed case
CARD_DIGITS: Final = (12, 19)  # of a card number (ISO/IEC 7812-1)
_SKIPPED: Final = 3  # recorded words between two of a line: they were typed elsewhere or changed since
_REMEMBERED: Final = 512  # strings whose verdict is remembered, in memory only

_DIGIT_WORD: Final = r"(?:zero|one|two|three|four|five|six|seven|eight|nine)"
_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|co|tv|cc|xyz|onion|local|localhost|test|example|"
    "uk|de|fr|nl|be|ch|es|pt|pl|se|dk|fi|cz|ru|ua|eu|ca|au|nz|sg|hk|tw|jp|cn|kr|br|mx|za|ie"
)
_SAID: Final = (
    r"(?:pass(?:word|wd|code|phrase|key)s?|pwd?|pin|otp|secret (?:key|word)|api key|access token|"
    r"(?:recovery|seed|security|backup) (?:code|key|phrase|answer))"
)
# Every one begins where a token begins, so that a long token is read once.
_PATTERNS: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # E-mail, also cut in two behind "@" or ".", spaced out, or spelled out.
        (r"(?<!\S)[^\s@]+@\S*(?:(?<=[@.-])[ ]\S+)?", 0),
        (r"(?<!\S)\S+ ?(?:@|[(\[]at[)\]]) ?[^\s.]+(?: ?\. ?| ?[(\[]dot[)\]] ?| dot )\w{2,}\S*", re.I),
        (r"(?<!\S)\S+ at \S+(?: dot \S+)+", re.I),
        # Addresses of the web, paths, addresses of network cards.
        (r"(?<!\S)\S*(?:://|www\.)\S*(?:(?<=[/.:=?&#-])[ ]\S+)?", re.I),
        (rf"(?<!\S)[^\w\s-]*(?:[a-z0-9-]+\.)+(?:{_DOMAINS})\b\S*", re.I),
        (r"(?<!\S)[^\s/]*\w/[^\s/]+/\S*", 0),
        (r"(?<!\S)[^\w\s]*(?:[0-9a-f]{2}[:-]){3,}[0-9a-f]{2}\S*", re.I),
        # What is said to be a secret, up to the end of the sentence.
        (
            rf"(?<!\w){_SAID}(?:\s+(?:is|was|are|will be)\b|\s*[:=])"
            r"(?P<hidden>[^.!?\n]*(?:[.!?]\S[^.!?\n]*)*)",
            re.I,
        ),
        # One-time codes in capitals: "code: XKQJ-PLM", "XKQJ is your login code".
        (
            r"(?<!\w)(?i:codes?|otp|token)\b\W*(?:(?i:is)\W+)?"
            r"(?P<hidden>[A-Z0-9]{3,}(?:[- ][A-Z0-9]{2,})*)\b",
            0,
        ),
        (
            r"(?<!\S)(?P<hidden>[A-Z0-9]{3,}(?:-[A-Z0-9]{2,})*) is "
            r"(?:your|the|my) (?:\w+ ){0,3}(?:code|otp|pin)\b",
            0,
        ),
        # Numbers in words, digit by digit.
        (rf"(?<!\w){_DIGIT_WORD}(?:[\s,-]+{_DIGIT_WORD}){{3,}}\b", re.I),
    )
)
_CARD: Final = re.compile(r"(?<!\w)\d(?:[ .\-]?\d){11,18}(?!\w)")
_TOKEN: Final = re.compile(r"\S+")
_LETTERS: Final = re.compile(r"[A-Za-z']+")
_CASE_TURNS: Final = re.compile(r"[a-z][A-Z]")
_SHOWS: Final = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True, repr=False)
class LineWord:
    """A word of the line being typed, with the one before it if any; secret: it turned out to be."""

    previous: Context
    word: str
    secret: bool

    def is_of(self, previous: Context, word: str) -> bool:
        """Return whether this is what was recorded so; what stood before it may have been blanked by then."""
        return self.word == word and previous in (self.previous, (BLANK,))


@dataclass(frozen=True, slots=True, repr=False)
class Redacted:
    """A context and a text after it with what is not to be learnt blanked, both as long as before. Private.

    words: those of the context's last line in order; none if nothing of it was blanked.
    """

    context: str
    text: str
    words: tuple[LineWord, ...]


@dataclass(slots=True, repr=False)
class Redactor:
    """Blanks what is not to be learnt. patterns: the app's own, each over the line that is typed in."""

    predictor: Predictor
    patterns: Sequence[re.Pattern[str]] = ()
    _random: OrderedDict[str, bool] = field(default_factory=OrderedDict)

    def redacted(self, context: str, text: str) -> Redacted:
        """Return context and text with what is not to be learnt blanked.

        Of the context, the last REACH characters of its last line are searched.
        """
        line = context[-REACH:].rpartition("\n")[2]
        gap = " " if line and not line[-1].isspace() else ""
        whole = line + gap + text
        blanked = _blanked(whole, self._spans(whole))
        seen, shown = blanked[: len(line)], blanked[len(line) + len(gap) :]
        words = () if seen == line else tuple(_typed(line, seen))
        return Redacted(context[: len(context) - len(line)] + seen, shown, words)

    def chosen_form(self, seen: Redacted, piece: Piece, typed: str) -> str:
        """Return how a kept piece is written, "" if its case is not the user's choice.

        seen: what was kept. typed: the piece as it was typed, "" if unknown. What the keyboard would write
        and nobody typed is the keyboard's choice.
        """
        written = written_in(seen.text, piece)
        if written != typed and written == self.predictor.shown(piece.context, piece.text):
            return ""
        before = f"{seen.context} {seen.text[: piece.start]}"
        return written if is_case_chosen(piece.context, before, written) else ""

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for pattern in self.patterns:
            yield from (found.span() for found in pattern.finditer(text))
        for pattern in _PATTERNS:
            named = "hidden" if "hidden" in pattern.groupindex else 0
            yield from (found.span(named) for found in pattern.finditer(text))
        for found in _CARD.finditer(text):
            if is_card_number(found.group()):
                # Whose card it is and until when stands beside it.
                yield found.start(), _line_end(text, found.end())
        for found in _TOKEN.finditer(text):
            if any(self._is_random(run) for run in _LETTERS.findall(straightened(found.group()))):
                yield found.span()

    def _is_random(self, run: str) -> bool:
        # Whether a run of letters is no word that anybody would write, by its capitals or by its letters.
        if not LEAST_RANDOM <= len(run) <= MAX_WORD:
            return False
        word = run.lower().strip("'")
        if word in self.predictor.memory.own_words or not word or self.predictor.stem(word) is not None:
            return False
        if len(_CASE_TURNS.findall(run)) >= MIXED:
            return True
        verdict = self._random.get(word)
        if verdict is None:
            verdict = self._random[word] = self._looks_random(word)
            if len(self._random) > _REMEMBERED:
                self._random.popitem(last=False)
        return verdict

    def _looks_random(self, word: str) -> bool:
        lexicon = self.predictor.model.search.lexicon
        spelled = DRAWN_OUT.sub(r"\1\1", word)
        if word in lexicon.index or len(spelled) < LEAST_RANDOM:
            return False
        if self.predictor.log_spelling(spelled) / (len(spelled) + 1) >= RANDOM:
            return False
        return not lexicon.is_near(word, len(word) // 4)  # else a slip of the fingers


def secret_places(line: Sequence[LineWord], recorded: Sequence[tuple[Context, str]]) -> list[int]:
    """Return the places of the secret words of a line among what was recorded, newest first.

    recorded: the context's last word and the word of each.
    """
    found, at = [], 0
    for typed in reversed(line):
        near = range(at, min(at + 1 + _SKIPPED, len(recorded)))
        place = next((place for place in near if typed.is_of(*recorded[place])), None)
        if place is None:
            continue
        if typed.secret:
            found.append(place)
        at = place + 1
    return found


def is_card_number(text: str) -> bool:
    """Return whether the digits in a text are as many as a card's and fulfil the Luhn formula."""
    digits = [int(character) for character in text if character.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    low, high = CARD_DIGITS
    return low <= len(digits) <= high and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _blanked(text: str, spans: Iterator[tuple[int, int]]) -> str:
    parts = list(text)
    for start, stop in spans:
        parts[start:stop] = _SHOWS.sub("0", text[start:stop])
    return "".join(parts)


def _typed(line: str, seen: str) -> Iterator[LineWord]:
    for piece in words_of("", line):
        stretch = slice(piece.start, piece.start + len(piece.text))
        yield LineWord(piece.context[-1:], piece.text, line[stretch] != seen[stretch])
