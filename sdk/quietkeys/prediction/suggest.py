"""From the text before the cursor and what is being typed to what a keyboard shows."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA

from quietkeys.answers import Suggestions
from quietkeys.arrays import Float64
from quietkeys.bundle.networks import Adapter, LanguageState
from quietkeys.prediction.completion import completions, next_words
from quietkeys.prediction.events import FEATURES
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.levels import CERTAINTY, Level
from quietkeys.prediction.predictor import Predictor
from quietkeys.prediction.preferences import Preferences
from quietkeys.prediction.redaction import Redactor
from quietkeys.text.tokens import (
    BLANK,
    DRAWN_OUT,
    MAX_TOKEN,
    Context,
    Piece,
    composed,
    composed_touches,
    context_of,
    is_correctable,
    is_elided,
    last_line,
    span,
    straightened,
)
from quietkeys.text.typed_token import (
    Token,
    is_name_like,
    replaced_like,
    shows_capital,
    split_last,
    token_of,
)

STRIP: Final = 3  # suggestions shown
GOES_ON: Final = 0.03  # odds that a word goes on, in a strip that is mostly read when the word has ended
_CHANNEL: Final = FEATURES.index("channel")
SURE: Final = 0.5  # probability of the literal from which it stands first
_SPACE_SLIPPED_IN: Final = -6.0  # nats; log-probability that a space within a word was not meant
_SPELLING: Final = -16.0  # nats, rough log-probability of a spelling the lexicon lacks
_LONGEST_UNIT: Final = 4  # letters of a word after a number that may be a unit: "tbsp"
_SURELY: Final = 0.9  # probability of a word from which what may be a unit, or the like, is a slip of it
_VOWEL: Final = re.compile(r"[aeiouy]")
_LONG_NAME: Final = 7  # letters, from which two edits are no other name
_CLITICS: Final = frozenset(("'d", "'ll", "'m", "'re", "'s", "'ve"))
_PLAIN_END: Final = re.compile(r"(?:^|\s)[A-Za-z']+[ \u00a0]$")  # a bare word and one space


def suggestions(
    redactor: Redactor,
    adapter: Adapter,
    preferences: Preferences,
    context: str,
    typed: str,
    touches: Float64 | None,
) -> Suggestions:
    """Return what to show; `Personalizer.suggest` says what that is.

    touches: [len(typed), 2], None where none is known.
    """
    given = split_last(typed)[1]
    if len(given) > MAX_TOKEN:
        return as_typed(typed)
    stop = len(typed.rstrip())
    start = stop - len(given)
    gap = " " if start and context and not context[-1].isspace() else ""
    before = last_line(context + gap + typed[:start])
    seen, word = composed(before), composed(given)
    points = None if touches is None else composed_touches(given, touches[start:stop])
    found = _composed(redactor, adapter, preferences, seen, word, points)
    found = _with_added(found, redactor.predictor, word)
    return found if (seen, word) == (before, given) else _decomposed(found, word, given)


def as_typed(typed: str) -> Suggestions:
    """Return the last token alone, as it was typed."""
    last = split_last(typed)[1]
    return Suggestions((last,) if last else ())


def _composed(
    redactor: Redactor,
    adapter: Adapter,
    preferences: Preferences,
    context: str,
    typed: str,
    touches: Float64 | None,
) -> Suggestions:
    # As `suggestions`, of composed text; typed: one token, or none.
    predictor, seen = redactor.predictor, redactor.redacted(context, typed)
    context = seen.context
    if seen.text != typed:
        return as_typed(typed)
    if not typed:
        return Suggestions(_next(predictor, adapter, preferences, context_of(context)))
    token = token_of(context, typed)
    if token.piece is None:
        return Suggestions((token.literal,))
    piece = token.piece
    judged = predictor.judge(piece.context, piece.text, adapter, piece.touches(touches))
    if judged is None:
        return Suggestions((token.literal,))
    found = _shown(predictor, adapter, preferences, token, piece, judged, context)
    text = preferences.replacements.get(piece.text)
    return found if text is None else _replaced(found, token.literal, token.replaced(text))


def _with_added(found: Suggestions, predictor: Predictor, given: str) -> Suggestions:
    # With what the user added that is no piece, as "wi-fi": left alone, and completed. given: the token.
    start, end = span(given)
    added = {word: text for word, text in predictor.memory.added.items() if not is_correctable(word)}
    # A hyphen at the end may be within the word, or behind it as any other sign.
    for stop in (len(given), end) if added and start < end else ():
        core, after = straightened(given[start:stop]), given[stop:]
        fits = [text for word, text in added.items() if word.startswith(core.lower())]
        if fits:
            break
    else:
        return found
    longer = [given[:start] + replaced_like(core, text) + after for text in sorted(fits, key=len)]
    wanted = None if core.lower() in added else found.correction
    first = [] if wanted is None else [wanted]
    strip = dict.fromkeys([*first, given, *longer, *found.strip])
    return Suggestions(tuple(strip)[:STRIP], wanted, found.merged)


def _decomposed(found: Suggestions, typed: str, given: str) -> Suggestions:
    # In the form that the text came in; what was typed stays as it is.
    def form(text: str) -> str:
        return given if text == typed else unicodedata.normalize("NFD", text)

    correction = None if found.correction is None else form(found.correction)
    merged = None if found.merged is None else form(found.merged)
    return Suggestions(tuple(map(form, found.strip)), correction, merged)


def _replaced(found: Suggestions, literal: str, wanted: str) -> Suggestions:
    # What the user always wants in this place comes first; nothing else is put there.
    if wanted == literal:
        return Suggestions(found.strip)
    others = [entry for entry in found.strip if entry not in (wanted, literal)]
    return Suggestions((wanted, *others[: STRIP - 2], literal), wanted)


def _next(
    predictor: Predictor, adapter: Adapter, preferences: Preferences, context: Context
) -> tuple[str, ...]:
    likely = next_words(predictor, context, adapter, STRIP, preferences.hidden)
    found = [predictor.shown(context, one.word) for one in likely]
    starts = not context or not context[-1]
    return tuple(word[:1].upper() + word[1:] if starts else word for word in found)


def _shown(
    predictor: Predictor,
    adapter: Adapter,
    preferences: Preferences,
    token: Token,
    piece: Piece,
    judged: Judged,
    context: str,
) -> Suggestions:
    typed, hidden = piece.text, preferences.hidden
    level = Level.OFF if typed in preferences.never_correct else preferences.level
    judged = judged.without(hidden)
    output = judged.output(level)
    chance = _chances(predictor, adapter, token, piece, judged, hidden)
    others = sorted(chance, key=chance.__getitem__, reverse=True)
    if output != typed:
        others = [output, *(word for word in others if word != output)]
    strip = others[: STRIP - 1]
    sure = output == typed and judged.probability[judged.slate.literal] >= SURE
    literal, left = token.literal, is_left_alone(predictor, piece, judged)
    tokens = [token.with_word(predictor.shown(piece.context, word)) for word in strip]
    replaced = token.with_word(predictor.shown(piece.context, output))
    if level is Level.OFF or left or _is_name(predictor, token, judged, level, output):
        replaced = literal
    if output == typed and token.after.startswith(":"):
        replaced = literal  # what goes on with a colon may be no word: "http:"
    if replaced not in (literal, *tokens):
        tokens = [replaced, *tokens[: STRIP - 2]]  # its capitals alone differ from what was typed
    entries = dict.fromkeys([literal, *tokens] if sure or left else [*tokens, literal])
    return Suggestions(
        tuple(entries),
        None if replaced == literal else replaced,
        None if left else _merged(predictor, token, piece, level, context, hidden),
    )


def is_left_alone(predictor: Predictor, piece: Piece, judged: Judged) -> bool:
    """Return whether what a piece looks like, and where it stands, say that it is meant as it was typed.

    A piece that is fixed, an elision ("goin'"), a word drawn out ("sooo"), a contraction with another
    contraction ("I'd've"), a unit without vowels ("5 kg"). What may be one of them is not if it is surely a
    slip of one word.
    """
    lexicon, text = predictor.model.search.lexicon, piece.text
    if piece.fixed or is_elided(piece, lexicon.is_common):
        return True
    head, mark, _ = text.rpartition("'")
    if mark and "'" in head and head in lexicon.index and text[len(head) :] in _CLITICS:
        return True
    drawn_out = DRAWN_OUT.search(text)
    single, double = (DRAWN_OUT.sub(kept, text) for kept in (r"\1", r"\1\1"))
    bounced = drawn_out is not None and _is_bounced(drawn_out, lexicon.is_common(double))
    if drawn_out and not bounced and (single in lexicon.index or double in lexicon.index):
        return True
    opens, closes = piece.apostrophes
    unit = piece.after_number and len(text) <= _LONGEST_UNIT
    if unit and not _VOWEL.search(text):
        return True
    others = judged.probability[np.arange(len(judged.probability)) != judged.slate.literal]
    maybe = unit or drawn_out is not None or (opens and not closes)
    return maybe and float(others.max(initial=0.0)) < _SURELY


def _is_bounced(drawn_out: re.Match[str], is_word: bool) -> bool:
    # Whether a key sent a double letter once more, as in "sorrry" and "goood": people draw out vowels and
    # ends of words. is_word: whether it is a common word with two.
    inside = drawn_out.start() > 0 and drawn_out.end() < len(drawn_out.string)
    drawn = _VOWEL.match(drawn_out.group()) is not None or not inside
    return len(drawn_out.group()) == 3 and (is_word or not drawn)


def _is_name(predictor: Predictor, token: Token, judged: Judged, level: Level, likely: str) -> bool:
    """Return whether capitals say that what was typed is a name to leave alone.

    A name that the lexicon has is left alone. One that it lacks is a slip of another name, or a long one of a
    common word, if that is an edit away, two if it is longer still. Else it is left alone; where a capital is
    due anyway, it is weighed as what no lexicon may have. likely: what stands there else.
    """
    typed, lexicon = judged.slate.typed, predictor.model.search.lexicon
    known = typed in lexicon.index
    named = is_name_like(token.opening, token.spelled)
    capital = shows_capital(token.spelled)
    if known:
        return named or (capital and lexicon.is_name(typed))
    edits = 1 if len(typed) < _LONG_NAME else 2
    expected = lexicon.can_be_name(likely) or (lexicon.is_common(likely) and len(typed) >= _LONG_NAME - 1)
    if len(typed) == 1 or (expected and OSA.distance(typed, likely) <= edits):
        return False
    return named or (capital and judged.wary_output(level) == typed)


def _chances(
    predictor: Predictor,
    adapter: Adapter,
    token: Token,
    piece: Piece,
    judged: Judged,
    hidden: Collection[str],
) -> dict[str, float]:
    """Return how likely each word other than the literal is wanted; only their order means anything.

    hidden: words to leave out.

    Either the word has ended and holds a mistake, and its odds are the ranker's; or it goes on, was hit as
    it is meant so far, and its odds are those of the language model and of hitting the keys.
    """
    typed, literal = piece.text, judged.slate.literal
    chance = {
        word: probability for word, probability in judged.ranked() if word != typed and word not in hidden
    }
    weight = float(predictor.events.base_weights[_CHANNEL])
    hit = GOES_ON * math.exp(weight * float(judged.features[literal, _CHANNEL]) - judged.log_mass)
    for longer in completions(predictor, piece.context, token.awaits, adapter, STRIP, hidden):
        chance[longer.word] = chance.get(longer.word, 0.0) + hit * longer.probability
    return chance


def _merged(
    predictor: Predictor, token: Token, piece: Piece, level: Level, context: str, hidden: Collection[str]
) -> str | None:
    """Return one word for the previous word and this one, if a space slipped in: "some thing"."""
    before, typed = piece.context, piece.text
    previous = before[-1] if before else ""
    lexicon = predictor.model.search.lexicon
    whole = lexicon.index.get(previous + typed)
    if (
        not previous
        or previous == BLANK
        or token.before
        or whole is None
        or lexicon.tables.offensive[whole]
        or previous + typed in hidden
        or not _PLAIN_END.search(context)
    ):
        return None
    earlier = predictor.model.language.after(before[:-1])
    later = predictor.model.language.after(before)

    def log_chance(state: LanguageState, word: str, is_start: bool) -> float:
        found = predictor.log_word(state, word, is_start)
        return found if word in lexicon.index else found + _SPELLING

    start = len(before) == 1
    apart = log_chance(earlier, previous, start) + log_chance(later, typed, False)
    together = log_chance(earlier, previous + typed, start) + _SPACE_SLIPPED_IN
    certainty = CERTAINTY[level]
    if certainty >= 1.0 or together - apart < math.log(certainty / (1.0 - certainty)):
        return None
    return predictor.shown(before[:-1], previous + typed) + token.after
