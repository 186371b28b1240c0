"""From the text before the cursor and what is being typed to what a keyboard shows."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Final

import numpy as np

from quietkeys.answers import Suggestions
from quietkeys.arrays import Float64
from quietkeys.bundle.lexicon import UNKNOWN
from quietkeys.bundle.networks import Adapter
from quietkeys.prediction.completion import completions, next_words
from quietkeys.prediction.events import FEATURES
from quietkeys.prediction.levels import CERTAINTY, Level
from quietkeys.prediction.predictor import Judged, Predictor
from quietkeys.prediction.preferences import Preferences
from quietkeys.prediction.redaction import Redactor
from quietkeys.text.tokens import BLANK, Context, Piece, context_of
from quietkeys.text.typed_token import Token, is_name_like, shows_capital, token_of

STRIP: Final = 3  # suggestions shown
GOES_ON: Final = 0.03  # odds that a word goes on, in a strip that is mostly read when the word has ended
_CHANNEL: Final = FEATURES.index("channel")
SURE: Final = 0.5  # probability of the literal from which it stands first
_SPACE_SLIPPED_IN: Final = -6.0  # nats; log-probability that a space within a word was not meant
_SPELLING: Final = -16.0  # nats, rough log-probability of a spelling the lexicon lacks
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
    predictor, given = redactor.predictor, typed
    seen = redactor.redacted(context, typed)
    context, typed = seen.context, seen.text
    if typed.split()[-1:] != given.split()[-1:]:
        return as_typed(given)
    if not typed.strip():
        return Suggestions(_next(predictor, adapter, preferences, context_of(context)))
    token = token_of(context, typed)
    literal = token.before + token.spelled + token.after
    if token.piece is None:
        return Suggestions((literal,) if literal else ())
    piece = token.piece
    judged = predictor.judge(piece.context, piece.text, adapter, piece.touches(touches))
    if judged is None:
        return Suggestions((literal,))
    found = _shown(predictor, adapter, preferences, token, piece, judged, context)
    text = preferences.replacements.get(piece.text)
    return found if text is None else _replaced(found, literal, token.replaced(text))


def as_typed(typed: str) -> Suggestions:
    """Return the last token alone, as it was typed."""
    return Suggestions(tuple(typed.split()[-1:]))


def _replaced(found: Suggestions, literal: str, wanted: str) -> Suggestions:
    # What the user always wants in this place comes first; nothing else is put there.
    if wanted == literal:
        return Suggestions(found.strip)
    others = [entry for entry in found.strip if entry not in (wanted, literal)]
    return Suggestions((wanted, *others[: STRIP - 2], literal), wanted)


def _next(
    predictor: Predictor, adapter: Adapter, preferences: Preferences, context: Context
) -> tuple[str, ...]:
    lexicon, previous = predictor.model.search.lexicon, _last(context)
    likely = next_words(predictor, context, adapter, STRIP, preferences.never_suggest)
    found = [lexicon.shown(one.word, previous) for one in likely]
    starts = not context or not context[-1]
    return tuple(word[:1].upper() + word[1:] if starts else word for word in found)


def _last(context: Context) -> str:
    # The piece that comes before: "" at a start.
    return context[-1] if context else ""


def _shown(
    predictor: Predictor,
    adapter: Adapter,
    preferences: Preferences,
    token: Token,
    piece: Piece,
    judged: Judged,
    context: str,
) -> Suggestions:
    typed, hidden, previous = piece.text, preferences.never_suggest, _last(piece.context)
    shown = predictor.model.search.lexicon.shown
    level = Level.OFF if typed in preferences.never_correct else preferences.level
    judged = judged.without(hidden)
    output = judged.output(level)
    chance = _chances(predictor, adapter, piece, judged, hidden)
    others = sorted(chance, key=chance.__getitem__, reverse=True)
    if output != typed:
        others = [output, *(word for word in others if word != output)]
    strip = others[: STRIP - 1]
    sure = output == typed and judged.probability[judged.slate.literal] >= SURE
    literal = token.before + token.spelled + token.after
    tokens = [token.with_word(shown(word, previous)) for word in strip]
    entries = dict.fromkeys([literal, *tokens] if sure else [*tokens, literal])
    replaced = token.with_word(shown(output, previous))
    if level is Level.OFF or judged.settled or _is_name(predictor, token, judged, level, context):
        replaced = literal
    return Suggestions(
        tuple(entries),
        None if replaced == literal else replaced,
        _merged(predictor, token, piece, level, context, hidden),
    )


def _is_name(predictor: Predictor, token: Token, judged: Judged, level: Level, context: str) -> bool:
    """Return whether capitals say that what was typed is a name to leave alone.

    A name that the lexicon has is left alone. One that it lacks is put right if it is surely another name;
    where a capital is due anyway, if it is surely any other word.
    """
    typed, lexicon = judged.slate.typed, predictor.model.search.lexicon
    known = typed in lexicon.index
    named = is_name_like(context, token.spelled)
    capital = shows_capital(token.spelled)
    if known:
        return named or (capital and lexicon.is_name(typed))
    surely = judged.output(Level.CAREFUL if level is Level.NORMAL else level)
    if named:
        return surely == typed or not lexicon.is_name(surely)
    return capital and surely == typed


def _chances(
    predictor: Predictor, adapter: Adapter, piece: Piece, judged: Judged, hidden: Collection[str]
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
    for longer in completions(predictor, piece.context, typed, adapter, STRIP, hidden):
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

    def log_chance(state: object, word: str, is_start: bool) -> float:
        identity = np.array([lexicon.index.get(word, UNKNOWN)], np.int64)
        found = float(predictor.log_language(state, [word], identity, is_start)[0])  # type: ignore[arg-type]
        return found + _SPELLING if identity[0] == UNKNOWN else found

    start = len(before) == 1
    apart = log_chance(earlier, previous, start) + log_chance(later, typed, False)
    together = log_chance(earlier, previous + typed, start) + _SPACE_SLIPPED_IN
    certainty = CERTAINTY[level]
    if certainty >= 1.0 or together - apart < math.log(certainty / (1.0 - certainty)):
        return None
    return lexicon.shown(previous + typed, before[-2] if len(before) > 1 else "") + token.after
