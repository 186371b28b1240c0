"""Misspellings found in typed text, what they say of how people misspell, and new ones drawn from that.

A word outside the lexicon that lies near a far more frequent word is probably that word, misspelled. Which
word was meant is judged by a noisy channel (Kernighan, Church and Gale 1990), whose costs are then estimated
anew from what was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys.arrays import Float32, Float64, Int64, UInt8
from quietkeys.keyboard import edits
from quietkeys.keyboard.edits import EDIT_COUNT, Alignments, align, encode_words
from quietkeys.keyboard.layout import LETTERS, are_adjacent, same_hand
from quietkeys.testing import typist
from quietkeys.text.tokens import MAX_WORD

from . import channel
from .channel import TextStatistics

SHORTEST: Final = 4  # letters of a misspelling: shorter ones are near too many words
LONG: Final = 6  # letters from which two edits are believed
FIRST_LETTER: Final = 0.3  # how much rarer a mistake in the first letter is: 6 % of those found, not 15 %
CERTAIN: Final = 0.8  # probability from which the likeliest intended word is believed
FLATTENED: Final = 0.5  # power of the count that a misspelling weighs: who misspells a word does so again
RARER: Final = 3.0  # how many times more frequent the intended word is at least
HABIT: Final = 100.0  # how much more often than the channel says some misspellings are made
HABIT_TWICE: Final = 5000.0  # the same for words of VERY_LONG letters, where two mistakes are believed
VERY_LONG: Final = 8
SECOND_EDIT: Final = 0.15  # judgement: share of misspellings with a second mistake
INFLECTIONS: Final = ("s", "d", "r", "y", "n", "es", "ed", "er", "in")  # endings
_BLOCK: Final = 256  # typed words compared at once
_MATCHES: Final = frozenset({edits.NONE} | {edits.substitution(c, c) for c in range(edits.CLASSES)})


@dataclass(frozen=True, slots=True)
class Familiar:
    """Words that can have been meant, by length. starts[n]: where length n begins. counts: [N]."""

    words: tuple[str, ...]
    counts: Float64
    classes: UInt8
    lengths: Int64
    starts: Int64

    @classmethod
    def of(cls, counts: Mapping[str, float]) -> Familiar:
        """Return the words with their counts; those longer than an alignment are left out."""
        words = tuple(sorted((word for word in counts if len(word) <= MAX_WORD), key=lambda w: (len(w), w)))
        classes, lengths = encode_words(words)
        starts = np.searchsorted(lengths, np.arange(MAX_WORD + 4))
        return cls(words, np.array([counts[word] for word in words]), classes, lengths, starts)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a typed word may have come about.

    intended: indices into the familiar words. chance: P(typed | intended) of each.
    """

    typed: str
    intended: Int64
    chance: Float64


@dataclass(frozen=True, slots=True)
class Misspelling:
    """A word and what was meant. weight: how much it counts. edits: ids of the mistakes."""

    typed: str
    intended: str
    weight: float
    edits: tuple[int, ...]


def explain(typed: Iterable[str], familiar: Familiar, log_p: NDArray[Any]) -> Iterator[Explanation]:
    """Yield every typed word that has familiar words nearby: two edits from LONG letters, else one.

    log_p: [EDIT_COUNT] log-probabilities of edits, at the rate of mistakes that stay in a text.
    """
    by_length: dict[int, list[str]] = {}
    for word in sorted(set(typed)):
        if len(word) <= MAX_WORD:
            by_length.setdefault(len(word), []).append(word)
    costs = log_p.astype(np.float64)
    for length, words in sorted(by_length.items()):
        reach = 2 if length >= LONG else 1
        start = int(familiar.starts[max(length - reach, 0)])
        stop = int(familiar.starts[length + reach + 1]) if length + reach < MAX_WORD else len(familiar.words)
        pool = familiar.words[start:stop]
        if not pool:
            continue
        for first in range(0, len(words), _BLOCK):
            block = words[first : first + _BLOCK]
            distance = process.cdist(block, pool, scorer=OSA.distance, score_cutoff=reach, dtype=np.uint8)
            for row, word in enumerate(block):
                near = start + np.flatnonzero((distance[row] <= reach) & (distance[row] > 0))
                if len(near):
                    yield Explanation(word, near, _chances(word, near, familiar, costs))


def _chances(word: str, near: Int64, familiar: Familiar, costs: Float64) -> Float64:
    aligned = align(costs, word, familiar.classes[near], familiar.lengths[near])
    same_start = familiar.classes[near, 0] == edits.character_class(word[0])
    chances: Float64 = np.exp(aligned.log_probability) * np.where(same_start, 1.0, FIRST_LETTER)
    return chances


def find_misspellings(typed: Mapping[str, int], familiar: Familiar, log_p: NDArray[Any]) -> list[Misspelling]:
    """Return the words of `typed` (with their counts) that are most likely misspellings.

    typed: words outside the lexicon, names left out. log_p: as in `explain`.
    """
    costs = log_p.astype(np.float64)
    found = []
    candidates = (word for word in typed if len(word) >= SHORTEST and "'" not in word)
    for explanation in explain(candidates, familiar, log_p):
        word, near = explanation.typed, explanation.intended
        expected = familiar.counts[near] * explanation.chance
        best = int(expected.argmax())
        count = typed[word]
        intended = familiar.words[near[best]]
        habit = HABIT_TWICE if len(word) >= VERY_LONG else HABIT
        if expected[best] < CERTAIN * expected.sum() or expected[best] * habit < count:
            continue
        if familiar.counts[near[best]] < RARER * count or _is_inflection(word, intended):
            continue
        one = near[best : best + 1]
        aligned = align(costs, word, familiar.classes[one], familiar.lengths[one])
        found.append(Misspelling(word, intended, float(count) ** FLATTENED, _mistakes(aligned)))
    return found


def learn_misspellings(
    typed: Mapping[str, int], familiar: Familiar, fingers: Float32, text: TextStatistics
) -> list[Misspelling]:
    """Return the misspellings among words outside the lexicon, found again with the costs they teach.

    fingers: log-probabilities of slips at the rate of mistakes that stay in a text. text: statistics of the
    words that mistakes are looked for in.
    """
    found: list[Misspelling] = []
    for share in (channel.PRIOR_SHARE, channel.TEXT_SHARE, channel.TEXT_SHARE):
        spelling = channel.spelling_log_probabilities(edit_weights(found), text, channel.WRONG_IN_TEXT)
        found = find_misspellings(typed, familiar, channel.mixed(fingers, spelling, share))
    return found


def slip_edits(words: Sequence[str], fingers: Float32, rate: float, seed: int = 1) -> list[tuple[int, ...]]:
    """Return the edit ids of the slips when each word is typed once, by another simulated typist.

    rate: share of letters wrong. Words that come out as meant leave nothing.
    """
    result = []
    costs = fingers.astype(np.float64)
    for number, word in enumerate(words):
        typed = typist.typist_for(str(number), seed, rate).type_word(word)
        if typed and typed != word:
            aligned = align(costs, typed, *encode_words([word]))
            result.append(_mistakes(aligned))
    return result


def _mistakes(aligned: Alignments) -> tuple[int, ...]:
    made = aligned.operations(np.zeros(1, np.int64))[0]
    return tuple(int(edit) for edit in made if int(edit) not in _MATCHES)


def _is_inflection(word: str, other: str) -> bool:
    """Return whether one of two words is the other with an ending: "ubuntus" says nothing of spelling."""
    shorter, longer = sorted((word, other), key=len)
    return longer.startswith(shorter) and longer[len(shorter) :] in INFLECTIONS


def edit_weights(misspellings: Iterable[Misspelling]) -> Float64:
    """Return [EDIT_COUNT] how much every edit was made in all misspellings."""
    weights = np.zeros(EDIT_COUNT)
    for misspelling in misspellings:
        for edit in misspelling.edits:
            weights[edit] += misspelling.weight
    return weights


def possible_edits(word: str) -> list[tuple[str, int, bool]]:
    """Return every misspelling of a word with one edit as (misspelling, edit id, whether at its start)."""
    made: dict[str, tuple[str, int, bool]] = {}

    def add(result: str, edit: int, at: int) -> None:
        if result and result != word and result not in made:
            made[result] = (result, edit, at == 0)

    kinds = edits.character_classes(word)
    for at in range(len(word) - 1):
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        add(swapped, edits.transposition(same_hand(word[at], word[at + 1])), at)
    for at, kind in enumerate(kinds):
        if kinds[at + 1 : at + 2] != [kind]:  # of a doubled letter the second is left out
            add(word[:at] + word[at + 1 :], edits.omission(kind, kinds[max(at - 1, 0) : at] == [kind]), at)
    for at in range(len(word) + 1):
        beside = word[max(at - 1, 0) : at + 1]
        for letter in LETTERS:
            add(
                word[:at] + letter + word[at:],
                edits.insertion(LETTERS.index(letter), _kind(letter, beside)),
                at,
            )
    for at, kind in enumerate(kinds):
        for index, letter in enumerate(LETTERS):
            add(word[:at] + letter + word[at + 1 :], edits.substitution(kind, index), at)
    return list(made.values())


def _kind(letter: str, beside: str) -> edits.InsertionKind:
    if letter in beside:
        return edits.InsertionKind.REPEATED
    near = any(are_adjacent(letter, other) for other in beside)
    return edits.InsertionKind.NEAR if near else edits.InsertionKind.FAR


def misspell(word: str, rng: Generator, spelling: NDArray[Any]) -> str:
    """Return a random misspelling of a lower-case word as people make them; never the word itself.

    spelling: [EDIT_COUNT] log-probabilities of spelling mistakes (`channel.spelling_log_probabilities`).
    """
    result = _one_mistake(word, rng, spelling)
    if len(word) >= LONG and rng.random() < SECOND_EDIT:
        twice = _one_mistake(result, rng, spelling)
        return twice if twice != word else result
    return result


def _one_mistake(word: str, rng: Generator, spelling: NDArray[Any]) -> str:
    options = possible_edits(word)
    ids = np.array([edit for _, edit, _ in options])
    first = np.array([begins for _, _, begins in options])
    chance = np.exp(spelling.astype(np.float64)[ids]) * np.where(first, FIRST_LETTER, 1.0)
    return options[int(rng.choice(len(options), p=chance / chance.sum()))][0]


def bare_share(counts: Mapping[str, int], bare: Mapping[str, str]) -> float:
    """Return the share of contractions that are typed without their apostrophe.

    counts: in typed text. bare: the forms without apostrophe that are no words, with the contractions.
    """
    without = sum(counts.get(form, 0) for form in bare)
    return without / max(without + sum(counts.get(full, 0) for full in set(bare.values())), 1)


def summary(misspellings: Iterable[Misspelling]) -> dict[str, float]:
    """Return the share of each kind of edit, for the documentation."""
    kinds: Counter[str] = Counter()
    for misspelling in misspellings:
        for edit in misspelling.edits:
            kinds[edits.describe(edit)[0]] += misspelling.weight  # type: ignore[assignment]
    total = sum(kinds.values())
    return {kind: round(weight / total, 3) for kind, weight in kinds.most_common()}
