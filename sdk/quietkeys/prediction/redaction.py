"""What must not be learnt is blanked before anything else sees the text: addresses, secrets, codes, numbers.

The line that is typed in, what was typed and what was kept are searched as one text. Letters and digits of a
match become "0"; so the text keeps its length, and what is blanked is no word to any other module
(`quietkeys.text.tokens`). Numbers need no rule here: a token with a digit is no word anyway.

What is searched is bounded, and every pattern takes time in proportion to it: of the text before, what
`last_line` returns; of a long text that is kept, a few words at a time and what is behind them (`stretches`).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from quietkeys.answers import Reason
from quietkeys.arrays import Float64
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.predictor import Predictor
from quietkeys.text.tokens import (
    BLANK,
    DRAWN_OUT,
    LINE_BREAKS,
    MAX_TOKEN,
    MAX_WORD,
    Context,
    Piece,
    composed,
    composed_touches,
    is_case_chosen,
    is_elided,
    last_line,
    reaching,
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
MAX_TEXT: Final = 1_000_000  # characters of what was typed or kept; of a longer text, its beginning is learnt
STRETCH_RUNS: Final = 2  # runs of letters that are learnt at once: what takes some 10 ms
_STRETCH: Final = STRETCH_RUNS * MAX_TOKEN  # characters of a stretch at most
AHEAD: Final = 200  # characters after a stretch that are looked at to tell what it is
_LOOKED_BACK: Final = 60  # tokens of a line in which words are looked for that turn out to be secret
_REMEMBERED: Final = 512  # strings whose verdict is remembered, in memory only
_JUDGED_BEFORE: Final = 2  # strings of the text before whose verdict is found at once, the nearest ones

_DIGIT_WORD: Final = r"(?:zero|one|two|three|four|five|six|seven|eight|nine)"
_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|co|tv|cc|xyz|onion|local|localhost|test|example|"
    "uk|de|fr|nl|be|ch|es|pt|pl|se|dk|fi|cz|ru|ua|eu|ca|au|nz|sg|hk|tw|jp|cn|kr|br|mx|za|ie"
)
_SAID: Final = (
    r"(?:pass(?:word|wd|code|phrase|key)s?|pwd?|pin|otp|secret (?:key|word)|api key|access token|"
    r"(?:recovery|seed|security|backup) (?:code|key|phrase|answer))"
)
_LABEL: Final = 63  # characters of a part of a host's name at most (RFC 1035)
# Every one begins where a token begins, so that a long token is read once, and none has two unbounded repeats
# side by side that may take each other's characters.
_PATTERNS: Final = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # E-mail, also cut in two behind "@" or ".", spaced out, or spelled out.
        (r"(?<!\S)[^\s@]+@\S*(?:(?<=[@.-])[ ]\S+)?", 0),
        (
            rf"(?<!\S)\S{{1,{MAX_TOKEN}}} ?(?:@|[(\[]at[)\]]) ?[^\s.@]{{1,{_LABEL}}}"
            r"(?: ?\. ?| ?[(\[]dot[)\]] ?| dot )\w{2,}\S*",
            re.I,
        ),
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
# Why each of them blanks, in their order.
_WHY: Final = (
    *(Reason.EMAIL,) * 3,
    *(Reason.ADDRESS,) * 4,
    Reason.SECRET,
    *(Reason.CODE,) * 2,
    Reason.NUMBER,
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


@dataclass(frozen=True, slots=True, repr=False)
class Stretch:
    """A part of what was typed and kept that is learnt at once, composed. Private.

    context: the end of the text before it. ahead: the beginning of what is behind it. touches: of what was
    typed, [len(typed), 2], None where none is known.
    """

    context: str
    typed: str
    kept: str
    ahead: str
    touches: Float64 | None

    @classmethod
    def of(cls, context: str, typed: str, kept: str, ahead: str, touches: Float64 | None) -> Stretch:
        """Return it of text that may be decomposed, with the touches of what was typed."""
        points = None if touches is None else composed_touches(typed, touches)
        return cls(composed(context), composed(typed), composed(kept), composed(ahead), points)


@dataclass(slots=True, repr=False)
class Redactor:
    """Blanks what is not to be learnt. patterns: the app's own, each over the line that is typed in."""

    predictor: Predictor
    patterns: Sequence[re.Pattern[str]] = ()
    _random: OrderedDict[str, bool] = field(default_factory=OrderedDict)

    def redacted(self, context: str, text: str, ahead: str = "") -> Redacted:
        """Return context and text with what is not to be learnt blanked.

        Of the context, the end is searched (`last_line`). ahead: what stands behind the text, and may tell
        what the text is.
        """
        line = last_line(context)
        gap = " " if line and not line[-1].isspace() else ""
        whole = line + gap + text + ahead
        spans = [span for span, _ in self._spans(whole)]
        blanked = _blanked(whole, [*spans, *self._random_spans(line, gap + text)])
        start = len(line) + len(gap)
        seen, shown = blanked[: len(line)], blanked[start : start + len(text)]
        words = () if seen == line else tuple(_typed(line, seen))
        return Redacted(context[: len(context) - len(line)] + seen, shown, words)

    def left_out(self, text: str) -> list[tuple[int, int, Reason]]:
        """Return where in a line something is that is not learnt, and why, from left to right."""
        found = [(*span, why) for span, why in self._spans(text)]
        found += [(*span, Reason.RANDOM) for span in self._random_spans("", text)]
        told: list[tuple[int, int, Reason]] = []
        for start, end, why in sorted(found, key=lambda one: (one[0], -one[1])):
            if not told or start >= told[-1][1]:
                told.append((start, end, why))
        return told

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

    def may_learn(self, piece: Piece) -> bool:
        """Return whether a piece is a word of its own, no part of something else; or the lexicon has it."""
        return not self._is_fixed(piece) or piece.text in self.predictor.memory.lexicon

    def judged(
        self, meant: Sequence[Piece], hit: Sequence[Piece], adapter: Adapter, touches: Float64 | None
    ) -> list[Judged | None]:
        """Return the judgement of what was typed for each piece, None where that is unknown or says nothing.

        hit: the pieces that were typed, for those meant if they are as many. touches: of all the text.
        """
        if len(hit) != len(meant):
            return [None] * len(meant)
        return [
            None
            if self._is_fixed(piece)
            else self.predictor.judge(piece.context, one.text, adapter, one.touches(touches))
            for piece, one in zip(meant, hit, strict=True)
        ]

    def _is_fixed(self, piece: Piece) -> bool:
        return piece.fixed or is_elided(piece, self.predictor.model.search.lexicon.is_common)

    def _spans(self, text: str) -> Iterator[tuple[tuple[int, int], Reason]]:
        for pattern in self.patterns:
            yield from ((found.span(), Reason.APP) for found in pattern.finditer(text))
        for pattern, why in zip(_PATTERNS, _WHY, strict=True):
            named = "hidden" if "hidden" in pattern.groupindex else 0
            yield from ((found.span(named), why) for found in pattern.finditer(text))
        done = 0
        for found in _CARD.finditer(text):
            if found.start() >= done and is_card_number(found.group()):
                # Whose card it is and until when stands beside it.
                done = _line_end(text, found.end())
                yield (found.start(), done), Reason.CARD

    def _random_spans(self, line: str, text: str) -> Iterator[tuple[int, int]]:
        # Of the text before, a few verdicts at a time are found; what has none yet was not recorded by us.
        for found in _TOKEN.finditer(text):
            if any(self._is_random(run) for run in _runs(found.group())):
                yield len(line) + found.start(), len(line) + found.end()
        known = len(self._random)
        for found in reversed(list(_TOKEN.finditer(line))):
            at_once = len(self._random) - known < _JUDGED_BEFORE
            if any(self._is_random(run, at_once) for run in _runs(found.group())):
                yield found.span()

    def _is_random(self, run: str, at_once: bool = True) -> bool:
        # Whether a run of letters is no word that anybody would write, by its capitals or by its letters.
        if not LEAST_RANDOM <= len(run) <= MAX_WORD:
            return False
        word = run.lower().strip("'")
        if word in self.predictor.memory.own_words or not word or self.predictor.stem(word) is not None:
            return False
        if len(_CASE_TURNS.findall(run)) >= MIXED:
            return True
        verdict = self._random.get(word)
        if verdict is None and not at_once:
            return False
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


def stretches(context: str, typed: str, kept: str, touches: Float64 | None = None) -> Iterator[Stretch]:
    """Yield what was kept in stretches of a few words, each with its part of what was typed, in order.

    touches: of what was typed. A short text is one stretch. Of a longer one, what was typed is known by its
    tokens: if they are as many as those kept. What is beyond MAX_TEXT, and what has no end within MAX_TOKEN,
    is in no stretch.
    """
    typed, kept = typed[:MAX_TEXT], kept[:MAX_TEXT]
    if max(len(typed), len(kept)) <= _STRETCH and len(list(_groups(kept))) < 2:
        yield Stretch.of(last_line(context), typed, kept, "", touches)
        return
    alike = typed == kept or _count(typed) == _count(kept)
    line = last_line(context)
    gap = " " if line and not line[-1].isspace() else ""
    whole, shift = line + gap + kept, len(line) + len(gap)
    begin = at = 0
    hits = _TOKEN.finditer(typed)
    for start, stop, tokens in _groups(kept):
        hit = [next(hits).span() for _ in range(tokens)] if alike else []
        first, last = (hit[0][0], hit[-1][1]) if hit else (0, 0)
        place = shift + start
        begin = max(begin, *(whole.rfind(mark, at, place) + 1 for mark in LINE_BREAKS))
        at = place
        if stop - start <= _STRETCH:
            last = last if last - first <= _STRETCH else first
            behind = whole[shift + stop : shift + stop + AHEAD]
            points = None if touches is None else touches[first:last]
            before = reaching(whole, begin, place)
            yield Stretch.of(before, typed[first:last], kept[start:stop], behind, points)


def _groups(text: str) -> Iterator[tuple[int, int, int]]:
    # Of tokens: where the group starts and stops, and how many they are; a long one is a group of its own.
    start = stop = tokens = runs = 0
    for found in _TOKEN.finditer(text):
        short = found.end() - found.start() <= MAX_TOKEN
        more = len(_runs(found.group())) if short else STRETCH_RUNS
        if tokens and (runs + more > STRETCH_RUNS or found.end() - start > _STRETCH):
            yield start, stop, tokens
            tokens = runs = 0
        start = start if tokens else found.start()
        stop, tokens, runs = found.end(), tokens + 1, runs + more
    if tokens:
        yield start, stop, tokens


def _count(text: str) -> int:
    return sum(1 for _ in _TOKEN.finditer(text))


def is_card_number(text: str) -> bool:
    """Return whether the digits in a text are as many as a card's and fulfil the Luhn formula."""
    digits = [int(character) for character in text if character.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    low, high = CARD_DIGITS
    return low <= len(digits) <= high and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _runs(token: str) -> list[str]:
    return _LETTERS.findall(straightened(token))


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, stop in sorted(spans):
        if stop > done:
            start = max(start, done)
            parts += [text[done:start], _SHOWS.sub("0", text[start:stop])]
            done = stop
    return "".join(parts) + text[done:]


def _typed(line: str, seen: str) -> Iterator[LineWord]:
    # The last words of a line; of those before, nothing can be taken back any more.
    starts = [found.start() for found in _TOKEN.finditer(line)][-_LOOKED_BACK:]
    for piece in words_of("", line[starts[0] :] if starts else ""):
        start = starts[0] + piece.start
        stretch = slice(start, start + len(piece.text))
        yield LineWord(piece.context[-1:], piece.text, line[stretch] != seen[stretch])
