"""log P(edit) of every edit operation: how fingers miss, and how people misspell.

A mixture. Fingers: substitutions are touch noise on the key grid (the population of
`quietkeys.testing.typist`: Zhu et al., CHI 2018) mixed with the key confusions counted in the Aalto 136M
keystrokes sample (Dhakal et al. 2018); omission, insertion and transposition have that sample's proportions,
spread over characters by its counts. Spelling: what was found in typed text (`misspellings`), per
opportunity. Both are scaled to a stated share of letters wrong before decoding.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quietkeys.arrays import Bool, Float32, Float64
from quietkeys.keyboard import edits
from quietkeys.keyboard import layout as keyboard
from quietkeys.keyboard.edits import APOSTROPHE, CLASSES, InsertionKind
from quietkeys.testing import typist

WRONG = 0.08  # share of letters wrong before decoding, all kinds together (Azenkot and Zhai 2012)
TOUCH_SHARE = 0.75  # of letter substitutions; judgement: the counts are from physical keyboards
PRIOR_COUNT = 20.0  # pseudo-counts that smooth the confusions of one intended key
OMIT_REPEAT_FACTOR = 2.0  # judgement: one of a doubled letter is left out more easily than a lone one
INSERTION_KINDS = {  # shares, judgement: the sample tells which character was added, not beside what
    InsertionKind.REPEATED: 0.6,
    InsertionKind.NEAR: 0.25,
    InsertionKind.FAR: 0.15,
}
NEAR_KEYS = 8.0  # keys that touch one of the two neighbouring keys, about
RAREST = 1e-6  # probability of what was never counted
WRONG_IN_TEXT = 0.01  # share of letters left wrong in what people wrote (136M sample)
PRIOR_MISTAKES = 300.0  # pseudo-count of all spelling mistakes together, spread as below
MISTAKE_SHARES = {"vowel": 0.2, "consonant": 0.15, "omitted": 0.2, "halved": 0.12, "doubled": 0.13,
                  "near": 0.03, "far": 0.07, "swapped": 0.1}  # fmt: skip
HIGHEST = 0.3  # probability of an edit at most, per opportunity
BARE_LIMIT = 0.1  # of leaving out an apostrophe: more, and "well" would become "we'll"
SHARES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)  # to choose from
PRIOR_SHARE = 0.5  # of spelling among the mistakes that stay in a text, before any was looked at
TEXT_SHARE = 0.7  # the same afterwards; judgement: slips are seen and corrected more often
MISTAKE_WEIGHT = 2.0  # judgement: slips are near their words on the keys and found either way
VOWELS = "aeiouy"
_KEYS = (*keyboard.LETTERS, "'", " ")  # by character class


@dataclass(frozen=True, slots=True)
class TypingCounts:
    """Counts of the 136M sample by character class.

    confusion: [28, 28] intended, typed. omitted, inserted: [28]. swapped: [28, 28] neighbours.
    """

    confusion: Float64
    omitted: Float64
    inserted: Float64
    swapped: Float64


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """What is typed in the first place, as shares of all text.

    frequency: [28] characters. pairs: [28, 28] neighbours within words.
    """

    frequency: Float64
    pairs: Float64


def text_statistics(word_counts: Mapping[str, float]) -> TextStatistics:
    """Return the character statistics of words with their counts."""
    frequency, pairs = np.zeros(CLASSES), np.zeros((CLASSES, CLASSES))
    for word, count in word_counts.items():
        classes = edits.character_classes(word)
        for index, character in enumerate(classes):
            frequency[character] += count
            if index:
                pairs[classes[index - 1], character] += count
    frequency, pairs = frequency + 1.0, pairs + 1.0
    return TextStatistics(frequency / frequency.sum(), pairs / pairs.sum())


def read_counts(folder: Path) -> TypingCounts:
    """Return the counts in the folder of typing statistics; raise OSError if a file is missing."""
    counts = TypingCounts(
        np.zeros((CLASSES, CLASSES)), np.zeros(CLASSES), np.zeros(CLASSES), np.zeros((CLASSES, CLASSES))
    )
    for name in ("confusion_substitutions_corrected.tsv", "confusion_substitutions_uncorrected.tsv"):
        for row in _rows(folder / name):
            pair = tuple(edits.character_class(row[column]) for column in ("intended", "typed"))
            if pair[0] != pair[1] and " " not in (row["intended"], row["typed"]):
                counts.confusion[pair] += float(row["count"])
    for row in _rows(folder / "ins_om_trans_corrected.tsv"):
        characters = row["chars"][1:-1]
        classes = tuple(edits.character_classes(characters))
        if " " in characters:
            continue
        if row["kind"] == "transposition" and len(classes) == 2:
            counts.swapped[classes] += float(row["count"])
        elif row["kind"] == "omission" and len(classes) == 1:
            counts.omitted[classes] += float(row["count"])
        elif row["kind"] == "insertion" and len(classes) == 1:
            counts.inserted[classes] += float(row["count"])
    return counts


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def touch_confusion(wrong: float, touches: int = 40_000, seed: int = 1) -> Float64:
    """Return P(typed | intended) [26, 26] over the population of typists.

    wrong: share of letters wrong, all kinds together. touches: simulated per key.
    """
    rng = np.random.default_rng(seed)
    offsets = np.array(typist.MEAN_OFFSET) + typist.OFFSET_DEVIATION * rng.standard_normal((touches, 2))
    spreads = np.stack(
        [rng.uniform(*typist.SPREAD_X, touches), rng.uniform(*typist.SPREAD_Y, touches)], axis=1
    )
    deviations = typist.touch_scale(wrong) * (offsets + spreads * rng.standard_normal((touches, 2)))
    hits = keyboard.nearest_key(keyboard.KEY_CENTRES[:, None, :] + deviations)  # [26, touches]
    counts = np.stack([np.bincount(row, minlength=26) for row in hits])
    result: Float64 = counts / touches
    return result


def channel_log_probabilities(counts: TypingCounts, text: TextStatistics, wrong: float = WRONG) -> Float32:
    """Return log P(edit) [EDIT_COUNT] in nats, 0 for padding.

    wrong: share of letters wrong before decoding, all kinds together.
    """
    omitted = _per_class(counts.omitted, text.frequency, typist.OMISSION_SHARE * wrong)
    added = typist.INSERTION_SHARE * wrong
    swapped = typist.TRANSPOSITION_SHARE * wrong
    as_meant = 1 - typist.OMISSION_SHARE * wrong - added - swapped
    confusion = confusion_probabilities(counts, text, wrong)
    inserted = _normal(counts.inserted + PRIOR_COUNT * text.frequency)
    log_p = np.full(edits.EDIT_COUNT, np.log(RAREST))
    log_p[edits.NONE] = 0.0
    for intended in range(CLASSES):
        for typed in range(CLASSES):
            log_p[edits.substitution(intended, typed)] = np.log(confusion[intended, typed] * as_meant)
        log_p[edits.omission(intended, False)] = np.log(omitted[intended])
        log_p[edits.omission(intended, True)] = np.log(omitted[intended] * OMIT_REPEAT_FACTOR)
    for kind, share in INSERTION_KINDS.items():
        for typed in range(CLASSES):
            # Given the kind, a repeat leaves one choice, a neighbour a few, anything else the alphabet.
            choice = {
                InsertionKind.REPEATED: 1.0,
                InsertionKind.NEAR: 1.0 / NEAR_KEYS,
                InsertionKind.FAR: float(inserted[typed]),
            }[kind]
            log_p[edits.insertion(typed, kind)] = np.log(max(added * share * choice, RAREST))
    for same_hand, rate in _swap_rates(counts, text, swapped).items():
        log_p[edits.transposition(same_hand)] = np.log(rate)
    return log_p.astype(np.float32)


def confusion_probabilities(counts: TypingCounts, text: TextStatistics, wrong: float) -> Float64:
    """Return P(typed | intended) [28, 28] of a character that is neither left out nor swapped."""
    substituted = typist.SUBSTITUTION_SHARE * wrong
    seen = counts.confusion + PRIOR_COUNT * _normal(counts.confusion.sum(0) + text.frequency)
    np.fill_diagonal(seen, 0.0)
    counted = substituted * seen / seen.sum(-1, keepdims=True)
    touch = touch_confusion(wrong)
    np.fill_diagonal(touch, 0.0)
    letters = slice(0, APOSTROPHE)
    counted[letters, letters] = (1 - TOUCH_SHARE) * counted[letters, letters] + TOUCH_SHARE * touch
    confusion: Float64 = np.maximum(counted, RAREST)
    np.fill_diagonal(confusion, 0.0)
    np.fill_diagonal(confusion, 1 - confusion.sum(-1))
    return confusion


def _normal(values: Float64) -> Float64:
    result: Float64 = values / values.sum()
    return result


def _per_class(counted: Float64, frequency: Float64, rate: float) -> Float64:
    """Return rates [28] whose mean over text is `rate`, half way (in logarithms) between even and counted."""
    relative = np.sqrt(np.clip(_normal(counted + PRIOR_COUNT * frequency) / frequency, 0.25, 4.0))
    result: Float64 = rate * relative / float(relative @ frequency)
    return result


def _hands() -> Bool:
    hands: Bool = np.array([[keyboard.same_hand(one, two) for two in _KEYS] for one in _KEYS])
    return hands


def _swap_rates(counts: TypingCounts, text: TextStatistics, rate: float) -> dict[bool, float]:
    """Return the rate of swapping neighbours by whether one hand types both."""
    hands = _hands()
    result = {}
    for same_hand in (True, False):
        seen = counts.swapped[hands == same_hand].sum() + 1.0
        met = text.pairs[hands == same_hand].sum()
        result[same_hand] = rate * float(seen / (counts.swapped.sum() + 2.0) / met)
    return result


def spelling_log_probabilities(mistakes: Float64, text: TextStatistics, wrong: float = WRONG) -> Float32:
    """Return log P(edit) [EDIT_COUNT] of spelling mistakes, as `channel_log_probabilities` does for fingers.

    mistakes: [EDIT_COUNT] how much each edit was made (`misspellings.edit_weights`); zeros give the prior.
    text: of the words that mistakes were looked for in.
    """
    chance = _opportunities(text)
    prior = _prior_mistakes(text)
    weights = mistakes + PRIOR_MISTAKES * prior
    rates = np.minimum(wrong * weights / weights.sum() / np.maximum(chance, 1e-6), HIGHEST)
    rates = np.where(weights > 0, np.maximum(rates, RAREST), RAREST)
    added = sum(float((rates * chance)[_insertions(kind)].sum()) for kind in InsertionKind)
    swaps = sum(
        rates[edits.transposition(hand)] * chance[edits.transposition(hand)] for hand in (True, False)
    )
    for intended in range(CLASSES):
        row = [edits.substitution(intended, typed) for typed in range(CLASSES) if typed != intended]
        wrongly = rates[row].sum() + rates[edits.omission(intended, False)] + added + swaps
        rates[edits.substitution(intended, intended)] = max(1 - wrongly, HIGHEST)
    rates[edits.NONE] = 1.0
    log_p: Float32 = np.log(rates).astype(np.float32)
    return log_p


def _insertions(kind: InsertionKind) -> slice:
    return slice(edits.insertion(0, kind), edits.insertion(0, kind) + CLASSES)


def _opportunities(text: TextStatistics) -> Float64:
    """Return [EDIT_COUNT] how often each edit could be made, per character of text."""
    chance = np.ones(edits.EDIT_COUNT)
    doubled = np.diag(text.pairs)
    near = np.array([[keyboard.are_adjacent(one, two) for two in _KEYS] for one in _KEYS])
    for kind in range(CLASSES):
        for typed in range(CLASSES):
            chance[edits.substitution(kind, typed)] = text.frequency[kind]
        chance[edits.omission(kind, False)] = text.frequency[kind]
        chance[edits.omission(kind, True)] = doubled[kind]
        chance[edits.insertion(kind, InsertionKind.REPEATED)] = 2 * text.frequency[kind]
        chance[edits.insertion(kind, InsertionKind.NEAR)] = 2 * text.frequency[near[kind]].sum() + 1e-3
    hands = _hands()
    for same_hand in (True, False):
        chance[edits.transposition(same_hand)] = text.pairs[hands == same_hand].sum()
    return chance


def _prior_mistakes(text: TextStatistics) -> Float64:
    """Return [EDIT_COUNT] shares of mistakes by common knowledge of English spelling; they sum to 1."""
    prior = np.zeros(edits.EDIT_COUNT)
    frequency = text.frequency
    for kind in range(APOSTROPHE):
        vowel = keyboard.LETTERS[kind] in VOWELS
        for typed in range(APOSTROPHE):
            if typed != kind:
                both = vowel and keyboard.LETTERS[typed] in VOWELS
                share = MISTAKE_SHARES["vowel"] * 4 if both else MISTAKE_SHARES["consonant"]
                prior[edits.substitution(kind, typed)] = share * frequency[kind] * frequency[typed]
        prior[edits.omission(kind, False)] = MISTAKE_SHARES["omitted"] * frequency[kind]
        prior[edits.omission(kind, True)] = MISTAKE_SHARES["halved"] * text.pairs[kind, kind] * 20
        prior[edits.insertion(kind, InsertionKind.REPEATED)] = MISTAKE_SHARES["doubled"] * frequency[kind]
        prior[edits.insertion(kind, InsertionKind.NEAR)] = MISTAKE_SHARES["near"] * frequency[kind]
        prior[edits.insertion(kind, InsertionKind.FAR)] = MISTAKE_SHARES["far"] * frequency[kind]
    for same_hand in (True, False):
        prior[edits.transposition(same_hand)] = MISTAKE_SHARES["swapped"] / 2
    return _normal(prior)


def mixed(fingers: Float32, spelling: Float32, share: float, bare: float = 0.0) -> Float32:
    """Return the mixture of two channels [EDIT_COUNT]: `share` of the mistakes are spelling mistakes.

    bare: share of contractions typed without apostrophe, which is a habit and not a slip.
    """
    chance = (1 - share) * np.exp(fingers.astype(np.float64)) + share * np.exp(spelling.astype(np.float64))
    left_out = edits.omission(APOSTROPHE, False)
    chance[left_out] = max(chance[left_out], min(bare, BARE_LIMIT))
    log_p: Float32 = np.log(chance).astype(np.float32)
    return log_p


def best_share(
    fingers: Float32,
    spelling: Float32,
    slips: Sequence[Sequence[int]],
    mistakes: Sequence[Sequence[int]],
    grid: Sequence[float] = SHARES,
) -> float:
    """Return the share of spelling mistakes that explains words of both kinds best.

    slips, mistakes: edit ids of held-out words each, of fingers and of spelling. A mistake counts as much as
    MISTAKE_WEIGHT slips.
    """

    def fit(share: float) -> float:
        costs = mixed(fingers, spelling, share).astype(np.float64)
        kinds = ((slips, 1.0), (mistakes, MISTAKE_WEIGHT))
        return sum(
            weight * float(np.mean([costs[list(made)].sum() for made in words]))
            for words, weight in kinds
            if words
        )

    return max(grid, key=fit)
